"""The model's arithmetic against a plain re-statement of what the released code does, on tiny random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder, EulerDiscreteScheduler, UNetSpatioTemporalConditionModel
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import _resize_with_antialiasing
from safetensors.torch import load_file
from tiny_diffusion_vas import EXTRACTOR, SCHEDULER, UNET, tiny_pipeline, write_checkpoint
from transformers import CLIPVisionModelWithProjection

from vas_tool.engines.diffusion_vas.conditioning import clip_resize, guessed_range, tokens
from vas_tool.engines.diffusion_vas.denoising import euler_step, noise_levels
from vas_tool.engines.diffusion_vas.diffusion_pipeline import DiffusionVasPipeline
from vas_tool.engines.diffusion_vas.parameters import SamplingParameters
from vas_tool.engines.diffusion_vas.unet import INPUT_CHANNELS
from vas_tool.engines.diffusion_vas.window_model import Floats
from vas_tool.errors import EngineError

HEIGHT, WIDTH, NUM_STEPS = 64, 64, 3
SIGMAS_25 = (
    "700 545.7292 421.5691 322.4537 244.0231 182.5471 134.8544 98.2671 70.5408 49.8098 34.5367 23.4675 15.59 10.0971 "
    "6.3543 3.8697 2.2691 1.2732 0.6781 0.3394 0.1574 0.0664 0.0248 0.0079 0.002 0"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> DiffusionVasPipeline:
    return tiny_pipeline(folder)


@pytest.fixture(scope="module")
def plain_frames(pipeline: DiffusionVasPipeline) -> Floats:
    return pipeline(*shown(3), num_steps=1).frames


def shown(num_frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two conditions in -1..1; the second one's frame 1 is bright all over."""
    random = torch.Generator().manual_seed(0)
    first, second = (torch.rand(num_frames, 3, HEIGHT, WIDTH, generator=random) * 2 - 1 for _ in range(2))
    second[1] = second[1].abs()
    return first, second


