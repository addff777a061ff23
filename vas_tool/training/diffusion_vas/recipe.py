"""The options of a fine-tuning run. Defaults are those of the released scripts, each with its reason. Imports no torch.

The reasons are the help of the command line.

Names are those of the released configuration (``configs/diffusion_vas_train.yaml``) wherever it has one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from vas_tool.engines.diffusion_vas.parameters import SIZE_MULTIPLE, WINDOW_LENGTH, ClipLayout
from vas_tool.errors import InputError

Stage = Literal["amodal", "content"]
Conditions = Literal["both", "first"]
Dropout = Literal["overlapping", "together"]
Noise = Literal["same", "own"]
Occluders = Literal["reference", "moved"]
Precision = Literal["auto", "no", "fp16", "bf16"]
InputConvolution = Literal["keep", "reset"]

CHOICES: dict[str, tuple[str, ...]] = {
    "stage": get_args(Stage),
    "conditions": get_args(Conditions),
    "dropout": get_args(Dropout),
    "noise": get_args(Noise),
    "occluders": get_args(Occluders),
    "mixed_precision": get_args(Precision),
    "input_convolution": get_args(InputConvolution),
    "tokens": get_args(ClipLayout),
    "lr_scheduler": (
        "constant",
        "constant_with_warmup",
        "linear",
        "cosine",
        "cosine_with_restarts",
        "polynomial",
    ),
}
"""Allowed values of the options that are names: schedules of diffusers, and our own."""

AT_LEAST = {
    "num_train_epochs": 1,
    "gradient_accumulation_steps": 1,
    "num_frames": 1,
    "checkpointing_steps": 1,
    "checkpoints_total_limit": 1,
    "validation_steps": 0,
    "num_validation_clips": 0,
    "lr_warmup_steps": 0,
    "weight_decay": 0,
    "max_grad_norm": 0,
}


@dataclass(frozen=True)
class Recipe:
    """The options of a run. Raises InputError for values that do not make a run."""

    stage: Stage = "amodal"
    width: Annotated[
        int, "of what the model sees, in pixels; the released runs train at 128 x 256 and answer at 256 x 512"
    ] = 256
    height: Annotated[int, "see width"] = 128
    num_frames: Annotated[int, "of a clip; the released loader takes 25 and nothing else"] = WINDOW_LENGTH
    num_train_epochs: Annotated[int, "times through all clips, as released"] = 20
    max_train_steps: Annotated[int, "steps after which the run ends; 0: after num_train_epochs"] = 0
    learning_rate: Annotated[
        float,
        "the released command line's; the 3e-6 of its file is never used. The paper: 3e-5 for masks alone, 3e-6 for "
        "its second stage with depth",
    ] = 3e-5
    lr_scheduler: Annotated[str, "of diffusers; as released"] = "constant"
    lr_warmup_steps: Annotated[
        int, "without effect with constant, as in the released runs; constant_with_warmup uses them"
    ] = 500
    gradient_accumulation_steps: Annotated[
        int, "clips of one process that make one step; the paper's batch of 8 is 8 GPUs with one clip each"
    ] = 1
    gradient_checkpointing: Annotated[
        bool, "compute again instead of keeping: 4.7 GiB less at 128 x 256 for 2 more TFLOP a step (counted)"
    ] = False
    mixed_precision: Annotated[
        Precision, "auto: fp16 on a GPU, as released, and float32 on a CPU, where float16 is slower than that"
    ] = "auto"
    frozen_half: Annotated[
        bool, "keep what does not learn in half precision: 2.1 GiB less; the released scripts keep all in float32"
    ] = False
    allow_tf32: Annotated[bool, "let a GPU round products of float32 to 10 bits; as released, no"] = False
    adam_beta1: Annotated[float, "as released and in the paper"] = 0.9
    adam_beta2: Annotated[float, "as released and in the paper"] = 0.999
    adam_weight_decay: Annotated[float, "as released"] = 0.01
    adam_epsilon: Annotated[float, "as released"] = 1e-8
    use_8bit_adam: Annotated[bool, "bitsandbytes' AdamW: 2.2 GiB less (counted)"] = False
    max_grad_norm: Annotated[
        float,
        "clip the gradient's norm; 0: do not, because in the released scripts the line that would clip is a comment; "
        "1.0 is what their file says",
    ] = 0.0
    use_ema: Annotated[
        bool, "keep a running mean of the weights, and make that the result; the released switch does nothing"
    ] = False
    ema_decay: Annotated[float, "of that mean"] = 0.9999
    conditioning_dropout_prob: Annotated[float, "d, see dropout; as released"] = 0.1
    dropout: Annotated[
        Dropout,
        "what one number p leaves out: overlapping, as released: the tokens where p < 2 d, the conditions where "
        "d <= p < 3 d; together, as the paper says: both where p < d",
    ] = "overlapping"
    tokens: Annotated[
        ClipLayout,
        "which CLIP tokens a frame sees: all_tokens, as released; the released inference shows each frame one "
        "(reference); aligned: every frame its own",
    ] = "all_tokens"
    fps: Annotated[int, "frame rate that the model gets; as released"] = 8
    fps_minus_one: Annotated[
        bool, "the model gets fps - 1, as in the released inference; not so in the released training"
    ] = False
    motion_bucket: Annotated[int, "strength of motion that the model gets; as released"] = 127
    noise: Annotated[
        Noise,
        "same, as released: all processes draw the same noise, because all are seeded alike; own: each clip of a step "
        "draws its own, so that N processes are one process with N clips a step",
    ] = "same"
    conditions: Annotated[
        Conditions,
        "first: the mask alone, 8 input channels, the paper's first stage; both: mask and depth, as released",
    ] = "both"
    input_convolution: Annotated[
        InputConvolution,
        "keep: weights that have a 12-channel input convolution keep it; reset, as released: it is made anew from the "
        "8-channel one at every start, and what was learned in it is lost. No difference for Stable Video Diffusion",
    ] = "keep"
    occluders: Annotated[
        Occluders,
        "content: reference, as released: others' masks where they happen to be; moved: shifted so that they pass over "
        "the object along their own way",
    ] = "reference"
    occlude_hidden: Annotated[
        bool,
        "content: also learn from objects that are partly hidden already; what was never seen of them is not learned "
        "from. Released: objects that are seen to over 95 %",
    ] = False
    pseudo_weight: Annotated[
        float, "of the loss on frames that nobody accepted (projects), 0 to 1; 0 leaves them out; an accepted one has 1"
    ] = 0.0
    seed: Annotated[int, "as released"] = 23
    checkpointing_steps: Annotated[int, "steps between checkpoints; as released"] = 500
    checkpoints_total_limit: Annotated[int, "how many stay; as released"] = 2
    validation_steps: Annotated[int, "steps between looks at the validation clips; 0: never. As released"] = 500
    num_validation_clips: Annotated[int, "how many are looked at: the first ones; as released"] = 7
    validation_sampling_steps: Annotated[int, "of denoising, as in the released inference"] = 25

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}")
        for name, least in AT_LEAST.items():
            if hasattr(self, name) and getattr(self, name) < least:
                raise InputError(f"{name} must be {least} or more; got {getattr(self, name)}")
        if self.learning_rate <= 0:
            raise InputError(f"learning_rate must be above 0; got {self.learning_rate:g}")
        if self.width % SIZE_MULTIPLE or self.height % SIZE_MULTIPLE or min(self.size_hw) < SIZE_MULTIPLE:
            raise InputError(f"height and width must be multiples of {SIZE_MULTIPLE}; got {self.height} x {self.width}")
        if not (0 <= self.conditioning_dropout_prob <= 1 / 3 and 0 <= self.pseudo_weight <= 1):
            raise InputError("conditioning_dropout_prob must be in 0..1/3 and pseudo_weight in 0..1")
        if self.conditions == "first" and self.stage != "amodal":
            raise InputError("conditions=first is for the amodal stage: content needs its amodal masks")

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the model's input in pixels."""
        return self.height, self.width

    @property
    def input_channels(self) -> int:
        """Channels of the UNet's input: four of the noisy latents, and four of each condition."""
        return 12 if self.conditions == "both" else 8


