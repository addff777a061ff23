"""Materials made of procedural textures only: paint, wood, paper, leaf, glaze."""

from __future__ import annotations

from typing import Any

import bpy

Colour = tuple[float, float, float]
"""Linear RGB in 0..1."""


def from_hex(text: str) -> Colour:
    """Linear RGB of a CSS colour such as '#b5321f'."""
    red, green, blue = (_to_linear(int(text[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return red, green, blue


def _to_linear(value: float) -> float:
    return ((value + 0.055) / 1.055) ** 2.4 if value > 0.04045 else value / 12.92


class Look:
    """A material under construction: nodes by type name, inputs by label, sockets or values alike."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.surface = self.tree.nodes["Principled BSDF"]

    def node(self, kind: str, inputs: dict[Any, Any] | None = None, /, **settings: Any) -> Any:
        """Add a node; ``inputs`` maps a socket's name or number to a value or to another node's output."""
        made = self.tree.nodes.new(f"ShaderNode{kind}")
        for key, value in settings.items():
            setattr(made, key, value)
        self.plug(made, inputs or {})
        return made

    def plug(self, node: Any, inputs: dict[Any, Any]) -> None:
        """Set or link inputs of a node."""
        for key, value in inputs.items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            elif isinstance(value, tuple) and len(value) == 3 and node.inputs[key].type == "RGBA":
                node.inputs[key].default_value = (*value, 1.0)
            else:
                node.inputs[key].default_value = value

    def shine(self, **inputs: Any) -> Any:
        """Inputs of the surface, written base_color=..., roughness=...; gives the finished material."""
        self.plug(self.surface, {_label(key): value for key, value in inputs.items()})
        return self.material

    def where(self, scale: tuple[float, float, float] = (1, 1, 1)) -> Any:
        """Object coordinates, stretched."""
        place = self.node("TexCoord").outputs["Object"]
        return self.node("Mapping", {"Vector": place, "Scale": scale}).outputs["Vector"]

    def noise(self, where: Any, scale: float, detail: float = 4) -> Any:
        """Smooth noise in about 0.3..0.7."""
        return self.node("TexNoise", {"Vector": where, "Scale": scale, "Detail": detail}).outputs["Fac"]

    def ramp(self, value: Any, *stops: tuple[float, Colour]) -> Any:
        """A colour for every value, between the stops."""
        made = self.node("ValToRGB", {"Fac": value})
        elements = made.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, colour) in zip(elements, stops, strict=True):
            element.position, element.color = position, (*colour, 1.0)
        return made.outputs["Color"]

    def mix(self, share: Any, first: Any, second: Any, *, blend: str = "MIX") -> Any:
        """``first`` where share is 0, ``second`` where it is 1."""
        made = self.node("MixRGB", {"Fac": share, "Color1": first, "Color2": second}, blend_type=blend)
        return made.outputs["Color"]

    def bump(self, height: Any, strength: float = 0.2, distance: float = 0.02) -> Any:
        """A normal from a height."""
        made = self.node("Bump", {"Height": height, "Strength": strength, "Distance": distance})
        return made.outputs["Normal"]

    def below_zero(self, attribute: str, softness: float = 0.004) -> Any:
        """1 where a mesh attribute is negative, 0 where positive: a crisp line of a signed distance."""
        value = self.node("Attribute", attribute_name=attribute).outputs["Fac"]
        made = self.node("MapRange", {"Value": value, 1: softness, 2: -softness, 3: 0.0, 4: 1.0})
        return made.outputs["Result"]


def _label(key: str) -> str:
    """'base_color' -> 'Base Color', 'ior' -> 'IOR'."""
    return "IOR" if key == "ior" else key.replace("_", " ").title().replace("Ior", "IOR")


def plain(name: str, colour: str, roughness: float = 0.5, **more: Any) -> Any:
    """One colour with a breath of unevenness."""
    look = Look(name)
    tint = from_hex(colour)
    darker = tuple(c * 0.82 for c in tint)
    uneven = look.ramp(look.noise(look.where(), 9.0), (0.35, darker), (0.62, tint))
    return look.shine(base_color=uneven, roughness=roughness, **more)


def planks(name: str = "floor") -> Any:
    """Oiled boards along x, each with a tone and a grain of its own."""
    look = Look(name)
    boards = look.node(
        "TexBrick",
        {"Vector": look.where((0.16, 1.0, 1.0)), "Scale": 1.0, "Mortar Size": 0.006, "Mortar Smooth": 0.3,
         "Color1": (0.0, 0.0, 0.0), "Color2": (1.0, 1.0, 1.0), "Mortar": (0.5, 0.5, 0.5), "Brick Width": 0.9,
         "Row Height": 0.62},
        offset=0.37,
    )  # fmt: skip
    tone = boards.outputs["Color"]
    # every board reads the grain at another place
    shifted = look.node("VectorMath", {0: look.where((0.55, 7.0, 1.0)), 1: tone}, operation="MULTIPLY_ADD")
    look.plug(shifted, {1: (1.0, 1.0, 1.0), 2: look.mix(1.0, tone, (37.0, 11.0, 5.0), blend="MULTIPLY")})
    grain = look.noise(shifted.outputs["Vector"], 2.6, 9)
    wood = look.ramp(grain, (0.3, from_hex("#96704a")), (0.5, from_hex("#bd9468")), (0.7, from_hex("#d3b088")))
    toned = look.mix(0.33, wood, look.ramp(tone, (0.0, (0.45, 0.42, 0.4)), (1.0, (1.0, 1.0, 1.0))), blend="MULTIPLY")
    colour = look.mix(boards.outputs["Fac"], toned, from_hex("#4b3420"))
    rough = look.node("MapRange", {"Value": grain, 1: 0.3, 2: 0.7, 3: 0.30, 4: 0.46}).outputs["Result"]
    height = look.mix(boards.outputs["Fac"], grain, (0.0, 0.0, 0.0))
    return look.shine(base_color=colour, roughness=rough, normal=look.bump(height, 0.25))


def plaster(name: str, colour: str) -> Any:
    """A painted wall with the faint relief of a roller."""
    look = Look(name)
    tint = from_hex(colour)
    cloudy = look.ramp(look.noise(look.where(), 0.7), (0.3, tuple(c * 0.9 for c in tint)), (0.7, tint))
    return look.shine(base_color=cloudy, roughness=0.85, normal=look.bump(look.noise(look.where(), 40.0), 0.12))


def wood(name: str, light: str, dark: str, along: tuple[float, float, float] = (1.5, 9.0, 9.0)) -> Any:
    """Fine-grained raw wood; ``along`` stretches the grain."""
    look = Look(name)
    grain = look.noise(look.where(along), 2.4, 8)
    colour = look.ramp(grain, (0.32, from_hex(dark)), (0.62, from_hex(light)))
    return look.shine(base_color=colour, roughness=0.5, normal=look.bump(grain, 0.08))


def cloth(name: str, colour: str) -> Any:
    """Bookbinder's linen."""
    look = Look(name)
    weave = look.node("TexChecker", {"Vector": look.where(), "Scale": 70.0}).outputs["Fac"]
    tint = from_hex(colour)
    worn = look.ramp(look.noise(look.where(), 5.0, 8), (0.3, tuple(c * 0.75 for c in tint)), (0.65, tint))
    return look.shine(base_color=worn, roughness=0.75, normal=look.bump(weave, 0.12, 0.005))


def paper(name: str = "pages") -> Any:
    """The edge of a book block: thin lines lying flat."""
    look = Look(name)
    lines = look.noise(look.where((0.4, 0.4, 90.0)), 1.0, 2)
    colour = look.ramp(lines, (0.35, from_hex("#cdbf9f")), (0.6, from_hex("#efe6d0")))
    return look.shine(base_color=colour, roughness=0.9)


def leaf(name: str, colour: str) -> Any:
    """A leaf: paler along the rib, light shines through a little."""
    look = Look(name)
    tint = from_hex(colour)
    rib = look.node("MapRange", {"Value": look.node("Attribute", attribute_name="rib").outputs["Fac"],
                                 1: 0.0, 2: 0.16, 3: 1.0, 4: 0.0}).outputs["Result"]  # fmt: skip
    blotch = look.ramp(look.noise(look.where(), 3.0), (0.3, tuple(c * 0.65 for c in tint)), (0.7, tint))
    colour_socket = look.mix(rib, blotch, tuple(min(1.0, c * 1.7 + 0.05) for c in tint))
    return look.shine(base_color=colour_socket, roughness=0.38, subsurface_weight=0.15, subsurface_scale=0.05)


def car_paint(name: str, body: str, roof: str) -> Any:
    """Two-tone enamel with dark panes and a stripe, drawn by the signed distances stored on the mesh."""
    look = Look(name)
    pane, cream = look.below_zero("pane"), look.mix(look.below_zero("roof"), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    lined = look.mix(look.below_zero("stripe"), cream, (1.0, 1.0, 1.0))
    paint = look.mix(lined, from_hex(body), from_hex(roof))
    trimmed = look.mix(look.below_zero("frame"), paint, from_hex("#d8d4c8"))
    colour = look.mix(pane, trimmed, from_hex("#182128"))
    rough = look.mix(pane, (0.32, 0.32, 0.32), (0.06, 0.06, 0.06))
    return look.shine(base_color=colour, roughness=rough, coat_weight=0.9, coat_roughness=0.06)
