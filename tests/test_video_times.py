"""Videos whose containers lie, or tell less than they could: what a player makes of them, the clip is."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, features
from video_files import make_video, number_of, numbered

from vas_tool.errors import VasToolError, VideoError
from vas_tool.video import FolderClip, ImportedClip, import_frames

B_FRAMES = {"bf": "3", "preset": "ultrafast", "x264-params": "scenecut=0:b-adapt=0"}
Restamp = Callable[[int, "av.Packet[av.VideoStream]"], None]


def imported(source: Path, **options: object) -> tuple[ImportedClip, list[int]]:
    frames_dir = source.with_name(f"{source.name}.frames")
    result = import_frames(source, frames_dir, **options)
    clip = FolderClip(frames_dir, fps=result.fps, size_wh=result.size_wh)
    return result, [number_of(frame) for frame in clip]


def restamped(source: Path, target: Path, restamp: Restamp) -> Path:
    """The same coded pictures in another file, with other times."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(packet for packet in old.demux(video=0) if packet.size):
            restamp(number, packet)
            packet.stream = stream
            new.mux(packet)
    return target


def decode_times_only(number: int, packet: "av.Packet[av.VideoStream]") -> None:
    packet.pts = packet.dts = round(number / 8 / packet.time_base)


@pytest.mark.parametrize("name", ["a.avi", "a.asf", "a.mp4", "a.mkv", "a.mov"])
def test_decode_times_alone_keep_every_frame_in_order(tmp_path: Path, name: str) -> None:
    path = make_video(tmp_path / "whole.avi", 24, rate=8, options=B_FRAMES)
    if name != "a.avi":
        path = restamped(path, tmp_path / name, decode_times_only)
    result, numbers = imported(path)
    assert numbers == list(range(24)) and result.fps == result.source.fps == 8
    assert [record.pts_seconds for record in result.ledger] == pytest.approx([i / 8 for i in range(24)])
    assert result.source.notes == ()


