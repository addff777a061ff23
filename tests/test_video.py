"""A video or a folder of images -> a clip."""

import gc
import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from video_files import SIZE_WH, make_video, number_of, numbered, set_display_matrix

from vas_tool.types import Clip
from vas_tool.video import FolderClip, ImportedClip, import_frames


def imported(source: Path, **options: object) -> tuple[ImportedClip, FolderClip]:
    frames_dir = source.parent / f"{source.name}.frames"
    result = import_frames(source, frames_dir, **options)
    clip = FolderClip(frames_dir, fps=result.fps, size_wh=result.size_wh)
    assert isinstance(clip, Clip)
    assert len(clip) == len(result.ledger)
    assert sorted(p.name for p in source.parent.iterdir() if p.name.startswith(".")) == []
    return result, clip


def assert_numbers_match(result: ImportedClip, clip: FolderClip) -> None:
    assert [number_of(frame) for frame in clip[:]] == [record.source_index for record in result.ledger]


Turn = Callable[[np.ndarray], np.ndarray]
NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("rate", "first"),
    [
        (24, [0, 3, 6, 9]),
        (25, [0, 3, 6, 9, 12, 16, 19, 22, 25]),  # k * 3.125, rounded
        (NTSC, [0, 4, 7, 11, 15]),  # 3.746, 7.49, 11.24, 14.985
        (30, [0, 4, 7, 11, 15]),  # 3.75, 7.5 (a tie goes to the earlier), 11.25, 15
        (60, [0, 7, 15, 22, 30]),  # 7.5 -> 7, 15, 22.5 -> 22, 30
        (12, [0, 1, 3, 4, 6]),  # 1.5 -> 1, 3, 4.5 -> 4
        (8, [0, 1, 2, 3, 4]),
    ],
    ids=str,
)
def test_constant_rates_give_the_nearest_frames(tmp_path: Path, rate: Fraction, first: list[int]) -> None:
    num = int(2 * rate)
    result, clip = imported(make_video(tmp_path / "a.mp4", num, rate=rate))
    indices = [record.source_index for record in result.ledger]
    assert indices[: len(first)] == first
    assert len(indices) == 16
    assert result.fps == clip.fps == 8
    assert result.source.fps == pytest.approx(float(rate))
    assert [r.pts_seconds for r in result.ledger] == pytest.approx([i / rate for i in indices], abs=1e-4)
    assert_numbers_match(result, clip)


def test_a_slower_source_gives_each_of_its_frames_once(tmp_path: Path) -> None:
    result, clip = imported(make_video(tmp_path / "a.mp4", 12, rate=5))
    assert [record.source_index for record in result.ledger] == list(range(12))
    assert result.fps == clip.fps == 5  # so that it plays at its own speed
    assert_numbers_match(result, clip)


def test_a_variable_rate_goes_by_time(tmp_path: Path) -> None:
    # A second at 30, one frame held for a second, then a second at 10.
    times = [Fraction(i, 30) for i in range(30)] + [Fraction(2) + Fraction(i, 10) for i in range(10)]
    result, clip = imported(make_video(tmp_path / "a.mp4", len(times), times=times))
    for record in result.ledger:
        assert record.pts_seconds == pytest.approx(float(times[record.source_index]), abs=1e-4)
    in_first = [r.source_index for r in result.ledger if r.pts_seconds < 1]
    assert in_first == [0, 4, 7, 11, 15, 19, 22, 26, 29]
    in_second = [r.source_index for r in result.ledger if r.pts_seconds >= 1]
    assert in_second == [30, 31, 32, 34, 35, 36, 37, 39]
    assert_numbers_match(result, clip)


def test_the_rate_is_the_declared_one_unless_that_is_a_guess(tmp_path: Path) -> None:
    # Matroska's times are whole milliseconds: measured, this would be 29.97-something.
    exact, _ = imported(make_video(tmp_path / "a.mkv", 40, rate=NTSC))
    assert exact.source.fps == float(NTSC)
    # Declared 25, but 20 in truth.
    other, _ = imported(make_video(tmp_path / "b.mkv", 20, rate=25, times=[Fraction(i, 20) for i in range(20)]))
    assert other.source.fps == pytest.approx(20)


