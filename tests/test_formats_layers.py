import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from annotating import annotate, pad, rectangle
from PIL import Image

from vas_tool import drawing
from vas_tool.errors import Cancelled, FormatError
from vas_tool.formats.layers import write_layers
from vas_tool.formats.layers_reading import LAYERS, check_layers, read_layers
from vas_tool.project import Project
from vas_tool.storage import Stamp
from vas_tool.types import Canvas, Content, Depth, Mask

SIZE = (64, 48)
MADE = Stamp("builtin")


def seen(i: int) -> Mask:
    return rectangle(SIZE, 2 * i, 10, 2 * i + 12, 30)


def whole(canvas: Canvas, i: int) -> Mask:
    return canvas.to_canvas(seen(i)) | rectangle(canvas.size_wh, 10, 30, 40, 42)


def content(canvas: Canvas, i: int) -> Content:
    out = np.zeros((*canvas.size_wh[::-1], 4), np.uint8)
    out[whole(canvas, i)] = (10 * i, 200, 30, 255)
    return out


def depth(i: int) -> Depth:
    return np.tile(np.linspace(0, 1, SIZE[0], dtype=np.float32), (SIZE[1], 1)) ** (i + 1)


@pytest.fixture
def complete(small_project: Project) -> Project:
    """Every layer on frames 0 to 3, nothing on frame 4, on a padded canvas."""
    canvas = pad(small_project, 0.25)
    frames = range(4)
    annotate(
        small_project,
        "fire engine/red",
        modal={i: seen(i) for i in frames},
        amodal={i: whole(canvas, i) for i in frames},
    )
    for i in frames:
        small_project.layers(1).content.put(i, content(canvas, i), MADE)
        small_project.depth.put(i, depth(i), MADE)
    return small_project


