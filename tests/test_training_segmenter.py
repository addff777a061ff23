"""Training of the builtin segmenter: samples, resemblance, loss, a run that stops and goes on, and what is exported."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from vas_tool.training import train_segmenter as training
from vas_tool.training.export_segmenter import DECODER, ENCODER, FEATURES, export
from vas_tool.training.labelled_pictures import LabelledPictures
from vas_tool.training.segmenter_net import EMBEDDING, SegmenterNet, resemblance
from vas_tool.training.segmenter_samples import SegmenterSample, deformed, sample
from vas_tool.training.segmenter_step import SegmenterStep, loss
from vas_tool.training.train_segmenter import DrawnSegmenterSamples, Plan, train

SIZE = 64
TINY = {"steps": 4, "batch": 2, "size": SIZE, "last_size": SIZE, "warmup": 1, "workers": 0, "every": 2}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of two discs each, in two of the folders."""
    root, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for folder in ("coco_by", "oxford_pets"):
        for part in ("images", "masks"):
            (root / folder / part).mkdir(parents=True)
        for i in range(6):
            picture = random.integers(0, 120, (100, 140, 3), np.uint8)
            numbers = np.zeros((100, 140), np.uint8)
            for k, x in enumerate((40, 100), 1):
                place = (x, int(random.integers(35, 65)))
                cv2.circle(numbers, place, 22, k, -1)
                cv2.circle(picture, place, 22, [int(v) for v in random.integers(130, 255, 3)], -1)
            cv2.imwrite(str(root / folder / "images" / f"{i}.png"), picture)
            cv2.imwrite(str(root / folder / "masks" / f"{i}.png"), numbers)
    return root


def test_a_folder_without_pictures_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give the folder that holds them"):
        LabelledPictures(tmp_path)


def test_a_lesson_is_drawn_alike_in_every_run(pictures: Path) -> None:
    drawn = partial(DrawnSegmenterSamples, Plan(Path(), pictures, **TINY))
    one, other, different = drawn()[3], drawn()[3], drawn(rank=1)[3]
    assert all(np.array_equal(a.picture, b.picture) for a, b in zip(one, other, strict=True))
    assert all(np.array_equal(a.maps, b.maps) and a.places == b.places for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0].picture, different[0].picture)


def test_lessons_start_with_a_prompt_or_a_reference_and_some_are_hidden(pictures: Path) -> None:
    held, random = LabelledPictures(pictures), np.random.default_rng(1)
    drawn = [sample(held, random, SIZE) for _ in range(150)]
    for one in drawn:
        assert one.picture.shape == (SIZE, SIZE, 3) and one.truth.shape == (SIZE, SIZE) and one.maps.shape[0] == 4
        assert one.maps.any() or any(one.references)
        assert all(one.truth[y, x] for x, y, positive in one.places if positive)
    followed = [one for one in drawn if any(one.references)]
    assert 0.25 < len(followed) / len(drawn) < 0.6
    assert any(not one.truth.any() for one in followed)
    assert all(one.truth.any() for one in drawn if not any(one.references) and one.clicked)


def test_a_correction_goes_into_the_deeper_error() -> None:
    truth, answer = np.zeros((2, SIZE, SIZE), bool)
    truth[10:40, 10:40] = answer[10:40, 10:22] = answer[50:56, 50:56] = True
    shown = SegmenterSample(
        np.zeros((SIZE, SIZE, 3), np.uint8), truth, np.zeros((4, SIZE, SIZE), np.float32), [None, None], True
    )
    shown.correct(answer, np.random.default_rng(0))
    (x, y, positive), *others = shown.places
    assert positive and not others and truth[y, x] and not answer[y, x] and shown.maps[0, y, x] == 1
    shown.correct(truth, np.random.default_rng(0))
    assert len(shown.places) == 1, "no click where nothing is wrong"
    shown.correct(truth | answer, np.random.default_rng(0))
    x, y, positive = shown.places[-1]
    assert not positive and 50 <= x < 56 and shown.maps[1, y, x] == 1


