"""JSON files of others that are damaged, or made to do harm: told by the record's name, and nothing else happens."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotating import annotate, rectangle
from evaluation_files import sail_results, sail_sample, square, tao_results, tao_sample, written
from test_evaluation_malformed import EXPORT, changed, places
from test_formats_json import tao_sample as tao_sample_of_25
from test_imports import tao_data

from vas_tool.errors import FormatError, InputError
from vas_tool.evaluation import Order, evaluate
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile, AnnotatedTrack
from vas_tool.formats.annotations.video_level import read_video_level
from vas_tool.formats.coco import write_coco
from vas_tool.formats.coco_reading import read_coco
from vas_tool.formats.sample_reading import read_samples
from vas_tool.formats.verify import verify
from vas_tool.formats.youtube_vis import write_youtube_vis
from vas_tool.imports.diffusion_vas import import_samples
from vas_tool.imports.tao_amodal import import_tao_amodal
from vas_tool.masks import from_rle, to_rle
from vas_tool.project import Project

Told = list[str]
"""What is said of a file, by whatever reads it."""


def counts(*runs: int) -> str:
    """COCO's text of run lengths, of any size and sign: the packing alone, without the deltas of later runs."""
    text = ""
    for position, run in enumerate(runs):
        value = run - (runs[position - 2] if position > 2 else 0)
        while True:
            digit, value = value & 31, value >> 5
            more = value != (-1 if digit & 16 else 0)
            text += chr(48 + (digit | 32 * more))
            if not more:
                break
    return text


BOMBS: dict[str, tuple[Any, str]] = {
    "20000 x 20000": ([20_000, 20_000], counts(400_000_000)),
    "10^62": ([10**31, 10**31], counts(1)),
    "one long side": ([1, 10**15], counts(10**15)),
    "negative": ([-40, -60], counts(2400)),
    "longer than the size": ([40, 60], counts(0, 2400, 1)),
    "one run of 2^35": ([40, 60], counts(2**35)),
    "a sum that comes round": ([40, 60], counts(*[2**59] * 32, 2400)),
    "no numbers": (["40", 60.0], counts(2400)),
}


@pytest.fixture(params=list(BOMBS))
def bomb(request: pytest.FixtureRequest) -> dict[str, Any]:
    size, text = BOMBS[request.param]
    return {"size": size, "counts": text}


