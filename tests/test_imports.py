"""Projects out of TAO-Amodal's annotations, samples of Diffusion-VAS, and folders of TABE."""

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from annotating import annotate, rectangle
from conftest import square_at, square_frame
from fake_engines import use_fake_engines
from hypothesis import given
from hypothesis import strategies as st

from vas_tool.boxes.keyframes import box_on
from vas_tool.cli import main
from vas_tool.errors import Cancelled, FormatError, InputError, ProjectDamaged
from vas_tool.formats.coco import write_coco
from vas_tool.formats.diffusion_vas import write_samples
from vas_tool.formats.origin import TrackOrigin, read_origin
from vas_tool.formats.tabe import write_tabe
from vas_tool.formats.tao_predictions import read_predictions, write_predictions
from vas_tool.imports.diffusion_vas import SampleChoice, import_samples
from vas_tool.imports.folders import import_sequence_folders, import_tabe
from vas_tool.imports.frame_choice import between, rate_of, seconds_of
from vas_tool.imports.tao_amodal import Choice, import_tao_amodal
from vas_tool.planning.plan import Request
from vas_tool.project import Project
from vas_tool.project_store import carry_out
from vas_tool.storage import Stamp
from vas_tool.types import AmodalBox, Box, NoBox

SIZE = (64, 48)
CLIP = "val/LaSOT/clip"
Make = Callable[..., Project]


# --- the frames between the annotated ones --------------------------------------------------------------------------


@given(
    steps=st.lists(st.tuples(st.integers(1, 40), st.floats(0.1, 3)), min_size=1, max_size=6),
    fps=st.floats(0.5, 30),
)
def test_every_annotated_frame_is_in_the_clip_and_none_twice(steps: list[tuple[int, float]], fps: float) -> None:
    places = [sum(s for s, _ in steps[:i]) for i in range(len(steps) + 1)]
    seconds = [sum(t for _, t in steps[:i]) for i in range(len(steps) + 1)]
    clip = between(places, seconds, fps=fps)
    assert set(places) <= {place for place, _ in clip}
    assert all(a < b and s < t for (a, s), (b, t) in pairwise(clip))
    assert {p: s for p, s in clip if p in places} == dict(zip(places, seconds, strict=True))
    asked = sum(max(1, round((t - s) * fps)) for s, t in pairwise(seconds)) + 1
    assert len(clip) <= asked and (len(clip) == asked or len(clip) < places[-1] + 1 or asked > places[-1])


def test_a_video_of_30_frames_a_second_gives_8_of_them() -> None:
    clip = between([0, 30, 60], [0.0, 1.0, 2.0], fps=8)
    assert [place for place, _ in clip[:9]] == [0, 4, 8, 11, 15, 19, 22, 26, 30] and len(clip) == 17
    assert clip[4][1] == 0.5 and rate_of([s for _, s in clip], fps=8) == 8
    assert between([5], [0.0], fps=8) == [(5, 0.0)] and rate_of([0.0], fps=8) == 8


def test_times_follow_the_usual_step() -> None:
    assert seconds_of([10, 40, 70, 130], annotated_fps=1) == [0, 1, 2, 4]
    assert seconds_of([0, 12, 24], annotated_fps=2) == [0, 0.5, 1]
    for indices in ([None, None, None], [3, 3, 4], [5, 4, 3], [0, None, 30]):
        assert seconds_of(indices, annotated_fps=1) == [0, 1, 2]
    with pytest.raises(InputError, match="more than 0"):
        seconds_of([0], annotated_fps=0)


# --- TAO-Amodal -----------------------------------------------------------------------------------------------------


def write_frames(root: Path, numbers: Any, clip: str = CLIP) -> Path:
    (root / clip).mkdir(parents=True, exist_ok=True)
    for i in numbers:
        cv2.imwrite(str(root / clip / f"frame{i:04d}.jpg"), square_frame(i, SIZE)[..., ::-1])
    return root


def seen_xywh(number: int) -> list[float]:
    rows, columns = square_at(number, SIZE)
    return [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start]