def test_a_deformed_mask_still_overlaps() -> None:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[15:50, 15:50] = True
    found = [deformed(mask, np.random.default_rng(seed)) for seed in range(20)]
    assert all(set(np.unique(one)) <= {0, 1} for one in found)
    assert np.mean([(one[mask] > 0).mean() for one in found]) > 0.7


def test_resemblance_by_hand() -> None:
    here = torch.zeros(1, EMBEDDING, 1, 2)
    here[0, 0, 0, 0], here[0, 1, 0, 1] = 1, 1
    there, shares = torch.zeros(1, EMBEDDING, 1, 3), torch.tensor([[[1.0, 0.5, 0.0]]])
    there[0, 0, 0, 0], there[0, 1, 0, 1], there[0, 1, 0, 2] = 0.75, 1, 0.5
    assert torch.allclose(resemblance(here, there, shares), torch.tensor([[[[0.75, 0]], [[0, 0.5]]]]))
    assert not resemblance(here, there, torch.full((1, 1, 3), 0.5)).any(), "0 where there is no reference"


def test_the_loss_is_least_for_the_truth() -> None:
    truth = torch.zeros(2, SIZE, SIZE)
    truth[0, 20:40, 20:40] = 1
    sure = 8 * (2 * truth - 1)
    assert loss(sure, truth) < 0.1 < loss(0.05 * sure, truth) < loss(-sure, truth)


def test_steps_on_one_lesson_lower_its_loss(pictures: Path) -> None:
    torch.manual_seed(0)
    training_step = SegmenterStep(SegmenterNet()).train()
    optimizer = torch.optim.AdamW(training_step.parameters(), lr=1e-3)
    drawn = DrawnSegmenterSamples(Plan(Path(), pictures, **TINY))
    losses = []
    for _ in range(6):
        outcome = training_step(drawn[0], np.random.default_rng(0))
        outcome.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(outcome.loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.slow
def test_a_run_that_stopped_goes_on_as_if_it_never_had(tmp_path: Path, pictures: Path) -> None:
    plan = partial(Plan, pictures=pictures, imagenet=False, **TINY)
    unbroken = load_file(train(plan(tmp_path / "unbroken")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "note", _stop)
        with pytest.raises(KeyboardInterrupt):
            train(plan(tmp_path / "stopped"))
    path = train(plan(tmp_path / "stopped"))
    resumed = load_file(path)
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)
    begun = load_file(train(plan(tmp_path / "begun", begin=path, steps=0)))
    assert all(torch.equal(begun[name], resumed[name]) for name in resumed), "an earlier run's weights are begun from"


def _stop(out: Path, line: dict[str, float]) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_the_exported_files_answer_as_the_network_does_in_any_size(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    net = SegmenterNet()
    for weight in net.parameters():  # what is kept in half precision
        weight.data = weight.data.half().float()
    export(net, tmp_path)
    assert sum((tmp_path / name).stat().st_size for name in (ENCODER, DECODER)) < 12e6
    encoder, decoder = (onnxruntime.InferenceSession(str(tmp_path / name)) for name in (ENCODER, DECODER))
    picture, maps, match = torch.rand(1, 3, 96, 64), torch.rand(1, 4, 96, 64), torch.rand(1, 6, 12, 8)
    *features, embedding = encoder.run(None, {"picture": picture.numpy()})
    given = dict(zip(FEATURES, features, strict=True)) | {"maps": maps.numpy(), "match": match.numpy()}
    (logits,) = decoder.run(None, given)
    with torch.no_grad():
        wanted, places = net.encoder(picture)
        answer, _ = net.decoder(wanted, maps, match)
    assert np.abs(embedding - places.numpy()).max() < 1e-4 and np.abs(logits - answer.numpy()).max() < 1e-4