def test_a_hold_does_not_change_the_rate_and_is_told(tmp_path: Path) -> None:
    # 25 a second, but one picture is held for two seconds in the middle.
    times = [Fraction(i, 25) + (2 if i >= 10 else 0) for i in range(20)]
    held, clip = imported(make_video(tmp_path / "b.mkv", 20, rate=25, times=times))
    assert (held.source.fps, held.fps, clip.fps) == (25, 8, 8)
    (note,) = held.source.notes
    assert "held for up to 2.04 s" in note and "it lasts 1.00 s of 2.80 s" in note


def test_time_starts_at_the_first_frame(tmp_path: Path) -> None:
    times = [Fraction(14, 10) + Fraction(i, 24) for i in range(24)]
    result, _ = imported(make_video(tmp_path / "a.mkv", 24, times=times))
    assert result.ledger[0].pts_seconds == 0
    assert [r.source_index for r in result.ledger[:3]] == [0, 3, 6]


def test_a_range_and_another_rate(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", 60, rate=20)
    result, clip = imported(source, fps=4, start_seconds=0.5, end_seconds=2)
    assert [r.source_index for r in result.ledger] == [10, 15, 20, 25, 30, 35]
    assert result.fps == 4
    assert_numbers_match(result, clip)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("b-frames.mp4", "libx264", "yuv420p", {"bf": "3", "g": "12"}),
        ("a.mkv", "libx264", "yuv420p", {}),
        ("a.webm", "libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
        ("a.gif", "gif", "rgb8", {}),
        ("a.ts", "mpeg2video", "yuv420p", {}),
        ("raw.h264", "libx264", "yuv420p", {}),
        ("10-bit.mp4", "libx264", "yuv420p10le", {}),
        ("grey.mkv", "ffv1", "gray", {}),
        ("alpha.mov", "qtrle", "argb", {}),
        ("full-range.mov", "mjpeg", "yuvj444p", {"qscale": "2"}),
        ("interlaced.mp4", "libx264", "yuv420p", {"flags": "+ildct+ilme"}),
        ("lossless.mkv", "ffv1", "bgr0", {}),
    ],
)
def test_what_videos_are_made_of(tmp_path: Path, name: str, codec: str, pix_fmt: str, options: dict[str, str]) -> None:
    source = make_video(tmp_path / name, 25, rate=25, codec=codec, pix_fmt=pix_fmt, options=options)
    result, clip = imported(source)
    # The GIF's times are in hundredths of a second, exact for 25 a second.
    assert [r.source_index for r in result.ledger] == [0, 3, 6, 9, 12, 16, 19, 22]
    assert_numbers_match(result, clip)
    if pix_fmt != "gray":
        near = 90 if pix_fmt == "rgb8" else 8  # two bits of blue, dithered
        expected = numbered(result.ledger[-1].source_index).astype(int)
        assert np.abs(clip[-1].astype(int) - expected)[20:, 4:60].max() <= near
        assert np.abs(clip[-1].astype(int) - expected)[4:12, 4:12].max() <= near
    assert ("interlaced" in " ".join(result.source.notes)) == ("interlaced" in name)


@pytest.mark.parametrize(
    ("matrix", "rotation", "turn"),
    [
        ((0, 1, -1, 0), 90, lambda f: np.rot90(f, -1)),
        ((-1, 0, 0, -1), 180, lambda f: np.rot90(f, 2)),
        ((0, -1, 1, 0), 270, lambda f: np.rot90(f, 1)),
        ((-1, 0, 0, 1), 180, lambda f: f[:, ::-1]),
    ],
    ids=["90", "180", "270", "mirrored"],
)
def test_the_rotation_tag_is_applied(
    tmp_path: Path, matrix: tuple[int, int, int, int], rotation: int, turn: Turn
) -> None:
    source = set_display_matrix(make_video(tmp_path / "a.mp4", 25), matrix)
    result, clip = imported(source)
    expected = turn(numbered(0))
    assert result.source.rotation == rotation
    assert result.size_wh == result.source.size_wh == clip.size_wh == (expected.shape[1], expected.shape[0])
    assert np.abs(clip[0].astype(int) - expected).mean() < 6
    assert any("mirrored" in note for note in result.source.notes) == (matrix == (-1, 0, 0, 1))


