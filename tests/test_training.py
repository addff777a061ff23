"""Training of the learned engine: what is drawn, what is asked for, and a run of a few steps that stops and goes on."""

import csv
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from vas_tool.engines.builtin.click_network import DECODER, ENCODER
from vas_tool.engines.learned.engine import WEIGHTS
from vas_tool.engines.learned.evidence import (
    CANDIDATES,
    CHANNELS,
    RESOLUTION,
    SLOTS,
    Window,
    evidence,
    slot_channels,
)
from vas_tool.masks import iou
from vas_tool.training import drawn_camera, scenes
from vas_tool.training import train_amodal as training
from vas_tool.training.amodal_losses import hidden_iou, loss
from vas_tool.training.amodal_net import AmodalNet, mixed
from vas_tool.training.drawn_camera import DrawnCamera
from vas_tool.training.export_amodal import export
from vas_tool.training.measurement_noise import DepthNoise
from vas_tool.training.onnx_files import weights_in
from vas_tool.training.runs import pace
from vas_tool.training.scene_objects import farther, nearer
from vas_tool.training.scenes import LEAST_HIDDEN, MOST_HIDDEN, samples, scene
from vas_tool.training.shapes import NUM_FRAMES, SIDE, drawn
from vas_tool.training.train_amodal import HELD_OUT, DrawnSteps, Plan, train


