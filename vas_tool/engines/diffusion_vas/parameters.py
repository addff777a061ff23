"""What can be chosen about a run, each with its default and the reason for it. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from vas_tool.engines.diffusion_vas.windows import WINDOW_LENGTH, WINDOW_OVERLAP
from vas_tool.errors import EngineError

ClipLayout = Literal["reference", "aligned", "all_tokens"]
"""Which CLIP token each frame of the UNet sees.

``reference``: as the released inference code lays them out, shifted against the frames (see ``conditioning.tokens``).
``aligned``: every frame its own. ``all_tokens``: every frame the tokens of all frames, as in training.
"""

MaskEdges = Literal["soft", "hard", "linear"]
"""``soft``: grey edges, from an antialiased resize, as in the paper's demo. ``hard``: -1 or 1, rounded from OpenCV's
linear resize, as in training and the SAIL-VOS evaluation. ``linear``: the same with its greys, as for TAO-Amodal."""

ConditionNoise = Literal["shared", "by_seed"]
DEMO_SEED = 23
"""Of the paper's demo and evaluation."""
SIZE_MULTIPLE = 8
"""The VAE halves three times."""
MAX_CHANNEL_SUM = 3 * 255
LONGEST_WINDOW = 64
"""Nobody has run the released weights on longer windows (sam-body4d goes up to 64)."""


@dataclass(frozen=True)
class SamplingParameters:
    """Of one run of the model over one window."""

    num_steps: int = 25
    """Of denoising. 25 is what the paper's numbers were measured with; time grows with it."""
    guidance: float = 1.5
    """How far from the unconditional answer; 1 turns it off and halves the time. 1.5 in the paper's demo and
    evaluation. The released code's ``max_guidance_scale``."""
    min_guidance: float = 0.0
    """The released code's ``min_guidance_scale``: of a window's first frame, from where the guidance grows evenly to
    ``guidance`` on the last. 0, no ramp: ``guidance`` on every frame, as both are equal in the demo and evaluation."""
    fps: int = 8
    """What the model is told about the clip's rate. 8 in the demo, 2 in its TAO-Amodal evaluation (1 frame a
    second)."""
    fps_minus_one: bool = True
    """The released inference feeds ``fps - 1``, training fed ``fps``. True: what the released numbers were made
    with."""
    motion_bucket: int = 127
    """Of Stable Video Diffusion: how much things move. 127 in training and inference alike."""
    noise_augmentation: float = 0.02
    """Strength of the noise on both conditions before they are encoded. 0.02 in the released inference."""
    decode_chunk: int = 8
    """Frames decoded together. The temporal decoder makes the borders of chunks visible, so this changes results; 8 in
    the demo and evaluation."""
    clip_layout: ClipLayout = "reference"
    """The released weights were measured with ``reference``; nobody has measured them with the others."""
    guess_range: bool = True
    """A condition frame without a negative number is taken for 0..1 and stretched to -1..1, as diffusers' VAE
    pre-processing does. It darkens depth frames that are near all over. True: what the released numbers had."""

    def __post_init__(self) -> None:
        if self.num_steps < 1 or self.decode_chunk < 1 or self.fps < 1:
            raise EngineError(f"num_steps, decode_chunk and fps must be 1 or more; got {self}")
        if self.guidance < 0 or self.noise_augmentation < 0:
            raise EngineError(f"guidance and noise_augmentation must be 0 or more; got {self}")
        if not 0 <= self.min_guidance <= self.guidance:
            raise EngineError(
                f"min_guidance must be 0 (no ramp), or at most guidance, which is {self.guidance:g}; "
                f"got {self.min_guidance:g}"
            )
        if self.clip_layout not in get_args(ClipLayout):
            raise EngineError(f"clip_layout must be one of {', '.join(get_args(ClipLayout))}; got {self.clip_layout!r}")


@dataclass(frozen=True)
class DiffusionVasParameters(SamplingParameters):
    """Of a run of an engine over a clip."""

    height: int = 256
    """Of what the model sees, in pixels, a multiple of 8. 256 x 512 in the paper; 512 x 1024 shows finer parts and
    costs over four times as much (the demo's authors: "can be better")."""
    width: int = 512
    """See ``height``."""
    threshold: int = 600
    """A pixel belongs to the object when its red, green and blue, 0..255 each, sum to more. 600 of 765 in the paper's
    demo and evaluation; lower is fuller."""
    mask_edges: MaskEdges = "soft"
    """Of the modal mask at the model's size. ``soft`` in the demo, ``hard`` in training and the SAIL-VOS evaluation,
    ``linear`` in that of TAO-Amodal."""
    union_with_modal: bool = True
    """What is seen belongs to the whole object, as in the demo. False gives what the model says within its window; the
    tool unites in any case."""
    padding_depth: float = 1.0
    """Depth of the canvas beyond the frame, 1 = nearest: as if something hid it. 1 in the TAO-Amodal evaluation."""
    window_length: int = WINDOW_LENGTH
    """Frames in a window. See ``windows.WINDOW_LENGTH``."""
    window_overlap: int = WINDOW_OVERLAP
    """Frames that neighbouring windows share, at least. See ``windows.WINDOW_OVERLAP``."""
    condition_noise: ConditionNoise = "shared"
    """``shared``: the noise on the conditions is that of seed 23, the demo's, for every seed, so that the conditions
    are encoded once for all; seed 23 gives the demo's answer. ``by_seed``: each seed draws its own, as the released
    code does with another seed, and encodes anew."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.size_hw) < SIZE_MULTIPLE or self.height % SIZE_MULTIPLE or self.width % SIZE_MULTIPLE:
            raise EngineError(
                f"height and width must be multiples of {SIZE_MULTIPLE}, as 256 x 512; got {self.height} x {self.width}"
            )
        if not 0 <= self.threshold < MAX_CHANNEL_SUM:
            raise EngineError(f"threshold must be in 0..{MAX_CHANNEL_SUM - 1} (600 of 765); got {self.threshold}")
        if self.mask_edges not in get_args(MaskEdges):
            raise EngineError(f"mask_edges must be one of {', '.join(get_args(MaskEdges))}; got {self.mask_edges!r}")
        if self.condition_noise not in get_args(ConditionNoise):
            raise EngineError(f"condition_noise must be shared or by_seed; got {self.condition_noise!r}")
        if not 0 <= self.padding_depth <= 1:
            raise EngineError(f"padding_depth must be in 0..1; got {self.padding_depth}")
        if not 1 <= self.window_length <= LONGEST_WINDOW:
            raise EngineError(f"window_length must be in 1..{LONGEST_WINDOW}; got {self.window_length}")
        if not 0 <= self.window_overlap < self.window_length:
            raise EngineError(
                f"window_overlap must be 0 or more and smaller than window_length, which is {self.window_length}; "
                f"got {self.window_overlap}: set the overlap smaller, or the length larger, first"
            )

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of what the model sees."""
        return self.height, self.width
