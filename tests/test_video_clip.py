"""Frames on disk as a Clip; frames as a video file."""

import errno
import gc
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from video_files import SIZE_WH, number_of, numbered

from vas_tool.errors import VideoError
from vas_tool.types import Clip
from vas_tool.video import FolderClip, clip, import_frames, write_video


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frames_dir = tmp_path / "frames"
    frames_dir.mkdir()
    for i in range(50):
        Image.fromarray(numbered(i)).save(frames_dir / f"{i:05d}.png")
    return frames_dir


@pytest.fixture
def frames(folder: Path) -> FolderClip:
    return FolderClip(folder, fps=8, size_wh=SIZE_WH)


def test_it_is_a_sequence_of_frames(frames: FolderClip) -> None:
    assert isinstance(frames, Clip)
    assert (len(frames), frames.fps, frames.size_wh) == (50, 8, SIZE_WH)
    assert (frames[7].shape, frames[7].dtype) == ((48, 128, 3), np.uint8)
    np.testing.assert_array_equal(frames[7], numbered(7))
    assert number_of(frames[-1]) == 49
    assert number_of(frames[np.int64(3)]) == 3
    assert [number_of(f) for f in frames[2:9:3]] == [2, 5, 8]
    assert [number_of(f) for f in frames[-2:]] == [48, 49]
    assert frames[60:] == []
    assert sum(1 for _ in frames) == 50
    assert frames.frame_path(-1).name == "00049.png"
    for index in (50, -51):
        with pytest.raises(IndexError):
            frames[index]


def test_frames_cannot_be_changed_by_accident(frames: FolderClip) -> None:
    with pytest.raises(ValueError, match="read-only"):
        frames[0][0, 0] = 1


def test_it_is_a_key_by_identity(frames: FolderClip, folder: Path) -> None:
    other = FolderClip(folder, fps=8, size_wh=SIZE_WH)
    assert frames != other
    models = weakref.WeakKeyDictionary({frames: 1, other: 2})
    del other
    gc.collect()
    assert list(models.values()) == [1]


def test_the_cache_is_bounded_in_frames_and_in_bytes(
    frames: FolderClip, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    real = clip.read_frame
    monkeypatch.setattr(clip, "read_frame", lambda path, size: reads.append(path.name) or real(path, size))
    frames[:32], frames[:32]
    assert len(reads) == 32
    frames[0], frames[32], frames[0], frames[1]  # 32 pushed 1 out, the one not used for longest
    assert reads[32:] == ["00032.png", "00001.png"]
    monkeypatch.setattr(clip, "CACHED_BYTES", 3 * frames[0].nbytes)
    small = FolderClip(folder, fps=8, size_wh=SIZE_WH)
    reads.clear()
    small[:4], small[3], small[0]
    assert reads == ["00000.png", "00001.png", "00002.png", "00003.png", "00000.png"]


def test_many_threads_read_at_once(frames: FolderClip) -> None:
    order = np.random.default_rng(0).integers(0, 50, 400).tolist()
    with ThreadPoolExecutor(8) as pool:
        assert [number_of(f) for f in pool.map(frames.__getitem__, order)] == order


def test_a_missing_or_damaged_frame_is_named(frames: FolderClip, folder: Path) -> None:
    (folder / "00003.png").unlink()
    with pytest.raises(VideoError, match=r"00003\.png is missing; put it back"):
        frames[3]
    data = (folder / "00004.png").read_bytes()
    for broken in (b"", b"hello", data[:20], data[:150]):
        (folder / "00004.png").write_bytes(broken)
        with pytest.raises(VideoError, match=r"00004\.png cannot be read"):
            frames[4]
    Image.fromarray(numbered(5)[:-1]).save(folder / "00005.png")
    with pytest.raises(VideoError, match=r"00005\.png is 128 x 47, the clip 128 x 48"):
        frames[5]
    again = FolderClip(folder, fps=8, size_wh=SIZE_WH)
    assert len(again) == 50
    with pytest.raises(VideoError, match=r"00003\.\w+ is missing"):
        again[3]


def test_a_truncated_jpeg_is_not_shown_half_grey(tmp_path: Path) -> None:
    path = tmp_path / "00000.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(VideoError, match=r"00000\.jpg cannot be read"):
        FolderClip(tmp_path, fps=8, size_wh=(64, 64))[0]


def test_a_folder_without_frames(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "no"):
        with pytest.raises(VideoError, match="import the source again"):
            FolderClip(folder, fps=8, size_wh=SIZE_WH)


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_written_video_reads_back(tmp_path: Path, frames: FolderClip, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_video(path, (frames[i] for i in range(20)), fps=8)
    result = import_frames(path, tmp_path / "again")
    back = FolderClip(tmp_path / "again", fps=result.fps, size_wh=result.size_wh)
    assert (result.size_wh, result.fps) == (SIZE_WH, 8)
    assert [number_of(f) for f in back[:]] == list(range(20))
    assert [r.pts_seconds for r in result.ledger] == pytest.approx([i / 8 for i in range(20)], abs=0.011)
    assert np.abs(back[7].astype(int) - numbered(7)).mean() < 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "frames", f"out{suffix}"]


@pytest.mark.parametrize("suffix, times", [(".mp4", 400), (".gif", 5)])
@pytest.mark.parametrize("shape", [(36, 52, 3), (32, 200, 3)])
def test_the_same_frames_give_the_same_file(
    tmp_path: Path, suffix: str, times: int, shape: tuple[int, int, int]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    moving = [np.roll(cv2.GaussianBlur(noise, (0, 0), 2), 2 * step, axis=1) for step in range(6)]
    path = tmp_path / f"same{suffix}"
    written = set()
    for _ in range(times):
        write_video(path, moving, fps=8)
        written.add(path.read_bytes())
    assert len(written) == 1


def test_odd_sizes_are_padded_by_their_edge(tmp_path: Path) -> None:
    odd = np.full((45, 63, 3), (10, 200, 30), np.uint8)
    write_video(tmp_path / "a.mp4", [odd] * 3, fps=29.97)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        picture = next(container.decode(stream)).to_ndarray(format="rgb24")
        assert (stream.codec_context.name, stream.pix_fmt, float(stream.average_rate)) == ("h264", "yuv420p", 29.97)
    assert picture.shape == (46, 64, 3)
    assert np.abs(picture.astype(int) - (10, 200, 30)).max() <= 6
    write_video(tmp_path / "a.gif", [odd] * 3, fps=10)
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.size, image.n_frames, image.info["duration"], image.info["loop"]) == ((63, 45), 3, 100, 0)


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")

    def assert_refused(says: str, frames: object, fps: float = 8, target: Path = path) -> None:
        with pytest.raises(VideoError, match=says):
            write_video(target, frames, fps=fps)
        assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
        assert path.read_bytes() == b"old"

    assert_refused("no frames to write", [])
    assert_refused("frame 1 is .*one size", [numbered(0), numbered(0)[1:]])
    assert_refused("frame 0 is", [numbered(0)[..., 0]])
    assert_refused("more than 0", [numbered(0)], fps=0)
    assert_refused(r"\.mp4 or \.gif", [numbered(0)], target=tmp_path / "a.avi")
    assert_refused("cannot be written", [numbered(0)], target=tmp_path / "no" / "a.mp4")

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("vas_tool.video.writing.os.fsync", full)
    assert_refused("disk is full", [numbered(0)])
