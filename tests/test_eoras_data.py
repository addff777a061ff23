"""EoRaS's windows, samples and test loop, by literal forms of what the released loaders do."""

import json
import pickle
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from tiny_eoras import tiny_network
from torch.nn import functional

from vas_tool.cli import main
from vas_tool.engines import registry
from vas_tool.engines.eoras.engine import EorasAmodal
from vas_tool.engines.eoras.patches import Window, mask_patch_of, pasted, patch_of, window_around
from vas_tool.engines.registry import LoadedEngine
from vas_tool.errors import FormatError
from vas_tool.training.eoras.clip_samples import ObjectFrame, Sample, training_part
from vas_tool.training.eoras.kitti_samples import KittiSamples
from vas_tool.training.eoras.made_movi import write_made_movi
from vas_tool.training.eoras.movi_samples import MoviSamples
from vas_tool.training.eoras.split_totals import measured, network_answer

NOTHING = np.random.RandomState(0)


@pytest.mark.parametrize(
    ("box", "window"),
    [
        ((20, 39, 10, 29), (10, 48, 0, 38)),  # middles 29 and 19, lengths 38: half of it to each side
        ((0, 9, 60, 79), (0, 13, 50, 80)),  # the maximum is limited to the size, one beyond the last column
        ((5, 5, 7, 7), (5, 5, 7, 7)),
    ],
)
def test_a_window_is_twice_the_box_within_the_frame(
    box: tuple[int, int, int, int], window: tuple[int, int, int, int]
) -> None:
    assert window_around(box, (60, 80)) == window


def test_a_surplus_row_counts_in_the_size_and_not_in_the_crop() -> None:
    window = Window(50, 60, 0, 9)
    assert window.size_hw == (11, 10)
    assert window.cut(np.zeros((60, 80))).shape == (10, 10)


def test_masks_go_back_bilinearly_with_corners_on_corners() -> None:
    probability = np.random.default_rng(0).random((121, 121)).astype(np.float32)
    window = Window(20, 60, 5, 54)
    enlarged = functional.interpolate(
        torch.from_numpy(probability)[None, None], window.size_hw, mode="bilinear", align_corners=True
    )
    expected = np.zeros((60, 80), bool)
    expected[20:60, 5:55] = (enlarged > 0.5)[0, 0, :40].numpy()
    found = pasted(probability, window, (60, 80))
    assert (found != expected).mean() < 1e-3  # a pixel in a thousand lies on the threshold


def test_mask_pixels_are_the_nearest_ones() -> None:
    mask = np.random.default_rng(1).random((60, 80)) > 0.5
    found = mask_patch_of(mask, Window(10, 49, 0, 79))
    for row, column in ((0, 0), (60, 17), (120, 120)):
        assert found[row, column] == mask[10 + int((row + 0.5) * 40 / 121), int((column + 0.5) * 80 / 121)]


def test_patches_keep_size_and_mean_and_are_smoothed_before_they_shrink() -> None:
    frame = np.zeros((256, 256, 3), np.uint8)
    frame[::2] = 255  # stripes of one pixel: only smoothing makes them even
    patch = patch_of(frame, Window(0, 255, 0, 255))
    assert patch.shape == (3, 128, 128)
    assert patch.dtype == np.float32
    assert np.abs(patch[:, 8:-8] - 0.5).max() < 0.12
    plain = patch_of(np.full((40, 30, 3), 51, np.uint8), Window(0, 39, 0, 29))
    np.testing.assert_allclose(plain, 0.2, atol=1e-6)


def test_training_takes_a_window_by_numpys_old_generator_or_repeats_the_last() -> None:
    first = np.random.RandomState(5).randint(0, 9 - 4 + 1)
    assert list(training_part(9, 4, np.random.RandomState(5))) == list(range(first, first + 4))
    assert list(training_part(2, 4, NOTHING)) == [0, 1, 1, 1]


@pytest.fixture(scope="module")
def movi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("movi")
    write_made_movi(root, num_train=1, num_test=1, num_frames=3, side=48)
    return root


def test_movi_samples_are_exact_crops_of_what_is_in_the_folder(movi: Path) -> None:
    source = MoviSamples(movi, "test")
    sample = source.sample(0, NOTHING)
    folder, obj = movi / "test" / "test0000", int(sample.name.rpartition("-")[2])
    for frame, t in zip(sample.frames, sample.frame_indices, strict=True):
        ids = np.asarray(Image.open(folder / f"segmentation_full_{t:05d}.png"))
        np.testing.assert_array_equal(frame.modal, ids == obj + 1)
        assert not (frame.modal & ~frame.amodal).any()
        rows = np.flatnonzero(frame.modal.any(1))
        assert frame.box[:2] == (rows[0], rows[-1] + 1)  # Kubric's boxes end behind the last pixel
    assert sample.patches.shape == (len(sample.frames), 3, 128, 128)
    assert sample.full.shape == sample.visible.shape == (len(sample.frames), 121, 121)
    assert sample.intrinsics[0, 0] == pytest.approx(35 / 32)
    assert len(MoviSamples(movi, "train", length=5).sample(0, NOTHING).frames) == 5


def test_made_scenes_hide_things_and_are_the_same_every_time(movi: Path, tmp_path: Path) -> None:
    write_made_movi(tmp_path, num_train=0, num_test=1, num_frames=3, side=48)
    for file in sorted((movi / "test" / "test0000").iterdir()):
        assert file.read_bytes() == (tmp_path / "test" / "test0000" / file.name).read_bytes(), file.name
    source = MoviSamples(movi, "test")
    frames = [f for i in range(len(source)) for f in source.sample(i, NOTHING).frames]
    assert any((f.amodal & ~f.modal).any() for f in frames)