@torch.inference_mode()
def plainly(
    folder: Path,
    conditions: tuple[torch.Tensor, torch.Tensor],
    generator: torch.Generator,
    guidance: float | torch.Tensor = 1.5,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Final latents (T, 4, h, w) and frames (T, 3, H, W): frame by frame, nothing shared, stock parts."""
    clip = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder")
    vae = AutoencoderKLTemporalDecoder.from_pretrained(folder / "vae")
    state = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    unet = UNetSpatioTemporalConditionModel.from_config({**UNET, "in_channels": INPUT_CHANNELS})
    unet.load_state_dict(
        {k.replace("conv_in2.", "conv_in."): v for k, v in state.items() if not k.startswith("conv_in.")}
    )
    first, second = conditions
    num_frames = len(first)

    rows = []
    for frame in first:
        small = (_resize_with_antialiasing(frame[None], (224, 224)) + 1) / 2
        mean, std = (torch.tensor(EXTRACTOR[key]).view(1, 3, 1, 1) for key in ("image_mean", "image_std"))
        embedding = clip(pixel_values=(small - mean) / std).image_embeds
        rows += [torch.zeros_like(embedding), embedding]
    per_row = torch.stack(rows)  # (2 T, 1, D): zeros and embeddings take turns

    def hand_over(module: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        return args, {**kwargs, "encoder_hidden_states": per_row}

    for block in [*unet.down_blocks, unet.mid_block, *unet.up_blocks]:
        if getattr(block, "has_cross_attention", False):
            block.register_forward_pre_hook(hand_over, with_kwargs=True)

    processor = VaeImageProcessor(vae_scale_factor=8)
    latents = []
    for pictures in (first, second):
        noise = torch.randn((num_frames, 1, 3, HEIGHT, WIDTH), generator=generator)
        ready = [processor.preprocess(frame[None], height=HEIGHT, width=WIDTH) for frame in pictures]
        encoded = [vae.encode(one + 0.02 * n).latent_dist.mode() for one, n in zip(ready, noise, strict=True)]
        latents.append(torch.stack([torch.cat([torch.zeros_like(one), one]) for one in encoded], dim=1))

    scheduler = EulerDiscreteScheduler.from_config(SCHEDULER)
    scheduler.set_timesteps(NUM_STEPS)
    x = torch.randn((1, num_frames, 4, HEIGHT // 8, WIDTH // 8), generator=generator) * scheduler.init_noise_sigma
    ids = torch.tensor([[7, 127, 0.02]] * 2)
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(torch.cat([x, x]), timestep)
        unused = torch.zeros(2, 1, UNET["cross_attention_dim"])
        velocity = unet(torch.cat([scaled, *latents], dim=2), timestep, unused, ids).sample
        without, given = velocity.chunk(2)
        x = scheduler.step(without + guidance * (given - without), timestep, x).prev_sample
    chunks = [vae.decode(c / vae.config.scaling_factor, num_frames=len(c)).sample for c in x[0].split(8)]
    return x[0], (torch.cat(chunks) / 2 + 0.5).clamp(0, 1)


@pytest.mark.filterwarnings("ignore:Passing `image` as torch tensor:FutureWarning")
@pytest.mark.parametrize("num_frames", [9, 4])
def test_the_numbers_of_the_plain_loop(folder: Path, pipeline: DiffusionVasPipeline, num_frames: int) -> None:
    """One generator for two runs, one after the other, as the demo's stages share one."""
    conditions = shown(num_frames)
    plain_generator, generator = (torch.Generator().manual_seed(23) for _ in range(2))
    for _ in range(2):
        latents, frames = plainly(folder, conditions, plain_generator)
        got = pipeline(*conditions, generator=generator, num_steps=NUM_STEPS)
        assert got.latents.std() > 0.1 and np.ptp(got.frames) > 0.1
        assert (got.latents - latents).abs().max() < 1e-4
        assert np.abs(got.frames - frames.permute(0, 2, 3, 1).numpy()).max() < 1e-4


@pytest.mark.filterwarnings("ignore:Passing `image` as torch tensor:FutureWarning")
def test_the_guidance_ramp_of_the_plain_loop(folder: Path, pipeline: DiffusionVasPipeline) -> None:
    ramp = torch.tensor([1.0, 1.5, 2.0, 2.5]).view(4, 1, 1, 1)
    latents, _ = plainly(folder, shown(4), torch.Generator().manual_seed(23), guidance=ramp)
    got = pipeline(*shown(4), num_steps=NUM_STEPS, min_guidance=1.0, guidance=2.5)
    assert (got.latents - latents).abs().max() < 1e-4
    even = pipeline(*shown(4), num_steps=NUM_STEPS, guidance=2.5)
    assert (even.latents - latents).abs().max() > 1e-3


def test_the_global_generator_is_left_alone(pipeline: DiffusionVasPipeline) -> None:
    before = torch.get_rng_state()
    pipeline(*shown(3), num_steps=1)
    assert torch.equal(before, torch.get_rng_state())


def test_the_same_seed_gives_the_same_answer(pipeline: DiffusionVasPipeline) -> None:
    once, again, other = (pipeline(*shown(3), num_steps=1, seed=seed).frames for seed in (5, 5, 6))
    assert np.array_equal(once, again) and not np.array_equal(once, other)


@pytest.mark.parametrize(
    "changed",
    [
        {"clip_layout": "aligned"},
        {"clip_layout": "all_tokens"},
        {"guess_range": False},
        {"guidance": 1.0},
        {"guidance": 3.0},
        {"min_guidance": 1.2},
        {"fps": 2},
        {"fps_minus_one": False},
        {"motion_bucket": 60},
        {"noise_augmentation": 0.0},
        {"decode_chunk": 2},
    ],
)
def test_every_option_changes_the_answer(
    pipeline: DiffusionVasPipeline, plain_frames: Floats, changed: dict[str, Any]
) -> None:
    assert np.abs(plain_frames - pipeline(*shown(3), num_steps=1, **changed).frames).max() > 1e-4


def test_all_tokens_with_equal_tokens_is_a_single_token(pipeline: DiffusionVasPipeline) -> None:
    """Attention over equal keys is what attention to one of them is: the short cut against the stock attention."""
    first, second = shown(3)
    same = first[:1].expand(3, -1, -1, -1)
    one, many, other = (
        pipeline(same, second, num_steps=2, clip_layout=layout).latents
        for layout in ("aligned", "all_tokens", "reference")
    )
    assert (one - many).abs().max() < 5e-4 < (one - other).abs().max() / 10


def test_reference_tokens_of_25_frames() -> None:
    marks = tokens(torch.arange(1.0, 26)[:, None], layout="reference")[:, :, 0, 0].tolist()
    assert marks[0] == [0 if f % 2 == 0 else (f - 1) // 2 + 1 for f in range(25)]
    assert marks[1] == [12 + f // 2 + 1 if f % 2 == 0 else 0 for f in range(25)]


def test_aligned_and_all_tokens() -> None:
    embeddings = torch.tensor([[1.0], [2], [3]])
    assert tokens(embeddings, layout="aligned")[..., 0].tolist() == [[[0], [0], [0]], [[1], [2], [3]]]
    assert tokens(embeddings, layout="all_tokens")[..., 0].tolist() == [[[0, 0, 0]] * 3, [[1, 2, 3]] * 3]
    assert tokens(embeddings, layout="reference", is_guided=False)[..., 0].tolist() == [[[1], [2], [3]]]


@pytest.mark.parametrize("size_hw", [(64, 128), (256, 512), (128, 256), (224, 224), (300, 460)])
def test_the_resize_for_clip_is_diffusers_own(size_hw: tuple[int, int]) -> None:
    pictures = torch.rand(2, 3, *size_hw, generator=torch.Generator().manual_seed(1))
    assert (clip_resize(pictures) - _resize_with_antialiasing(pictures, (224, 224))).abs().max() < 1e-6


def test_the_range_is_guessed_frame_by_frame() -> None:
    frames = torch.stack([torch.full((3, 2, 2), value) for value in (-1.0, 0.0, 0.5, 1.0)])
    frames[0, 0, 0, 0] = 1
    expected = torch.stack([frames[0], *(torch.full((3, 2, 2), value) for value in (-1.0, 0.0, 1.0))])
    assert torch.equal(guessed_range(frames), expected)


def test_the_noise_levels_of_25_steps() -> None:
    levels = noise_levels(SCHEDULER, 25)
    expected = torch.tensor([float(text) for text in SIGMAS_25.split()])
    assert (levels.sigmas - expected).abs().max() < 1e-4
    assert torch.allclose(levels.timesteps, 0.25 * levels.sigmas[:-1].log(), atol=1e-6)
    assert levels.initial_sigma == pytest.approx((700**2 + 1) ** 0.5)


def test_a_step_is_the_stock_schedulers() -> None:
    scheduler = EulerDiscreteScheduler.from_config(SCHEDULER)
    scheduler.set_timesteps(5)
    random = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, generator=random) * 700
    for step, timestep in enumerate(scheduler.timesteps):
        velocity = torch.randn(2, 3, generator=random)
        sigma, following = scheduler.sigmas[step : step + 2].tolist()
        ours = euler_step(x, velocity, sigma=sigma, next_sigma=following)
        scheduler.scale_model_input(x, timestep)
        x = scheduler.step(velocity, timestep, x).prev_sample
        assert torch.allclose(ours, x, rtol=1e-5, atol=1e-5)


def test_conditions_that_do_not_fit_are_named(pipeline: DiffusionVasPipeline) -> None:
    first, second = shown(3)
    with pytest.raises(EngineError, match="differ in shape"):
        pipeline(first, second[:2])
    with pytest.raises(EngineError, match="multiples of 8"):
        pipeline(first[..., :60], second[..., :60])
    with pytest.raises(EngineError, match="clip_layout"):
        SamplingParameters(clip_layout="shifted")  # type: ignore[arg-type]


def test_an_answer_that_is_no_number_is_not_taken_for_an_empty_mask(pipeline: DiffusionVasPipeline) -> None:
    latents = torch.zeros(2, 4, 8, 8)
    assert np.isfinite(pipeline.decode(latents, parameters=SamplingParameters())).all()
    latents[1, 0, 3, 3] = torch.nan
    with pytest.raises(EngineError, match=r"is not a number \(computed in torch.float32\); get its weights again"):
        pipeline.decode(latents, parameters=SamplingParameters())