def test_odd_sizes_stay_as_they_are(tmp_path: Path) -> None:
    frames = [numbered(i)[:47, :127] for i in range(9)]
    result, clip = imported(make_video(tmp_path / "a.mkv", frames, rate=8, codec="ffv1", pix_fmt="bgr0"))
    assert result.size_wh == (127, 47)
    assert np.abs(clip[3].astype(int) - frames[3]).mean() < 3


def test_pixels_that_are_not_square_are_noted(tmp_path: Path) -> None:
    result, _ = imported(make_video(tmp_path / "a.mp4", 9, sar=Fraction(4, 3)))
    assert result.size_wh == SIZE_WH
    assert any("not square" in note for note in result.source.notes)


def test_the_source_is_described(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", 25)
    result, _ = imported(source)
    assert result.source.path == str(source)
    assert result.source.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (result.source.kind, result.source.size_wh, result.source.rotation) == ("video", SIZE_WH, 0)
    assert result.source.notes == ()


def test_frames_keep_their_full_colour_resolution(tmp_path: Path) -> None:
    _, clip = imported(make_video(tmp_path / "a.mp4", 2))
    with Image.open(clip.frame_path(0)) as image:
        assert image.format == "JPEG"
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


def test_a_picture_without_a_colour_tag_is_taken_as_players_do(tmp_path: Path) -> None:
    # 720 lines and no tag: BT.709. Taken as BT.601 this green would be off by more than 20.
    green = np.full((720, 1280, 3), (30, 200, 40), np.uint8)
    picture = av.VideoFrame.from_ndarray(green, format="rgb24").reformat(format="yuv420p", dst_colorspace="ITU709")
    yuv = picture.to_ndarray()
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=8)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(yuv, format="yuv420p")))
        container.mux(stream.encode(None))
    _, clip = imported(tmp_path / "a.mkv")
    assert np.abs(clip[0].astype(int) - green).max() <= 5


def test_progress_counts_up_to_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    imported(make_video(tmp_path / "a.mp4", 50), progress=lambda *args: seen.append(args))
    dones, totals, whats = zip(*seen, strict=True)
    assert list(dones) == sorted(dones)
    assert all(done <= total for done, total, _ in seen)
    assert seen[-1] == (16, 16, "reading frames")
    assert set(whats) == {"reading frames"}
    assert totals[0] == 16


def test_pictures_do_not_wait_for_the_garbage_collector(tmp_path: Path) -> None:
    # A reference cycle in each picture once made the memory of an import grow with its length.
    source = make_video(tmp_path / "a.mp4", 50)
    gc.collect()
    gc.disable()
    try:
        imported(source)
        # Not isinstance: it asks every object in the process for its class, and some of torch's warn when asked.
        left = sum(issubclass(type(obj), av.VideoFrame) for obj in gc.get_objects())
    finally:
        gc.enable()
    assert left <= 2


@pytest.mark.parametrize("name", ["a%03d.mp4", "concat:a.mp4", "http:a.mp4", "ünï cødé.mp4", "-i.mp4", "no suffix"])
def test_unusual_names_are_only_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    make_video(Path("a.mp4"), 9).rename(name)
    assert len(import_frames(Path(name), Path("frames")).ledger) == 3


def test_joined_recordings_of_two_sizes_become_one_clip(tmp_path: Path) -> None:
    first = make_video(tmp_path / "1.ts", 25, codec="mpeg2video")
    wider = [np.repeat(numbered(100 + i), 2, axis=1) for i in range(25)]
    second = make_video(tmp_path / "2.ts", wider, codec="mpeg2video")
    (tmp_path / "joined.ts").write_bytes(first.read_bytes() + second.read_bytes())
    result, clip = imported(tmp_path / "joined.ts")
    numbers = [number_of(frame) for frame in clip[:]]
    assert numbers[:8] == [0, 3, 6, 9, 12, 16, 19, 22]
    # The decoder itself loses a picture where the size changes.
    assert {n - r.source_index for n, r in zip(numbers[8:], result.ledger[8:], strict=True)} <= {75, 76}
    assert len(numbers) == 16
    assert any("its size changes at frame 2" in note for note in result.source.notes)


def test_a_single_picture_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    Image.fromarray(numbered(9)).save(tmp_path / "a.png")
    result, clip = imported(tmp_path / "a.png")
    assert (result.source.fps, result.fps) == (None, 8)
    assert [number_of(frame) for frame in clip[:]] == [9]
