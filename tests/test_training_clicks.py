"""Learning what a click means: pasted pictures, simulated clicks, and that networks learn what gains."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scene import make_scene

from vas_tool.engines.builtin.candidate_traits import TRAITS
from vas_tool.engines.builtin.choosing import QUESTIONS, likelihoods, shipped
from vas_tool.engines.builtin.motion import CHANNELS, still
from vas_tool.engines.builtin.region_graph import depth_inside
from vas_tool.errors import FormatError
from vas_tool.evaluation.silhouettes import FullView
from vas_tool.training import clicks
from vas_tool.training.clicks import click_loss, learned
from vas_tool.training.pasted import LEAST_SEEN, pasted
from vas_tool.training.pictures import LabelledPicture, frames_of, textures_in
from vas_tool.training.simulated_clicks import Lesson, lessons, next_click
from vas_tool.types import Frame


@pytest.fixture(scope="module")
def textures() -> list[Frame]:
    random = np.random.default_rng(0)
    coarse = [random.integers(0, 255, (12, 16, 3)).astype(np.uint8) for _ in range(3)]
    return [cv2.resize(picture, (320, 240)) for picture in coarse]


@pytest.mark.parametrize("seed", range(5))
def test_a_pasted_picture_is_the_same_for_a_seed_and_shows_its_object(textures: list[Frame], seed: int) -> None:
    one, other = pasted(textures, seed), pasted(textures, seed)
    assert np.array_equal(one.frame, other.frame) and np.array_equal(one.mask, other.mask)
    assert one.frame.shape[:2] == one.mask.shape and one.frame.dtype == np.uint8
    assert np.array_equal(one.motion, other.motion) and one.motion.shape == (*one.mask.shape, len(CHANNELS))
    assert LEAST_SEEN <= one.mask.sum() < one.mask.size


def test_of_pasted_pictures_some_stand_alone_and_some_show_that_their_object_moves(textures: list[Frame]) -> None:
    made = [pasted(textures, seed) for seed in range(12)]
    changes = [[one.motion[where][:, -1].mean() for where in (one.mask, ~one.mask)] for one in made]
    assert any(not one.motion.any() for one in made)
    assert any(inside > 0.2 and inside > 2 * outside for inside, outside in changes)


def test_frames_of_a_labelled_clip_come_with_what_moves_on_them() -> None:
    scene = make_scene(10)
    view = FullView(
        "scene", np.stack([scene.clip[k] for k in range(10)]), np.stack([scene.modal[k] for k in range(10)])
    )
    found = list(frames_of(view, every=4))
    assert [one.name for one in found] == ["scene/0", "scene/4", "scene/8"]
    assert all(one.motion[one.mask].mean(axis=0)[-1] > one.motion[~one.mask].mean(axis=0)[-1] for one in found)


def test_a_folder_without_pictures_says_so(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="PNG or JPEG"):
        textures_in(tmp_path)


@pytest.mark.parametrize("astray", [0.0, 0.3])
def test_a_simulated_click_is_in_the_middle_of_the_largest_error(astray: float) -> None:
    truth, mask = np.zeros((60, 80), bool), np.zeros((60, 80), bool)
    truth[10:30, 10:30] = True
    mask[40:45, 50:70] = True  # wrong, too, but thinner
    click = next_click(mask, truth, np.random.default_rng(0), astray=astray)
    depth = depth_inside(truth)
    assert click.positive and depth[click.y, click.x] >= (1 - astray) * depth.max()
    other = next_click(mask | truth, truth, np.random.default_rng(0))
    assert not other.positive and mask[other.y, other.x]


def test_lessons_tell_what_candidates_gain() -> None:
    scene = make_scene(1, enlarged=2)
    picture = LabelledPicture("scene/0", scene.clip[0], still(scene.clip[0]), scene.modal[0])
    taught = list(lessons(picture, np.random.default_rng(1)))
    assert taught[0].question == "first" and 1 <= len(taught) <= 8
    assert taught[0].gains.max() > 0.5 and taught[0].gains.min() >= 0
    assert all(one.traits.shape == (len(one.gains), len(TRAITS)) for one in taught)


def made_up(question: str, seed: int) -> Lesson:
    """What gains is told by the first trait."""
    traits = np.random.default_rng(seed).normal(size=(12, len(TRAITS))).astype(np.float32)
    return Lesson(question, traits, (0.1 * traits[:, 0]).astype(np.float32))


def test_networks_learn_what_gains() -> None:
    numbers = learned([made_up(QUESTIONS[k % 3], k) for k in range(192)], epochs=30)
    assert {name: value.shape for name, value in numbers.items()} == {k: v.shape for k, v in shipped().items()}
    new = [made_up(QUESTIONS[k % 3], 1000 + k) for k in range(60)]
    chosen = [one.gains[likelihoods(one.traits, one.question, numbers).argmax()] for one in new]
    assert np.mean(chosen) > 0.8 * np.mean([one.gains.max() for one in new])


def test_the_loss_is_least_for_what_gains_most_and_blind_to_padding() -> None:
    gains = torch.tensor([[0.1, 0.0, -0.1]])
    best, nothing, worst = (click_loss(20 * torch.eye(3)[k : k + 1], gains).item() for k in range(3))
    assert best < nothing < worst
    padded = torch.cat([gains, torch.full((1, 2), torch.nan)], dim=1)
    assert click_loss(torch.zeros(1, 5), padded).item() == pytest.approx(click_loss(torch.zeros(1, 3), gains).item())


def test_the_command_learns_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, folder = make_scene(2), tmp_path / "clip"
    for name in ("rgbs", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(2):
        cv2.imwrite(str(folder / "rgbs" / f"{index}.png"), scene.clip[index])
        cv2.imwrite(str(folder / "masks" / f"{index}.png"), scene.modal[index].astype(np.uint8) * 255)
    monkeypatch.setattr(clicks, "silhouettes", lambda: [])
    out = tmp_path / "clicks.safetensors"
    command = ["clicks", str(folder), "--out", str(out), "--every", "1", "--pasted", "1", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", command)
    clicks.main()
    assert {name: value.shape for name, value in load_file(out).items()} == {k: v.shape for k, v in shipped().items()}
