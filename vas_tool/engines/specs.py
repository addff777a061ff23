"""The table of engines: the engines of each stage, what they need, and how to get it. It imports no engine."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from sam_integration.zoo import MODELS
from vas_tool.engines.base import Windows
from vas_tool.engines.depth_anything.released import LICENCES, Size, num_megabytes
from vas_tool.engines.depth_anything.released import weights_of as depth_weights_of
from vas_tool.engines.depth_anything.settable import PARAMETERS as DEPTH_ANYTHING_PARAMETERS
from vas_tool.engines.diffusion_vas.released import AMODAL_WEIGHTS, CONTENT_WEIGHTS
from vas_tool.engines.diffusion_vas.settable import AMODAL_PARAMETERS, CONTENT_PARAMETERS, parameters_of
from vas_tool.engines.diffusion_vas.window_plan import clip_windows
from vas_tool.engines.eoras.released import Variant
from vas_tool.engines.eoras.released import weights_of as eoras_weights_of
from vas_tool.engines.eoras.settable import PARAMETERS as EORAS_PARAMETERS
from vas_tool.engines.sam2 import PresetName, weights_of
from vas_tool.engines.settings import Parameter, Settings
from vas_tool.engines.tabe.released import COCOCO, STABLE_DIFFUSION
from vas_tool.engines.tabe.settable import PARAMETERS as TABE_PARAMETERS
from vas_tool.engines.video_sessions.released import EDGETAM, SAM2_HF, SAM3, VideoModel
from vas_tool.engines.weights import AnyWeights
from vas_tool.types import Stage


@dataclass(frozen=True)
class EngineSpec:
    """One engine in the table."""

    stage: Stage
    name: str
    module: str
    attribute: str
    """Class or function in ``module`` that makes the engine. It is called with ``options``."""
    revision: str
    """Revision of the weights, or of a method without weights. It changes when results change."""
    licence: str
    size: str
    """Size of the weights, in words."""
    note: str
    """One honest sentence for the user: what the engine is and what to expect."""
    cost: str = ""
    """One sentence on its cost in time or quality; empty when the cost is small."""
    options: tuple[tuple[str, str], ...] = ()
    """Keyword arguments for ``attribute``."""
    packages: tuple[str, ...] = ()
    """Required packages beyond those of vas-tool. pip and import use the same names."""
    extra: str = ""
    """Name of vas-tool's extra that installs the packages."""
    weights: tuple[AnyWeights, ...] = ()
    """Weights, any one of which suffices. The first is the one to download. Empty for an engine without weights."""
    also: tuple[AnyWeights, ...] = ()
    """Further weights, all of which it needs beside one of ``weights``."""
    needs_gpu: bool = False
    """Whether ``auto`` chooses the engine only with a GPU, because it is too slow without one."""
    at_once: bool = False
    """Whether its quick result for a click is the full result (stage ``segment``)."""
    parameters: tuple[Parameter, ...] = ()
    """Parameters of the engine (stages ``depth``, ``amodal`` and ``content``)."""
    together: Callable[[Settings], object] | None = None
    """A function that raises EngineError for settings that are allowed singly but not together."""
    seeded: bool = False
    """Whether another seed gives another result."""
    uses_camera: bool = False
    """Whether it uses the clip's intrinsics, so that another camera gives another result."""
    windows: Windows | None = None
    """How it divides a clip into windows (stages ``amodal``, ``content``). A result depends on the windows that hold
    its frame; with None, on the whole clip."""
    finds_text: bool = False
    """Whether it finds every instance of what words name (``base.FindsByText``; stage ``segment``)."""
    keeps_work: bool = False
    """Whether it keeps parts of its work in the store of ``AmodalWork`` and ``ContentWork`` although ``windows`` is
    None."""

    @property
    def lacking(self) -> list[AnyWeights]:
        """The weights that must be fetched before the engine can run."""
        first = [] if not self.weights or any(map(_is_found, self.weights)) else [self.weights[0]]
        return first + [weights for weights in self.also if not _is_found(weights)]

    @property
    def install(self) -> str:
        """The command that installs the packages; empty for an engine that needs none."""
        return f"pip install 'vas-tool[{self.extra}]'" if self.extra else ""

    @property
    def get(self) -> str:
        """The command that makes the engine available; empty when it is available."""
        install = self.install if missing_packages(self) else ""
        return " && ".join(filter(None, (install, *(weights.get for weights in self.lacking))))