def test_no_size_is_taken_on_trust(bomb: Any) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            from_rle(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


SEEN = [square(10, 10, 16)] * 3


def problems_of(benchmark: str, root: Path, truth: Any, results: Any) -> Told:
    tracks = written(root / "tracks.json", {"88": 5120})
    files = written(root / "truth.json", truth), written(root / "ours.json", results)
    try:
        return [str(p) for p in evaluate(benchmark, Order(files[0], (files[1],), track_map=tracks)).evaluation.problems]
    except InputError as error:
        return [str(error)]


def of_sail_truth(root: Path, bomb: Any) -> Told:
    sample = sail_sample(SEEN, SEEN)
    sample["segmentation"] = [*sample["segmentation"][:2], bomb]
    return problems_of("sail-vos", root, [sail_sample(SEEN, SEEN, 8), sample], {})


def of_sail_results(root: Path, bomb: Any) -> Told:
    results = sail_results(SEEN) | {"(101, 7)": {"diffvas_res_rle": bomb}}
    return problems_of("sail-vos", root, [sail_sample(SEEN, SEEN)], results)


def of_tao_truth(root: Path, bomb: Any) -> Told:
    boxes: list[list[float]] = [[0, 0, 9, 9]] * 3
    bad = tao_sample(SEEN, boxes) | {"height": bomb["size"][0], "width": bomb["size"][1], "rles": [bomb["counts"]] * 3}
    return problems_of("tao-amodal", root, [tao_sample(SEEN, boxes, track_id=5124), bad], {})


def of_kitti_answers(root: Path, bomb: Any) -> Told:
    (root / "car_data").mkdir()
    for name, key in (("test_data", "VM"), ("test_data_full_mask", "FM")):
        import pickle

        data = {"0001": {4: {t: {key: to_rle(SEEN[t])} for t in range(3)}}}
        (root / f"car_data/{name}.pkl").write_bytes(pickle.dumps(data))
    answers = {"0001": {"4": {str(t): {"FM": bomb if t == 1 else to_rle(SEEN[t])} for t in range(3)}}}
    order = Order(root, (written(root / "ours.json", answers),))
    return [str(problem) for problem in evaluate("kitti", order).evaluation.problems]


def with_bomb(bomb: Any) -> Any:
    return changed(EXPORT, ("annotations", 1, "segmentation"), bomb)


def of_export(benchmark: str) -> Callable[[Path, Any], Told]:
    return lambda root, bomb: problems_of(benchmark, root, EXPORT, with_bomb(bomb))


def of_samples(root: Path, bomb: Any) -> Told:
    bad = tao_sample_of_25(height=bomb["size"][0], width=bomb["size"][1], rles=[bomb["counts"]] * 25)
    path = written(root / "val.json", [bad, tao_sample_of_25()])
    assert len(read_samples(path).samples) == 1
    return list(verify(path).problems)


def of_coco(root: Path, bomb: Any) -> Told:
    path = written(root / "coco.json", with_bomb(bomb))
    with pytest.raises(FormatError, match="annotation 2: "):
        print(read_coco(path).annotations[1].amodal)
    return list(verify(path).problems)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (of_sail_truth, "(102, 7): truth"),
        (of_sail_results, "(101, 7): "),
        (of_tao_truth, "88, 'frame0000.jpg', '4'"),
        (of_kitti_answers, "0001-4/00001: "),
        (of_export("movi"), "clip-0/00001: "),
        (of_export("tabe-51"), "clip/1: "),
        (of_samples, "sample 0 (video_id 88, track_id 5123): "),
        (of_coco, "annotation 2: "),
    ],
)
def test_every_reader_names_the_record(tmp_path: Path, bomb: Any, told: Callable[[Path, Any], Told], name: str) -> None:
    problems = told(tmp_path, bomb)
    other = "sample 1 (obj_id 7): frame 2: " if told is of_sail_truth else "track 5123 (sample 1): frame 0: "
    early = told in (of_sail_truth, of_tao_truth)  # a size that cannot be costs the sample as it is read
    assert any(name in problem or (early and (other in problem or "sample 1" in problem)) for problem in problems)


def tracks_of(file: AnnotatedFile) -> list[AnnotatedTrack]:
    return [track for video in file.videos for track in video.tracks]


def test_video_level_files_too(small_project: Project, tmp_path: Path, bomb: Any) -> None:
    annotate(small_project, modal={i: rectangle((64, 48), 3, 3, 9, 9) for i in range(5)})
    write_youtube_vis([small_project], tmp_path / "video.json")
    data = json.loads((tmp_path / "video.json").read_text())
    data["annotations"][0]["segmentations"][3] = bomb
    path = written(tmp_path / "video.json", data)
    assert any(p.startswith("annotation 1, frame 3: segmentation ") for p in verify(path).problems)
    read = read_video_level(path)
    assert any(p.startswith("annotation 1: segmentations, frame 3: ") for p in read.problems) and not tracks_of(read)


# --- imports of which nothing is right -------------------------------------------------------------------------------


