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
        int, "width of the model's input in pixels; the released runs train at 128 x 256 and infer at 256 x 512"
    ] = 256
    height: Annotated[int, "height of the model's input in pixels"] = 128
    num_frames: Annotated[int, "frames of a clip; the released loader takes only 25"] = WINDOW_LENGTH
    num_train_epochs: Annotated[int, "passes through all clips; as released"] = 20
    max_train_steps: Annotated[int, "steps after which the run ends; 0: after num_train_epochs"] = 0
    learning_rate: Annotated[
        float,
        "learning rate of the released command line; the 3e-6 of its file is never used. The paper: 3e-5 for masks "
        "alone, 3e-6 for its second stage with depth",
    ] = 3e-5
    lr_scheduler: Annotated[str, "name of a schedule of diffusers; as released"] = "constant"
    lr_warmup_steps: Annotated[
        int,
        "steps of warm-up; used by constant_with_warmup, and ignored by constant, as in the released runs",
    ] = 500
    gradient_accumulation_steps: Annotated[
        int, "clips of one process that make one step; the paper's batch of 8 is 8 GPUs with one clip each"
    ] = 1
    gradient_checkpointing: Annotated[
        bool,
        "compute intermediate results again in the backward pass: 4.7 GiB less memory at 128 x 256, 2 TFLOP more a "
        "step (counted)",
    ] = False
    mixed_precision: Annotated[
        Precision,
        "number format of the computation; auto: float16 on a GPU, as released, and float32 on a CPU, where float16 is "
        "slower",
    ] = "auto"
    frozen_half: Annotated[
        bool, "keep the frozen weights in half precision: 2.1 GiB less; the released scripts keep all in float32"
    ] = False
    allow_tf32: Annotated[
        bool, "let a GPU round the factors of float32 products to 10 bits; as released, it does not"
    ] = False
    adam_beta1: Annotated[float, "decay of Adam's first moment; as released and in the paper"] = 0.9
    adam_beta2: Annotated[float, "decay of Adam's second moment; as released and in the paper"] = 0.999
    adam_weight_decay: Annotated[float, "weight decay of AdamW; as released"] = 0.01
    adam_epsilon: Annotated[float, "epsilon of Adam; as released"] = 1e-8
    use_8bit_adam: Annotated[bool, "use the 8-bit AdamW of bitsandbytes: 2.2 GiB less memory (counted)"] = False
    max_grad_norm: Annotated[
        float,
        "largest norm of the gradient; 0 does not clip it, as released: the line that would clip is a comment there; "
        "the released file names 1.0",
    ] = 0.0
    use_ema: Annotated[bool, "make the running mean of the weights the result; the released switch does nothing"] = (
        False
    )
    ema_decay: Annotated[float, "decay of the running mean"] = 0.9999
    conditioning_dropout_prob: Annotated[float, "the probability d of dropout; as released"] = 0.1
    dropout: Annotated[
        Dropout,
        "what a random number p in 0..1 leaves out. overlapping, as released: the tokens if p < 2 d, the conditions if "
        "d <= p < 3 d. together, as in the paper: both if p < d",
    ] = "overlapping"
    tokens: Annotated[
        ClipLayout,
        "which CLIP tokens a frame sees. all_tokens, as released: those of all frames. reference: one, as in the "
        "released inference. aligned: its own",
    ] = "all_tokens"
    fps: Annotated[int, "frame rate that is passed to the model; as released"] = 8
    fps_minus_one: Annotated[
        bool, "pass fps - 1 to the model, as in the released inference; the released training passes fps"
    ] = False
    motion_bucket: Annotated[int, "strength of motion that is passed to the model; as released"] = 127
    noise: Annotated[
        Noise,
        "noise of several processes. same, as released: all draw the same noise, because all have the same seed. own: "
        "each clip of a step draws its own, so that N processes equal one process with N clips a step",
    ] = "same"
    conditions: Annotated[
        Conditions,
        "inputs of the model. first: the mask alone, 8 input channels, as in the paper's first stage. both: mask and "
        "depth, as released",
    ] = "both"
    input_convolution: Annotated[
        InputConvolution,
        "keep: initial weights with a 12-channel input convolution keep it. reset, as released: it is made anew from "
        "the 8-channel one at every start, which loses what it has learned. Equal for Stable Video Diffusion",
    ] = "keep"
    occluders: Annotated[
        Occluders,
        "content stage: place of the pasted occluders. reference, as released: the masks of other objects stay at "
        "their place. moved: each is shifted as a whole onto the object",
    ] = "reference"
    occlude_hidden: Annotated[
        bool,
        "content stage: also learn from objects that are partly hidden, without their hidden pixels. The released "
        "scripts take objects of which more than 95 % is visible",
    ] = False
    pseudo_weight: Annotated[
        float,
        "weight of the loss, 0 to 1, on a project's frames that nobody has accepted; 0 leaves them out; that of "
        "accepted frames is 1",
    ] = 0.0
    seed: Annotated[int, "seed of all random numbers; as released"] = 23
    checkpointing_steps: Annotated[int, "steps between checkpoints; as released"] = 500
    checkpoints_total_limit: Annotated[int, "number of checkpoints that are kept; as released"] = 2
    validation_steps: Annotated[int, "steps between runs of the validation clips; 0: never; as released"] = 500
    num_validation_clips: Annotated[int, "number of validation clips, the first ones; as released"] = 7
    validation_sampling_steps: Annotated[
        int, "denoising steps of the validation clips, as in the released inference"
    ] = 25

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
    """Return name of a field -> its meaning, and the reason for its default."""
    hints = get_type_hints(Recipe, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


UNUSED = {
    *("pretrained_model_name_or_path", "revision", "validation_prompt", "num_validation_images", "scale_lr", "rank"),
    *("non_ema_revision", "num_workers", "push_to_hub", "hub_token", "hub_model_id", "logging_dir", "report_to"),
    *("local_rank", "resume_from_checkpoint", "pretrain_unet", "per_gpu_batch_size", "output_dir"),
    "enable_xformers_memory_efficient_attention",
}
"""Keys of the released configuration file that are ignored: they have no meaning here, or are options of the
command line."""


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
