"""The page's scripts without a page: their own tests under Node, and their types held to what the server sends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_engines import SAMPLED, use_fake_engines

import vas_tool.ui
from vas_tool.engines import specs
from vas_tool.hypotheses import Recipe
from vas_tool.project import Project
from vas_tool.session import Session
from vas_tool.session.prompt_edits import stroke_of
from vas_tool.types import AmodalBox, Box, Click
from vas_tool.ui.choice_views import cost_view, hypotheses_view
from vas_tool.ui.routes import answer_to
from vas_tool.ui.views import masks_view, open_view, order_view, state_view

ROOT = Path(__file__).parent.parent
TYPES = Path(vas_tool.ui.__file__).parent / "workbench" / "types.d.ts"
COMPILER = ROOT / "node_modules" / "typescript" / "bin" / "tsc"

DECLARED = (
    "CostAnswer", "DoneAnswer", "HypothesesAnswer", "MasksAnswer", "OpenAnswer", "OrderAnswer", "RefusedAnswer",
    "State", "StreamEvent"
)  # fmt: skip
"""Types of what the server sends."""

Json = dict[str, Any]


def node() -> str:
    """Node's path; skips the test when there is none, unless REQUIRE_NODE forbids that."""
    return _required(shutil.which("node"), "Node (Debian: apt install nodejs)")


def _required(found: str | None, what: str) -> str:
    if found is None:
        if os.environ.get("REQUIRE_NODE"):
            pytest.fail(f"REQUIRE_NODE is set, and there is no {what}")
        pytest.skip(f"needs {what}")
    return found


def test_what_runs_without_a_page() -> None:
    files = sorted(map(str, (ROOT / "tests" / "page").glob("*.test.js")))
    done = subprocess.run([node(), "--test", *files], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.fixture
def session(make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch) -> Session:
    offered = next(spec for spec in specs.ENGINES if spec.name == "sam2.1-tiny-fast")
    monkeypatch.setattr(specs, "missing_packages", lambda spec: [])
    use_fake_engines(monkeypatch, first=(SAMPLED, offered))
    return Session(make_project(num_frames=4))


def test_the_servers_answers_are_of_the_types_that_the_page_declares(session: Session, tmp_path: Path) -> None:
    command = [node(), _required(str(COMPILER) if COMPILER.exists() else None, "TypeScript (npm ci)")]
    states, answers = _states_and_answers(session)
    last = states[-1]
    without = {key: value for key, value in last.items() if key != "waits"}
    lines = [
        f'import type {{ {", ".join(DECLARED)} }} from "{TYPES}";',
        *(f"export const state{i}: State = {_literal(state)};" for i, state in enumerate(states)),
        *(f"export const answer{i}: {kind} = {_literal(answer)};" for i, (kind, answer) in enumerate(answers)),
        f"export const events: StreamEvent[] = [{{state: {_literal(last)}}}, {{error: 'full'}}];",
        # The compiler does see a key too many, a key too few, and another type.
        f"// @ts-expect-error\nexport const more: State = {_literal({**last, 'more': 1})};",
        f"// @ts-expect-error\nexport const fewer: State = {_literal(without)};",
        f"// @ts-expect-error\nexport const other: State = {_literal({**last, 'version': 'one'})};",
    ]
    (tmp_path / "answers.ts").write_text("\n".join(lines))
    options = [
        "--strict",
        "--noEmit",
        "--skipDefaultLibCheck",
        "--target",
        "es2023",
        "--lib",
        "es2023,dom,dom.iterable",
        "--module",
        "es2022",
    ]
    more = ["--moduleResolution", "bundler", "--allowJs", "--allowImportingTsExtensions"]
    done = subprocess.run(
        [*command, *options, *more, str(tmp_path / "answers.ts")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]


def _literal(value: Json) -> str:
    """On one line: ``@ts-expect-error`` is about the next line."""
    return json.dumps(value)


def _states_and_answers(session: Session) -> tuple[list[Json], list[tuple[str, Json]]]:
    """What the server tells of a project before and after everything that a person can do to it."""
    states = [state_view(session, None)]
    session.prompts.click(Click(0, 8, 8))
    session.prompts.box(Box(1, 2, 2, 30, 30), object_id=1)
    session.prompts.stroke(stroke_of("modal", 2, adds=True, radius=3, points=[[5, 5], [9, 9]]), object_id=1)
    session.amodal_boxes.set(AmodalBox(0, 0, 0, 30, 30), object_id=1)
    session.amodal_boxes.end(1, 3)
    session.mark(1, 3)
    session.prompts.settle()
    states.append(state_view(session, 0))
    for start in (
        lambda: session.runs.track(1, 0),
        lambda: session.runs.complete(1),
        lambda: session.runs.make_hypotheses(1, 2),
    ):
        start()
        states.append(state_view(session, session.changes.version))
        ended = session.runs.wait(60)
        assert ended is not None and ended.error is None, ended
    seeds = [hypothesis["seed"] for hypothesis in hypotheses_view(session, 1, 1)["hypotheses"]]
    session.runs.choose_hypothesis(1, Recipe("union", tuple(seeds)))
    session.runs.wait(60)
    session.accept(1, 0)
    session.choose_engine("amodal", "fake")
    session.set_place({"frame": 1, "object": 1, "layers": {"depth": True}})
    states.append(state_view(session, None))
    obj = states[-1]["objects"][0]
    told = ("clicks", "boxes", "strokes", "amodal_boxes", "agreement", "needs_work", "others", "differ", "picks")
    assert all(obj[name] for name in told) and states[-1]["job"] and states[-1]["depth"] and len(seeds) > 1
    assert states[-1]["engines"][0]["offers"][0]["weights"] and states[0]["engines"][2]["parameters"]
    answers = [
        ("MasksAnswer", masks_view(session, 0)),
        ("HypothesesAnswer", hypotheses_view(session, 1, 1)),
        ("OpenAnswer", open_view(session, 1, 1)),
        ("OrderAnswer", order_view(session, 1)),
        ("CostAnswer", cost_view(session, 1, None)),
        ("DoneAnswer", answer_to(session, {"action": "next_look", "object": None, "frame": 0, "seq": 1})),
        (
            "DoneAnswer",
            answer_to(session, {"action": "click", "object": None, "frame": 1, "x": 9, "y": 9, "positive": True}),
        ),
        ("RefusedAnswer", answer_to(session, {"action": "none", "seq": 2})),
    ]
    return states, answers
