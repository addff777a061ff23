"""The same answers as the sam2 package's own video predictor: bit for bit, in float32 on a CPU."""

import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sam2_models import TINY, skip_without_sam2, write_checkpoint, write_clip

from sam_integration.preprocessing import Logits
from sam_integration.prompts import FramePrompt, Point
from vas_tool.video.clip import FolderClip

skip_without_sam2()

from sam2.build_sam import build_sam2_video_predictor  # noqa: E402

from sam_integration.checkpoints import load_model  # noqa: E402
from sam_integration.object_memory import ObjectMemory  # noqa: E402
from sam_integration.predictor import Predictor  # noqa: E402
from sam_integration.preprocessing import DEVIATION, MEAN, model_input  # noqa: E402
from sam_integration.presets import EXACT  # noqa: E402
from sam_integration.sam2_network import Network  # noqa: E402
from sam_integration.tracking_network import Place  # noqa: E402

NUM_FRAMES = 12
"""More than the model looks back to (7 frames)."""

Prompts = Mapping[int, FramePrompt]
DISC = (np.mgrid[:64, :96][0] - 30) ** 2 + (np.mgrid[:64, :96][1] - 40) ** 2 < 15**2
FIRST_OBJECT = {
    2: FramePrompt((Point(30, 25), Point(50.5, 40, False), Point(26, 22.25))),
    7: FramePrompt((Point(48, 24), Point(44, 50, False)), box_xyxy=(38, 12, 60, 38)),
}
SECOND_OBJECT = {7: FramePrompt(box_xyxy=(34, 25, 64, 55)), 2: FramePrompt((Point(64, 40),))}
RAGGED = DISC ^ (np.random.default_rng(5).random(DISC.shape) < 0.2)
"""At the model's size, many of its pixels are half covered: what the threshold is shows."""
MASKED_OBJECT = {2: FramePrompt(mask=RAGGED), 9: FramePrompt((Point(40, 30, False),), mask=DISC)}
CROWD = {i: FramePrompt((Point(20 + 4 * i, 25),)) for i in (0, 1, 3, 8, 10, 11)}


