"""What cannot become a clip says why and what to do, and leaves nothing behind."""

import errno
import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from video_files import blank, make_sound, make_video, number_of, numbered, packets_of, remuxed

from vas_tool.errors import Cancelled, VideoError
from vas_tool.video import FolderClip, import_frames, source, storing


def assert_refused(tmp_path: Path, source: Path, says: str, **options: object) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(VideoError, match=says):
        import_frames(source, tmp_path / "frames", **options)
    assert sorted(tmp_path.rglob("*")) == before


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert_refused(tmp_path, tmp_path / "no.mp4", "does not exist; check the path")
    assert_refused(tmp_path, tmp_path / ("x" * 5000), "check the path")
    assert_refused(tmp_path, tmp_path / "a\0b", "check the path")


def test_neither_a_file_nor_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert_refused(tmp_path, tmp_path / "pipe.mp4", "neither a file nor a folder")


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "a.mp4", 2)
    monkeypatch.setattr("vas_tool.video.containers.open", refuse(errno.EACCES), raising=False)
    assert_refused(tmp_path, path, "Permission denied.*check its permissions")


def refuse(number: int) -> Callable[..., None]:
    def open_(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return open_


def test_what_is_not_a_video(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 20000, np.uint8).tobytes()
    assert_refused(tmp_path, written(tmp_path / "empty.mp4", b""), "is empty; copy it")
    assert_refused(tmp_path, written(tmp_path / "noise.mp4", noise), "not a video that can be opened.*convert it")
    assert_refused(tmp_path, written(tmp_path / "notes.txt", b"hello world\n" * 99), "text, not a video; choose")
    assert_refused(tmp_path, written(tmp_path / "page.mp4", b"<html><body>404</body></html>"), "not a video")


def test_a_playlist_opens_nothing_else(tmp_path: Path) -> None:
    make_video(tmp_path / "a.ts", 25, codec="mpeg2video")
    text = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"
    assert_refused(tmp_path, written(tmp_path / "list.m3u8", text), "playlist, not a video|not a video")


def test_sound_only(tmp_path: Path) -> None:
    assert_refused(tmp_path, make_sound(tmp_path / "a.m4a"), "sound but no pictures; choose")


def test_no_picture_decodes(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", 5, options={"bf": "0"}).read_bytes()
    start = whole.index(b"mdat") + 4
    end = whole.index(b"moov") - 4
    broken = whole[:start] + b"\xff" * (end - start) + whole[end:]
    assert_refused(tmp_path, written(tmp_path / "a.mp4", broken), "no picture of .* could be decoded; .*copy it from")


def test_a_file_without_its_index(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", 50).read_bytes()
    assert_refused(tmp_path, written(tmp_path / "a.mp4", whole[: len(whole) // 2]), "without its index.*copy it again")


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
def test_a_truncated_file_keeps_what_decodes_and_says_so(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    frames = [numbered(i) for i in range(50)]
    for frame in frames:  # noise, so that the bytes are spread over the frames
        frame[24:] = rng.integers(0, 256, frame[24:].shape)
    path = make_video(tmp_path / name, frames, container_options={"movflags": "faststart"})
    data = path.read_bytes()
    cut = int(len(data) * 0.6)
    # Matroska puts a few bytes of its own in front of each picture.
    whole = sum(position + size + (20 if name == "cut.mkv" else 0) <= cut for position, size in packets_of(path))
    path.write_bytes(data[:cut])
    result = import_frames(path, tmp_path / "frames")
    clip = FolderClip(tmp_path / "frames", fps=result.fps, size_wh=result.size_wh)
    assert result.source.notes == (f"the file ends early: {whole} of about 50 frames were read; the clip has those",)
    assert 20 < whole < 40
    assert whole - 4 < result.ledger[-1].source_index < whole
    assert [number_of(f) for f in clip[:]] == [r.source_index for r in result.ledger]


def test_a_whole_file_is_not_called_truncated(tmp_path: Path) -> None:
    # The last picture of a screen recording is held for five seconds.
    held = remuxed(make_video(tmp_path / "a.mp4", 11, rate=10), tmp_path / "held.mp4", last_ticks=50000)
    with av.open(str(held)) as container:
        assert container.duration > 4 * av.time_base
    times = [Fraction(i, 10) for i in range(10)] + [Fraction(6)]
    for path in (held, make_video(tmp_path / "a.mkv", 11, times=times)):
        (note,) = import_frames(path, tmp_path / f"{path.name}.frames").source.notes
        assert "1 picture is held for up to" in note and "it lasts 1." in note


def test_damage_in_the_middle_is_skipped_and_noted(tmp_path: Path) -> None:
    path = blank(make_video(tmp_path / "a.mov", 48, rate=24, codec="mjpeg", pix_fmt="yuvj420p"), range(20, 23))
    result = import_frames(path, tmp_path / "frames")
    assert result.source.notes == ("damaged pieces of the file that were skipped: 3",)
    assert result.ledger[-1].pts_seconds == pytest.approx(1.875)
    assert len(result.ledger) == 16


def test_one_lost_reference_does_not_end_the_video(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=250"}
    path = blank(make_video(tmp_path / "a.mp4", 48, rate=24, codec="libx265", options=options), range(20, 22))
    result = import_frames(path, tmp_path / "frames")
    assert result.ledger[-1].pts_seconds == pytest.approx(1.875)
    assert any("holds damaged, look at them" in note for note in result.source.notes)


def test_a_recording_cut_in_its_middle_starts_at_its_first_whole_picture(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mkv", 48, rate=24, options={"g": "12", "bf": "0"})
    result = import_frames(remuxed(whole, tmp_path / "a.mkv", skip=5), tmp_path / "frames")
    clip = FolderClip(tmp_path / "frames", fps=8, size_wh=result.size_wh)
    assert [number_of(f) for f in clip[:3]] == [12, 15, 18]
    assert [(r.source_index, r.pts_seconds) for r in result.ledger[:2]] == [(7, 0), (10, 0.125)]
    assert result.source.notes == ("frames before the first whole picture that were left out: 7",)


def test_absurd_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = [np.zeros((8, 64, 3), np.uint8)] * 3
    path = make_video(tmp_path / "tiny.mkv", tiny, codec="ffv1", pix_fmt="bgr0")
    assert_refused(tmp_path, path, "64 x 8 pixels is too small; each side must be at least 16")
    wide = [np.zeros((16, 16400, 3), np.uint8)]
    path = make_video(tmp_path / "wide.mkv", wide, codec="ffv1", pix_fmt="bgr0")
    assert_refused(tmp_path, path, "16400 x 16 pixels is too large; scale it down")
    monkeypatch.setattr(source, "MAX_PIXELS", 6000)
    assert_refused(tmp_path, make_video(tmp_path / "many.mp4", 2), "too large")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"fps": 0}, "more than 0"),
        ({"start_seconds": 2, "end_seconds": 1}, "later than the start"),
        ({"start_seconds": 60}, "lasts 1.00 s and the start is 60 s; choose an earlier start"),
    ],
)
def test_ranges(tmp_path: Path, options: dict[str, float], says: str) -> None:
    assert_refused(tmp_path, make_video(tmp_path / "a.mp4", 25), says, **options)


def test_frames_dir_is_there_already(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    assert_refused(tmp_path, make_video(tmp_path / "a.mp4", 25), "exists already; choose a new folder")


def test_the_parent_is_not_there(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", 25)
    with pytest.raises(VideoError, match=r"cannot be written .*choose a folder"):
        import_frames(path, tmp_path / "no" / "frames")


@pytest.mark.parametrize("kind", ["video", "images"])
@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "disk is full.*free some space"), (errno.EROFS, "cannot be written")]
)
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, number: int, says: str) -> None:
    path = make_video(tmp_path / "a.mp4", 50) if kind == "video" else folder_of_images(tmp_path / "images")
    real = storing.write_bytes

    def write_bytes(file: Path, data: bytes) -> None:
        if file.name.startswith("00003"):
            file.write_bytes(data[:10])
            raise OSError(number, os.strerror(number))
        real(file, data)

    monkeypatch.setattr(storing, "write_bytes", write_bytes)
    monkeypatch.setattr("vas_tool.video.images.write_bytes", write_bytes)
    assert_refused(tmp_path, path, says)


@pytest.mark.parametrize("kind", ["video", "images"])
def test_an_import_cancelled_at_any_moment_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = make_video(tmp_path / "a.mp4", 12) if kind == "video" else folder_of_images(tmp_path / "images")
    monkeypatch.setattr("vas_tool.video.importing.REPORT_SECONDS", 0)
    monkeypatch.setattr(source, "HASH_BLOCK", 100)  # several moments while the file is hashed
    before = sorted(tmp_path.rglob("*"))
    calls: list[int] = []
    import_frames(path, tmp_path / "frames", progress=lambda *_: calls.append(0))
    shutil.rmtree(tmp_path / "frames")
    moments = len(calls)
    assert moments > (40 if kind == "video" else 6)
    for moment in range(moments):
        with pytest.raises(Cancelled):
            import_frames(path, tmp_path / "frames", progress=cancel_at(moment))
        assert sorted(tmp_path.rglob("*")) == before


def cancel_at(moment: int) -> Callable[[int, int, str], None]:
    moments = iter(range(moment + 1))

    def progress(done: int, total: int, what: str) -> None:
        if next(moments) == moment:
            raise Cancelled("stopped")

    return progress


def folder_of_images(folder: Path) -> Path:
    folder.mkdir()
    for i in range(6):
        Image.fromarray(numbered(i)).save(folder / f"{i}.png")
    return folder


def test_a_file_in_which_nothing_decodes_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "a.mov", 20, codec="mjpeg", pix_fmt="yuvj420p")
    data = path.read_bytes()
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    path.write_bytes(data[:start] + bytes(end - start) + data[end:])
    monkeypatch.setattr("vas_tool.video.importing.REPORT_SECONDS", 0)
    with pytest.raises(Cancelled):
        import_frames(path, tmp_path / "frames", progress=cancel_at(9))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mov"]
