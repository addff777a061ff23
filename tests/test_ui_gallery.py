"""The page of all projects."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from annotating import annotate, rectangle
from fastapi import FastAPI
from fastapi.testclient import TestClient

from vas_tool.project import Project
from vas_tool.ui import gallery
from vas_tool.ui.gallery import add_gallery
from vas_tool.ui.open_projects import OpenProjects

SIZE = (64, 48)


@pytest.fixture
def web(make_project: Callable[..., Project], tmp_path: Path) -> TestClient:
    """Projects: one half accepted, one without an object, and a damaged one."""
    half = make_project(4, SIZE, "root/half")
    seen, whole = rectangle(SIZE, 10, 10, 30, 30), rectangle(SIZE, 10, 10, 40, 40)
    masks = {"modal": dict.fromkeys(range(4), seen), "amodal": dict.fromkeys(range(4), whole)}
    annotate(half, "<car>", **masks, accepted=(0, 1))
    for project in (half, make_project(3, SIZE, "root/new one")):
        project.close()
    (tmp_path / "root" / "broken").mkdir()
    (tmp_path / "root" / "broken" / "project.json").write_text("{")
    app = FastAPI()
    add_gallery(app, OpenProjects(tmp_path / "root"))
    return TestClient(app)


def items(page: str) -> dict[str, str]:
    """Name of the project -> its item, without tags."""
    found = {}
    for item in page.split("<li>")[1:]:
        name = re.search(r'title="([^"]*)"', item)
        found[name[1] if name else ""] = re.sub(r"<[^>]*>", " ", item.split("</ul>")[0])
    return found


def test_it_says_how_far_each_project_is(web: TestClient) -> None:
    page = web.get("/projects").text
    shown = items(page)
    assert shown.keys() == {"half", "new one", "broken"}
    assert "4 frames, &lt;car&gt;" in shown["half"] and "2 of 4 accepted" in shown["half"]
    assert "3 frames" in shown["new one"] and "no object yet" in shown["new one"]
    assert "damaged" in shown["broken"]
    assert 'href="./?project=new%20one"' in page


def test_its_picture_shows_the_masks_and_has_another_address_after_a_change(web: TestClient, tmp_path: Path) -> None:
    address = re.findall(r'src="(projects/half[^"]*)"', web.get("/projects").text)[0]
    picture = cv2.imdecode(np.frombuffer(web.get(address).content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (240, 320, 3)
    with_mask, without = picture[80:120, 80:120].astype(int), picture[:30, :30].astype(int)
    assert np.ptp(with_mask.mean((0, 1))) > 30 > np.ptp(without.mean((0, 1)))  # tinted; the clip itself is grey
    layer = tmp_path / "root" / "half" / "objects" / "001" / "modal"
    (layer / "00000.png").unlink()
    assert address not in web.get("/projects").text
    assert web.get("/projects/broken.jpg").status_code == 404
    assert web.get("/projects/..%2Fsources.jpg").status_code == 404


def test_many_projects_are_on_several_pages(web: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "PER_PAGE", 2)
    first, second = web.get("/projects").text, web.get("/projects?start=2").text
    assert len(items(first)) == 2 and len(items(second)) == 1 and not items(first).keys() & items(second).keys()
    assert "projects?start=2" in first and "projects?start=0" in second
