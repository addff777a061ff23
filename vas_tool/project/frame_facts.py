"""The numbers of every frame of an object that decide whether it needs a look, from stamps and prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from vas_tool.project import Project
from vas_tool.project.agreements import box_agreements
from vas_tool.project.attention import JUMP, SMALL_AREA, TRACKERS_AGREE, UNSURE, FrameFacts, reason
from vas_tool.project.nothing_in_front import NothingInFront
from vas_tool.project.object_stamps import ObjectStamps
from vas_tool.project.returns import open_returns


class ClipFacts(Sequence[FrameFacts]):
    """The facts of every frame of a clip, as a sequence. Each is made when it is read."""

    def __init__(
        self, project: Project, stamps: ObjectStamps, hidden: Mapping[int, int], *, open_areas: Mapping[int, int]
    ) -> None:
        """``hidden`` is the result of ``AmodalMasks.hidden_areas``, ``open_areas`` that of ``NothingInFront.areas``."""
        obj = stamps.obj
        self._num_frames, self._hidden, self._open = len(project.clip), hidden, open_areas
        self.areas = project.modal(obj.id).areas()
        self._certainties: dict[int, float] = stamps.seen_by_frame("certainty")
        self._agreements = box_agreements(project, obj.id)
        self.returns = open_returns(obj, self.areas)
        """As ``returns.open_returns`` gives it."""
        self._settled, self._accepted = obj.prompted() | set(obj.accepted), set(obj.accepted)
        self._marked, self._obj = set(obj.needs_work), obj
        self._differ = {f: differ for f, differ in stamps.disagreements().items() if f not in stamps.placed}
        self._second = project.layers(obj.id).second.ious(stamps.seen)

    def __len__(self) -> int:
        return self._num_frames

    @overload
    def __getitem__(self, f: int, /) -> FrameFacts: ...
    @overload
    def __getitem__(self, f: slice, /) -> Sequence[FrameFacts]: ...
    def __getitem__(self, f: Any, /) -> Any:
        if isinstance(f, slice):
            return [self[i] for i in range(*f.indices(len(self)))]
        if not 0 <= f < len(self):
            raise IndexError(f)
        if f not in self.areas:
            return FrameFacts(marked=f in self._marked)
        seen = self.areas[f]
        return FrameFacts(
            seen,
            seen + self._hidden[f] if f in self._hidden else None,
            self._certainties[f],
            settled=f in self._settled,
            accepted=f in self._accepted,
            disagreement=self._differ.get(f) if self._differ and not self._obj.pick_on(f) else None,
            box_iou=self._agreements.get(f),
            open_area=self._open.get(f, 0),
            last_seen=self.returns.get(f),
            second_iou=self._second.get(f),
            marked=f in self._marked,
        )

    def looks(self) -> dict[int, str]:
        """Return frame_index -> the reason why it needs a look (``attention.reason``)."""
        return {f: why for f in self._worth_asking() if (why := reason(self, f))}

    def _worth_asking(self) -> list[int]:
        """Return the frames, ascending, that may need a look. All others are excluded at once by their areas."""
        found = {f for f in self._marked.union(self._agreements, self._differ) if f < len(self)}
        found |= {f for f, certainty in self._certainties.items() if certainty < UNSURE}
        found |= {f for f, agreed in self._second.items() if agreed < TRACKERS_AGREE}
        found |= self.returns.keys()
        found |= {f for f, pixels in self._open.items() if pixels >= SMALL_AREA}
        seen, hidden = self._line(self.areas), self._line(self._hidden)
        for areas in (seen, seen + hidden):
            before, here = areas[:-1], areas[1:]
            jumps = np.abs(here - before) >= JUMP * np.maximum(here, before)
            found.update((np.flatnonzero(jumps) + 1).tolist())
        found.update(np.flatnonzero((seen == 0) | self._beside_nothing(seen)).tolist())
        return sorted(found)

    def _line(self, by_frame: Mapping[int, int]) -> npt.NDArray[np.float64]:
        """Return (T,) numbers of the frames; NaN for frames without one."""
        line = np.full(len(self), np.nan)
        frames = [f for f in by_frame if f < len(self)]
        line[frames] = [by_frame[f] for f in frames]
        return line

    def _beside_nothing(self, seen: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Return (T,) bool: frames between two frames with an empty modal mask."""
        beside = np.zeros(len(seen), bool)
        beside[1:-1] = (seen[:-2] == 0) & (seen[2:] == 0)
        return beside


def needs_look(project: Project, object_id: int) -> dict[int, str]:
    """Return frame_index -> the reason why it needs a look."""
    amodal = project.amodal(object_id)
    hidden, _ = amodal.hidden_areas()
    open_areas, _ = NothingInFront(project, object_id).areas(hidden)
    return ClipFacts(project, amodal.layers.stamps(amodal.obj), hidden, open_areas=open_areas).looks()