_looks: ContextVar[dict[str, bool] | None] = ContextVar("looks", default=None)
"""Results of look-ups within ``looked_once``, by the name of the weights or of the package."""


@contextmanager
def looked_once() -> Iterator[None]:
    """Look up each package and each file of weights only once in the block."""
    token = _looks.set({})
    try:
        yield
    finally:
        _looks.reset(token)


def has_weights(spec: EngineSpec) -> bool:
    """Return whether the engine's weights are present and complete; True when it needs none."""
    return not spec.lacking


def _is_found(weights: AnyWeights) -> bool:
    return _looked(f"weights {weights.name}", weights.find)


def missing_packages(spec: EngineSpec) -> list[str]:
    """Return the packages that an engine needs and that are not installed. Imports none of them."""
    return [name for name in spec.packages if not _looked(f"package {name}", partial(importlib.util.find_spec, name))]


def _looked(name: str, look: Callable[[], object]) -> bool:
    looks = _looks.get()
    if looks is None:
        return bool(look())
    if name not in looks:
        looks[name] = bool(look())
    return looks[name]


SAM2_COSTS: dict[PresetName, str] = {
    "exact": "Input of 1024 pixels, all details. Without a GPU even the tiny model takes 13 s per frame (two cores).",
    "fast": "Input of 448 pixels instead of 1024: a tenth of the time without a GPU; thin and small parts are lost.",
}
"""Measured with ``benchmarks/sam2_speed.py``, tiny model, two cores: exact takes 5.5 s per frame for the picture
encoder and 7.6 s for the memory attention; fast was 11.8 times as fast as the package in one run."""


def _sam2(preset: PresetName, *, order: tuple[str, ...]) -> tuple[EngineSpec, ...]:
    """Return an entry for every SAM2 model, in the given order of sizes, the newer family first."""
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
            note="SAM2: segments and tracks any object, far better than the builtin engine.",
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


def _video_model(model: VideoModel) -> EngineSpec:
    """Return the entry of a video model of transformers."""
    weights = model.weights
    return EngineSpec(
        stage="segment",
        name=weights.name,
        module="vas_tool.engines.video_sessions.engine",
        attribute="open_video_model",
        revision="1",
        licence=weights.licence,
        size=f"{weights.num_megabytes} MB",
        note=model.note,
        cost=model.cost,
        options=(("model", weights.name),),
        packages=model.packages,
        extra="video",
        weights=(weights,),
        needs_gpu=model.needs_gpu,
        at_once=True,
        finds_text=model.finds_text,
    )


DEPTH_ANYTHING_COSTS: dict[Size, str] = {  # large first: the amodal model was validated with it
    "large": "The size that Diffusion-VAS was validated with. Made for a GPU.",
    "giant": "The teacher of the other sizes; its authors have not published it. Made for a GPU.",
    "base": "Between large and small. Made for a GPU.",
    "small": "About 3 s per frame without a GPU (two cores); coarser than large.",
}
"""Measured with ``benchmarks/depth_speed.py``: the small model takes 3.1 s on two cores at 512 x 256."""


def _depth_anything(size: Size) -> EngineSpec:
    """Return the entry of one size."""
    return EngineSpec(
        stage="depth",
        name=f"depth-anything-v2-{size}",
        module="vas_tool.engines.depth_anything.engine",
        attribute="open_depth_anything",
        revision="1",
        licence=LICENCES[size],
        size=f"{num_megabytes(size)} MB",
        note="Depth Anything V2: relative depth, frame by frame, from a network trained on millions of pictures.",
        cost=DEPTH_ANYTHING_COSTS[size],
        options=(("size", size),),
        packages=("torch", "transformers"),
        extra="depth",
        weights=depth_weights_of(size),
        needs_gpu=size != "small",
        parameters=DEPTH_ANYTHING_PARAMETERS,
    )


EORAS_NOTES: dict[Variant, str] = {
    "movi-d": "EoRaS trained on MOVi-D: rendered objects, up to 20 in a scene, with a moving camera.",
    "movi-b": "EoRaS trained on MOVi-B: rendered blocks and balls, with a moving camera.",
    "kitti": "EoRaS trained on cars in KITTI.",
}