def test_a_damaged_picture_leaves_the_others_at_their_times(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.avi", 24, rate=8, options={**B_FRAMES, "g": "8"})
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    data[packets[5].pos + 8 : packets[5].pos + 8 + packets[5].size] = bytes(packets[5].size)
    path.write_bytes(data)
    result, numbers = imported(path)
    late = [(n, r.pts_seconds * 8) for n, r in zip(numbers, result.ledger, strict=True) if n >= 12]
    assert len(late) >= 11 and all(place == pytest.approx(n, abs=1) for n, place in late)


def test_raw_pictures_have_the_rate_that_they_tell(tmp_path: Path) -> None:
    result, numbers = imported(make_video(tmp_path / "raw.h264", 16, rate=8, options=B_FRAMES))
    assert numbers == list(range(16)) and result.source.fps == 8


def joined(tmp_path: Path, offsets: tuple[int, int], options: dict[str, str]) -> Path:
    """Two recordings of a second, one behind the other; their clocks start at ``offsets`` seconds."""
    parts = []
    for place, offset in enumerate(offsets):
        times = [offset + Fraction(i, 24) for i in range(24)]
        pictures = [numbered(24 * place + i) for i in range(24)]
        part = make_video(tmp_path / f"{place}.ts", pictures, rate=24, times=times, options=options)
        parts.append(part.read_bytes())
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    return tmp_path / "joined.ts"


@pytest.mark.parametrize("offsets", [(0, 3600), (3600, 0), (95_400, 5)])
@pytest.mark.parametrize("options", [{"bf": "0"}, B_FRAMES], ids=["in order", "reordered"])
def test_joined_recordings_count_on_from_the_join(
    tmp_path: Path, offsets: tuple[int, int], options: dict[str, str]
) -> None:
    totals: list[int] = []
    path = joined(tmp_path, offsets, options)
    result, numbers = imported(path, progress=lambda done, total, what: totals.append(total))
    assert result.fps == 8 and result.source.fps == 24
    assert numbers == pytest.approx(list(range(0, 48, 3)), abs=1)
    assert [record.pts_seconds for record in result.ledger] == pytest.approx([i / 8 for i in range(16)], abs=0.05)
    (note,) = result.source.notes
    assert "its clock jumps 1 time (first at frame 24, by " in note
    assert max(totals) <= 17  # an upload is refused by what is to come


def test_a_clock_that_wraps_is_whole(tmp_path: Path) -> None:
    wraps = Fraction(2**33, 90_000) - Fraction(1, 2)
    path = make_video(tmp_path / "a.ts", 24, rate=24, times=[wraps + Fraction(i, 24) for i in range(24)])
    result, numbers = imported(path)
    assert numbers == list(range(0, 24, 3)) and result.source.fps == 24 and result.source.notes == ()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_one_wild_time_moves_one_frame(tmp_path: Path, name: str) -> None:
    whole = make_video(tmp_path / "whole.mp4", 32, rate=16, options={"bf": "0"})

    def wild(number: int, packet: "av.Packet[av.VideoStream]") -> None:
        if number == 20:
            packet.pts += round(3000 / packet.time_base)

    result, numbers = imported(restamped(whole, tmp_path / name, wild))
    assert numbers == list(range(0, 32, 2)) and result.fps == 8 and result.source.fps == 16
    assert any("its clock jumps" in note for note in result.source.notes)


def test_a_late_start_and_a_cut_by_edit_list_are_no_lie(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", 24, rate=8, options=B_FRAMES)

    def late(number: int, packet: "av.Packet[av.VideoStream]") -> None:
        packet.pts, packet.dts = (time + round(5 / packet.time_base) for time in (packet.pts, packet.dts))

    for name in ("late.mp4", "late.mkv", "late.ts"):
        result, numbers = imported(restamped(whole, tmp_path / name, late))
        assert numbers == list(range(24)) and result.ledger[0].pts_seconds == 0 and result.source.notes == ()


def test_repeated_times_are_told(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mkv", 24, rate=8, options={"bf": "0"})

    def again(number: int, packet: "av.Packet[av.VideoStream]") -> None:
        if number == 10:
            packet.pts = packet.dts = packet.pts - 125

    result, numbers = imported(restamped(whole, tmp_path / "a.mkv", again))
    assert numbers == [n for n in range(24) if n != 10]
    assert result.source.notes == ("frames whose times step back or repeat, which were left out: 1",)


def test_the_times_of_a_gif_without_delays_are_those_of_browsers(tmp_path: Path) -> None:
    first, *more = (Image.fromarray(numbered(i)) for i in range(9))
    first.save(tmp_path / "a.gif", save_all=True, append_images=more, duration=0)
    result, numbers = imported(tmp_path / "a.gif", fps=10)
    assert numbers == list(range(9)) and result.source.fps == 10


# --- which stream, which end ----------------------------------------------------------------------------------------


def with_streams(path: Path, streams: list[tuple[list[int], bool]], *, sound_seconds: int = 0) -> Path:
    """Streams of numbered pictures, and whether each is marked default; and silence."""
    with av.open(str(path), "w") as container:
        videos = []
        for _, default in streams:
            stream = container.add_stream("mpeg4", rate=8)
            stream.width, stream.height, stream.pix_fmt = 128, 48, "yuv420p"
            stream.disposition = av.stream.Disposition.default if default else 0
            videos.append(stream)
        sound = container.add_stream("aac", rate=8000, layout="mono") if sound_seconds else None
        for stream, (numbers, _) in zip(videos, streams, strict=True):
            for place, number in enumerate(numbers):
                picture = av.VideoFrame.from_ndarray(numbered(number), format="rgb24").reformat(format="yuv420p")
                picture.pts, picture.time_base = place, Fraction(1, 8)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        if sound is not None:
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 8000 * sound_seconds), np.float32), format="fltp", layout="mono"
            )
            silence.sample_rate, silence.pts = 8000, 0
            container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_the_stream_marked_default_is_taken(tmp_path: Path, name: str) -> None:
    streams = [(list(range(100, 116)), False), (list(range(16)), True)]
    result, numbers = imported(with_streams(tmp_path / name, streams))
    assert numbers == list(range(16))
    assert result.source.notes == ("the video track that a player shows was taken; 1 other video track was left out",)