@pytest.mark.parametrize("seed", range(12))
def test_shapes_are_drawn_alike_from_a_seed_and_are_there_on_every_frame(seed: int) -> None:
    one, other = (drawn(np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(one, other)
    assert one.shape == (NUM_FRAMES, SIDE, SIDE) and one.min() >= 0 and one.max() <= 1
    assert one.sum(axis=(1, 2)).min() > 50


@pytest.mark.parametrize("seed", range(6))
def test_scenes_hide_a_part_and_never_show_more_than_there_is(seed: int) -> None:
    views = scene(np.random.default_rng(seed))
    hidden = 1 - (views.truth * (views.outlines > 0.5)).sum() / views.truth.sum()
    assert LEAST_HIDDEN - 0.1 < hidden < MOST_HIDDEN + 0.1  # outlines are a little too small or too large
    assert views.nearness.min() >= 0 and views.nearness.max() <= 1


def test_what_stands_still_passes_by_against_the_objects_way_and_nearer_things_faster() -> None:
    way = np.stack([np.linspace(-10, 10, NUM_FRAMES), np.zeros(NUM_FRAMES)], axis=1)
    camera = DrawnCamera(way, parallax=1.0, poses=np.repeat(np.eye(3)[None], NUM_FRAMES, axis=0))
    far, here, near = (camera.passing(height)[:, 0] for height in (-0.3, 0.0, 0.3))
    assert np.allclose(here, -way[:, 0])
    assert here[-1] - here[0] < 0 and abs(np.ptp(far)) < abs(np.ptp(here)) < abs(np.ptp(near))


@pytest.mark.parametrize("seed", range(4))
def test_a_camera_moves_pictures_and_poses_together(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    still = np.repeat(np.eye(3)[None], NUM_FRAMES, axis=0)
    monkeypatch.setattr(scenes, "drift", lambda *_: still)
    monkeypatch.setattr(scenes, "drawn", lambda random: np.repeat(drawn(random)[:1], NUM_FRAMES, axis=0))
    monkeypatch.setattr(drawn_camera, "STILL", 0.0)
    views = scene(np.random.default_rng(seed))
    moved = [views.between(0, i) - np.eye(3)[:2] for i in range(NUM_FRAMES)]
    assert max(np.abs(m).max() for m in moved) > 0.01
    for i in range(0, NUM_FRAMES, 6):
        brought = cv2.warpAffine(views.truth[0], views.between(0, i), (SIDE, SIDE)) > 0.5
        assert iou(brought, views.truth[i] > 0.5) > 0.85


@pytest.mark.parametrize("seed", range(20))
def test_things_behind_are_farther_and_things_before_nearer(seed: int) -> None:
    random = np.random.default_rng(seed)
    camera = DrawnCamera.drawn(random)
    behind, front = farther(random, camera), nearer(random, camera)
    assert all(obj.height < 0 for obj in behind) and 1 <= len(front) <= 3
    assert all(obj.height > 0 for obj in front)
    assert [t.height for t in behind] == sorted(t.height for t in behind)


def test_depth_shows_what_is_before_and_behind() -> None:
    seen, covered = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), bool)
    seen[40:70, 40:70] = 1
    left, right = covered.copy(), covered.copy()
    left[:, :50], right[:, 60:] = True, True
    look = DepthNoise(noise=0.0, blur=0.3, ground=np.full(SIDE, -0.3))
    nearness = look.nearness(seen * ~right, ([(-0.1, left)], [(0.3, right)]), np.random.default_rng(0))
    assert nearness[55, 45] == pytest.approx(0.5) and nearness[55, 65] == 1  # the object; what is before it
    assert nearness[20, 20] == pytest.approx(0, abs=0.01) and nearness[20, 100] == 1


def test_samples_have_the_networks_shapes() -> None:
    for sample in samples(np.random.default_rng(3)):
        assert sample.evidence.picture.shape == (CHANNELS, RESOLUTION, RESOLUTION)
        assert sample.truth.shape == (RESOLUTION, RESOLUTION) and np.isfinite(sample.evidence.picture).all()


def test_what_lies_beyond_the_frame_is_not_taken_for_absent() -> None:
    beyond = np.zeros((NUM_FRAMES, SIDE, SIDE), bool)
    beyond[:, :, SIDE // 2 :] = True  # the right half of the object
    views = scene(np.random.default_rng(5), beyond=beyond)
    views.trusted = True
    picture = evidence(views, 12, Window(0, 0, SIDE)).picture
    right = slice(RESOLUTION // 2 + 2, None)
    assert (picture[2][:, right] == 1).all() and (picture[1][:, right] == 1).all() and not picture[0][:, right].any()
    assert not any(picture[slot_channels(slot)][1][:, RESOLUTION - 8 :].any() for slot in range(2 * SLOTS))


def test_the_hidden_iou_by_hand() -> None:
    truth, modal, found = (torch.zeros(1, 4, 4) for _ in range(3))
    truth[0, :, :2] = 1  # 8 pixels, of which two are seen: 6 hidden
    modal[0, 0, :2] = 1
    found[0, :, :1] = 1  # 4 pixels, of which one is seen: 3 of the hidden ones, none beside
    overlap, counts = hidden_iou(found, truth, modal)
    assert overlap.item() == pytest.approx(3 / 6) and counts.item() == 1


def test_the_loss_is_least_for_the_truth() -> None:
    truth = torch.zeros(1, 8, 8)
    truth[0, 2:6, 2:6] = 1
    modal = truth.clone()
    modal[0, :, 4:] = 0
    losses = [loss(p.clamp(1e-4, 1 - 1e-4), truth, modal).item() for p in (truth, modal, 1 - truth)]
    assert losses[0] < losses[1] < losses[2] and losses[0] < 0.01


def test_the_mixture_takes_what_it_trusts() -> None:
    candidates = torch.zeros(1, CANDIDATES, 8, 8)
    candidates[0, 3] = 1
    shares = torch.zeros(1, CANDIDATES + 1, 8, 8)
    shares[0, 3], shares[0, -1] = 0.75, 0.25
    assert torch.allclose(mixed(shares, torch.full((1, 8, 8), 0.4), candidates), torch.tensor(0.85))


def test_the_shares_sum_to_one() -> None:
    torch.manual_seed(0)
    shares, paint = AmodalNet()(torch.rand(2, CHANNELS, 32, 32))
    assert torch.allclose(shares.sum(dim=1), torch.ones(2, 32, 32), atol=1e-5)
    assert paint.shape == (2, 32, 32) and (paint > 0).all() and (paint < 1).all()


def test_the_pace_rises_and_falls() -> None:
    at = partial(pace, steps=1000, warmup=100)
    assert at(0) < at(50) < at(100) <= 1
    assert at(1000) < 0.011 < at(500)


def test_a_step_is_drawn_alike_in_every_run_and_never_for_measuring() -> None:
    one, other = (DrawnSteps(0, 4)[7] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert one[0].shape == (4, CHANNELS, RESOLUTION, RESOLUTION)
    for different in (DrawnSteps(0, 4)[8], DrawnSteps(1, 4)[7], DrawnSteps(0, 4, rank=1)[7]):
        assert not torch.equal(one[2], different[2])
    assert not torch.equal(one[2], DrawnSteps(0, 4, stream=HELD_OUT)[7][2])


@pytest.mark.slow
def test_a_run_that_stopped_goes_on_as_if_it_never_had(tmp_path: Path) -> None:
    plan = {"steps": 4, "batch": 4, "warmup": 1, "workers": 0, "every": 2, "held_out": 1}
    unbroken = load_file(train(Plan(tmp_path / "unbroken", **plan)))
    stopped = Plan(tmp_path / "stopped", **plan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "note", _stop_after_the_first_checkpoint)
        with pytest.raises(KeyboardInterrupt):
            train(stopped)
    path = train(stopped)
    resumed = load_file(path)
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)
    assert {tensor.dtype for tensor in resumed.values()} == {torch.float16} and path.stat().st_size < 12e6
    AmodalNet().load_state_dict({name: tensor.float() for name, tensor in resumed.items()})
    with (tmp_path / "unbroken" / "curve.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["2", "4"]
    before = path.read_bytes()
    assert train(stopped).read_bytes() == before, "a run that has ended learns no further"


def _stop_after_the_first_checkpoint(out: Path, line: dict[str, float]) -> None:
    raise KeyboardInterrupt


def test_the_shipped_file_answers_as_the_network_in_torch_does() -> None:
    net = AmodalNet().eval()
    held = weights_in(WEIGHTS)
    net.load_state_dict({name: held[name] for name in net.state_dict()})
    session = onnxruntime.InferenceSession(WEIGHTS)
    for sample in islice(samples(np.random.default_rng(3)), 3):
        answers = session.run(None, {"picture": sample.evidence.picture[None]})
        with torch.no_grad():
            wanted = net(torch.from_numpy(sample.evidence.picture[None]))
        assert max(np.abs(a - w.numpy()).max() for a, w in zip(answers, wanted, strict=True)) < 1e-5


def test_a_trained_network_is_exported_without_a_trace_of_the_computer_it_was_trained_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = AmodalNet()
    for weight in net.parameters():  # equal ones would be kept once
        weight.data = torch.rand_like(weight)
    export(net, tmp_path / "amodal.onnx")
    held = weights_in(tmp_path / "amodal.onnx")
    assert all(torch.allclose(held[name], weight, rtol=1e-3, atol=1e-4) for name, weight in net.state_dict().items())
    assert not any(b".py" in path.read_bytes() for path in (tmp_path / "amodal.onnx", WEIGHTS, ENCODER, DECODER))
