import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from annotating import annotate, rectangle
from conftest import write_images
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vas_tool.errors import Cancelled, FormatError, PromptError, VideoError
from vas_tool.formats import sequences
from vas_tool.formats.mask_folder import only_object, paired_masks
from vas_tool.formats.mask_names import FrameNames
from vas_tool.formats.mask_values import MaskValues
from vas_tool.formats.sequences import (
    frames_without_mask,
    is_sequences_folder,
    read_sequences,
    write_sequences,
)
from vas_tool.imports.given_masks import give_masks, import_sequences, masks_for
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project
from vas_tool.types import Mask

SIZE = (64, 48)
Make = Callable[..., Project]


def save(path: Path, mask: Mask, *, on: int = 255) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), mask.astype(np.uint8) * on)
    return path


def import_masks(
    project: Project, object_id: int, folder: Path, *, mask_values: MaskValues = "auto", edit_id: int | None = None
) -> None:
    """Give an object the masks of a folder, as a batch does."""
    masks = masks_for(project, folder, mask_values=mask_values)
    give_masks(project, project.truth.object(object_id), only_object(masks, folder), edit_id=edit_id)


def block(i: int) -> Mask:
    return rectangle(SIZE, 3 * i, 4, 3 * i + 13, 14)


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """Five frames, five masks, named alike."""
    folder = tmp_path / "horse"
    write_images(folder / "rgbs", 5, SIZE)
    for i in range(5):
        save(folder / "masks" / f"{i:05d}.png", block(i))
    return folder


def test_out_and_in_again(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={i: block(i) for i in range(5)})
    folder = write_sequences(small_project, tmp_path / "out", object_id=1)
    assert folder == tmp_path / "out" / "clip" and is_sequences_folder(folder)
    names = [f"frame_{i:03d}.png" for i in range(5)]
    assert sorted(p.name for p in (folder / "rgbs").iterdir()) == names
    assert sorted(p.name for p in (folder / "masks").iterdir()) == names
    assert set(np.unique(cv2.imread(str(folder / "masks" / names[2]), cv2.IMREAD_UNCHANGED))) == {0, 255}
    again = import_sequences(folder, tmp_path / "again", label="car")
    try:
        assert all(np.array_equal(again.clip[i], small_project.clip[i]) for i in range(5))
        assert list(again.modal(1)) == [0, 1, 2, 3, 4]
        assert all(np.array_equal(again.modal(1)[i], block(i)) for i in range(5))
        assert again.truth.object(1).label == "car" and again.truth.object(1).given == (0, 1, 2, 3, 4)
        stamp = again.layers(1).modal_stamp(again.truth.object(1), 0)
        assert stamp is not None and stamp.engine == "given"
    finally:
        again.close()


def test_one_folder_an_object(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={0: block(0)})
    annotate(small_project, modal={0: block(1)})
    folders = [write_sequences(small_project, tmp_path / "out", object_id=i) for i in (1, 2)]
    assert [f.name for f in folders] == ["clip_object1", "clip_object2"]
    with pytest.raises(PromptError):
        write_sequences(small_project, tmp_path / "out", object_id=3)


def test_frames_without_a_mask_are_black_and_named(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={1: block(1), 3: np.zeros((48, 64), bool)})
    folder = write_sequences(small_project, tmp_path / "out", object_id=1)
    assert not cv2.imread(str(folder / "masks" / "frame_000.png")).any()
    assert frames_without_mask(small_project, 1) == [0, 2, 4]


def test_a_former_export_is_replaced_and_nothing_else(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={0: block(0)})
    folder = write_sequences(small_project, tmp_path / "out", object_id=1)
    (folder / "masks" / "frame_777.png").touch()
    write_sequences(small_project, tmp_path / "out", object_id=1)
    assert not (folder / "masks" / "frame_777.png").exists()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(FormatError, match=r"holds notes\.txt"):
        write_sequences(small_project, tmp_path / "out", object_id=1)
    assert (folder / "notes.txt").read_text() == "mine" and (folder / "rgbs" / "frame_000.png").exists()


def test_a_cancelled_export_leaves_nothing(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={0: block(0)})

    def cancel(done: int, total: int, what: str) -> None:
        if done == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        write_sequences(small_project, tmp_path / "out", object_id=1, progress=cancel)
    assert not list((tmp_path / "out").iterdir())


def test_names_sort_in_the_order_of_the_frames(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequences, "FEWEST_DIGITS", 1)  # as if 3 digits were too few
    project = make_project(12)
    annotate(project, modal={i: block(i) for i in range(12)})
    folder = write_sequences(project, tmp_path / "out", object_id=1)
    names = sorted(p.name for p in (folder / "masks").iterdir())
    assert names == [f"frame_{i:02d}.png" for i in range(12)]