def test_a_cover_is_not_the_video(tmp_path: Path) -> None:
    result, numbers = imported(with_streams(tmp_path / "a.mp4", [([99], True), (list(range(16)), False)]))
    assert numbers == list(range(16)) and result.source.notes == ()


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov"])
def test_longer_sound_is_no_cut_file(tmp_path: Path, name: str) -> None:
    result, numbers = imported(with_streams(tmp_path / name, [(list(range(16)), True)], sound_seconds=6))
    assert numbers == list(range(16)) and result.source.notes == ()


@pytest.mark.parametrize("part", [0.6, 0.97])
@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.gif", "gif", "rgb8"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.asf", "mpeg4", "yuv420p"),
        ("a.flv", "flv1", "yuv420p"),
        ("a.apng", "apng", "rgb24"),
    ],
)
def test_a_cut_file_says_so_and_a_whole_one_does_not(
    tmp_path: Path, name: str, codec: str, pix_fmt: str, part: float
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 128, 3), np.uint8)
    frames = [np.concatenate([numbered(i)[:24], noise[i]]) for i in range(24)]
    options = {"deadline": "realtime", "cpu-used": "8"} if name == "a.webm" else {}
    path = make_video(tmp_path / name, frames, rate=25, codec=codec, pix_fmt=pix_fmt, options=options)
    whole, numbers = imported(path)
    assert whole.source.notes == () and len(numbers) == 8
    data = path.read_bytes()
    (tmp_path / f"cut-{name}").write_bytes(data[: int(len(data) * part)])
    cut, _ = imported(tmp_path / f"cut-{name}")
    assert any(note.startswith("the file ends early: ") for note in cut.source.notes)


def test_a_fragmented_mp4_that_is_cut_says_so(tmp_path: Path) -> None:
    flags = {"movflags": "frag_keyframe+empty_moov"}
    path = make_video(tmp_path / "a.mp4", 24, rate=24, options={"g": "6", "bf": "0"}, container_options=flags)
    assert imported(path)[0].source.notes == ()
    (tmp_path / "cut.mp4").write_bytes(path.read_bytes()[:-40])
    assert any("ends early" in note for note in imported(tmp_path / "cut.mp4")[0].source.notes)


# --- pictures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("orientation", "turn"), [(1, lambda f: f), (6, lambda f: np.rot90(f, -1)), (2, np.fliplr)])
@pytest.mark.parametrize("name", ["photo.jpg", "timelapse.mov"])
def test_what_cameras_write_into_their_pictures_is_no_error(
    tmp_path: Path, name: str, orientation: int, turn: Callable[[np.ndarray], np.ndarray]
) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", orientation
    data = io.BytesIO()
    Image.fromarray(numbered(5)).save(data, "JPEG", exif=exif, quality=95)
    if name == "photo.jpg":
        (tmp_path / name).write_bytes(data.getvalue())
    else:
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("mjpeg", rate=8)
            stream.width, stream.height, stream.pix_fmt = 128, 48, "yuvj420p"
            for number in range(3):
                packet = av.Packet(data.getvalue())
                packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 8)
                container.mux(packet)
    result = import_frames(tmp_path / name, tmp_path / "frames")
    clip = FolderClip(tmp_path / "frames", fps=8, size_wh=result.size_wh)
    assert np.abs(clip[0].astype(int) - turn(numbered(5))).mean() < 6
    assert len(clip) == (1 if name == "photo.jpg" else 3)