def recipe_of(values: dict[str, Any]) -> Recipe:
    """Return a recipe with these values and defaults for the rest. Raises InputError for unknown names and wrong
    kinds.
    """
    known = {field.name: field for field in fields(Recipe)}
    for name, value in values.items():
        if name not in known:
            raise InputError(f"there is nothing to set that is called {name!r}; choose from {', '.join(known)}")
        default = known[name].default
        kinds: tuple[type, ...] = (int, float) if type(default) is float else (type(default),)
        if type(value) not in kinds:
            raise InputError(f"{name} takes a {type(default).__name__}, as {default!r}; got {value!r}")
    return Recipe(**values)


def reasons() -> dict[str, str]:
    """Return name of a field -> what it is, and the reason for its default."""
    hints = get_type_hints(Recipe, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


UNUSED = {
    *("pretrained_model_name_or_path", "revision", "validation_prompt", "num_validation_images", "scale_lr", "rank"),
    *("non_ema_revision", "num_workers", "push_to_hub", "hub_token", "hub_model_id", "logging_dir", "report_to"),
    *("local_rank", "resume_from_checkpoint", "pretrain_unet", "per_gpu_batch_size", "output_dir"),
    "enable_xformers_memory_efficient_attention",
}
"""Keys of the released configuration file that are ignored: they have no meaning here, or are options of the command
line."""


def read_config(path: Path) -> dict[str, Any]:
    """Read a YAML or JSON file of options. The released ``configs/diffusion_vas_train.yaml`` can be read as it is.

    Raises InputError when it does not read. Numbers such as 3e-6, which YAML takes for text, are numbers.
    """
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path} does not read as YAML or JSON ({error})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no settings; write lines such as learning_rate: 3e-5")
    known = {field.name: field.default for field in fields(Recipe)}
    found = {}
    for name, value in values.items():
        if name not in UNUSED:
            found[name] = _number(value) if type(known.get(name)) is float else value
    return {name: 0 if name == "max_train_steps" and value is None else value for name, value in found.items()}


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
