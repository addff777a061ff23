"""TABE as an engine of the amodal stage and of the content stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.settings import checked
from vas_tool.engines.tabe.clip_plan import SeenClip
from vas_tool.engines.tabe.model import TabeModel, open_model
from vas_tool.engines.tabe.object_run import ObjectRun, Pictures, start
from vas_tool.engines.tabe.reader import Segmenters, read_masks, segmenter_named
from vas_tool.engines.tabe.settable import DEFAULT, NAME, TabeOptions, options_of
from vas_tool.run_warnings import warn
from vas_tool.types import Content, Mask
from vas_tool.work import AmodalWork, ContentWork

OPAQUE = np.uint8(255)
NO_COLOURS = (
    "TABE painted nothing here (nothing of the object is hidden or seen, by its reckoning): hidden parts stay black"
)


def open_amodal() -> TabeAmodal:
    """The engine with the weights of the first places that have them. Raises EngineError when any are missing."""
    return TabeAmodal(open_model())


def open_content() -> TabeContent:
    """The same for the content stage; the two share the model."""
    return TabeContent(open_model())


class TabeAmodal:
    """An AmodalCompleter and SamplingCompleter that keeps tuned weights and painted chunks in ``AmodalWork.store``."""

    def __init__(
        self, model: TabeModel, defaults: TabeOptions = DEFAULT, *, segmenters: Segmenters = segmenter_named
    ) -> None:
        """``defaults``: what holds where ``settings`` say nothing."""
        self.model, self.defaults, self.segmenters = model, defaults, segmenters

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """(frame_index, (canvas H, W) bool) in the order asked for. Raises Cancelled between steps.

        Raises EngineError, saying what to do, before anything is tuned where the object cannot be learned.
        """
        for index, (mask,) in self.sample(work, (work.seed,), progress=progress):
            yield index, mask

    def sample(
        self, work: AmodalWork, seeds: Sequence[int], *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[Mask, ...]]]:
        """(frame_index, one (canvas H, W) bool a seed): one tuning, and one generation a seed."""
        options = options_of(work.settings, self.defaults)
        seen = SeenClip(work.clip, work.modal, work.depth, work.canvas)
        run = start(self.model, seen, options, store=work.store, progress=progress)
        owners = run.owners if run else {}
        if run:
            run.plan_work({owners[index]: seeds for index in work.frame_indices if index in owners}, progress)
        last: tuple[int, list[list[Mask]]] = (-1, [])
        for index in work.frame_indices:
            modal = work.canvas.to_canvas(seen.mask(index))
            number = owners.get(index)
            if run is None or number is None:
                yield index, (modal,) * len(seeds)
                continue
            if last[0] != number:
                last = number, self._read(run, number, seeds)
            place = run.frames_of(number).index(index)
            yield index, tuple(masks[place] | modal for masks in last[1])

    def _read(self, run: ObjectRun, number: int, seeds: Sequence[int]) -> list[list[Mask]]:
        """For each seed the masks of a chunk's frames."""
        painted = run.pictures(number, seeds)
        segmenter, side = self.segmenters(run.options.segmenter), run.options.sizes.read
        masks = [read_masks(run.plan, number, painted[seed], segmenter=segmenter, side=side) for seed in seeds]
        run.read(number, len(seeds))
        return masks


class TabeContent:
    """A ContentCompleter: the colours of what the amodal stage painted, of the hypothesis that was chosen.

    What is in ``ContentWork.store`` is taken from there. Without it the same tuning and painting is done again.
    """

    def __init__(self, model: TabeModel, defaults: TabeOptions = DEFAULT) -> None:
        """``defaults``: what holds where ``amodal_settings`` say nothing."""
        self.model, self.defaults = model, defaults

    def complete(self, work: ContentWork, *, progress: Progress = silent) -> Iterator[tuple[int, Content]]:
        """(frame_index, (canvas H, W, 4) uint8 RGBA) in the order asked for. Raises as ``TabeAmodal.complete``.

        What the amodal mask has beyond what was painted gets the painted frame's white.
        """
        checked((), work.settings, engine=NAME)
        options = options_of(work.amodal_settings, self.defaults)
        shown = _Whole(work)
        hidden = {index for index in work.frame_indices if shown.hidden(index).any()}
        run = start(self.model, shown.seen, options, store=work.store, progress=progress) if hidden else None
        owners = run.owners if run else {}
        wanted: dict[int, set[int]] = {}
        for index in hidden & owners.keys():
            wanted.setdefault(owners[index], set()).add(shown.seed(index))
        if run:
            run.plan_work(wanted, progress)
        last: tuple[int, dict[int, Pictures]] = (-1, {})
        for index in work.frame_indices:
            number = owners.get(index)
            if index not in hidden or run is None or number is None:
                if index in hidden:
                    warn(NO_COLOURS, frame_index=index)
                yield index, shown.content(index, None)
                continue
            if last[0] != number:
                last = number, run.pictures(number, sorted(wanted[number]))
                run.read(number, len(wanted[number]))
            picture = last[1][shown.seed(index)][run.frames_of(number).index(index)]
            yield index, shown.content(index, picture)


class _Whole:
    """One object's masks, and pictures as its content."""

    def __init__(self, work: ContentWork) -> None:
        self._work = work
        self.seen = SeenClip(work.clip, work.modal, work.depth, work.canvas)

    def seed(self, index: int) -> int:
        return self._work.hypotheses.get(index, self._work.seed)

    def whole(self, index: int) -> Mask:
        """(canvas H, W); empty on a frame without an amodal mask."""
        if index in self._work.amodal:
            return self._work.amodal[index]
        return np.zeros(self._work.canvas.size_wh[::-1], np.bool_)

    def hidden(self, index: int) -> Mask:
        """(canvas H, W): what is not seen of it."""
        return self.whole(index) & ~self._work.canvas.to_canvas(self.seen.mask(index))

    def content(self, index: int, picture: Pictures | None) -> Content:
        """RGBA on the canvas: painted colours where it is hidden, the frame's own where it is seen."""
        canvas, whole = self._work.canvas, self.whole(index)
        out = np.zeros((*whole.shape, 4), np.uint8)
        if picture is not None:
            resized = Image.fromarray(picture).resize(canvas.size_wh, Image.Resampling.BICUBIC)
            out[..., :3][whole] = np.asarray(resized)[whole]
        seen = whole & canvas.to_canvas(self.seen.mask(index))
        if seen.any():
            out[..., :3][seen] = canvas.to_canvas(self._work.clip[index])[seen]
        out[..., 3] = whole * OPAQUE
        return out
