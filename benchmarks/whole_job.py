"""The whole job without a browser, timed by stage: ``python benchmarks/whole_job.py [FRAMES [WIDTH HEIGHT]]``.

Import, one click, tracking, depth, amodal masks, content, COCO; 25 frames of 1280 x 720 unless asked otherwise.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from clips import make_clip, sample_point

from vas_tool.exports import export
from vas_tool.imports.new_project import create_project
from vas_tool.planning.plan import Request
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject
from vas_tool.project_store import answer_click, carry_out
from vas_tool.types import STAGES, Click


def main(num_frames: int = 25, width: int = 1280, height: int = 720) -> None:
    """Run the job once and print seconds a stage."""
    times: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        start = time.perf_counter()
        result = work()
        times[name] = time.perf_counter() - start
        return result

    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder) / "clip.mp4", num_frames, (width, height))
        project = timed("import", lambda: create_project(Path(folder) / "project", clip))
        assert isinstance(project, Project)
        click = Click(0, *sample_point((width, height)))
        edit = project.edit("click", project.truth.with_object(AnnotatedObject(1, "car", clicks=(click,))))
        timed("click", lambda: answer_click(project, 1, 0, edit_id=edit))
        for stage in STAGES:
            timed(stage, lambda stage=stage: carry_out(project, Request((1,), (stage,)), edit_id=edit))
        timed("export coco", lambda: export([project], "coco", Path(folder) / "coco.json"))
        project.close()
    print(f"{num_frames} frames of {width} x {height}")
    for name, seconds in times.items():
        print(f"{name:<14}{seconds:>8.2f} s{seconds / num_frames * 1000:>10.0f} ms a frame")
    print(f"{'everything':<14}{sum(times.values()):>8.2f} s")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
