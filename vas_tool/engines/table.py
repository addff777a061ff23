"""The table of engines: what there is for each stage, what it needs, and how to get it. Nothing is imported for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from sam_integration.zoo import MODELS
from vas_tool.engines.base import Windows
from vas_tool.engines.depth_anything.options import PARAMETERS as DEPTH_ANYTHING_PARAMETERS
from vas_tool.engines.depth_anything.sizes import LICENCES, Size, num_megabytes
from vas_tool.engines.depth_anything.sizes import weights_of as depth_weights_of
from vas_tool.engines.diffusion_vas.checkpoints import AMODAL_WEIGHTS, CONTENT_WEIGHTS
from vas_tool.engines.diffusion_vas.settable import AMODAL_PARAMETERS, CONTENT_PARAMETERS, parameters_of
from vas_tool.engines.diffusion_vas.windows import clip_windows
from vas_tool.engines.eoras.settable import PARAMETERS as EORAS_PARAMETERS
from vas_tool.engines.eoras.weights import Variant
from vas_tool.engines.eoras.weights import weights_of as eoras_weights_of
from vas_tool.engines.sam2 import PresetName, weights_of
from vas_tool.engines.settings import Parameter, Settings
from vas_tool.engines.weights import AnyWeights
from vas_tool.types import Stage


@dataclass(frozen=True)
class EngineSpec:
    """One line of the table."""

    stage: Stage
    name: str
    module: str
    attribute: str
    """The class or function in ``module`` that makes the engine; called with ``options``."""
    revision: str
    """Of the weights, or of the method when there are none. Changes when results change."""
    licence: str
    size: str
    """Of the weights, in words."""
    note: str
    """One honest sentence for the person: what it is and what to expect."""
    cost: str = ""
    """What it takes of the person's time or of the result's quality, in a sentence; empty when that is little."""
    options: tuple[tuple[str, str], ...] = ()
    """Keyword arguments."""
    packages: tuple[str, ...] = ()
    """What has to be installed beside what vas-tool itself needs, by the names of pip and import alike."""
    extra: str = ""
    """The extra of vas-tool that brings the packages."""
    weights: tuple[AnyWeights, ...] = ()
    """What it needs: any one of these does. The first is the one to download; none for an engine without weights."""
    needs_gpu: bool = False
    """Whether it is so slow without a GPU that ``auto`` takes it only where there is one."""
    at_once: bool = False
    """Whether its quick answer to a click is the full one (stage segment)."""
    parameters: tuple[Parameter, ...] = ()
    """What can be set of it (stages depth, amodal and content)."""
    together: Callable[[Settings], object] | None = None
    """Raises EngineError for settings, each allowed by itself, that do not go together."""
    seeded: bool = False
    """Whether another seed gives another answer."""
    uses_camera: bool = False
    """Whether it looks at the clip's intrinsics: another camera gives another answer."""
    windows: Windows | None = None
    """How it cuts a clip into windows (amodal, content): a result follows from what lies in the windows around it.
    None: from the whole clip."""

    @property
    def install(self) -> str:
        """The command that installs the packages; empty for an engine that needs none."""
        return f"pip install 'vas-tool[{self.extra}]'" if self.extra else ""

    @property
    def get(self) -> str:
        """The command that makes the engine available; empty when it is, or when nothing has to be fetched."""
        install = self.install if missing_packages(self) else ""
        fetch = "" if has_weights(self) else self.weights[0].get
        return " && ".join(filter(None, (install, fetch)))


_looks: ContextVar[dict[str, bool] | None] = ContextVar("looks", default=None)
"""What was found within ``looked_once``: by the name of the weights, or of the package."""


@contextmanager
def looked_once() -> Iterator[None]:
    """Within it, what has been looked for on this computer is not looked for again: one answer asks many times."""
    token = _looks.set({})
    try:
        yield
    finally:
        _looks.reset(token)


def has_weights(spec: EngineSpec) -> bool:
    """Whether any of the weights that the engine can use are there, complete; True when it needs none."""
    return not spec.weights or any(_looked(f"weights {w.name}", w.find) for w in spec.weights)


