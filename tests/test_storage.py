import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from annotating import rectangle
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as arrays
from PIL import Image

from vas_tool.errors import ProjectBusy, ProjectDamaged, ProjectError
from vas_tool.planning.fingerprint import Fingerprint
from vas_tool.storage import (
    CONTENTS,
    DEPTHS,
    MASKS,
    STAMP_KEY,
    FolderLock,
    LayerFolder,
    Stamp,
    read_stamp,
    write_atomically,
)
from vas_tool.types import Content, Depth, Mask

SIZE = (20, 10)
MADE = Stamp("builtin", "1.0", seed=5, made_from=Fingerprint(source="abc"), certainty=0.75)
FRESH = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_writing_replaces_the_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_atomically(file, b"long text")
    write_atomically(file, b"short")
    assert file.read_bytes() == b"short" and os.listdir(tmp_path) == ["a.json"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    write_atomically(file, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProjectError, match="No space left on device"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.json"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "a.json", tmp_path / "nowhere" / "a.json"):
        with pytest.raises(ProjectError, match="could not be written"):
            write_atomically(place, b"new")


def test_a_folder_is_locked_once(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(ProjectBusy, match=f"pid {os.getpid()}"):
        FolderLock(tmp_path)
    lock.release()
    FolderLock(tmp_path).release()


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    code = "import os, sys; from pathlib import Path; from vas_tool.storage import FolderLock;"
    code += "lock = FolderLock(Path(sys.argv[1])); print(os.getpid(), flush=True); sys.stdin.read()"
    root = str(Path(__file__).parent.parent)
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert other.stdout is not None
    pid = other.stdout.readline().strip()
    with pytest.raises(ProjectBusy, match=f"pid {pid}"):
        FolderLock(tmp_path)
    other.kill()
    other.communicate()
    FolderLock(tmp_path).release()


def test_a_lock_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(ProjectError, match="cannot be locked"):
        FolderLock(tmp_path)


@FRESH
@given(arrays.arrays(bool, (10, 20)))
def test_masks_come_back(tmp_path: Path, mask: Mask) -> None:
    layer: LayerFolder[Mask] = LayerFolder(tmp_path / "modal", MASKS)
    layer.put(3, mask, MADE)
    again: LayerFolder[Mask] = LayerFolder(tmp_path / "modal", MASKS)
    assert np.array_equal(again[3], mask) and again[3].dtype == bool
    stamp = again.stamp(3)
    assert stamp == layer.stamp(3) and stamp is not None
    assert (stamp.engine, stamp.revision, stamp.seed, stamp.made_from, stamp.certainty) == (
        "builtin",
        "1.0",
        5,
        Fingerprint(source="abc"),
        0.75,
    )
    assert stamp.area == mask.sum() and (stamp.box is None) == (not mask.any())


@FRESH
@given(arrays.arrays(np.uint8, (10, 20, 4)))
def test_content_comes_back(tmp_path: Path, content: Content) -> None:
    layer: LayerFolder[Content] = LayerFolder(tmp_path / "content", CONTENTS)
    layer.put(0, content, MADE)
    assert np.array_equal(layer[0], content)
    stamp = layer.stamp(0)
    assert stamp is not None and stamp.area == (content[..., 3] > 0).sum()


@FRESH
@given(arrays.arrays(np.float32, (10, 20), elements={"min_value": 0, "max_value": 1}))
def test_depth_comes_back_to_16_bits(tmp_path: Path, depth: Depth) -> None:
    layer: LayerFolder[Depth] = LayerFolder(tmp_path / "depth", DEPTHS)
    layer.put(0, depth, MADE)
    assert layer[0].dtype == np.float32 and np.abs(layer[0] - depth).max() <= 0.51 / 65535
    assert layer[0].min() >= 0 and layer[0].max() <= 1


def test_the_digest_follows_the_pixels(tmp_path: Path) -> None:
    layer: LayerFolder[Mask] = LayerFolder(tmp_path, MASKS)
    layer.put(0, rectangle(SIZE, 1, 1, 5, 5), MADE)
    layer.put(1, rectangle(SIZE, 1, 1, 5, 5), Stamp("other"))
    layer.put(2, rectangle(SIZE, 1, 1, 5, 6), MADE)
    first, second, third = (layer.stamp(i) for i in range(3))
    assert first and second and third
    assert first.digest == second.digest != third.digest and first.box == (1, 1, 5, 5)


def test_a_layer_is_a_mapping_over_frames(tmp_path: Path) -> None:
    layer: LayerFolder[Mask] = LayerFolder(tmp_path / "modal", MASKS)
    assert len(layer) == 0 and list(layer) == [] and not layer.folder.exists()
    for i in (7, 2):
        layer[i] = rectangle(SIZE, i, 1, i + 3, 4)
    assert list(layer) == [2, 7] and 7 in layer and 3 not in layer and "x" not in layer
    assert layer.stamp(3) is None and layer.get(3) is None
    del layer[2]
    assert list(layer) == [7] and not layer.path(2).exists()
    for missing in (lambda: layer[2], lambda: layer.__delitem__(2)):
        with pytest.raises(KeyError):
            missing()


def test_pictures_are_kept_before_they_are_replaced_or_removed(tmp_path: Path) -> None:
    layer: LayerFolder[Mask] = LayerFolder(tmp_path, MASKS)
    seen: list[tuple[int, int | None]] = []
    layer.before_write = lambda folder, i: seen.append((i, int(folder[i].sum()) if i in folder else None))
    layer[4] = rectangle(SIZE, 0, 0, 1, 1)
    layer[4] = rectangle(SIZE, 0, 0, 2, 1)
    del layer[4]
    assert seen == [(4, None), (4, 1), (4, 2)]


def test_a_picture_put_there_from_outside_is_seen_after_reread(tmp_path: Path) -> None:
    first: LayerFolder[Mask] = LayerFolder(tmp_path, MASKS)
    second: LayerFolder[Mask] = LayerFolder(tmp_path, MASKS)
    first[1] = rectangle(SIZE, 0, 0, 3, 3)
    assert 1 not in second
    second.reread(1)
    assert second[1].sum() == 9
    first.path(1).unlink()
    second.reread(1)
    assert 1 not in second


def test_damaged_pictures_are_named(tmp_path: Path) -> None:
    layer: LayerFolder[Mask] = LayerFolder(tmp_path, MASKS)
    layer[1] = np.random.default_rng(0).random((100, 100)) > 0.5
    whole = layer.path(1).read_bytes()
    layer.path(1).write_bytes(whole[:-200])
    with pytest.raises(ProjectDamaged, match=r"00001\.png does not read"):
        layer[1]
    for bad in (b"", b"no picture", whole[:20]):
        layer.path(1).write_bytes(bad)
        with pytest.raises(ProjectDamaged, match=r"00001\.png does not read"):
            read_stamp(layer.path(1))
        again: LayerFolder[Mask] = LayerFolder(tmp_path, MASKS)  # it costs itself alone
        assert 1 not in again and "00001.png does not read" in again.damaged[1]
        assert layer.path(1).read_bytes() == bad
    Image.fromarray(np.zeros((4, 4), bool)).save(layer.path(1))
    with pytest.raises(ProjectDamaged, match="as a picture of this project"):
        read_stamp(layer.path(1))


def test_stamps_are_readable_by_anyone(tmp_path: Path) -> None:
    layer: LayerFolder[Mask] = LayerFolder(tmp_path, MASKS)
    layer.put(1, rectangle(SIZE, 0, 0, 3, 3), MADE)
    with Image.open(layer.path(1)) as image:
        assert json.loads(image.info[STAMP_KEY])["engine"] == "builtin"


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".00001.png.123.part").write_bytes(b"half")
    (tmp_path / "notes.png").write_bytes(b"mine")
    layer: LayerFolder[Mask] = LayerFolder(tmp_path, MASKS)
    assert len(layer) == 0 and (tmp_path / "notes.png").read_bytes() == b"mine"
