"""The parameters of a run, each with its default and the reason for it. The module imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from vas_tool.errors import EngineError

WINDOW_LENGTH = 25
"""Frames of a window. The released weights were trained and measured with 25. With an even number, the reference layout
of tokens loses its temporal context."""
WINDOW_OVERLAP = 5
"""Frames that neighbouring windows share, faded from one to the other. More is smoother and slower: 5 takes 1.25 times
as long as 0 on a long clip."""
ClipLayout = Literal["reference", "aligned", "all_tokens"]
"""Which CLIP token each frame of the UNet sees.

``reference``: as in the released inference code, shifted against the frames (see ``conditioning.tokens``). ``aligned``:
every frame sees its own token. ``all_tokens``: every frame sees the tokens of all frames, as in training.
"""

MaskEdges = Literal["soft", "hard", "linear"]
"""Edges of the resized modal mask. ``soft``: grey, from an antialiased resize, as in demo.py. ``hard``: -1 or 1,
rounded from OpenCV's linear resize, as in training and the SAIL-VOS evaluation. ``linear``: grey, from OpenCV's linear
resize, as in the TAO-Amodal evaluation."""

ConditionNoise = Literal["shared", "by_seed"]
DEMO_SEED = 23
"""Seed of the released demo and evaluation."""
SIZE_MULTIPLE = 8
"""Sides are multiples of this, because the VAE halves them three times."""
MAX_CHANNEL_SUM = 3 * 255
LONGEST_WINDOW = 64
"""Longest window. The longest known use of the released weights is 64 frames (sam-body4d)."""


@dataclass(frozen=True)
class SamplingParameters:
    """Parameters of one run of the model on one window."""

    num_steps: int = 25
    """Denoising steps. The paper's numbers were measured with 25. Time grows with the steps."""
    guidance: float = 1.5
    """Guidance scale, 1.5 in the released demo and evaluation (``max_guidance_scale``). 1 turns guidance off and halves
    the time."""
    min_guidance: float = 0.0
    """Guidance scale of a window's first frame (``min_guidance_scale``). It grows evenly to ``guidance`` on the last
    frame. 0 uses ``guidance`` on every frame, as in the released demo and evaluation, where both are equal."""
    fps: int = 8
    """Frame rate that is passed to the model: 8 in the demo, 2 in the TAO-Amodal evaluation (1 frame per second)."""
    fps_minus_one: bool = True
    """Whether the model gets ``fps - 1``, as in the released inference. Training passed ``fps``."""
    motion_bucket: int = 127
    """Stable Video Diffusion's amount of motion: 127 in training and inference."""
    noise_augmentation: float = 0.02
    """Strength of the noise on both conditions before they are encoded. 0.02 in the released inference."""
    decode_chunk: int = 8
    """Frames that are decoded together. It changes results, because the temporal decoder makes borders of chunks
    visible. 8 in the demo and evaluation."""
    clip_layout: ClipLayout = "reference"
    """Layout of CLIP tokens. The released weights were measured only with ``reference``."""
    guess_range: bool = True
    """Whether a condition frame without negative numbers counts as 0..1 and is stretched to -1..1, as in diffusers' VAE
    pre-processing. It changes depth frames that are near everywhere. True in the released numbers."""

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
    """Parameters of a run of an engine on a clip."""

    height: int = 256
    """Height of the model's input in pixels, a multiple of 8. 256 x 512 in the paper; 512 x 1024 shows finer parts and
    takes over four times as long (a comment in demo.py: "can be better")."""
    width: int = 512
    """Width of the model's input in pixels, a multiple of 8."""
    threshold: int = 600
    """A pixel belongs to the object when the sum of red, green and blue, 0..255 each, exceeds this. 600 of 765 in the
    released demo and evaluation; lower values give larger masks."""
    mask_edges: MaskEdges = "soft"
    """Edges of the resized modal mask: ``soft`` in the demo, ``hard`` in training and the SAIL-VOS evaluation,
    ``linear`` in the TAO-Amodal evaluation."""
    union_with_modal: bool = True
    """Whether the amodal mask is united with the modal mask, as in the demo. False returns the model's own result; the
    tool unites them in any case."""
    padding_depth: float = 1.0
    """Depth of the canvas beyond the frame, 1 = nearest, as if something hid it. 1 in the TAO-Amodal evaluation."""
    window_length: int = WINDOW_LENGTH
    """Frames of a window. See ``WINDOW_LENGTH``."""
    window_overlap: int = WINDOW_OVERLAP
    """Least number of frames that neighbouring windows share. See ``WINDOW_OVERLAP``."""
    condition_noise: ConditionNoise = "shared"
    """Noise on the conditions. ``shared``: every seed uses the noise of seed 23, the demo's, so that the conditions are
    encoded once; seed 23 gives the demo's result. ``by_seed``: each seed draws its own noise, as the released code
    does, and encodes the conditions again."""

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
        """(height, width) of the model's input."""
        return self.height, self.width