def tao_data(numbers: tuple[int, ...] = (1, 31, 61), clip: str = CLIP, first: int = 0) -> dict[str, Any]:
    """One video of the moving square: track 50 is seen, track 51 (a cup) is hidden on the second frame."""
    images = [
        {"id": first + n, "video_id": first + 88, "file_name": f"{clip}/frame{n:04d}.jpg", "frame_index": n - 1}
        for n in numbers
    ]
    annotations: list[dict[str, Any]] = []
    for place, n in enumerate(numbers):
        at = {"image_id": first + n, "video_id": first + 88}
        x, y, w, h = seen_xywh(n)
        person = {"track_id": first + 50, "category_id": 805, "bbox": [x, y, w, h], "amodal_bbox": [x - 9, y, w + 9, h]}
        annotations.append({"id": first + 2 * place + 1, **at, **person, "visibility": 0.6})
        cup = {"track_id": first + 51, "category_id": 7, "amodal_bbox": [20, 20, 10.5, 10], "visibility": 0.05}
        if place != 1:
            cup |= {"bbox": [20, 20, 10, 10], "visibility": 1.0}
        annotations.append({"id": first + 2 * place + 2, **at, **cup})
    ids = [{"id": first + 50, "category_id": 805}, {"id": first + 51, "category_id": 7}]
    return {
        "videos": [{"id": first + 88, "name": clip, "width": 64, "height": 48}],
        "images": images,
        "tracks": [{**track, "video_id": first + 88} for track in ids],
        "categories": [{"id": 805, "name": "person"}, {"id": 7, "name": "cup"}],
        "annotations": annotations,
    }