def test_masks_pair_by_name_when_there_are_fewer(sequence: Path) -> None:
    (sequence / "masks" / "00001.png").unlink()
    (sequence / "masks" / "00003.png").unlink()
    source = read_sequences(sequence)
    assert sorted(source.masks) == [0, 2, 4] and source.num_frames == 5 and source.size_wh == SIZE


def test_masks_of_other_names_pair_in_order_and_that_is_said(sequence: Path) -> None:
    names = [f"{letter}.png" for letter in "abcde"]
    for i, name in enumerate(names):
        (sequence / "masks" / f"{i:05d}.png").rename(sequence / "masks" / name)
    source = read_sequences(sequence)
    assert [p.name for _, p in sorted(source.masks.items())] == names
    assert source.notes == ("no mask has the name of a frame: they were taken in their order, a.png for frame 00000",)
    (sequence / "masks" / "e.png").unlink()
    with pytest.raises(FormatError, match="4 masks for 5 frames"):
        read_sequences(sequence)


def test_names_that_half_fit_are_refused_not_guessed(sequence: Path) -> None:
    for i in range(4, -1, -1):
        (sequence / "masks" / f"{i:05d}.png").rename(sequence / "masks" / f"{i + 1:05d}.png")
    with pytest.raises(FormatError, match=r"00005\.png has the name of no frame"):
        read_sequences(sequence)


