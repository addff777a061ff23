"""The scene of the bundled sample: a toy car on a playroom floor, modelled by code for Blender's bpy."""