def test_when_every_record_is_bad_all_of_them_are_told(tmp_path: Path) -> None:
    data = tao_data()
    for record in (*data["annotations"], *data["tracks"]):
        record["category_id"] = "person"
    path = written(tmp_path / "a.json", data)
    with pytest.raises(FormatError, match="nothing in it was chosen") as caught:
        import_tao_amodal(path, tmp_path / "projects", frames=tmp_path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + len(data["annotations"]) + len(data["tracks"])
    assert lines[1].startswith(f"annotation {data['annotations'][0]['id']}: category_id is 'person'")
    samples = written(tmp_path / "val.json", [tao_sample_of_25(rles=["0"] * 25), 3])
    with pytest.raises(
        FormatError, match=r"(?s)nothing in it was chosen.*frame 0: its modal mask does not.*sample 1 is"
    ):
        import_samples(samples, tmp_path / "projects", frames=tmp_path)


@pytest.mark.parametrize("first", [2**53, 7_706_992_903_151_817_190, 2**64 - 1000, -(2**63)])
def test_ids_of_64_bits_are_read(tmp_path: Path, first: int) -> None:
    data = tao_data()
    for records in (*data.values(),):
        for record in records:
            record.update({k: record[k] + first for k in record if k == "id" or k.endswith("_id")})
    assert verify(written(tmp_path / "a.json", data)).problems == ()
    sample = tao_sample_of_25(track_id=first, video_id=first, category_id=first)
    assert read_samples(written(tmp_path / "val.json", [sample])).problems == ()


# --- mutants ----------------------------------------------------------------------------------------------------------

JUNK: list[Any] = [
    *(None, True, -1, 0, 0.5, 1e308, 2**63, 10**62, "", "x", "\ud800", [], {}, [[]], {"size": [20_000, 20_000]}),
    *([None] * 3, [-5, -5, -5, -5], {"size": [40, 60], "counts": "~"}, {"size": [-1, 1], "counts": "0"}, "1e999"),
    json.loads("[" * 600 + "]" * 600),
]


def mutant(random: np.random.Generator, data: Any) -> bytes:
    """The file with one value replaced, taken out or doubled; or its text with letters changed, or cut."""
    kind = random.integers(4)
    if kind < 2:
        everywhere = places(data)
        new = JUNK[random.integers(len(JUNK))]
        return json.dumps(changed(data, everywhere[random.integers(len(everywhere))], new)).encode()
    text = bytearray(json.dumps(data).encode())
    if kind == 2:
        return bytes(text[: random.integers(len(text))])
    for _ in range(random.integers(1, 4)):
        text[random.integers(len(text))] = random.choice(list(b'0129-.eE"[]{},:x\xff'))
    return bytes(text)


@pytest.mark.parametrize("seed", range(4))
def test_mutants_are_problems_and_never_more(small_project: Project, tmp_path: Path, seed: int) -> None:
    """Whatever reads JSON, on files that are wrong somewhere: a problem, an InputError, or it was no harm."""
    random = np.random.default_rng(seed)
    if not small_project.truth.objects:
        annotate(small_project, modal={i: rectangle((64, 48), 3, 3, 9, 9) for i in range(3)})
    write_coco([small_project], tmp_path / "coco.json")
    write_youtube_vis([small_project], tmp_path / "video.json")
    coco, video = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("coco", "video"))
    tao, samples = tao_data(), [tao_sample_of_25()]
    path, projects, boxes = tmp_path / "mutant.json", tmp_path / "projects", [[0.0, 0.0, 9.0, 9.0]] * 3
    truth, results = written(tmp_path / "t.json", [sail_sample(SEEN, SEEN)]), sail_results(SEEN)
    tracks = written(tmp_path / "tracks.json", {"88": 5120})
    tao_truth, tao_answers = [tao_sample(SEEN, boxes)], tao_results(boxes)
    readers: list[tuple[Any, Callable[[], Any]]] = [
        (coco, lambda: [a.amodal for a in read_coco(path).annotations]),
        (coco, lambda: evaluate("sail-vos", Order(path, (path,)))),
        (video, lambda: [draw() for track in tracks_of(read_video_level(path)) for draw in track.modal.values()]),
        (tao, lambda: import_tao_amodal(path, projects, frames=tmp_path)),
        (samples, lambda: import_samples(path, projects, frames=tmp_path)),
        ([sail_sample(SEEN, SEEN)], lambda: evaluate("sail-vos", Order(path))),
        (results, lambda: evaluate("sail-vos", Order(truth, (path,)))),
        (tao_truth, lambda: evaluate("tao-amodal", Order(path, track_map=tracks))),
        (tao_answers, lambda: evaluate("tao-amodal", Order(tmp_path / "tt.json", (path,), track_map=tracks))),
    ]
    written(tmp_path / "tt.json", tao_truth)
    for data, read in readers:
        for _ in range(6):
            path.write_bytes(mutant(random, data))
            verify(path)
            try:
                read()
            except InputError as error:
                assert len(str(error)) > 20