def _eoras(variant: Variant) -> EngineSpec:
    """Return the entry of one released checkpoint."""
    weights = eoras_weights_of(variant)
    return EngineSpec(
        stage="amodal",
        name=weights.name,
        module="vas_tool.engines.eoras.engine",
        attribute="open_eoras",
        revision="1",
        licence=weights.licence,
        size=f"{weights.num_megabytes} MB",
        note=f"{EORAS_NOTES[variant]} It completes only frames on which a part of the object is seen.",
        options=(("variant", variant),),
        packages=("torch", "torchvision"),
        extra="eoras",
        weights=(weights,),
        parameters=EORAS_PARAMETERS,
        uses_camera=variant != "kitti",  # trained with intrinsics that project no voxel into the picture
    )


def _tabe(
    stage: Stage, attribute: str, *, note: str, cost: str = "", parameters: tuple[Parameter, ...] = ()
) -> EngineSpec:
    """Return the entry of one of TABE's two stages."""
    return EngineSpec(
        stage=stage,
        name="tabe",
        module="vas_tool.engines.tabe.engine",
        attribute=attribute,
        revision="1",
        licence=f"{STABLE_DIFFUSION.licence}; CoCoCo: {COCOCO.licence}",
        size=f"{STABLE_DIFFUSION.num_megabytes + COCOCO.num_megabytes} MB",
        note=note,
        cost=cost,
        packages=("torch", "diffusers", "transformers", "accelerate", "peft"),
        extra="diffusion",
        weights=(STABLE_DIFFUSION,),
        also=(COCOCO,),
        needs_gpu=True,
        parameters=parameters,
        seeded=True,
        keeps_work=True,
    )


ENGINES: tuple[EngineSpec, ...] = (
    *_sam2("exact", order=("large", "base-plus", "small", "tiny")),
    *map(_video_model, (*SAM2_HF, SAM3)),
    _video_model(EDGETAM),
    *_sam2("fast", order=("tiny", "small", "base-plus", "large")),  # without a GPU the lightest is the best
    EngineSpec(
        stage="segment",
        name="builtin",
        module="vas_tool.engines.builtin.segment",
        attribute="BuiltinSegmenter",
        revision="7",
        licence="MIT (ours)",
        size="10 MB, in the tool",
        note="A small network that has learned from 2,751 labelled pictures. SAM 2 has learned from far more: its "
        "masks and its tracking are better.",
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
        note="A guess from the height in the picture, not a measurement: often wrong.",
    ),
    EngineSpec(
        stage="amodal",
        name="diffusion-vas",
        module="vas_tool.engines.diffusion_vas.amodal",
        attribute="open_amodal",
        revision="1",
        licence=AMODAL_WEIGHTS.licence,
        size=f"{AMODAL_WEIGHTS.num_megabytes} MB",
        note="The paper's video diffusion model: knows the shapes of real objects; each seed gives another guess.",
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
        note="Copies the outline from frames where the object is clear; cannot guess what no frame shows.",
    ),
    *(_eoras(variant) for variant in EORAS_NOTES),
    _tabe(
        "amodal",
        "open_amodal",
        note="TABE: a video inpainting model learns the object from frames that show it whole, and paints it where it "
        "is hidden; each seed is another guess.",
        cost="Needs a GPU with 12 GB or more. An A40 takes at least 4 minutes to learn an object (computed, not "
        "measured).",
        parameters=TABE_PARAMETERS,
    ),
    EngineSpec(
        stage="content",
        name="diffusion-vas",
        module="vas_tool.engines.diffusion_vas.content",
        attribute="open_content",
        revision="1",
        licence=CONTENT_WEIGHTS.licence,
        size=f"{CONTENT_WEIGHTS.num_megabytes} MB",
        note="The paper's video diffusion model: paints what no frame shows; each seed gives another guess.",
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
        note="Copies the object's pixels from other frames; fills the rest smoothly.",
    ),
    _tabe(
        "content",
        "open_content",
        note="TABE: the colours of what the amodal stage's TABE painted, of the guess that was chosen.",
    ),
)
"""All engines, best first within a stage. ``auto`` takes the first that is present and that this computer can run."""
