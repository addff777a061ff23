"""A project that version 0.1 wrote opens with nothing stale that was not.

``old_project.tar.xz`` was written by the code at commit 8ebd552, with the engines below: ten objects with fresh and
stale results of all stages, made with and without windows, crops, hypotheses and imported masks. ``expected.json`` is
what that code said of it, as it was and after three changes.
"""

import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_engines import SAMPLED, WINDOWED, fake_specs

from vas_tool.engines import registry
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.settings import Parameter
from vas_tool.planning.review import review_of
from vas_tool.planning.staleness import RESULT_STAGES, staleness_of
from vas_tool.project import Project
from vas_tool.project.project import SCHEMA
from vas_tool.project.truth import Truth
from vas_tool.project_store import ProjectStore

ARCHIVE = Path(__file__).with_name("old_project.tar.xz")
FRAMES = 10


def engines() -> tuple[EngineSpec, ...]:
    segment, depth, amodal, content = fake_specs()
    sizes = Parameter("size", 518, "Of the net.", choices=(518, 1036))
    steps = Parameter("steps", 3, "Of the net.", lowest=1, highest=9)
    windowed = replace(content, name="windowed-content", windows=WINDOWED.windows, parameters=(steps,))
    others = (SAMPLED, WINDOWED, replace(SAMPLED, name="other-sampled"))
    return (*others, amodal, segment, replace(depth, parameters=(sizes,)), content, windowed)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "ENGINES", engines())
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


CHANGES: dict[str, Callable[[Truth], Truth]] = {
    "as it is": lambda truth: truth,
    "other depth": lambda truth: truth.setting("depth", "fake", {"size": 1036}),
    "other seed": lambda truth: replace(truth, seed=5),
    "other content": lambda truth: truth.setting("content", "windowed-content", {"steps": 4}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_old_project_is_as_stale_as_it_was(place: Path, change: str) -> None:
    expected = json.loads((place / "expected.json").read_text())[change]
    project = Project.open(place / "project")
    try:
        if change != "as it is":
            project.edit(change, CHANGES[change](project.truth))
        found = {str(obj.id): said_of(project, obj.id) for obj in project.truth.objects}
        assert found == {
            object_id: {name: then[name] for name in found[object_id]} for object_id, then in expected.items()
        }
    finally:
        project.close()


def said_of(project: Project, object_id: int) -> dict[str, Any]:
    review, staleness = review_of(project, object_id), staleness_of(project, object_id)
    stale: dict[str, list[str]] = {}
    for stage in RESULT_STAGES:
        for f in staleness.of(stage).frames:
            stale.setdefault(str(f), []).append(stage)
    return {
        "states": list(map(int, review.states)),
        "gains": review.gains,
        "stale": {f: sorted(stages) for f, stages in stale.items()},
        "others": review.others,
        "differ": review.differ.hex(),
        "hold": {
            str(f): [s for s in staleness.stamps.hypotheses_on(f) if staleness.hypothesis_holds(f, s)]
            for f in range(FRAMES)
        },
    }


def test_an_old_version_is_not_given_stamps_that_it_does_not_know(place: Path) -> None:
    """It refuses a higher schema as newer. Only a version that stores results writes it: opening changes nothing."""
    file = place / "project" / "project.json"
    before = file.read_bytes()
    project = Project.open(place / "project")
    try:
        assert file.read_bytes() == before and json.loads(before)["schema"] == 1
        ProjectStore(project, 0)
        assert json.loads(file.read_text())["schema"] == SCHEMA
    finally:
        project.close()
