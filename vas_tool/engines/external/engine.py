"""Engines that hand each window of frames to a command of the user's own and read its answer from files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.diffusion_vas.window_plan import fade, plan_windows
from vas_tool.engines.external.listed import parameters_of
from vas_tool.engines.external.methods import Method, found_methods
from vas_tool.engines.external.running import run_command
from vas_tool.engines.external.window_folder import (
    check_answers,
    name_of,
    read_colours,
    read_soft_mask,
    write_window,
)
from vas_tool.engines.settings import checked
from vas_tool.errors import EngineError
from vas_tool.types import Content, Mask
from vas_tool.work import AmodalWork, ContentWork

TOGETHER = 64
"""Frames of one run, for a method that looks at each picture alone."""

OPAQUE = 255


def open_amodal(*, name: str) -> ExternalAmodal:
    """Return the engine of a method of stage ``amodal``. Raises EngineError when its file is gone."""
    return ExternalAmodal(_method("amodal", name))


def open_content(*, name: str) -> ExternalContent:
    """Return the engine of a method of stage ``content``. Raises EngineError when its file is gone."""
    return ExternalContent(_method("content", name))


def _method(stage: str, name: str) -> Method:
    for method in found_methods().methods:
        if (method.stage, method.name) == (stage, name):
            return method
    raise EngineError(f"the file of the {stage} engine {name} is gone; choose another engine")


class ExternalAmodal:
    """An ``AmodalCompleter`` whose masks a command makes. A window on which nothing is seen of the object is not run.

    Where windows overlap, their masks are blended.
    """

    def __init__(self, method: Method) -> None:
        """Take the method of a YAML file."""
        self.method = method

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """Yield (frame_index, (canvas H, W) bool) in the order of the work. Raises EngineError that ends with the
        command's last words when it fails, and Cancelled.
        """
        checked(parameters_of(self.method), work.settings, engine=self.method.name)
        size_wh = work.canvas.size_wh
        seen_on = cache(lambda i: i in work.modal and bool(work.modal[i].any()))
        with WindowRuns(self.method, work, seen_on, progress=progress) as runs:
            for done, index in enumerate(work.frame_indices):
                progress(done, len(work.frame_indices), "amodal masks")
                whole = np.zeros(size_wh[::-1], np.bool_)
                parts = [(w, read_soft_mask(path, size_wh)) for w, path in runs.answers(index)]
                if parts:
                    whole |= _mean(parts) >= 0.5
                if index in work.modal:
                    whole[work.canvas.window] |= work.modal[index]
                yield index, whole


class ExternalContent:
    """A ``ContentCompleter`` whose colours a command makes. A window without a hidden pixel is not run.

    The modal mask keeps the frame's own colours, and nothing is outside the amodal mask, whatever the command paints
    there. Where windows overlap, their colours are blended.
    """

    def __init__(self, method: Method) -> None:
        """Take the method of a YAML file."""
        self.method = method

    def complete(self, work: ContentWork, *, progress: Progress = silent) -> Iterator[tuple[int, Content]]:
        """Yield (frame_index, (canvas H, W, 4) uint8 RGBA) in the order of the work. Raises as ``ExternalAmodal``."""
        checked(parameters_of(self.method), work.settings, engine=self.method.name)
        hidden_on = cache(lambda i: i in work.frame_indices and _has_hidden(work, i))
        with WindowRuns(self.method, work, hidden_on, progress=progress) as runs:
            for done, index in enumerate(work.frame_indices):
                progress(done, len(work.frame_indices), "content")
                out = np.zeros((*work.canvas.size_wh[::-1], 4), np.uint8)
                if index in work.amodal:
                    whole, seen = work.amodal[index], _seen(work, index)
                    parts = [(w, read_colours(path, work.canvas.size_wh)) for w, path in runs.answers(index)]
                    if parts:
                        out[..., :3][whole] = np.rint(_mean(parts)).astype(np.uint8)[whole]
                    out[..., :3][whole & seen] = work.canvas.to_canvas(work.clip[index])[whole & seen]
                    out[..., 3] = whole * np.uint8(OPAQUE)
                yield index, out


def _seen(work: ContentWork, index: int) -> Mask:
    """Return (canvas H, W) the modal mask; empty where there is none."""
    if index not in work.modal:
        return np.zeros(work.canvas.size_wh[::-1], np.bool_)
    return work.canvas.to_canvas(work.modal[index])


def _has_hidden(work: ContentWork, index: int) -> bool:
    return index in work.amodal and bool((work.amodal[index] & ~_seen(work, index)).any())


def _mean(parts: Sequence[tuple[float, npt.NDArray[Any]]]) -> npt.NDArray[np.float32]:
    """Return the mean of pictures, by their weights."""
    total = sum(weight for weight, _ in parts)
    return np.asarray(sum(np.float32(weight / total) * picture for weight, picture in parts), np.float32)


@dataclass(frozen=True)
class _Answered:
    """The finished run of one window."""

    frames: Sequence[int]
    folder: Path
    """Folder of the answers. The frame at place n of ``frames`` is in the file with the number n."""


class WindowRuns:
    """Runs a command window by window, when a result for a frame of the window is needed, and keeps the latest results
    on disk.

    Use it in a ``with`` statement, which removes the files at its end.
    """

    def __init__(
        self, method: Method, work: AmodalWork | ContentWork, wanted: Callable[[int], bool], *, progress: Progress
    ) -> None:
        """``wanted`` returns whether a frame needs a result. A window without such a frame is not run."""
        self._method, self._work, self._wanted, self._progress = method, work, wanted, progress
        self._windows = _windows(method, len(work.clip))
        self._done: dict[int, _Answered] = {}
        self._open = ExitStack()

    def __enter__(self) -> WindowRuns:
        self._root = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="vas-tool-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def answers(self, index: int) -> list[tuple[float, Path]]:
        """Return (weight, picture) of a frame: one for each window that holds it and is run."""
        holding = [n for n, window in enumerate(self._windows) if index in window]
        for number in [n for n in self._done if n not in holding]:
            shutil.rmtree(self._done.pop(number).folder.parents[1])
        found = []
        for number in holding:
            if number not in self._done and (frames := self._frames(self._windows[number])):
                self._done[number] = self._run(number, frames)
            done = self._done.get(number)
            if done and index in done.frames:
                file = done.folder / name_of(done.frames.index(index))
                found.append((fade(self._windows[number], index), file))
        return found

    def _frames(self, window: range) -> Sequence[int]:
        """Return the frames that the command gets of a window.

        A method that looks at each picture alone gets the requested frames that need an answer.
        """
        if self._method.window == 1:
            return [i for i in window if i in self._work.frame_indices and self._wanted(i)]
        return window if any(map(self._wanted, window)) else ()

    def _run(self, number: int, frames: Sequence[int]) -> _Answered:
        """Hand frames to the command and check its answer."""
        method, work = self._method, self._work
        own = self._root / str(number)
        folder_in, folder_out = own / "input", own / "output"
        folder_out.mkdir(parents=True)
        write_window(folder_in, work, frames, method=method)
        total = len(work.frame_indices)
        done = min((n for n, i in enumerate(work.frame_indices) if i in frames), default=0)
        what = f"{method.name} on frames {frames[0]} to {frames[-1]}"
        arguments = method.arguments(folder_in=folder_in, folder_out=folder_out, seed=work.seed)
        try:
            run_command(method, arguments, own / "output.txt", tick=partial(self._progress, done, total, what))
            check_answers(folder_out / method.stage, len(frames), method.size_wh or work.canvas.size_wh)
        except EngineError as error:
            raise EngineError(f"{what}: {error}") from error
        shutil.rmtree(folder_in)
        return _Answered(frames, folder_out / method.stage)


def _windows(method: Method, num_frames: int) -> Sequence[range]:
    if method.window == 1:
        return [range(start, min(start + TOGETHER, num_frames)) for start in range(0, num_frames, TOGETHER)]
    return plan_windows(num_frames, length=method.window or max(1, num_frames), overlap=method.overlap)
