"""Exports for other programs, read back by the libraries of their formats."""

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import OpenEXR
import psd_tools
import pytest
from annotating import annotate, pad, rectangle
from PIL import Image

from vas_tool.cli import main
from vas_tool.errors import FormatError, InputError, VideoError
from vas_tool.exports import export
from vas_tool.formats.exr import display
from vas_tool.formats.layered_frames import LayeredClip
from vas_tool.formats.notes import worded
from vas_tool.formats.sv4d import RATIO_SV4D, SIDE, clearest_run, on_white, read_sv4d
from vas_tool.formats.verify import verify
from vas_tool.formats.video_stream import video_of
from vas_tool.project import Project
from vas_tool.storage import Stamp
from vas_tool.types import Canvas, Content
from vas_tool.video.alpha import CODECS, read_alpha_video, with_bleed, write_alpha_video
from vas_tool.wording import numbers_in

SIZE = (64, 48)
COUNT = 4
WHOLE = (30, 10, 66, 40)
"""The car's box in clip pixels: it reaches two pixels beyond the frame."""
SEEN = (30, 10, 50, 40)
PERSON = (50, 4, 60, 44)


def car(canvas: Canvas) -> Content:
    """The car's content on the canvas: each pixel has its own colour."""
    x0, y0, x1, y1 = WHOLE
    rows, columns = np.mgrid[: y1 - y0, : x1 - x0]
    out = np.zeros((*canvas.size_wh[::-1], 4), np.uint8)
    colours = np.dstack([20 + 6 * columns, 20 + 7 * rows, 200 - 5 * columns, np.full_like(rows, 255)])
    out[y0 + canvas.pad_top : y1 + canvas.pad_top, x0 + canvas.pad_left : x1 + canvas.pad_left] = colours
    return out


@pytest.fixture
def scene(make_project: Callable[..., Project]) -> Project:
    """A car with content behind a person without content, on a padded canvas; both on frames 0 to 2 of 4."""
    project = make_project(COUNT, SIZE)
    canvas = pad(project, 0.25)
    whole = car(canvas)[..., 3] > 0
    frames = range(3)
    annotate(project, "car", modal={i: rectangle(SIZE, *SEEN) for i in frames}, amodal={i: whole for i in frames})
    annotate(project, "person", modal={i: rectangle(SIZE, *PERSON) for i in frames})
    for i in frames:
        project.layers(1).content.put(i, car(canvas), Stamp("builtin"))
        depth = np.tile(np.linspace(0, 1, SIZE[0], dtype=np.float32), (SIZE[1], 1))
        project.depth.put(i, depth, Stamp("builtin"))
    return project


def written(project: Project, name: str, out: Path) -> Path:
    export([project], name, out)
    return out


def person(project: Project, frame_index: int) -> Content:
    canvas = project.canvas
    mask = canvas.to_canvas(rectangle(SIZE, *PERSON))
    out = np.zeros((*mask.shape, 4), np.uint8)
    out[mask, :3] = canvas.to_canvas(project.clip[frame_index])[mask]
    out[mask, 3] = 255
    return out