def write_json(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    return write_json(tmp_path / "validation.json", tao_data())


@pytest.fixture
def opened() -> Any:
    """Open projects; they are closed at the end."""
    projects: list[Project] = []

    def open_(path: Path) -> Project:
        projects.append(Project.open(path))
        return projects[-1]

    yield open_
    for project in projects:
        project.close()


def test_annotated_frames_keep_their_place(annotations: Path, tmp_path: Path, opened: Any) -> None:
    frames = write_frames(tmp_path / "frames", range(1, 70))
    done = import_tao_amodal(annotations, tmp_path / "projects", frames=frames)
    assert done.problems == () and [p.name for p in done.projects] == ["val_LaSOT_clip"]
    project = opened(done.projects[0])
    assert len(project.clip) == 17 and project.clip.fps == 8
    origin = read_origin(project.folder)
    assert origin is not None and dict(origin.image_ids) == {0: 1, 8: 31, 16: 61} and origin.video_id == 88
    for frame_index, image_id in origin.image_ids.items():
        stored = project.clip.frame_path(frame_index).read_bytes()
        assert stored == (frames / CLIP / f"frame{image_id:04d}.jpg").read_bytes()
        assert project.ledger[frame_index].source_index == image_id - 1
    assert [r.pts_seconds for r in project.ledger][4] == 0.5 and project.ledger[8].pts_seconds == 1.0
    person, cup = project.truth.objects
    assert (person.label, cup.label) == ("person", "cup")
    x, y, w, h = seen_xywh(31)
    assert person.amodal_boxes[1] == AmodalBox(8, x - 9, y, x + w, y + h) and person.boxes[1] == Box(
        8, x, y, x + w, y + h
    )
    assert [b.frame_index for b in cup.boxes] == [0, 16] and [b.frame_index for b in cup.amodal_boxes] == [0, 8, 16]
    assert dict(origin.tracks) == {1: TrackOrigin(50, 805), 2: TrackOrigin(51, 7)}
    assert project.canvas.pad_left == 16  # a box begins left of the picture


def test_where_a_track_pauses_its_box_ends_unless_the_record_is_broken(tmp_path: Path, opened: Any) -> None:
    frames, data = write_frames(tmp_path / "frames", range(1, 100)), tao_data((1, 31, 61, 91))
    of_person = [a for a in data["annotations"] if a["track_id"] == 50]
    data["annotations"].remove(of_person[1])  # not there on image 31
    next(a for a in data["annotations"] if a["track_id"] == 51 and a["image_id"] == 31)["amodal_bbox"] = [20, 20, 0, 10]
    done = import_tao_amodal(write_json(tmp_path / "v.json", data), tmp_path / "projects", frames=frames)
    person, cup = opened(done.projects[0]).truth.objects
    assert [k.frame_index for k in person.amodal_boxes] == [0, 1, 16, 24] and person.amodal_boxes[1] == NoBox(1)
    assert [f for f in range(25) if box_on(person.amodal_boxes, f)] == [0, *range(16, 25)]
    assert [k.frame_index for k in cup.amodal_boxes] == [0, 16, 24] and len(done.problems) == 1  # moves on over the gap


def test_tracking_needs_no_click_and_answers_go_back(
    annotations: Path, tmp_path: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fake_engines(monkeypatch)
    done = import_tao_amodal(
        annotations, tmp_path / "projects", frames=write_frames(tmp_path / "frames", range(1, 62)), fps=2
    )
    project = opened(done.projects[0])
    edit_id = project.edit("track")
    for obj in project.truth.objects:
        carry_out(project, Request((obj.id,), ("segment",), ask=True), edit_id=edit_id)
        assert list(project.modal(obj.id)) == [0, 1, 2, 3, 4]
    write_predictions([project], tmp_path / "prediction.json")
    predictions = read_predictions(tmp_path / "prediction.json")
    assert {p.image_id for p in predictions} <= {1, 31, 61} and {p.track_id for p in predictions} <= {50, 51}
    assert predictions


def test_where_the_annotator_was_unsure_the_export_says_so(tmp_path: Path, opened: Any) -> None:
    data = tao_data()
    data["annotations"][0]["amodal_is_uncertain"] = data["annotations"][4]["amodal_is_uncertain"] = True
    path, frames = write_json(tmp_path / "v.json", data), write_frames(tmp_path / "frames", [1, 31, 61])
    project = opened(import_tao_amodal(path, tmp_path / "projects", frames=frames).projects[0])
    for i in range(3):
        mask = rectangle(SIZE, 5, 5, 20, 20)
        project.layers(1).modal.put(i, mask, Stamp("builtin"))
        project.layers(1).amodal.put(i, project.canvas.to_canvas(mask), Stamp("builtin"))
    project.edit("accept", project.truth.with_object(project.truth.object(1).accepting(2, True)))
    write_coco([project], tmp_path / "coco.json")
    annotations = json.loads((tmp_path / "coco.json").read_text())["annotations"]
    assert [a["amodal_is_uncertain"] for a in annotations] == [True, False, False]
    assert annotations[0]["given_box"]["amodal_bbox"] == tao_data()["annotations"][0]["amodal_bbox"]


def test_a_damaged_origin_is_told(annotations: Path, tmp_path: Path, opened: Any) -> None:
    frames = write_frames(tmp_path / "frames", [1, 31, 61])
    project = opened(import_tao_amodal(annotations, tmp_path / "projects", frames=frames).projects[0])
    for text in ("", "[]", '{"format": "tao-amodal"}'):
        (project.folder / "origin.json").write_text(text)
        with pytest.raises(ProjectDamaged, match=r"origin\.json does not read"):
            write_predictions([project], tmp_path / "p.json")


def test_without_frames_between_the_annotated_ones_are_the_clip(annotations: Path, tmp_path: Path, opened: Any) -> None:
    frames = write_frames(tmp_path / "frames", [1, 31, 61])
    project = opened(import_tao_amodal(annotations, tmp_path / "projects", frames=frames).projects[0])
    assert len(project.clip) == 3 and project.clip.fps == 1
    assert [r.pts_seconds for r in project.ledger] == [0, 1, 2]


def test_what_is_missing_is_listed_and_the_rest_is_imported(tmp_path: Path, opened: Any) -> None:
    frames = write_frames(tmp_path / "frames", [*range(1, 31), *range(32, 62)])
    write_frames(frames, [1], clip="val/LaSOT/small")
    cv2.imwrite(str(frames / "val/LaSOT/small/frame0001.jpg"), np.zeros((20, 20, 3), np.uint8))
    data = tao_data()
    for first, other in ((100, "val/LaSOT/gone"), (200, "val/LaSOT/small"), (300, "../up")):
        more = tao_data((1, 2), clip=other, first=first)
        for name in ("videos", "images", "tracks", "annotations"):
            data[name] += more[name]
    data["annotations"][0]["amodal_bbox"] = [1, 1, 0, 5]
    data["annotations"][1]["bbox"] = [70, 20, 10, 10]
    path = write_json(tmp_path / "validation.json", data)
    done = import_tao_amodal(path, tmp_path / "projects", frames=frames)
    problems = "\n".join(done.problems)
    for expected in (
        "annotation 1: amodal_bbox is [1, 1, 0, 5]",
        "annotation 2: bbox [70, 20, 10, 10] lies outside the frame",
        "image 31: val/LaSOT/clip/frame0031.jpg is not below",
        "image 101: val/LaSOT/gone/frame0001.jpg is not below",
        "video 188 (val/LaSOT/gone): none of its annotated frames is there",
        "video 288 (val/LaSOT/small): ",
        "is (20, 20), the annotations say (64, 48)",
        "image 301: file_name '../up/frame0001.jpg' is not a plain relative path",
    ):
        assert expected in problems, expected
    assert [p.name for p in done.projects] == ["val_LaSOT_clip"]
    project = opened(done.projects[0])
    origin = read_origin(project.folder)
    assert origin is not None and sorted(origin.image_ids.values()) == [1, 61]
    assert [b.frame_index for b in project.truth.object(1).amodal_boxes] == [max(origin.image_ids)]


def test_broken_pictures_are_told_and_done_without(tmp_path: Path, opened: Any) -> None:
    frames = write_frames(tmp_path / "frames", range(1, 70))
    head = (frames / CLIP / "frame0001.jpg").read_bytes()
    (frames / CLIP / "frame0001.jpg").write_bytes(head[: len(head) // 2])  # annotated, and the first
    (frames / CLIP / "frame0046.jpg").write_text("no picture")  # between two annotated ones
    path = write_json(tmp_path / "v.json", tao_data((1, 31, 61)))
    done = import_tao_amodal(path, tmp_path / "projects", frames=frames)
    first, between_them = done.problems
    assert first.startswith("image 1: the image ") and "frame0001.jpg cannot be read" in first
    assert between_them.startswith(f"video 88 ({CLIP}): the image ") and "holds no image" in between_them
    assert "0x" not in between_them  # no address in memory
    project = opened(done.projects[0])
    assert len(project.clip) == 9 and project.clip.fps == 8
    assert [record.source_index + 1 for record in project.ledger] == [31, 35, 38, 42, 45, 50, 54, 57, 61]
    origin = read_origin(project.folder)
    assert origin is not None and dict(origin.image_ids) == {0: 31, 8: 61}
    assert [b.frame_index for b in project.truth.object(1).amodal_boxes] == [0, 8]


def test_where_no_picture_can_be_read_nothing_is_left_behind(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", [1, 31])
    for number in (1, 31):
        (frames / CLIP / f"frame{number:04d}.jpg").write_text("no picture")
    path = write_json(tmp_path / "v.json", tao_data((1, 31)))
    done = import_tao_amodal(path, tmp_path / "projects", frames=frames)
    assert done.projects == () and done.problems == (f"video 88 ({CLIP}): none of its frames can be read; left out",)
    assert not list((tmp_path / "projects").glob("*"))


def test_missing_frames_do_not_change_the_time_of_the_others(tmp_path: Path, opened: Any) -> None:
    """Images 1, 31, ... are a second apart, also where every second one is missing."""
    numbers = (1, 31, 61, 91, 121)
    frames = write_frames(tmp_path / "frames", [i for i in range(1, 130) if i not in (31, 91)])
    for indexed in (True, False):
        data = tao_data(numbers)
        for image in data["images"]:
            image["frame_index"] = image["frame_index"] if indexed else None
        target = tmp_path / f"projects{indexed}"
        done = import_tao_amodal(write_json(tmp_path / "v.json", data), target, frames=frames)
        project = opened(done.projects[0])
        assert len(project.clip) == 33 and project.clip.fps == 8
        assert [project.ledger[i].pts_seconds for i in (0, 16, 32)] == [0, 2, 4]


@pytest.mark.parametrize("names", ["unpadded", "plain", "reversed"])
def test_frame_index_orders_the_frames_whatever_they_are_called(tmp_path: Path, opened: Any, names: str) -> None:
    """Frame n is called n, or as plain text sorts, or so that no order of names fits."""
    texts = sorted(map(str, range(1, 70)))
    name = {"unpadded": str, "plain": lambda n: texts[n - 1], "reversed": lambda n: f"{100 - n:03d}"}[names]
    frames = write_frames(tmp_path / "frames", range(1, 70))
    data = tao_data()
    for image in data["images"]:
        image["file_name"] = f"{CLIP}/{name(image['id'])}.jpg"
    for n in range(1, 70):
        (frames / CLIP / f"frame{n:04d}.jpg").rename(frames / CLIP / f"{name(n)}.jpg")
    done = import_tao_amodal(write_json(tmp_path / "v.json", data), tmp_path / "projects", frames=frames)
    project = opened(done.projects[0])
    origin = read_origin(project.folder)
    assert origin is not None and list(origin.image_ids.values()) == [1, 31, 61]
    assert [project.ledger[f].pts_seconds for f in origin.image_ids] == [0, 1, 2]
    for frame_index, n in origin.image_ids.items():
        stored = project.clip.frame_path(frame_index).read_bytes()
        assert stored == (frames / CLIP / f"{name(int(n))}.jpg").read_bytes()
    assert len(project.clip) == (3 if names == "reversed" else 17)
    assert any("frame_index" in note for note in project.source.notes) == (names == "reversed")


def test_a_wrong_root_is_one_line_a_video(
    annotations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "projects")
    assert main(["import", "tao-amodal", str(annotations), "--frames", str(tmp_path), "--projects", out]) == 1
    first, last = capsys.readouterr().err.splitlines()[-2:]
    assert "none of its annotated frames is there (image 1: val/LaSOT/clip/frame0001.jpg is not below" in first
    assert last.endswith("1 problem; nothing new was imported")


def test_two_images_of_one_file_are_told(tmp_path: Path, opened: Any) -> None:
    data = tao_data()
    data["images"][1]["file_name"] = data["images"][0]["file_name"]
    data["annotations"][4]["amodal_bbox"] = [1e9, 0, 10, 10]
    data["images"].append({"id": 5, "video_id": 88, "file_name": f"{CLIP}/.hidden.jpg"})
    data["annotations"][5]["image_id"] = 5
    path, frames = write_json(tmp_path / "v.json", data), write_frames(tmp_path / "frames", [1, 31, 61])
    (frames / CLIP / ".hidden.jpg").write_bytes((frames / CLIP / "frame0001.jpg").read_bytes())
    done = import_tao_amodal(path, tmp_path / "projects", frames=frames)
    expected = ("annotation 5: amodal_bbox is [1000000000.0", "image 31: val/LaSOT", "image 5: val/LaSOT")
    assert all(any(e in p for p in done.problems) for e in expected) and len(done.problems) == 3
    person, cup = opened(done.projects[0]).truth.objects
    assert [b.frame_index for b in person.amodal_boxes] == [b.frame_index for b in cup.amodal_boxes] == [0]


@pytest.mark.parametrize(
    ("choice", "tracks"),
    [
        (Choice(), {50, 51}),
        (Choice(videos=("clip",)), {50, 51}),
        (Choice(videos=("val/*/clip",)), {50, 51}),
        (Choice(videos=("88",)), {50, 51}),
        (Choice(videos=("lip",)), set()),
        (Choice(tracks=("51",)), {51}),
        (Choice(categories=("person",)), {50}),
        (Choice(visibility=(0.0, 0.1)), {51}),
        (Choice(visibility=(0.5, 0.7)), {50}),
        (Choice(out_of_frame=True), {50}),
        (Choice(videos=("clip",), categories=("dog",)), set()),
    ],
)
def test_videos_and_tracks_can_be_picked(
    annotations: Path, tmp_path: Path, opened: Any, choice: Choice, tracks: set[int]
) -> None:
    frames = write_frames(tmp_path / "frames", [1, 31, 61])
    if not tracks:
        with pytest.raises(FormatError, match="nothing in it was chosen"):
            import_tao_amodal(annotations, tmp_path / "projects", frames=frames, choice=choice)
        return
    done = import_tao_amodal(annotations, tmp_path / "projects", frames=frames, choice=choice)
    origin = read_origin(done.projects[0])
    assert origin is not None and {t.track_id for t in origin.tracks.values()} == tracks


def test_an_import_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    data = tao_data((1, 2))
    for name, items in tao_data((1, 2), clip="val/LaSOT/second", first=100).items():
        data[name] += items if name != "categories" else []
    path = write_json(tmp_path / "validation.json", data)
    frames = write_frames(write_frames(tmp_path / "frames", [1, 2]), [1, 2], clip="val/LaSOT/second")
    steps: list[int] = []

    def stop(done: int, total: int, what: str) -> None:
        steps.append(done)
        if len(steps) == 5:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        import_tao_amodal(path, tmp_path / "projects", frames=frames, progress=stop)
    assert [p.name for p in (tmp_path / "projects").iterdir()] == ["val_LaSOT_clip"]
    again = import_tao_amodal(path, tmp_path / "projects", frames=frames)
    assert [p.name for p in again.projects] == ["val_LaSOT_second"] and "there already" in again.notes[0]


def test_an_evaluation_file_gives_boxes_but_no_prompts(tmp_path: Path, opened: Any) -> None:
    data = tao_data()
    del data["tracks"]
    for item in data["annotations"]:
        item["bbox"] = item.pop("amodal_bbox")
    path = write_json(tmp_path / "validation_lvis_v1.json", data)
    frames = write_frames(tmp_path / "frames", [1, 31, 61])
    done = import_tao_amodal(path, tmp_path / "projects", frames=frames)
    assert done.problems == () and "2 of them need a click before tracking" in done.notes[0]
    assert all(len(obj.amodal_boxes) == 3 for obj in opened(done.projects[0]).truth.objects)


# --- samples and folders: what went out comes in again --------------------------------------------------------------


def test_samples_come_back_as_projects(make_project: Make, tmp_path: Path, opened: Any) -> None:
    project = make_project(25, name="out/long")
    seen, whole = rectangle(SIZE, 5, 5, 20, 20), rectangle(SIZE, 5, 5, 30, 20)
    for label in ("car", "bus"):
        annotate(project, label, modal={i: seen for i in range(25)}, amodal={i: whole for i in range(25)})
    summary = write_samples([project], tmp_path / "samples.json")
    for with_amodal in (False, True):
        target = tmp_path / f"projects{with_amodal}"
        done = import_samples(tmp_path / "samples.json", target, frames=summary.images_root, with_amodal=with_amodal)
        assert done.problems == () and len(done.projects) == 1
        again = opened(done.projects[0])
        assert [t.label for t in again.truth.objects] == ["car", "bus"] and again.clip.fps == 8
        for i in range(25):
            assert again.clip.frame_path(i).read_bytes() == project.clip.frame_path(i).read_bytes()
            assert np.array_equal(again.modal(1)[i], seen)
            assert not with_amodal or np.array_equal(again.amodal(1)[i], whole)
        assert again.truth.object(2).amodal_boxes[3] == AmodalBox(3, 5, 5, 30, 20)
        assert bool(len(again.amodal(1))) == with_amodal


def test_samples_of_tao_amodal(tmp_path: Path, opened: Any) -> None:
    from test_formats_json import tao_sample

    frames = write_frames(tmp_path / "frames", range(25))
    gone = tao_sample(track_id=5124, file_names=[f"val/gone/{i}.jpg" for i in range(25)])
    path = write_json(tmp_path / "val.json", [tao_sample(), gone, tao_sample(track_id=7, rles=["0"])])
    names = write_json(tmp_path / "names.json", {"categories": [{"id": 805, "name": "person"}]})
    done = import_samples(path, tmp_path / "projects", frames=frames, categories=names)
    assert len(done.problems) == 26 and "sample 1 (video_id 88, track_id 5124): val/gone/0.jpg" in done.problems[1]
    project = opened(done.projects[0])
    (obj,) = project.truth.objects
    assert obj.label == "person" and project.clip.fps == 1 and project.canvas.pad_left == 16
    assert obj.amodal_boxes[0] == AmodalBox(0, -12, 4, 28, 34) and len(project.modal(1)) == 25
    with pytest.raises(FormatError, match="nothing in it was chosen"):
        import_samples(path, tmp_path / "projects", frames=frames, choice=SampleChoice(tracks=("9",)))


def test_tabe_comes_back_as_a_project(small_project: Project, tmp_path: Path, opened: Any) -> None:
    seen, whole = rectangle(SIZE, 5, 5, 20, 20), rectangle(SIZE, 5, 5, 30, 20)
    annotate(small_project, modal={i: seen for i in range(5)}, amodal={i: whole for i in range(5)})
    folder = write_tabe(small_project, tmp_path / "data", object_id=1)
    done = import_tabe(tmp_path / "data", tmp_path / "projects", label="cup", with_amodal=True)
    project = opened(done.projects[0])
    assert project.name == "clip" and project.clip.fps == 15 and project.truth.object(1).label == "cup"
    for i in range(5):
        assert np.array_equal(project.modal(1)[i], seen) and np.array_equal(project.amodal(1)[i], whole)
        assert project.clip.frame_path(i).read_bytes() == (folder / f"frames/{i:05d}.jpg").read_bytes()
    (tmp_path / "TABE-51").mkdir()
    shutil.copytree(tmp_path / "data", tmp_path / "TABE-51/data")  # the data set's own layout
    assert len(import_tabe(tmp_path / "TABE-51", tmp_path / "set").projects) == 1
    blind = opened(import_tabe(folder, tmp_path / "blind").projects[0])
    assert not len(blind.amodal(1)) and blind.truth.object(1).label == "clip"
    (tmp_path / "data/broken/frames").mkdir(parents=True)
    (tmp_path / "data/broken/visible_masks").mkdir()
    again = import_tabe(tmp_path / "data", tmp_path / "projects")
    assert again.projects == () and "holds no images" in again.problems[0] and "there already" in again.notes[0]


def test_folders_of_sequences(tmp_path: Path, opened: Any) -> None:
    for name in ("a", "b"):
        for inner, picture in (("rgbs", square_frame(0, SIZE)), ("masks", rectangle(SIZE, 3, 3, 9, 9) * np.uint8(255))):
            (tmp_path / "data" / name / inner).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / "data" / name / inner / "frame_000.png"), picture)
    done = import_sequence_folders(tmp_path / "data", tmp_path / "projects")
    assert [p.name for p in done.projects] == ["a", "b"]
    assert opened(done.projects[1]).modal(1)[0].sum() == 36
    with pytest.raises(FormatError, match="holds none"):
        import_sequence_folders(tmp_path / "projects", tmp_path / "more")


# --- the command line -----------------------------------------------------------------------------------------------


def test_the_command_line(annotations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames, projects = str(write_frames(tmp_path / "frames", [1, 31])), str(tmp_path / "projects")
    arguments = ["import", "tao-amodal", str(annotations), "--frames", frames, "--projects", projects]
    assert main([*arguments, "--video", "clip", "--track", "50", "--visibility", "0,0.7", "--out-of-frame"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{projects}/val_LaSOT_clip"]
    assert "image 61: val/LaSOT/clip/frame0061.jpg is not below" in err and "1 problem;" in err
    for more, words in (
        (["--video", "nothing"], "nothing in it was chosen"),
        (["--visibility", "2"], "--visibility needs LOW,HIGH"),
        (["--fps", "0"], "--fps must be more than 0"),
        (["--annotated-fps", "0"], "must be more than 0"),
    ):
        assert main([*arguments, *more]) == 1
        assert words in capsys.readouterr().err


def test_the_command_line_takes_folders_and_samples(
    small_project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotate(small_project, modal={0: rectangle(SIZE, 3, 3, 9, 9)})
    write_tabe(small_project, tmp_path / "data", object_id=1)
    assert main(["import", "tabe", str(tmp_path / "data"), "--projects", str(tmp_path / "p")]) == 0
    assert main(["import", "sequences", str(tmp_path / "none"), "--projects", str(tmp_path / "p")]) == 1
    write_json(tmp_path / "s.json", [{}])
    arguments = [str(tmp_path / "s.json"), "--frames", str(tmp_path), "--projects", str(tmp_path / "p")]
    assert main(["import", "diffusion-vas", *arguments]) == 1
    assert "0 good samples" in capsys.readouterr().err