@pytest.mark.parametrize("pix_fmt", ["gray10le", "gray12le", "gray16le", "gbrp12le", "yuv444p10le", "rgb48le"])
def test_deep_videos_keep_their_brightness(tmp_path: Path, pix_fmt: str) -> None:
    codec = "png" if pix_fmt == "rgb48le" else "ffv1"
    name = "a.mov" if codec == "png" else "a.mkv"
    pix_fmt = "rgb48be" if codec == "png" else pix_fmt
    result, numbers = imported(make_video(tmp_path / name, 3, rate=8, codec=codec, pix_fmt=pix_fmt))
    assert numbers == [0, 1, 2]
    clip = FolderClip(tmp_path / f"{name}.frames", fps=8, size_wh=result.size_wh)
    assert clip[1][4:12, 4:12].min() >= 250 and clip[0][4:12, 4:12].max() <= 5


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_an_animated_avif_is_read_whole(tmp_path: Path) -> None:
    first, *more = (Image.fromarray(numbered(i)) for i in range(6))
    first.save(tmp_path / "a.avif", save_all=True, append_images=more, duration=125)
    result, numbers = imported(tmp_path / "a.avif")
    assert numbers == list(range(6)) and result.source.fps == 8


@pytest.mark.parametrize("suffix", ["webp", "tif"])
def test_what_only_the_first_picture_is_read_of_is_refused(tmp_path: Path, suffix: str) -> None:
    first, *more = (Image.fromarray(numbered(i)) for i in range(4))
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=more)
    with pytest.raises(VideoError, match="holds 4 pictures, of which only the first can be decoded here; save it as"):
        import_frames(tmp_path / f"a.{suffix}", tmp_path / "frames")
    first.save(tmp_path / f"one.{suffix}")
    assert imported(tmp_path / f"one.{suffix}")[1] == [0]


# --- hostile files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.gif"])
def test_damaged_videos_are_read_or_refused(tmp_path: Path, name: str) -> None:
    codec, pix_fmt = ("gif", "rgb8") if name == "a.gif" else ("mpeg4", "yuv420p")
    data = make_video(tmp_path / name, 6, rate=8, codec=codec, pix_fmt=pix_fmt).read_bytes()
    random = np.random.default_rng(7)
    for mutant in range(12):
        changed = bytearray(data)
        places = random.integers(0, len(data) if mutant % 2 else min(len(data), 800), size=1 + 8 * (mutant % 3))
        for place in places:
            changed[place] = random.integers(0, 256)
        path = tmp_path / f"{mutant}-{name}"
        path.write_bytes(changed[: len(data) - mutant * 7])
        try:
            result, _ = imported(path)
        except VasToolError:
            continue
        assert len(result.ledger) >= 1 and result.fps > 0


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.ts\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period/></MPD>',
    ],
    ids=["concat", "hls", "hls-http", "sdp", "dash"],
)
def test_a_playlist_opens_no_other_file(tmp_path: Path, text: str) -> None:
    make_video(tmp_path / "secret.ts", 6, rate=8)
    for name in ("list.mp4", "list.m3u8", "list.ffconcat", "list.sdp", "list.mpd"):
        (tmp_path / name).write_text(text)
        with pytest.raises(VideoError):
            import_frames(tmp_path / name, tmp_path / "frames")


@pytest.mark.parametrize(("suffix", "lost"), [("jpg", 900), ("jpg", 0), ("png", 0)])
def test_a_picture_that_is_cut_says_so_and_one_with_more_behind_it_does_not(
    tmp_path: Path, suffix: str, lost: int
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "\xff\xd9"
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(picture).save(path, exif=exif)
    data = path.read_bytes()
    path.write_bytes(data[:-lost] if lost else data + bytes(range(256)) * 40)
    notes = import_frames(path, tmp_path / "frames").source.notes
    assert any("ends early" in note for note in notes) == (lost > 0)