def test_an_exr_has_every_layer_in_its_channels(scene: Project, tmp_path: Path) -> None:
    out = written(scene, "exr", tmp_path / "out")
    with OpenEXR.File(str(out / "00001_premultiplied.exr")) as file:
        header = dict(file.header())
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    assert [tuple(map(int, corner)) for corner in header["displayWindow"]] == [(0, 0), (63, 47)]
    assert [tuple(map(int, corner)) for corner in header["dataWindow"]] == [(-16, -12), (79, 59)]
    names = ["clip.depth", "RGBA"]
    for layer in ("001_car", "002_person"):
        names += [layer, *(f"{layer}.{part}" for part in ("modal", "amodal", "hidden", "depth"))]
    assert set(channels) == set(names)
    window = scene.canvas.window
    assert np.array_equal(display(channels["RGBA"][window][..., :3]), scene.clip[1])
    assert channels["RGBA"][..., 3].sum() == SIZE[0] * SIZE[1]
    assert np.array_equal(display(channels["001_car"][..., :3]), car(scene.canvas)[..., :3])
    assert np.array_equal(display(channels["002_person"][..., :3]), person(scene, 1)[..., :3])
    assert np.array_equal(channels["001_car"][..., 3] > 0, car(scene.canvas)[..., 3] > 0)
    seen, whole = scene.canvas.to_canvas(rectangle(SIZE, *SEEN)), car(scene.canvas)[..., 3] > 0
    assert np.array_equal(channels["001_car.modal"], seen) and np.array_equal(channels["001_car.amodal"], whole)
    assert np.array_equal(channels["001_car.hidden"], whole & ~seen)
    assert np.abs(channels["clip.depth"][window] - scene.depth[1]).max() < 1e-3
    assert np.array_equal(channels["001_car.depth"] > 0, seen) and channels["001_car.depth"].max() < 0.8
    with OpenEXR.File(str(out / "00003_premultiplied.exr")) as file:  # no object: the same channels, but for the depth
        assert set(file.channels()) == set(names) - {"clip.depth"}
        assert not file.channels()["001_car.amodal"].pixels.any()
    assert json.loads((out / "provenance.json").read_text())["info"]["format"] == "exr"


def test_openraster_and_psd_hold_the_layers_in_depth_order(scene: Project, tmp_path: Path) -> None:
    ora, psd = written(scene, "openraster", tmp_path / "ora"), written(scene, "psd", tmp_path / "psd")
    x, y = WHOLE[0] + scene.canvas.pad_left, WHOLE[1] + scene.canvas.pad_top
    whole = car(scene.canvas)[y : y + 30, x : x + 36]
    expected = scene.canvas.to_canvas(np.dstack([scene.clip[2], np.full(SIZE[::-1], 255, np.uint8)]))
    for layer in (car(scene.canvas), person(scene, 2)):
        expected[layer[..., 3] > 0] = layer[layer[..., 3] > 0]
    with zipfile.ZipFile(ora / "00002.ora") as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype") == b"image/openraster"
        image = ElementTree.fromstring(archive.read("stack.xml"))
        rows = [row.attrib for row in image.iter("layer")]
        pictures = {row["name"]: np.asarray(Image.open(io.BytesIO(archive.read(row["src"])))) for row in rows}
        merged = np.asarray(Image.open(io.BytesIO(archive.read("mergedimage.png"))))
        assert Image.open(io.BytesIO(archive.read("Thumbnails/thumbnail.png"))).size == (96, 72)
    assert image.attrib["w"] == "96" and [row["name"] for row in rows] == ["002_person", "001_car", "frame"]
    assert (rows[1]["x"], rows[1]["y"]) == (str(x), str(y)) and np.array_equal(pictures["001_car"], whole)
    assert np.array_equal(merged, expected)
    file = psd_tools.PSDImage.open(psd / "00002.psd")
    assert [layer.name for layer in file] == ["frame", "001_car", "002_person"] and file.size == (96, 72)
    assert (file[1].left, file[1].top) == (x, y) and np.array_equal(np.asarray(file[1].topil()), whole)
    inside = expected[..., 3] > 0
    assert np.array_equal(np.asarray(file.composite().convert("RGB"))[inside], expected[inside][:, :3])


def test_the_nearer_object_is_in_front_where_none_hides_the_other(scene: Project) -> None:
    for x0 in (0, 20):  # on a depth that grows to the right, drawn from far to near
        annotate(scene, modal={1: rectangle(SIZE, x0, 0, x0 + 4, 4)})
    video = video_of(scene)
    assert [layer.obj.id for layer in LayeredClip(video).frame(1).layers] == [3, 4, 1, 2]