@pytest.fixture(scope="module", params=["sam2.1", "sam2"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("weights") / "toy.pt"
    return request.param, write_checkpoint(path, TINY[request.param])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> FolderClip:
    return write_clip(tmp_path_factory.mktemp("clips") / "jpegs", NUM_FRAMES)


@cache
def package_predictor(checkpoint: tuple[str, Path], overrides: tuple[str, ...]) -> Any:
    """The package's model. What a video has said is in a state of its own."""
    spec = TINY[checkpoint[0]]
    return build_sam2_video_predictor(
        spec.config, str(checkpoint[1]), device="cpu", hydra_overrides_extra=[*spec.overrides, *overrides]
    )


@cache
def our_model(checkpoint: tuple[str, Path]) -> Any:
    return load_model(TINY[checkpoint[0]], checkpoint[1], EXACT, device="cpu")


class Package:
    """The package's predictor, used as its examples show."""

    def __init__(self, checkpoint: tuple[str, Path], clip: FolderClip, *, overrides: tuple[str, ...] = ()) -> None:
        self.predictor = package_predictor(checkpoint, overrides)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.state = self.predictor.init_state(str(clip.frame_path(0).parent))

    def prompt(self, object_id: int, prompts: Prompts) -> dict[int, Logits]:
        """Say it as a person does: the mask, the box, then click after click. Gives the answers on those frames."""
        for frame_index, prompt in prompts.items():
            points = [(p.x, p.y) for p in prompt.points]
            labels = [int(p.positive) for p in prompt.points]
            common: dict[str, Any] = {"frame_idx": frame_index, "obj_id": object_id}
            if prompt.mask is not None:
                _, _, logits = self.predictor.add_new_mask(self.state, mask=prompt.mask, **common)
            if prompt.box_xyxy is not None:
                _, _, logits = self.predictor.add_new_points_or_box(self.state, box=prompt.box_xyxy, **common)
            for count in range(1, len(points) + 1):
                _, _, logits = self.predictor.add_new_points_or_box(
                    self.state, points=points[:count], labels=labels[:count], box=prompt.box_xyxy, **common
                )
            self.said = getattr(self, "said", {}) | {(object_id, frame_index): logits[-1, 0].numpy()}
        return {i: self.said[object_id, i] for i in prompts}

    def track(self, start: int, *, reverse: bool) -> dict[int, Any]:
        return {
            i: logits[:, 0].numpy()
            for i, _, logits in self.predictor.propagate_in_video(self.state, start_frame_idx=start, reverse=reverse)
        }


def quiet(package: Package, action: Any, *args: Any, **kwargs: Any) -> Any:
    """The package warns on every frame that it has no CUDA extension to fill holes with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(package, action)(*args, **kwargs)


def ours(checkpoint: tuple[str, Path], **options: Any) -> Predictor:
    return Predictor(Network(our_model(checkpoint), **options))


def assert_same(found: Logits, wanted: Logits) -> None:
    assert found.dtype == wanted.dtype == np.float32
    assert np.array_equal(found, wanted), f"largest difference {np.abs(found - wanted).max()}"


@pytest.mark.parametrize("reverse", [False, True])
def test_two_objects_tracked_as_by_the_package(checkpoint: tuple[str, Path], clip: FolderClip, reverse: bool) -> None:
    package, predictor = Package(checkpoint, clip), ours(checkpoint)
    objects = (FIRST_OBJECT, SECOND_OBJECT, MASKED_OBJECT)
    for object_id, prompts in enumerate(objects):
        for frame_index, logits in quiet(package, "prompt", object_id, prompts).items():
            assert_same(predictor.answer(clip, frame_index, prompts[frame_index]).logits, logits)

    start, stop = (7, 0) if reverse else (2, NUM_FRAMES - 1)
    tracked = quiet(package, "track", start, reverse=reverse)
    frames = range(start, stop - 1, -1) if reverse else range(start, stop + 1)
    seen = 0
    for object_id, prompts in enumerate(objects):
        answers = list(predictor.track(clip, prompts, frames))
        assert [a.frame_index for a in answers] == list(frames) == list(tracked)
        for answer in answers:
            assert_same(answer.logits, tracked[answer.frame_index][object_id])
        seen += sum(0 < a.mask.mean() < 1 for a in answers)
    assert seen > len(frames), "the masks are empty or full nearly everywhere: equality would prove nothing"


def test_of_many_prompted_frames_the_nearest_count_as_in_the_package(
    checkpoint: tuple[str, Path], clip: FolderClip
) -> None:
    limit = 3
    package = Package(checkpoint, clip, overrides=(f"++model.max_cond_frames_in_attn={limit}",))
    quiet(package, "prompt", 1, CROWD)
    tracked = quiet(package, "track", 0, reverse=False)
    predictor = ours(checkpoint, max_conditioning_frames=limit)
    answers = list(predictor.track(clip, CROWD, range(NUM_FRAMES)))
    for answer in answers:
        assert_same(answer.logits, tracked[answer.frame_index][0])
    unlimited = list(ours(checkpoint).track(clip, CROWD, range(NUM_FRAMES)))
    assert any(not np.array_equal(a.logits, u.logits) for a, u in zip(answers, unlimited, strict=True))


def test_pointers_reach_back_further_than_the_spatial_memory(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    """Twenty-two frames: the first pointers (16 frames back) are let go of under way."""
    clip = write_clip(tmp_path / "long", 22)
    prompts = {0: FramePrompt((Point(20, 25),))}
    package = Package(checkpoint, clip)
    quiet(package, "prompt", 1, prompts)
    tracked = quiet(package, "track", 0, reverse=False)
    for answer in ours(checkpoint).track(clip, prompts, range(22)):
        assert_same(answer.logits, tracked[answer.frame_index][0])


def test_a_prompted_frame_far_away_counts_by_its_pointer(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    """Of four prompted frames three are near. On frame 17 the fourth is 15 frames back, as far as pointers reach."""
    clip, limit = write_clip(tmp_path / "long", 18), 3
    prompts = {i: FramePrompt((Point(20 + 3 * i, 25),)) for i in (2, 10, 12, 14)}
    package = Package(checkpoint, clip, overrides=(f"++model.max_cond_frames_in_attn={limit}",))
    quiet(package, "prompt", 1, prompts)
    tracked = quiet(package, "track", 15, reverse=False)
    for answer in ours(checkpoint, max_conditioning_frames=limit).track(clip, prompts, range(15, 18)):
        assert_same(answer.logits, tracked[answer.frame_index][0])


def test_a_frame_just_passed_is_answered_again_with_the_same_bits(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    """What is kept is all that its step looks back to: six spatial memories, and pointers of fifteen frames."""
    clip, prompts, last = write_clip(tmp_path / "long", 18), {0: FramePrompt((Point(20, 25),))}, 16
    package, predictor = Package(checkpoint, clip), ours(checkpoint)
    quiet(package, "prompt", 1, prompts)
    tracked = quiet(package, "track", 0, reverse=False)
    network, features = predictor.network, predictor.features
    memory = ObjectMemory(network.reach, prompted=[0], recall=lambda i: predictor.reference(clip, i, prompts[i]))
    for frame_index in (*range(1, last + 1), last):
        place = Place(frame_index, len(clip), size_wh=clip.size_wh)
        found = network.follow(features.get(clip, frame_index), memory.view(frame_index), place)
        memory.remember(frame_index, found)
        assert_same(network.logits(found, clip.size_wh), tracked[frame_index][0])


def test_half_covered_pixels_of_a_mask_belong_to_it() -> None:
    """Here are those that a threshold of .6 would lose: then the tests above would fail."""
    import torch

    mask = torch.tensor(RAGGED)[None, None].float()
    small = torch.nn.functional.interpolate(mask, size=(64, 64), mode="bilinear", antialias=True)
    assert ((small > 0.5) & (small < 0.6)).sum() > 5


def test_frames_before_the_first_prompt_forwards(checkpoint: tuple[str, Path], clip: FolderClip) -> None:
    """The package fails there on a CPU; an answer that looks ahead to the prompt is what a person expects."""
    answers = list(ours(checkpoint).track(clip, {5: FIRST_OBJECT[2]}, range(3)))
    assert [a.frame_index for a in answers] == [0, 1, 2]


def test_pictures_become_what_the_package_makes_of_them(tmp_path: Path) -> None:
    from sam2.utils.misc import load_video_frames

    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name, size_wh in (("small", (16, 16)), ("wide", (48, 20))):
        clip = write_clip(tmp_path / name, 2, size_wh=size_wh)
        images, _, _ = load_video_frames(str(tmp_path / name), 16, offload_video_to_cpu=True, compute_device="cpu")
        for i in range(2):
            assert np.array_equal(model_input(clip[i], 16)[0].numpy(), images[i].numpy())
    tensor = np.stack([every] * 3, axis=-1) / 255.0
    wanted = (tensor.astype(np.float32) - np.float32(MEAN)) / np.float32(DEVIATION)
    found = model_input(np.stack([every] * 3, axis=-1), 16)
    assert np.array_equal(found[0].permute(1, 2, 0).numpy(), wanted) and found.is_contiguous()