def missing_packages(spec: EngineSpec) -> list[str]:
    """The packages that an engine needs and that are not installed. Imports none of them."""
    return [name for name in spec.packages if not _looked(f"package {name}", partial(importlib.util.find_spec, name))]


def _looked(name: str, look: Callable[[], object]) -> bool:
    looks = _looks.get()
    if looks is None:
        return bool(look())
    if name not in looks:
        looks[name] = bool(look())
    return looks[name]


SAM2_COSTS: dict[PresetName, str] = {
    "exact": "Looks at 1024 pixels, every detail. Without a GPU even the tiny model takes 13 s a frame (two cores).",
    "fast": "Looks at 448 pixels instead of 1024: without a GPU a tenth of the time; thin and small parts get lost.",
}
"""The tiny model on two cores: 5.5 s a frame for the picture encoder and 7.6 s for the memory attention (exact); fast
was 11.8 times as fast as the package in one run (``benchmarks/sam2_speed.py``)."""


def _sam2(preset: PresetName, *, order: tuple[str, ...]) -> tuple[EngineSpec, ...]:
    """A line for every SAM2 model, in the order of their sizes given; the newer family first."""
    family = ("sam2.1", "sam2")
    models = {spec.name: spec for spec in MODELS}
    return tuple(
        EngineSpec(
            stage="segment",
            name=name if preset == "exact" else f"{name}-fast",
            module="vas_tool.engines.sam2",
            attribute="open_sam2",
            revision="1",
            licence=models[name].licence,
            size=f"{models[name].num_megabytes} MB",
            note="SAM2: knows objects, and follows them through the video.",
            cost=SAM2_COSTS[preset],
            options=(("model", name), ("preset", preset)),
            packages=("torch", "torchvision", "sam2"),
            extra="sam2",
            weights=(weights_of(models[name]),),
            needs_gpu=preset == "exact",
            at_once=True,
        )
        for name in (f"{f}-{size}" for f in family for size in order)
    )


DEPTH_ANYTHING_COSTS: dict[Size, str] = {  # large first: the amodal model was validated with it
    "large": "What Diffusion-VAS was validated with. Made for a GPU.",
    "giant": "The teacher of the others, not published by its authors. Made for a GPU.",
    "base": "Between large and small. Made for a GPU.",
    "small": "Without a GPU about 3 s a frame (two cores); coarser than large.",
}
"""The small one: 3.1 s of two cores at 512 x 256 (``benchmarks/depth_speed.py``)."""


def _depth_anything(size: Size) -> EngineSpec:
    """A line for one size."""
    return EngineSpec(
        stage="depth",
        name=f"depth-anything-v2-{size}",
        module="vas_tool.engines.depth_anything.engine",
        attribute="open_depth_anything",
        revision="1",
        licence=LICENCES[size],
        size=f"{num_megabytes(size)} MB",
        note="Depth Anything V2: relative depth, frame by frame, from a network that has seen millions of pictures.",
        cost=DEPTH_ANYTHING_COSTS[size],
        options=(("size", size),),
        packages=("torch", "transformers"),
        extra="depth",
        weights=depth_weights_of(size),
        needs_gpu=size != "small",
        parameters=DEPTH_ANYTHING_PARAMETERS,
    )


EORAS_NOTES: dict[Variant, str] = {
    "movi-d": "EoRaS trained on MOVi-D: made objects, up to 20 in a scene, seen by a moving camera.",
    "movi-b": "EoRaS trained on MOVi-B: made blocks and balls, seen by a moving camera.",
    "kitti": "EoRaS trained on cars in KITTI.",
}


def _eoras(variant: Variant) -> EngineSpec:
    """A line for one of the released checkpoints."""
    weights = eoras_weights_of(variant)
    return EngineSpec(
        stage="amodal",
        name=weights.name,
        module="vas_tool.engines.eoras.engine",
        attribute="open_eoras",
        revision="1",
        licence=weights.licence,
        size=f"{weights.num_megabytes} MB",
        note=f"{EORAS_NOTES[variant]} Answers frames on which something of the object is seen.",
        options=(("variant", variant),),
        packages=("torch", "torchvision"),
        extra="eoras",
        weights=(weights,),
        parameters=EORAS_PARAMETERS,
        uses_camera=variant != "kitti",  # trained with intrinsics by which it sees nothing
    )


