"""Scenes with completed objects as layers: reordered, moved, scaled, left out or frozen, over a filled background.

composing     one frame from its layers: pure functions of arrays
filling       the background where objects leave their place
video         the export of a scene
rendering     the frames of a project's scene, one after the other
"""