def image(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.array(opened)


def rate(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(container.streams.video[0].average_rate or 0)


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_every_layer_in_every_kind(complete: Project, tmp_path: Path) -> None:
    files = write_layers(complete, tmp_path / "out")
    names = [f"001_fire_engine_red_{layer}" for layer in LAYERS if layer not in ("depth", "probability")] + ["depth"]
    wanted = {f"{n}.{kind}" for n in names for kind in ("mp4", "gif")}
    wanted |= {f"{n}/{i:05d}.png" for n in names for i in range(4)} | {"provenance.json"}
    assert {f.relative_to(tmp_path / "out").as_posix() for f in files} == wanted


def test_png_files_hold_the_exact_layers(complete: Project, tmp_path: Path) -> None:
    write_layers(complete, tmp_path / "out", kinds=["png"])
    out, canvas = tmp_path / "out", complete.canvas
    for i in range(4):
        name = f"{i:05d}.png"
        assert np.array_equal(image(out / "001_fire_engine_red_modal" / name), seen(i) * 255)
        assert np.array_equal(image(out / "001_fire_engine_red_amodal" / name), whole(canvas, i) * 255)
        assert np.array_equal(image(out / "001_fire_engine_red_content" / name), content(canvas, i))
        stored = image(out / "depth" / name)
        assert stored.dtype == np.uint16 and np.abs(stored / 65535 - depth(i)).max() < 1e-5
        overlay = image(out / "001_fire_engine_red_modal_overlay" / name)
        assert np.array_equal(overlay[~seen(i)], complete.clip[i][~seen(i)])
        assert tuple(overlay[10, 2 * i + 5]) == drawing.colour_of(1)


def test_the_amodal_overlay_is_of_the_canvas(complete: Project, tmp_path: Path) -> None:
    write_layers(complete, tmp_path / "out", kinds=["png"], layers=["amodal_overlay"])
    overlay = image(tmp_path / "out" / "001_fire_engine_red_amodal_overlay" / "00002.png")
    assert overlay.shape == (72, 96, 3)
    free = ~whole(complete.canvas, 2)
    ground = drawing.checkerboard((96, 72))
    ground[complete.canvas.window] = complete.clip[2]
    assert np.array_equal(overlay[free], ground[free])


@pytest.mark.parametrize("kind", ["mp4", "gif"])
def test_videos_show_the_layers_frame_by_frame(complete: Project, tmp_path: Path, kind: str) -> None:
    write_layers(complete, tmp_path / "out", kinds=[kind], layers=["modal", "content", "depth"])  # type: ignore[list-item]
    masks = decoded(tmp_path / "out" / f"001_fire_engine_red_modal.{kind}")
    assert len(masks) == 5 and masks[0].shape == (48, 64, 3)
    assert rate(tmp_path / "out" / f"001_fire_engine_red_modal.{kind}") == pytest.approx(8, rel=0.05)
    for i in range(4):
        assert np.mean((masks[i][..., 0] > 127) != seen(i)) < 0.02
    assert masks[4].max() < 30
    contents = decoded(tmp_path / "out" / f"001_fire_engine_red_content.{kind}")
    expected = drawing.over(content(complete.canvas, 3), drawing.checkerboard((96, 72)))
    assert np.abs(contents[3].astype(int) - expected).mean() < 12
    depths = decoded(tmp_path / "out" / f"depth.{kind}")
    assert np.abs(depths[1].astype(int) - drawing.depth_colours(depth(1))).mean() < 12


def test_layers_that_were_not_made_are_left_out(small_project: Project, tmp_path: Path) -> None:
    annotate(small_project, modal={2: seen(2)})
    annotate(small_project, "nothing yet")
    files = write_layers(small_project, tmp_path / "out")
    assert {f.relative_to(tmp_path / "out").parts[0].split(".")[0] for f in files} == {
        "001_car_modal",
        "001_car_modal_overlay",
        "provenance",
    }


def test_nothing_to_write_is_said(small_project: Project, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="click an object"):
        write_layers(small_project, tmp_path / "out")
    with pytest.raises(FormatError, match="choose from"):
        write_layers(small_project, tmp_path / "out", layers=["colour"])  # type: ignore[list-item]
    with pytest.raises(FormatError, match="choose from"):
        write_layers(small_project, tmp_path / "out", kinds=[])
    assert not (tmp_path / "out").exists()


def test_a_former_export_is_replaced_and_nothing_else(complete: Project, tmp_path: Path) -> None:
    write_layers(complete, tmp_path / "out", layers=["modal"], kinds=["png", "gif"])
    write_layers(complete, tmp_path / "out", layers=["depth"], kinds=["png"])
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"depth", "provenance.json"}
    (tmp_path / "out" / "my.mp4").touch()
    with pytest.raises(FormatError, match=r"holds my\.mp4"):
        write_layers(complete, tmp_path / "out", layers=["modal"], kinds=["png"])
    with pytest.raises(FormatError, match="which no export wrote"):
        write_layers(complete, complete.folder, layers=["modal"], kinds=["png"])
    assert (complete.folder / "project.json").exists()


def test_a_cancelled_export_leaves_the_former_one(complete: Project, tmp_path: Path) -> None:
    write_layers(complete, tmp_path / "out", layers=["modal"], kinds=["png"])

    def cancel(done: int, total: int, what: str) -> None:
        if done == 7:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        write_layers(complete, tmp_path / "out", layers=["amodal"], kinds=["png", "mp4"], progress=cancel)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"001_fire_engine_red_modal", "provenance.json"}
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_progress_counts_every_frame_of_every_file(complete: Project, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_layers(
        complete,
        tmp_path / "out",
        layers=["modal", "depth"],
        kinds=["png", "gif"],
        progress=lambda done, total, what: told.append((done, total)),
    )
    assert told == [(i, 20) for i in range(21)]


def test_masks_are_read_back(complete: Project, tmp_path: Path) -> None:
    write_layers(complete, tmp_path / "out", layers=["modal", "amodal", "depth"])
    back = read_layers(tmp_path / "out")
    assert set(back.pictures) == {"001_fire_engine_red_modal", "001_fire_engine_red_amodal", "depth"}
    for i in range(4):
        assert np.array_equal(back.mask("001_fire_engine_red_modal", i), complete.modal(1)[i])
        assert np.array_equal(back.mask("001_fire_engine_red_amodal", i), complete.amodal(1)[i])
    assert not list(check_layers(back))
    cv2.imwrite(str(tmp_path / "out/001_fire_engine_red_modal/00001.png"), seen(1) * np.uint8(7))
    (tmp_path / "out/depth/00002.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "out/depth/00003.png"), np.zeros((3, 5), np.uint16))
    problems = list(check_layers(back))
    assert len(problems) == 3 and "no mask of 0 and 255" in problems[0]
    assert "00002.png does not read" in problems[1] and "depth has pictures of 2 sizes" in problems[2]
    with pytest.raises(FormatError, match="no folder of exported layers"):
        read_layers(complete.folder)


def test_only_what_was_accepted(complete: Project, tmp_path: Path) -> None:
    complete.edit("accept", complete.truth.with_object(complete.truth.object(1).accepting(2, True)))
    write_layers(complete, tmp_path / "out", layers=["modal", "amodal_overlay"], kinds=["png"], only_accepted=True)
    assert {p.name for p in tmp_path.rglob("*.png") if p.parent.parent == tmp_path / "out"} == {"00002.png"}
    lines = json.loads((tmp_path / "out/provenance.json").read_text())["frames"]
    assert [line["review"] for line in lines].count("accepted") == 1 and len(lines) == len(complete.clip)
