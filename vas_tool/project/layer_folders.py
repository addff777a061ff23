"""One object's folders on disk: results of engines, and imported masks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vas_tool.masks import recentred
from vas_tool.project.agreed_trackers import AgreedTrackers
from vas_tool.project.mask_measurements import MeasurementCache
from vas_tool.project.object_stamps import PAINTED, PLACED, ObjectStamps
from vas_tool.project.truth import AnnotatedObject
from vas_tool.storage import CONTENTS, MASKS, Bounds, LayerFolder, Stamp
from vas_tool.types import Content, Mask, SizeWH

HYPOTHESES = "hypotheses"
"""Name of the folder that holds one folder per seed."""

SEED = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)
"""The form of the name of a seed's folder."""

BoxXyxy = tuple[int, int, int, int]
"""x0, y0, x1, y1 of a mask in pixels; x1 and y1 are exclusive."""


def _is_box(value: Any) -> bool:
    return value is None or (type(value) is tuple and len(value) == 4 and all(type(n) is int for n in value))


class ObjectLayers:
    """The folders of one object: ``modal``, ``given`` (imported modal masks), ``amodal``, ``content``, ``hypotheses``.

    ``uncropped`` has the amodal masks made without the crop around the amodal box, to be looked at beside the others.
    ``watch`` is told of every folder when it is first used. ``canvas_wh`` gives the canvas's size as it is now;
    ``bounds`` are those of what has the frame's size, and ``canvas_bounds`` of what has the canvas's.
    """

    def __init__(
        self,
        folder: Path,
        watch: Callable[[LayerFolder[Any]], object] = lambda layer: None,
        *,
        canvas_wh: Callable[[], SizeWH] | None = None,
        bounds: Bounds | None = None,
        canvas_bounds: Bounds | None = None,
    ) -> None:
        self.folder, self._canvas_wh, self._canvas_bounds = folder, canvas_wh, canvas_bounds
        self.measured: MeasurementCache[int] = MeasurementCache(folder / "areas.json", lambda value: type(value) is int)
        self.measured_boxes: MeasurementCache[BoxXyxy | None] = MeasurementCache(folder / "boxes.json", _is_box)
        self.second = AgreedTrackers(folder)
        """What a second tracker says of the modal masks."""
        self._watch = watch
        self.modal: LayerFolder[Mask] = LayerFolder(folder / "modal", MASKS, bounds=bounds)
        self.given: LayerFolder[Mask] = LayerFolder(folder / "given", MASKS, bounds=bounds)
        self.amodal = self._canvas_masks("amodal")
        self.content: LayerFolder[Content] = LayerFolder(
            folder / "content", CONTENTS, size_wh=canvas_wh, bounds=canvas_bounds
        )
        self.uncropped = self._canvas_masks("uncropped")
        for layer in (self.modal, self.given, self.amodal, self.uncropped, self.content):
            watch(layer)
        self._hypotheses: dict[int, LayerFolder[Mask]] = {}
        for inner in (folder / HYPOTHESES).glob("*"):
            if SEED.fullmatch(inner.name) and inner.is_dir() and not inner.is_symlink():
                self.hypothesis(int(inner.name))

    def _canvas_masks(self, name: str) -> LayerFolder[Mask]:
        return LayerFolder(self.folder / name, MASKS, size_wh=self._canvas_wh, bounds=self._canvas_bounds)

    def flush(self) -> None:
        """Write the files that let the next opening read no pictures."""
        for layer in self.every():
            layer.flush()
        self.measured.flush()
        self.measured_boxes.flush()

    @property
    def damaged(self) -> list[str]:
        """Return a sentence for each damaged picture."""
        return [why for layer in self.every() for _, why in sorted(layer.damaged.items())]

    def hypothesis(self, seed: int) -> LayerFolder[Mask]:
        """Return the layer of one seed: frame_index -> amodal mask as the engine made it, without strokes."""
        if seed not in self._hypotheses:
            layer = self._canvas_masks(f"{HYPOTHESES}/{seed}")
            self._watch(layer)
            self._hypotheses = {**self._hypotheses, seed: layer}  # whoever walks over the old one is not disturbed
        return self._hypotheses[seed]

    def hypotheses_on(self, frame_index: int) -> dict[int, Stamp]:
        """Return seed -> stamp of a frame's hypotheses, with ascending seeds."""
        found = {seed: layer.stamp(frame_index) for seed, layer in sorted(self._hypotheses.items())}
        return {seed: stamp for seed, stamp in found.items() if stamp is not None}

    def hypothesis_masks(self, frame_index: int, size_wh: SizeWH) -> list[Mask]:
        """Return a frame's hypotheses with ascending seeds, each (H, W) of a canvas of that size."""
        return [recentred(self._hypotheses[seed][frame_index], size_wh) for seed in self.hypotheses_on(frame_index)]

    def disagreement(self, frame_index: int) -> float | None:
        """Return the disagreement of a frame's hypotheses, 0..1 (``hypotheses``); None with fewer than two."""
        stamps = self.hypotheses_on(frame_index).values()
        latest = max(stamps, key=lambda stamp: stamp.among, default=None)
        return None if latest is None or latest.among < 2 else latest.disagreement

    def every(self) -> list[LayerFolder[Any]]:
        """Return all layers of the object."""
        return [self.modal, self.given, self.amodal, self.uncropped, self.content, *self._hypotheses.values()]

    def stamps(self, obj: AnnotatedObject) -> ObjectStamps:
        """Return the present stamps of the object ``obj``."""
        return ObjectStamps(
            obj,
            modal=self.modal.stamps(),
            given=self.given.stamps(),
            amodal=self.amodal.stamps(),
            uncropped=self.uncropped.stamps(),
            content=self.content.stamps(),
            hypotheses={seed: layer.stamps() for seed, layer in self._hypotheses.items()},
        )

    def modal_stamp(self, obj: AnnotatedObject, frame_index: int) -> Stamp | None:
        """Return the stamp of the modal mask under the strokes; PAINTED when there are only strokes, None without a
        mask.
        """
        made = self.modal.stamp(frame_index)
        if made is None and frame_index in obj.given:
            made = self.given.stamp(frame_index)
        return made or (PAINTED if obj.strokes_on(frame_index, "modal") else None)

    def amodal_stamp(self, obj: AnnotatedObject, frame_index: int) -> Stamp | None:
        """Return the stamp of the amodal mask under the strokes; PLACED for a template, PAINTED when there are only
        strokes, None without a mask.
        """
        if obj.template_on(frame_index):
            return PLACED
        return self.amodal.stamp(frame_index) or (PAINTED if obj.strokes_on(frame_index, "amodal") else None)