@pytest.mark.parametrize(("name", "ending", "most"), [("prores", ".mov", 1.5), ("webm", ".webm", 6)])
def test_videos_with_alpha(scene: Project, tmp_path: Path, name: str, ending: str, most: float) -> None:
    path = written(scene, name, tmp_path / "out") / f"001_car_straight{ending}"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 8 and stream.codec_context.name == {".mov": "prores", ".webm": "vp9"}[ending]
        assert ending == ".mov" or stream.metadata["alpha_mode"] == "1"
    frames = list(read_alpha_video(path))
    expected = car(scene.canvas)
    inside = expected[..., 3] > 0
    assert len(frames) == COUNT and not frames[3][..., 3].any()
    for frame in frames[:3]:
        assert np.mean((frame[..., 3] > 127) != inside) < 0.001
        assert np.abs(frame[inside][:, :3].astype(int) - expected[inside][:, :3]).mean() < most


def test_colours_go_on_beyond_the_edge_so_that_it_is_not_mixed_with_black() -> None:
    frame = np.zeros((40, 40, 4), np.uint8)
    frame[:, :10] = (200, 100, 50, 255)
    out = with_bleed(frame)
    assert (out[:, 10:25, :3] == (200, 100, 50)).all() and not out[:, 28:].any()
    assert np.array_equal(out[..., 3], frame[..., 3])


@pytest.mark.parametrize("suffix", list(CODECS))
@pytest.mark.parametrize("size_wh", [(34, 34), (65, 47)])
def test_alpha_is_exact_at_every_width_and_files_are_the_same_again(
    tmp_path: Path, suffix: str, size_wh: tuple[int, int]
) -> None:
    frame = np.full((*size_wh[::-1], 4), 90, np.uint8)
    frame[..., 3] = np.random.default_rng(0).integers(0, 255, size_wh[::-1])
    frame[:, -1], frame[-1] = 0, 0
    files = []
    for name in ("a", "b", "c"):
        write_alpha_video(tmp_path / f"{name}{suffix}", [frame] * 2, fps=8)
        files.append((tmp_path / f"{name}{suffix}").read_bytes())
    assert len(set(files)) == 1
    for back in read_alpha_video(tmp_path / f"a{suffix}"):
        assert np.abs(back[..., 3].astype(int) - frame[..., 3]).max() <= 4


