"""From a TAO-Amodal file to accepted masks, one hand on the keyboard and one on the mouse: README's walk, done."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from browser import Pages, Server, Workbench
from tao_made import ROOT, tracks

from vas_tool.cli import main
from vas_tool.formats.verify import verify
from vas_tool.masks import from_rle, iou
from vas_tool.planning.review import FrameState

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # sockets of the browser's driver
]

STREET = "val_Made_street"


@pytest.fixture
def bench(pages: Pages, server: Server) -> Workbench:
    """The page on a clip with two tracks, imported."""
    root = server.root / "review"
    annotations = ROOT / "amodal_annotations" / "validation.json"
    files = [str(annotations), "--frames", str(ROOT / "frames"), "--projects", str(root)]
    assert main(["import", "tao-amodal", *files, "--video", "val/Made/street"]) == 0
    return pages.project(root / STREET)


def choose(bench: Workbench, label: str) -> int:
    """With S, from object to object."""
    wanted = next(o["id"] for o in bench.state()["objects"] if o["label"] == label)
    for _ in bench.state()["objects"]:
        if bench.page.locator(f"[data-testid=object-row-{wanted}].vas-chosen").count():
            return int(wanted)
        bench.press("s")
        bench.page.wait_for_timeout(100)
    raise AssertionError(f"S never came to {label}")


def press_and_wait(bench: Workbench, key: str) -> None:
    before = bench.state()["version"]
    bench.press(key)
    bench.until_answered(before)


def agreement(bench: Workbench, object_id: int) -> dict[int, float]:
    obj = next(o for o in bench.state()["objects"] if o["id"] == object_id)
    return {int(f): share for f, share in obj["agreement"].items()}


def test_from_boxes_to_accepted_masks_of_one_track(bench: Workbench, tmp_path: Path) -> None:
    person = choose(bench, "person")
    assert bench.item("crop").is_visible()

    bench.run("t")  # no click: the annotated boxes are what tracking starts from
    bench.run("a")
    shares = agreement(bench, person)
    assert sorted(shares) == list(range(25))

    bench.press("n")  # the frame that misses its box most
    worst = min(shares, key=lambda f: shares[f])
    bench.page.wait_for_function("f => window.__vas.frame() === f", arg=worst)
    bench.photograph("desk")

    # mended with the brush, on the amodal mask: a stroke from the box's top to its bottom
    obj = next(o for o in bench.state()["objects"] if o["id"] == person)
    first, last = obj["amodal_boxes"][0], obj["amodal_boxes"][-1]
    share = (worst - first["frame_index"]) / (last["frame_index"] - first["frame_index"])
    middle = sum(first[k] + (last[k] - first[k]) * share for k in ("x0", "x1")) / 2
    top, bottom = first["y0"] + 4, first["y1"] - 4
    for key in ("p", "m"):
        bench.press(key)
    bench.drag([(middle, top), (middle, bottom)])
    assert agreement(bench, person)[worst] != shares[worst]

    press_and_wait(bench, "Enter")
    assert bench.flags(person)[worst] & FrameState.ACCEPTED
    assert bench.frame() == min(worst + 1, 24)
    press_and_wait(bench, "Control+Enter")  # what needs no look
    bench.press("s")
    bench.page.wait_for_selector(f"[data-testid=object-row-{3 - person}].vas-chosen")

    # accepted frames of that track, and only those, in a file that a trainer reads
    seconds = bench.state()["objects"][person - 1]["work_seconds"]
    accepted = [f for f, flags in enumerate(bench.flags(person)) if flags & FrameState.ACCEPTED]
    assert worst in accepted and len(accepted) >= 2
    shutil.copytree(bench.folder, tmp_path / STREET)  # the server holds the project itself
    project, out = str(tmp_path / STREET), tmp_path / "out.json"
    assert main(["export", project, "--format", "coco", "--out", str(out), "--only-accepted"]) == 0
    data = json.loads(out.read_text())
    assert verify(out).problems == ()
    assert sorted(a["frame_index"] for a in data["annotations"]) == accepted
    assert all("given_box" in a and a["review"] == "accepted" for a in data["annotations"])
    assert seconds >= 0
    truth = next(t for t in tracks() if t.name == "street 3")
    scores = [
        iou(from_rle(a["segmentation"]), truth.canvas.to_frame(truth.amodal[a["frame_index"]]))
        for a in data["annotations"]
    ]
    assert np.mean(scores) > 0.4
