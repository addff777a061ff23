"""What the occlusion gate loses and what it saves.

    python benchmarks/occlusion_gate.py [--sets occluders ...] [--engines builtin learned] [--views 3]

First the made sets of ``vas-tool bench``: each engine's masks, and the same with the modal mask on the frames that the
gate finds clear from depth alone. IoU of the whole mask and of the hidden part, in percent, mean over frames. Then
clips in which the object is hidden on a third of the frames: processor time of the stages amodal and content in a
project without and with the gate, and the windows of Diffusion-VAS. Last, occluders that are hardly nearer than the
object: on how many frames with a hidden part the gate sees nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from vas_tool.engines import registry
from vas_tool.engines.diffusion_vas.window_plan import clip_windows
from vas_tool.evaluation.made_sets import MADE_SETS
from vas_tool.evaluation.occlusion_cases import OcclusionCase, behind, composed
from vas_tool.evaluation.silhouettes import FullView, silhouettes
from vas_tool.imports.new_project import create_project
from vas_tool.masks import iou
from vas_tool.occlusion import may_be_hidden
from vas_tool.pipeline import amodal_masks
from vas_tool.planning.stage_run import Request
from vas_tool.project.truth import AnnotatedObject
from vas_tool.project_store import carry_out
from vas_tool.stamps import Stamp
from vas_tool.types import Mask
from vas_tool.work import AmodalWork, windows_with

LEAST_SEEN = 0.95
"""Where more of the object is seen, nothing worth the name is hidden."""

SOFTNESS = 2.0
"""Pixels: standard deviation of the blur of the last part's depth."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(MADE_SETS))
    parser.add_argument("--engines", nargs="+", default=["builtin", "learned"])
    parser.add_argument("--views", type=int, default=3, help="clips of the second part")
    options = parser.parse_args()
    for name in options.sets:
        _quality(name, options.engines)
    for view in list(silhouettes())[: options.views]:
        for engine in options.engines:
            _time(a_third_hidden(view), engine)
    for count in (75, 300, 1000):
        _windows(count)
    for own in (0.5, 0.05):
        for gap in (0.02, 0.01, 0.005):
            _missed(gap, own)


# --- what it loses ----------------------------------------------------------------------------------------------------


def _quality(name: str, engines: list[str]) -> None:
    scores: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    frames = clear = hidden_but_clear = 0
    for case in MADE_SETS[name].cases(0):
        gated = {i for i, m in case.modal.items() if not may_be_hidden(m, case.depth[i], canvas=case.canvas)}
        frames, clear = frames + len(case.modal), clear + len(gated)
        hidden_but_clear += sum(bool(case.hidden(i).any()) for i in gated)
        for engine in engines:
            masks = _masks(case, engine)
            for gate in (False, True):
                scores.setdefault((engine, gate), []).extend(_scores(case, masks, gated if gate else set()))
    print(f"{name}: {frames} frames, {clear} clear, {hidden_but_clear} of them with a hidden pixel")
    for (engine, gate), rows in scores.items():
        whole, hidden = 100 * np.nanmean(np.array(rows), axis=0)
        print(
            f"  {engine:10s} {'with   ' if gate else 'without'} the gate: whole {whole:.2f}, hidden part {hidden:.2f}"
        )


def _masks(case: OcclusionCase, engine: str) -> dict[int, Mask]:
    work = AmodalWork(case.clip, case.modal, case.depth, canvas=case.canvas, frame_indices=range(len(case.clip)))
    return dict(amodal_masks(work, completer=registry.load("amodal", engine)))


def _scores(case: OcclusionCase, masks: dict[int, Mask], gated: set[int]) -> Iterator[tuple[float, float]]:
    """Yield IoU of the whole and of the hidden part (NaN where nothing is hidden) of every frame with the object."""
    for i, mask in masks.items():
        seen = case.canvas.to_canvas(case.modal[i])
        answer = seen if i in gated else mask
        if case.amodal[i].any():
            hidden = iou(answer & ~seen, case.hidden(i)) if case.hidden(i).any() else np.nan
            yield iou(answer, case.amodal[i]), hidden


# --- what it saves ----------------------------------------------------------------------------------------------------


def a_third_hidden(view: FullView) -> OcclusionCase:
    """The view behind a bar that is there on the middle third of the frames."""
    case, count = behind(view, "bar", seed=0), len(view.masks)
    masks = np.stack([case.others[i][-1] for i in range(count)])
    masks[: count // 3] = masks[-(count // 3) :] = False
    return composed(view.name, view, [FullView("bar", case.clip.frames, masks)], random=np.random.default_rng(0))


def _time(case: OcclusionCase, engine: str) -> None:
    seconds, clear = dict[bool, float](), 0
    for gate in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            rgbs = Path(folder) / "rgbs"
            rgbs.mkdir()
            for i in range(len(case.clip)):
                cv2.imwrite(str(rgbs / f"{i:05d}.png"), np.ascontiguousarray(case.clip[i][..., ::-1]))
            with closing(create_project(Path(folder) / "project", rgbs)) as project:
                truth = replace(project.truth, engines={"amodal": engine, "content": "builtin"}, gate=gate)
                edit_id = project.edit("object", truth.with_object(AnnotatedObject(1, "puppet")))
                for i, modal in case.modal.items():
                    project.layers(1).modal.put(i, modal, Stamp("layers"))
                    project.depth.put(i, case.depth[i], Stamp("layers"))
                start = time.process_time()
                carry_out(project, Request((1,), ("amodal", "content")), edit_id=edit_id)
                seconds[gate] = time.process_time() - start
                clear = project.layers(1).amodal.stamps().column("engine").count("nothing-in-front")
    hidden = sum(bool(case.hidden(i).any()) for i in case.modal)
    print(
        f"{case.name}: {hidden} of {len(case.clip)} frames hidden, {clear} clear; {engine}: {seconds[False]:.1f} s "
        f"without the gate, {seconds[True]:.1f} s with it ({seconds[True] / seconds[False]:.0%})"
    )


def _windows(count: int) -> None:
    windows = clip_windows(count)
    third = range(count // 3, 2 * count // 3)
    print(f"{count} frames, the middle third hidden: {len(windows_with(third, windows))} of {len(windows)} windows")


# --- where it fails ---------------------------------------------------------------------------------------------------


def _missed(gap: float, own: float) -> None:
    """Count frames of the occluders' cases whose hidden part the gate would lose: an object of depth ``own``, and an
    occluder that is nearer by ``gap``.
    """
    hidden = missed = 0
    for case in MADE_SETS["occluders"].cases(0):
        for i, modal in case.modal.items():
            if modal.any() and iou(modal, case.amodal[i]) < LEAST_SEEN:
                depth = np.where(case.amodal[i], own, 0.4 * own).astype(np.float32)
                for other in case.others[i]:
                    depth[other] = own + gap
                depth = cv2.GaussianBlur(depth, (0, 0), SOFTNESS)
                hidden, missed = hidden + 1, missed + (not may_be_hidden(modal, depth, canvas=case.canvas))
    print(f"an object at {own:g}, an occluder nearer by {gap:g}: {missed} of {hidden} hidden frames seem clear")


if __name__ == "__main__":
    main()
