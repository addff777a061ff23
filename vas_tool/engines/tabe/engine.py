"""TABE as an engine of the amodal stage and of the content stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from vas_tool.engines.base import Progress, silent
from vas_tool.engines.settings import checked
from vas_tool.engines.tabe.clip_plan import ObjectClip
from vas_tool.engines.tabe.model import TabeModel, open_model
from vas_tool.engines.tabe.object_run import ObjectRun, Pictures, start
from vas_tool.engines.tabe.reader import Segmenters, read_masks, segmenter_named
from vas_tool.engines.tabe.settable import DEFAULT, NAME, TabeOptions, options_of
from vas_tool.run_warnings import warn
from vas_tool.types import Content, Mask
from vas_tool.work import AmodalWork, ContentWork

OPAQUE = np.uint8(255)
NO_COLOURS = "TABE did not paint here, because it takes the object to be whole or not yet there: hidden parts are black"


def open_amodal() -> TabeAmodal:
    """Return the amodal engine with the weights that are found first. Raises EngineError when weights are missing."""
    return TabeAmodal(open_model())


def open_content() -> TabeContent:
    """Return the content engine, on the amodal engine's model. Raises EngineError when weights are missing."""
    return TabeContent(open_model())


class TabeAmodal:
    """An AmodalCompleter and SamplingCompleter that stores tuned weights and painted chunks in ``AmodalWork.store``."""

    def __init__(
        self, model: TabeModel, defaults: TabeOptions = DEFAULT, *, segmenters: Segmenters = segmenter_named
    ) -> None:
        """``defaults`` are the options that ``settings`` do not set."""
        self.model, self.defaults, self.segmenters = model, defaults, segmenters

    def complete(self, work: AmodalWork, *, progress: Progress = silent) -> Iterator[tuple[int, Mask]]:
        """Yield (frame_index, (canvas H, W) bool) in the order of ``work.frame_indices``. Raises Cancelled.

        Raises EngineError that says what to do, before any tuning, when TABE cannot learn the object.
        """
        for index, (mask,) in self.sample(work, (work.seed,), progress=progress):
            yield index, mask

    def sample(
        self, work: AmodalWork, seeds: Sequence[int], *, progress: Progress = silent
    ) -> Iterator[tuple[int, tuple[Mask, ...]]]:
        """Yield (frame_index, one (canvas H, W) bool for each seed). All seeds share one tuning."""
        options = options_of(work.settings, self.defaults)
        seen = ObjectClip(work.clip, work.modal, work.depth, work.canvas)
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
        """Return the masks of a chunk's frames for each seed."""
        painted = run.pictures(number, seeds)
        segmenter, side = self.segmenters(run.options.segmenter), run.options.sizes.read
        masks = [read_masks(run.plan, number, painted[seed], segmenter=segmenter, side=side) for seed in seeds]
        run.read(number, len(seeds))
        return masks


class TabeContent:
    """A ContentCompleter that gives the colours of the generation whose hypothesis was chosen.

    It takes the generation from ``ContentWork.store``, and tunes and paints again if it is not there.
    """

    def __init__(self, model: TabeModel, defaults: TabeOptions = DEFAULT) -> None:
        """``defaults`` are the options that ``amodal_settings`` do not set."""
        self.model, self.defaults = model, defaults

    def complete(self, work: ContentWork, *, progress: Progress = silent) -> Iterator[tuple[int, Content]]:
        """Yield (frame_index, (canvas H, W, 4) uint8 RGBA) in the order of ``work.frame_indices``.

        Pixels of the amodal mask outside the painted object get the painted frame's white. Raises EngineError and
        Cancelled as ``TabeAmodal.complete``.
        """
        checked((), work.settings, engine=NAME)
        options = options_of(work.amodal_settings, self.defaults)
        shown = _ObjectMasks(work)
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


class _ObjectMasks:
    """The masks of one object, and its content from painted frames."""

    def __init__(self, work: ContentWork) -> None:
        self._work = work
        self.seen = ObjectClip(work.clip, work.modal, work.depth, work.canvas)

    def seed(self, index: int) -> int:
        return self._work.hypotheses.get(index, self._work.seed)

    def whole(self, index: int) -> Mask:
        """Return the (canvas H, W) amodal mask; an empty one on a frame without."""
        if index in self._work.amodal:
            return self._work.amodal[index]
        return np.zeros(self._work.canvas.size_wh[::-1], np.bool_)

    def hidden(self, index: int) -> Mask:
        """Return the (canvas H, W) hidden part of the amodal mask."""
        return self.whole(index) & ~self._work.canvas.to_canvas(self.seen.mask(index))

    def content(self, index: int, picture: Pictures | None) -> Content:
        """Return RGBA on the canvas: painted colours on the hidden part, the frame's colours on the modal mask."""
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