def test_what_is_missing_is_named(scene: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package, name in (("OpenEXR", "exr"), ("psd_tools", "psd")):
        folder = written(scene, name, tmp_path / name)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(FormatError, match=r"pip install 'vas-tool\[layers\]'"):
            export([scene], name, tmp_path / "out")
        assert "vas-tool[layers]" in verify(folder).problems[0]
    monkeypatch.setitem(CODECS, ".mov", CODECS[".mov"].__class__("mov", "no_such_encoder", "prores", "yuva444p10le"))
    with pytest.raises(VideoError, match="no encoder no_such_encoder"):
        export([scene], "prores", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_gen_omnimatte_reads_exactly_the_modal_masks(scene: Project, tmp_path: Path) -> None:
    out = written(scene, "gen-omnimatte", tmp_path / "out")
    assert {p.name for p in out.iterdir()} == {
        *("input_video.mp4", "mask_00.mp4", "mask_01.mp4", "prompt.json", "provenance.json")
    }
    assert set(json.loads((out / "prompt.json").read_text())) == {"bg"}
    for number, box in enumerate((SEEN, PERSON)):
        with av.open(str(out / f"mask_{number:02d}.mp4")) as container:
            masks = [frame.to_ndarray(format="rgb24")[..., 0] >= 240 for frame in container.decode(video=0)]
        assert len(masks) == COUNT and not masks[3].any()
        assert all(np.array_equal(mask, rectangle(SIZE, *box)) for mask in masks[:3])


def test_sv4d_frames_the_object_and_leads_back(scene: Project, tmp_path: Path) -> None:
    out = written(scene, "sv4d", tmp_path / "out")
    pictures = sorted((out / "001_car/frames").iterdir())
    pack = read_sv4d(out / "001_car")
    assert len(pictures) == 21 == len(pack.placements)
    assert [p.frame_index for p in pack.placements[:7]] == [0, 1, 2, 2, 1, 0, 0]  # forwards and backwards
    picture = np.asarray(Image.open(pictures[4]))
    assert picture.shape == (SIDE, SIDE, 4)
    columns = np.flatnonzero((picture[..., 3] > 127).any(axis=0))
    assert len(columns) == pytest.approx(0.9 * SIDE, abs=4)
    assert abs(columns[0] + columns[-1] - (SIDE - 1)) < SIDE / 36  # in the middle, to the next pixel of the clip
    assert (picture[picture[..., 3] == 0][:, :3] == 255).all()
    back, expected = pack.back(4, on_white(picture)), car(scene.canvas)
    assert np.mean((back[..., 3] > 0) != (expected[..., 3] > 0)) < 0.01
    inside = (expected[..., 3] > 0) & (back[..., 3] > 0)
    assert np.abs(back[inside][:, :3].astype(int) - expected[inside][:, :3]).mean() < 3
    x0, _, side = pack.placements[4].seen_with(RATIO_SV4D)  # SV4D cuts closer around the same middle
    square = pack.placements[4]
    assert 0.97 < side / square.side < 0.99 and x0 + side / 2 == square.x0 + square.side / 2
    with av.open(str(out / "001_car/input.mp4")) as container:
        assert container.streams.video[0].frames == 21 and container.streams.video[0].average_rate == 10


def test_sv4d_takes_the_run_on_which_the_least_is_hidden() -> None:
    shares = {i: 0.5 for i in range(30)} | {i: 0.0 for i in range(5, 28)}
    assert clearest_run(shares) == list(range(5, 26))
    del shares[12]
    assert clearest_run(shares) == list(range(13, 30))
    assert clearest_run({}) == []


def test_some_frames(
    scene: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = export([scene], "openraster", tmp_path / "out", frames=[1, 3])
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"00001.ora", "00003.ora", "provenance.json"}
    assert "clip, object 2 (person): 1 frame with the visible part only, because no content was made (1)" in map(
        worded, done.notes
    )
    for frames, said in (([4], "frames 0 to 3"), ([3], "no object has a mask")):
        with pytest.raises(FormatError, match=said):
            export([scene], "psd", tmp_path / "psd", frames=frames)
    with pytest.raises(FormatError, match="of the whole clip"):
        export([scene], "coco", tmp_path / "coco.json", frames=[1])
    scene.close()
    options = ["export", str(scene.folder), "--format", "sv4d", "--out", str(tmp_path / "sv4d"), "--frames", "1-2"]
    monkeypatch.setattr("vas_tool.formats.sv4d.SIDE", 96)  # in less time
    assert main(options) == 0
    assert {p.frame_index for p in read_sv4d(tmp_path / "sv4d/001_car").placements} == {1, 2}
    assert main([*options[:-1], "1-x"]) == 1 and "such as 3,10-20" in capsys.readouterr().err


def test_numbers_in_a_list() -> None:
    assert numbers_in("7, 0-2,1") == [0, 1, 2, 7]
    for wrong in ("", "3-", "-3", "5-2", "0-99999999", "1,,2"):
        with pytest.raises(InputError):
            numbers_in(wrong)


@pytest.mark.parametrize("name", ["exr", "openraster", "psd", "prores", "gen-omnimatte", "sv4d"])
def test_verify_names_a_damaged_file(
    scene: Project, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vas_tool.formats.sv4d.SIDE", 96)  # in less time
    out = written(scene, name, tmp_path / "out")
    damaged = next(p for p in sorted(out.rglob("*")) if p.is_file() and p.name != "provenance.json")
    damaged.write_bytes(b"no picture at all")
    report = verify(out)
    assert report.kind == name and len(report.problems) == 1 and damaged.name in report.problems[0]