def test_a_movi_record_that_lacks_something_is_named(movi: Path, tmp_path: Path) -> None:
    (tmp_path / "test" / "a").mkdir(parents=True)
    np.save(tmp_path / "test" / "instance_list.npy", np.array(["a-0"]))
    (tmp_path / "test" / "a" / "metadata.json").write_text('{"instances": []}')
    with pytest.raises(FormatError, match="a-0"):
        MoviSamples(tmp_path, "test").sample(0, NOTHING)


def kitti(root: Path, frames: int, *, unlabelled: int) -> Path:
    """One object over some frames, one of which has its label outside the window."""
    height, width, name = 60, 90, "2011_09_26_drive_0001_sync"
    video = root / "Kitti" / "raw_video" / name[:10] / name
    calib, data = root / "Kitti" / "calib", root / "car_data"
    for folder in (video, calib, data):
        folder.mkdir(parents=True)
    rows = ["P0: 0", "P1: 0", "P2: 700 0 40 4 0 710 30 0 0 0 1 0"]
    (calib / "26.txt").write_text("\n".join(rows))
    seen, whole = {}, {}
    for t in range(frames):
        Image.fromarray(np.full((height, width, 3), 10 * t, np.uint8)).save(video / f"{t:010d}.png")
        modal, amodal = np.zeros((2, height, width), np.uint8)
        modal[20:30, 40:60] = 1
        amodal[(slice(0, 3) if t == unlabelled else slice(20, 36)), 40:60] = 1
        seen[t] = {"VM": coco_mask.encode(np.asfortranarray(modal)), "VM_bbox": [20, 29, 40, 59]}
        whole[t] = {"FM": coco_mask.encode(np.asfortranarray(amodal))}
    for suffix, what in (("data", seen), ("data_full_mask", whole)):
        (data / f"test_{suffix}.pkl").write_bytes(pickle.dumps({name: {3: what}}))
    return root


def test_kitti_pads_short_test_clips_and_tests_labels_inside_the_window(tmp_path: Path) -> None:
    source = KittiSamples(kitti(tmp_path, 3, unlabelled=1), "test", 5)
    sample = source.sample(0, NOTHING)
    assert sample.frame_indices == (0, 1, 2, 2, 2)
    assert sample.labelled.tolist() == [True, False, True, True, True]
    np.testing.assert_array_equal(sample.intrinsics, [[700, 0, 40], [0, 710, 30], [0, 0, 1]])
    exact = measured(source, lambda s: s.full.astype(np.float32))
    assert exact.num_frames == 4  # the repeated frames count, the unlabelled one does not
    assert exact.mean_iou == pytest.approx(1)


def test_the_test_loop_counts_nothing_hidden_as_zero_and_drops_exact_answers() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True
    larger = mask.copy()
    larger[10:20, 20:26] = True

    def frame(amodal: np.ndarray) -> ObjectFrame:
        return ObjectFrame(np.zeros((40, 40, 3), np.uint8), mask, amodal, (10, 19, 10, 19))

    class Two:
        def __len__(self) -> int:
            return 1

        def sample(self, index: int, random: np.random.RandomState) -> Sample:
            return Sample("two", (frame(mask), frame(larger)), np.eye(3, dtype=np.float32), (0, 1))

    totals = measured(Two(), lambda s: np.zeros((2, 121, 121), np.float32))
    assert (totals.num_frames, totals.num_occ, totals.iou_occ, totals.iou_full) == (2, 2, 0, 0)


def test_predictions_on_its_own_data_are_those_of_the_test_loop(
    movi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the data's boxes and camera, without what is seen; ``evaluate`` then finds the test loop's totals."""
    network = tiny_network()
    with torch.no_grad():  # random weights answer about a half everywhere: an answer with some shape
        network = deepcopy(network)
        network.dec_fm.deconv3.weight *= 40
    monkeypatch.setattr(
        registry, "load", lambda stage, name: LoadedEngine(registry.spec_of(stage, name), EorasAmodal(network))
    )
    out, report = tmp_path / "answers", tmp_path / "report.json"
    told = ["--truth", str(movi)]
    assert main(["predict", "movi", *told, "--engine", "eoras-movi-d", "--out", str(out)]) == 0
    assert "union_with_modal false" in capsys.readouterr().out
    assert main(["evaluate", "movi", *told, "--predictions", str(out), "--json", str(report), "--no-baselines"]) == 0
    expected = measured(MoviSamples(movi, "test"), network_answer(network))
    (row,) = json.loads(report.read_text())["tables"]["reference"].values()
    assert 0 < expected.iou_full < 1
    assert row["miou_full"]["mean"] == pytest.approx(expected.iou_full, abs=1e-4)
    assert row["miou_occ"]["mean"] == pytest.approx(expected.iou_occ, abs=1e-4)
    source = MoviSamples(movi, "test")
    sample = source.sample(0, NOTHING)
    video, _, obj = sample.name.rpartition("-")
    probabilities = network_answer(network)(sample)
    for t, frame, probability in zip(sample.frame_indices, sample.frames, probabilities, strict=True):
        mask = np.asarray(Image.open(out / video / f"segmentation_{obj}_{t:05d}.png")) > 0
        assert (mask != pasted(probability, frame.window, frame.modal.shape)).mean() < 1e-3
