"""TAO-Amodal annotations: read, written, damaged."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tao_writing import write_tao_amodal
from test_formats_json import JUNK, paths_into

from vas_tool.errors import FormatError
from vas_tool.formats.tao_amodal import TaoAmodalFile, TaoBox, TaoImage, TaoTrack, TaoVideo
from vas_tool.formats.tao_reading import read_tao_amodal, tao_amodal_of
from vas_tool.formats.verify import verify

Data = dict[str, Any]
Damage = Callable[[Data], Any]
FOUR_NUMBERS = "it needs four numbers, width and height more than 0"


def tao_data() -> Data:
    """One video with two annotated frames and two tracks, in the form of TAO-Amodal's annotations."""
    ids = {"video_id": 88, "category_id": 805}
    name = "val/LaSOT/clip"
    return {
        "videos": [{"id": 88, "name": name, "width": 640, "height": 480, "metadata": {"dataset": "LaSOT"}}],
        "images": [
            {"id": 902, "video_id": 88, "file_name": f"{name}/frame0031.jpg", "frame_index": 30},
            {"id": 901, "video_id": 88, "file_name": f"{name}/frame0001.jpg", "frame_index": 0},
        ],
        "tracks": [{"id": 5120, **ids}, {"id": 5121, **ids}],
        "categories": [{"id": 805, "name": "person", "synset": "person.n.01", "merged": [{"id": 806}]}],
        "annotations": [
            {"id": 1, "image_id": 902, "track_id": 5120, **ids, "amodal_bbox": [-12.5, 40, 300, 410], "visibility": 0},
            {
                "id": 2,
                "image_id": 901,
                "track_id": 5120,
                **ids,
                "bbox": [10, 40, 100, 200],
                "amodal_bbox": [0, 40, 110, 220],
                "visibility": 0.83,
                "amodal_is_uncertain": True,
                "out_of_frame": False,
            },
            {"id": 3, "image_id": 901, "track_id": 5121, **ids, "bbox": [1, 2, 3, 4], "amodal_bbox": [1, 2, 3, 4]},
        ],
    }


def read(tmp_path: Path, data: Any) -> TaoAmodalFile:
    (tmp_path / "validation.json").write_text(json.dumps(data))
    return read_tao_amodal(tmp_path / "validation.json")


def test_a_sound_file(tmp_path: Path) -> None:
    file = read(tmp_path, tao_data())
    (video,) = file.videos
    first, second = file.tracks
    assert file.problems == () and [image.id for image in video.images] == [901, 902]
    assert (first.category, video.size_wh) == ("person", (640, 480)) and first.video_id == second.video_id == video.id
    assert first.boxes == (
        TaoBox(2, 901, (0, 40, 110, 220), (10, 40, 100, 200), visibility=0.83, uncertain=True),
        TaoBox(1, 902, (-12.5, 40, 300, 410), None, visibility=0.0),
    )
    assert second.boxes[0].modal_xywh == (1, 2, 3, 4)  # seen whole: the two boxes are the same
    assert verify(tmp_path / "validation.json").kind == "tao-amodal annotations"


def test_an_evaluation_file(tmp_path: Path) -> None:
    """lvis_v1: bbox is the amodal box, ids of annotations are text, there may be no list of tracks."""
    data = tao_data()
    del data["tracks"]
    for item in data["annotations"]:
        item["id"] = f"{item['video_id']}_{item['image_id']}_{item['track_id']}"
        item["bbox"] = item.pop("amodal_bbox")
    file = read(tmp_path, data)
    assert file.problems == () and [t.id for t in file.tracks] == [5120, 5121]
    assert [b.amodal_xywh for b in file.tracks[0].boxes] == [(0, 40, 110, 220), (-12.5, 40, 300, 410)]
    assert all(b.modal_xywh is None for t in file.tracks for b in t.boxes)
    data["annotations"][1]["amodal_bbox"] = data["annotations"][1]["bbox"]  # both keys, and yet not seen whole
    assert read(tmp_path, data).tracks[0].boxes[0].modal_xywh is None


def test_merged_categories_lead_to_the_one_they_were_merged_into(tmp_path: Path) -> None:
    data = tao_data()
    data["tracks"][1]["category_id"] = data["annotations"][2]["category_id"] = 806
    file = read(tmp_path, data)
    assert file.problems == () and (file.tracks[1].category_id, file.tracks[1].category) == (805, "person")


def item(name: str, position: int, **changes: Any) -> Damage:
    return lambda data: data[name][position].update(changes)


def without(name: str, position: int, key: str) -> Damage:
    return lambda data: data[name][position].pop(key)