ENGINES: tuple[EngineSpec, ...] = (
    *_sam2("exact", order=("large", "base-plus", "small", "tiny")),
    *_sam2("fast", order=("tiny", "small", "base-plus", "large")),  # without a GPU the lightest is the best
    EngineSpec(
        stage="segment",
        name="builtin",
        module="vas_tool.engines.builtin.segment",
        attribute="BuiltinSegmenter",
        revision="7",
        licence="MIT (ours)",
        size="10 MB, in the tool",
        note="A small network that has learned from 2,750 labelled pictures what things are. SAM 2 has seen far more: "
        "its masks are better, and it follows better.",
        at_once=True,
    ),
    *(_depth_anything(size) for size in DEPTH_ANYTHING_COSTS),
    EngineSpec(
        stage="depth",
        name="builtin",
        module="vas_tool.engines.builtin.depth",
        attribute="BuiltinDepth",
        revision="1",
        licence="MIT (ours)",
        size="no weights",
        note="A heuristic from how low things stand in the picture, not a measurement: often wrong.",
    ),
    EngineSpec(
        stage="amodal",
        name="diffusion-vas",
        module="vas_tool.engines.diffusion_vas.amodal",
        attribute="open_amodal",
        revision="1",
        licence=AMODAL_WEIGHTS.licence,
        size=f"{AMODAL_WEIGHTS.num_megabytes} MB",
        note="The paper's video diffusion model: knows what things look like whole; each seed is another guess.",
        packages=("torch", "diffusers", "transformers", "accelerate"),
        extra="diffusion",
        weights=(AMODAL_WEIGHTS,),
        needs_gpu=True,
        parameters=AMODAL_PARAMETERS,
        together=parameters_of,
        seeded=True,
        windows=clip_windows,
    ),
    EngineSpec(
        stage="amodal",
        name="learned",
        module="vas_tool.engines.learned.engine",
        attribute="LearnedAmodal",
        revision="2",
        licence="MIT (ours)",
        size="4 MB, in the tool",
        note="A small network trained on drawn shapes, for simple cases without a GPU. It knows nothing of animals, "
        "people or things; Diffusion-VAS does.",
        seeded=True,
    ),
    EngineSpec(
        stage="amodal",
        name="builtin",
        module="vas_tool.engines.builtin.amodal",
        attribute="BuiltinAmodal",
        revision="1",
        licence="MIT (ours)",
        size="no weights",
        note="Brings over the outline from frames where the object is clear; cannot guess what no frame shows.",
    ),
    *(_eoras(variant) for variant in EORAS_NOTES),
    EngineSpec(
        stage="content",
        name="diffusion-vas",
        module="vas_tool.engines.diffusion_vas.content",
        attribute="open_content",
        revision="1",
        licence=CONTENT_WEIGHTS.licence,
        size=f"{CONTENT_WEIGHTS.num_megabytes} MB",
        note="The paper's video diffusion model: paints what no frame shows; each seed is another guess.",
        packages=("torch", "diffusers", "transformers", "accelerate"),
        extra="diffusion",
        weights=(CONTENT_WEIGHTS,),
        needs_gpu=True,
        parameters=CONTENT_PARAMETERS,
        together=parameters_of,
        seeded=True,
        windows=clip_windows,
    ),
    EngineSpec(
        stage="content",
        name="builtin",
        module="vas_tool.engines.builtin.content",
        attribute="BuiltinContent",
        revision="1",
        licence="MIT (ours)",
        size="no weights",
        note="Brings over the object's own pixels from other frames; what none shows is smoothly filled in.",
    ),
)
"""Best first within a stage: ``auto`` takes the first that is present and that this computer is fit for."""