def test_the_odd_file_is_named(sequence: Path, tmp_path: Path) -> None:
    save(sequence / "masks" / "00002.png", rectangle((48, 64), 0, 0, 9, 9))
    with pytest.raises(FormatError, match=r"00002\.png is \(48, 64\), the frames are \(64, 48\)"):
        import_sequences(sequence, tmp_path / "new")
    (sequence / "masks" / "00002.png").write_text("no picture")
    with pytest.raises(FormatError, match=r"00002\.png does not read"):
        import_sequences(sequence, tmp_path / "new")
    whole = (sequence / "rgbs" / "00003.png").read_bytes()
    (sequence / "masks" / "00002.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"00002\.png does not read"):
        import_sequences(sequence, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_folders_that_are_no_sequence(sequence: Path, tmp_path: Path) -> None:
    for path in (sequence / "masks").iterdir():
        path.unlink()
    with pytest.raises(VideoError, match="holds no images"):
        read_sequences(sequence)
    (sequence / "masks").rmdir()
    assert not is_sequences_folder(sequence)
    with pytest.raises(FormatError, match="no folders rgbs and masks"):
        read_sequences(sequence)


def test_grey_above_128_is_object(sequence: Path, tmp_path: Path) -> None:
    grey = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    Image.fromarray(grey).save(sequence / "masks" / "00000.png")
    project = import_sequences(sequence, tmp_path / "new")
    project.close()
    assert np.array_equal(project.modal(1)[0], grey > 128)


@pytest.mark.parametrize("mode", ["1", "RGB", "RGBA", "P"])
def test_masks_of_any_mode(sequence: Path, tmp_path: Path, mode: str) -> None:
    for path in (sequence / "masks").iterdir():
        with Image.open(path) as image:
            changed = image.convert(mode)
        changed.save(path)
    project = import_sequences(sequence, tmp_path / "new")
    project.close()
    assert np.array_equal(project.modal(1)[3], block(3))


def test_masks_of_zeros_and_ones_are_not_taken_as_empty(sequence: Path, tmp_path: Path) -> None:
    for i in range(5):
        save(sequence / "masks" / f"{i:05d}.png", block(i), on=1)
    with pytest.raises(FormatError, match="reaches only 1 of 255"):
        import_sequences(sequence, tmp_path / "new", mask_values="grey")
    assert not (tmp_path / "new").exists()
    project = import_sequences(sequence, tmp_path / "new")
    project.close()
    assert np.array_equal(project.modal(1)[3], block(3))


def test_an_object_that_is_never_seen_is_no_error(sequence: Path, tmp_path: Path) -> None:
    for i in range(5):
        save(sequence / "masks" / f"{i:05d}.png", np.zeros((48, 64), bool))
    project = import_sequences(sequence, tmp_path / "new")
    project.close()
    assert list(project.modal(1)) == [0, 1, 2, 3, 4] and not project.modal(1)[0].any()


@pytest.mark.parametrize("when", [1, 7, 12])
def test_a_cancelled_import_leaves_nothing(sequence: Path, tmp_path: Path, when: int) -> None:
    calls = 0

    def cancel(done: int, total: int, what: str) -> None:
        nonlocal calls
        calls += 1
        if calls == when:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        import_sequences(sequence, tmp_path / "new", progress=cancel)
    assert not (tmp_path / "new").exists()
    import_sequences(sequence, tmp_path / "new").close()


def test_masks_for_an_object_that_is_there(small_project: Project, sequence: Path) -> None:
    object_id = annotate(small_project, "cat")
    (sequence / "masks" / "00004.png").unlink()
    import_masks(small_project, object_id, sequence / "masks")
    obj = small_project.truth.object(object_id)
    assert obj.given == (0, 1, 2, 3) and obj.label == "cat"
    assert np.array_equal(small_project.modal(object_id)[2], block(2))
    small_project.undo()
    assert not len(small_project.modal(object_id))
    small_project.redo()
    assert np.array_equal(small_project.modal(object_id)[2], block(2))


def test_masks_given_later_join_those_given_before(small_project: Project, sequence: Path) -> None:
    object_id = annotate(small_project)
    for there, away in ((range(2), range(2, 5)), (range(1, 4), (0, 4))):
        for i in away:
            (sequence / "masks" / f"{i:05d}.png").unlink(missing_ok=True)
        for i in there:
            save(sequence / "masks" / f"{i:05d}.png", block(i))
        import_masks(small_project, object_id, sequence / "masks")
    assert small_project.truth.object(object_id).given == (0, 1, 2, 3)


def test_masks_replaced_under_an_edit_come_back_with_it(small_project: Project, sequence: Path) -> None:
    object_id = annotate(small_project)
    import_masks(small_project, object_id, sequence / "masks")
    save(sequence / "masks" / "00000.png", block(9))
    edit = small_project.edit("run")
    import_masks(small_project, object_id, sequence / "masks", edit_id=edit)
    assert np.array_equal(small_project.modal(object_id)[0], block(9))
    while small_project.is_done(edit):
        small_project.undo()
    assert np.array_equal(small_project.modal(object_id)[0], block(0))


def test_bad_masks_change_nothing(small_project: Project, sequence: Path) -> None:
    object_id = annotate(small_project)
    (sequence / "masks" / "00004.png").write_bytes((sequence / "masks" / "00004.png").read_bytes()[:60])
    truth = small_project.truth
    with pytest.raises(FormatError):
        import_masks(small_project, object_id, sequence / "masks")
    assert small_project.truth is truth and not len(small_project.layers(object_id).given)


@given(st.sets(st.integers(0, 30), min_size=1), st.integers(1, 31))
def test_pairing_by_name_is_exact(tmp_path_factory: pytest.TempPathFactory, there: set[int], num_frames: int) -> None:
    folder = tmp_path_factory.mktemp("masks")
    for i in there:
        save(folder / f"{i:02d}.png", rectangle((8, 8), 0, 0, 4, 4))
    stems = [f"{i:02d}" for i in range(num_frames)]
    try:
        pairs = paired_masks(folder, FrameNames(tuple(stems)), size_wh=(8, 8)).masks
    except FormatError:
        pairs = None
    shutil.rmtree(folder)
    if there <= set(range(num_frames)):
        assert pairs is not None and {i: p.stem for i, p in pairs.items()} == {i: f"{i:02d}" for i in there}
    elif there & set(range(num_frames)):
        assert pairs is None


def test_masks_go_by_the_names_that_the_frames_have_in_their_source(tmp_path: Path) -> None:
    """Frames counted from 1: mask 00001 is of the clip's frame 0; also in a part of the clip, and after opening."""
    images = write_images(tmp_path / "frames", 6, SIZE)
    for i in range(5, -1, -1):
        (images / f"{i:05d}.png").rename(images / f"{i + 1:05d}.png")
        save(tmp_path / "masks" / f"{i + 1:05d}.png", block(i))
    create_project(tmp_path / "p", images, start_seconds=2 / 8).close()
    project = Project.open(tmp_path / "p")
    object_id = annotate(project)
    masks = masks_for(project, tmp_path / "masks", source=images)
    assert masks.notes == ("2 masks are of frames that the clip has not, and left out: 00001.png, 00002.png",)
    give_masks(project, project.truth.object(object_id), masks.objects[0])
    assert all(np.array_equal(project.modal(object_id)[i], block(i + 2)) for i in range(4))
    project.close()


def test_several_values_become_several_objects(sequence: Path, tmp_path: Path, small_project: Project) -> None:
    for i in range(5):
        both = np.where(block(i), 1, np.where(rectangle(SIZE, 40, 30, 50, 40), 2, 0)).astype(np.uint8)
        Image.fromarray(both).save(sequence / "masks" / f"{i:05d}.png")
    project = import_sequences(sequence, tmp_path / "new")
    project.close()
    assert [obj.label for obj in project.truth.objects] == ["horse 1", "horse 2"]
    assert np.array_equal(project.modal(1)[4], block(4)) and project.modal(2)[4].sum() == 100
    assert project.source.notes == ("the masks' values were read as 2 objects: 1, 2",)
    object_id = annotate(small_project)
    with pytest.raises(FormatError, match=r"2 objects \(values 1, 2\), and one is asked for"):
        import_masks(small_project, object_id, sequence / "masks")
    import_masks(small_project, object_id, sequence / "masks", mask_values="binary")
    assert small_project.modal(object_id)[0].sum() == block(0).sum() + 100