DAMAGES: list[tuple[Damage, str, int]] = [
    (item("annotations", 0, amodal_bbox=[0, 0, 0, 4]), "annotation 1: amodal_bbox is [0, 0, 0, 4]", 2),
    (item("annotations", 0, amodal_bbox=[0, 0, 5, -4]), "annotation 1: amodal_bbox is [0, 0, 5, -4]", 2),
    (item("annotations", 1, bbox=[0, 0, -1, 4]), "annotation 2: bbox is [0, 0, -1, 4]", 3),
    (without("annotations", 0, "amodal_bbox"), "annotation 1: bbox is missing", 2),
    (without("annotations", 0, "track_id"), "annotation 1: track_id is missing", 2),
    (without("annotations", 0, "id"), "annotations[0]: id is missing", 2),
    (item("annotations", 0, image_id=7), "annotation 1: image_id 7 is not in images", 2),
    (item("annotations", 0, category_id=7), "annotation 1: category_id 7 is not in categories", 2),
    (item("annotations", 0, track_id=7), "annotation 1: track_id 7 is not in tracks", 2),
    (item("annotations", 0, id=2), "annotation 2: its id is there before", 2),
    (item("annotations", 0, image_id=901), "annotation 2: track 5120 has a box on image 901 already", 2),
    (item("annotations", 0, visibility=2), "annotation 1: visibility is 2", 3),
    (item("images", 1, video_id=7), "image 901: video_id 7 is not in videos", 1),
    (without("images", 1, "file_name"), "image 901: file_name is missing", 1),
    (without("videos", 0, "width"), "video 88: width is missing", 0),
    (item("tracks", 1, category_id=7), "track 5121: category_id 7 is not in categories", 2),
    (lambda data: data["annotations"].append(4), "annotations[3] is a int, not a record", 3),
]


def test_what_is_no_number_costs_its_record_alone(tmp_path: Path) -> None:
    data = tao_data()
    data["annotations"][0]["amodal_bbox"] = [float("nan"), 40, float("inf"), 410]
    file = read(tmp_path, data)  # no JSON, but Python and others write it
    assert file.problems == ("annotation 1: amodal_bbox is [nan, 40, inf, 410]; " + FOUR_NUMBERS,)
    assert sum(len(track.boxes) for track in file.tracks) == 2
    assert "NaN is not a JSON number" in verify(tmp_path / "validation.json").problems[0]


def test_many_videos_and_tracks_are_read_whole() -> None:
    """As many videos as the real file has, about; how long that takes is not held here."""
    data: Data = {name: [] for name in ("videos", "images", "tracks", "annotations")}
    data["categories"] = [{"id": 1, "name": "person"}]
    for video in range(2000):
        data["videos"].append({"id": video, "name": f"v{video}", "width": 64, "height": 48})
        images = [
            {"id": 8 * video + i, "video_id": video, "file_name": f"v{video}/{i}.jpg", "frame_index": i}
            for i in range(8)
        ]
        data["images"] += images
        for track in range(3 * video, 3 * video + 3):
            ids = {"track_id": track, "video_id": video, "category_id": 1}
            data["tracks"].append({"id": track, "video_id": video, "category_id": 1})
            box = {"image_id": 8 * video, **ids, "amodal_bbox": [1, 2, 3, 4]}
            data["annotations"].append({"id": track, **box})
    file = tao_amodal_of(data, Path("v.json"))  # no clock: a busy machine is no failure
    assert len(file.tracks) == 6000 and file.problems == ()


@pytest.mark.parametrize(("damage", "expected", "kept"), DAMAGES)
def test_what_is_wrong_is_told_and_what_is_good_loads(tmp_path: Path, damage: Damage, expected: str, kept: int) -> None:
    data = tao_data()
    damage(data)
    file = read(tmp_path, data)
    assert expected in "\n".join(file.problems) and sum(len(t.boxes) for t in file.tracks) == kept
    assert verify(tmp_path / "validation.json").problems == file.problems


def test_all_at_once(tmp_path: Path) -> None:
    data = tao_data()
    for damage in (DAMAGES[0][0], DAMAGES[2][0], item("annotations", 2, track_id=9)):
        damage(data)
    assert len(read(tmp_path, data).problems) == 3


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data(), junk=JUNK)
def test_no_value_anywhere_makes_it_fail_otherwise(tmp_path: Path, draw: st.DataObject, junk: Any) -> None:
    data = copy.deepcopy(tao_data())
    *path, last = draw.draw(st.sampled_from(paths_into(data)))
    inner: Any = data
    for key in path:
        inner = inner[key]
    inner[last] = junk
    try:
        read(tmp_path, data)
    except FormatError as error:
        assert "validation.json lacks one of the lists" in str(error)


NUMBERS = st.floats(-900, 900).map(lambda number: round(number, 2))
XYWH = st.tuples(NUMBERS, NUMBERS, st.floats(0.5, 900), st.floats(0.5, 900))


@st.composite
def files(draw: st.DrawFn) -> TaoAmodalFile:
    images = tuple(TaoImage(i, 7, f"train/a/{i:04d}.jpg", i * 30) for i in range(1, draw(st.integers(1, 4))))
    tracks = []
    for track in range(1, draw(st.integers(1, 3))):
        boxes = []
        for place, image in enumerate(images):
            amodal, modal = draw(XYWH), draw(st.none() | XYWH)
            visibility = 0.0 if modal is None else 0.5 if modal != amodal else 1.0
            boxes.append(TaoBox(track * 100 + place, image.id, amodal, modal, visibility, draw(st.booleans())))
        tracks.append(TaoTrack(track, 7, 3, "cup", tuple(boxes)))
    video = TaoVideo(7, "train/a", (64, 48), images)
    return TaoAmodalFile((video,), tuple(t for t in tracks if t.boxes))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=files())
def test_written_read_equal(tmp_path: Path, file: TaoAmodalFile) -> None:
    write_tao_amodal(file, tmp_path / "out.json")
    assert read_tao_amodal(tmp_path / "out.json") == file
    assert verify(tmp_path / "out.json").problems == ()


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", '{"videos": [], "images": [], "annotations": {}}'])
def test_reading_something_else_is_an_error_with_a_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(FormatError, match=r"other\.json"):
        read_tao_amodal(tmp_path / "other.json")
