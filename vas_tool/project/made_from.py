"""What a result was made from, as its stamp says it: another text now means that something has changed since.

The text has parts. The last one stands for what lies on other frames: when only that differs, the result would gain
from a new run but holds as well as it did.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache

from vas_tool.boxes.crops import CropRule
from vas_tool.boxes.keyframes import boxes_by_frame, drawn, union
from vas_tool.engines.settings import SettingValue
from vas_tool.hypotheses import Recipe
from vas_tool.project.object_layers import PART, AmodalMasks, ModalMasks, asked_on, said_on
from vas_tool.project.truth import AnnotatedObject, Truth, digest_of, stroke_json
from vas_tool.types import BoxKeyframe


def same_here(made_from: str, wanted: str) -> bool:
    """Whether two ``inputs`` differ at most in what lies on other frames: a result that would gain, but holds."""
    return made_from.rpartition(PART)[0] == wanted.rpartition(PART)[0] if PART in wanted else made_from == wanted


Sides = list[list[str]]
"""Of a tracked mask: what was said before it and after it; the same with strokes."""
SIDE = "|"
"""Between the two."""


class ModalInputs:
    """What the stamp of an up-to-date modal mask says in ``inputs``, for any frame of one object.

    A frame with clicks or a box follows from those. A tracked mask follows from the nearest prompted frames before
    and after it; prompts further off shape it too little to call it stale: a person who mends frame 90 need not see
    0 to 80 hatched. Strokes beside it are told apart (the last part): a frame that was touched up is a better
    reference for its neighbours, but leaves them as good as they were.
    """

    def __init__(self, thing: AnnotatedObject) -> None:
        self._thing = thing
        self._asked = asked_on(thing)
        self._prompts = (sorted(self._asked | set(thing.given)), sorted(thing.prompted()))
        self._accepted = sorted(thing.accepted)
        self._gaps: dict[tuple[int, ...], str] = {}
        self._said = cache(self._said_of)
        self._drawn = cache(self._drawn_of)

    def __call__(self, frame_index: int) -> str:
        """The inputs for one frame."""
        if frame_index in self._asked:
            return said_on(self._thing, frame_index)
        said, prompted = self._prompts
        gap = (  # between the same prompts all frames have the same inputs
            *(bisect_left(said, frame_index), bisect_right(said, frame_index)),
            *(bisect_left(prompted, frame_index), bisect_right(prompted, frame_index)),
        )
        if gap not in self._gaps:
            self._gaps[gap] = _joined(self._sides(frame_index))
        return self._gaps[gap]

    def wanted(self, frame_index: int, made: Callable[[int], str]) -> str:
        """The same, seen from what was made: another text than ``made(frame_index)`` asks for a new run.

        An accepted frame is a prompt too. A change beyond it does not count where the frame and the accepted one were
        made from the same: ``made`` tells what stamps say in ``inputs`` ("" where there is none).
        """
        now, then = self(frame_index), made(frame_index)
        if now == then or not self._accepted:
            return now
        sides, before = _split(now), _split(then)
        if sides is None or before is None:  # what a click answered, or nothing
            return now
        for side, shield in enumerate(_beside(self._accepted, frame_index)):
            vouched = None if shield is None else _split(made(shield))
            for part, prompts in enumerate(self._prompts):
                nearest = _beside(prompts, frame_index)[side]
                if vouched and before[part][side] == vouched[part][side] and _beyond(nearest, shield, frame_index):
                    sides[part][side] = before[part][side]
        return _joined(sides)

    def _sides(self, frame_index: int) -> Sides:
        said, prompted = (_beside(prompts, frame_index) for prompts in self._prompts)
        return [[self._said(f) for f in said], [self._drawn(f) for f in prompted]]

    def _said_of(self, frame_index: int | None) -> str:
        """What was said on a frame, with its number; "" for none."""
        return "" if frame_index is None else f"{frame_index}:{said_on(self._thing, frame_index)}"

    def _drawn_of(self, frame_index: int | None) -> str:
        """The same, with the strokes there."""
        if frame_index is None:
            return ""
        strokes = [stroke_json(s) for s in self._thing.strokes_on(frame_index, "modal")]
        return f"{frame_index}:{digest_of([said_on(self._thing, frame_index), strokes])}"


def _joined(sides: Sides) -> str:
    return PART.join(SIDE.join(part) for part in sides)


def _split(text: str) -> Sides | None:
    """Undoes ``_joined``; None for a text that is nothing of that kind."""
    sides = [part.split(SIDE) for part in text.split(PART)]
    return sides if [len(part) for part in sides] == [2, 2] else None


def _beside(frames: list[int], frame_index: int) -> tuple[int | None, int | None]:
    """The last of the (ascending) frames before one, and the first after it."""
    before, after = bisect_left(frames, frame_index), bisect_right(frames, frame_index)
    return frames[before - 1] if before else None, frames[after] if after < len(frames) else None


def _beyond(prompted: int | None, shield: int | None, frame_index: int) -> bool:
    """Whether a frame lies further off than the accepted one, on the same side; None lies at no distance."""
    return shield is not None and (prompted is None or abs(prompted - frame_index) > abs(shield - frame_index))


@dataclass(frozen=True)
class Setup:
    """What an engine brings to its results beside the masks."""

    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    """A value for each of its parameters; none for engines without."""
    afterwards: Collection[str] = ()
    """Those that change only what is made of its model's answer."""
    reach: Sequence[range] = ()
    """By frame, the frames whose masks its result follows from (see ``reach_of``); empty: those of the whole clip."""
    seeded: bool = True
    """Whether another hypothesis would be another mask."""


def _of_the_model(setup: Setup) -> dict[str, SettingValue]:
    return {name: value for name, value in setup.settings.items() if name not in setup.afterwards}


SetupOf = Callable[[str], Setup]
"""Engine name -> its setup. Gives the same object for the same name."""


def reach_of(windows: Sequence[range], num_frames: int) -> list[range]:
    """By frame, the frames that share a window with it."""
    reach = [range(f, f + 1) for f in range(num_frames)]
    for window in windows:
        for f in window:
            reach[f] = range(min(reach[f].start, window.start), max(reach[f].stop, window.stop))
    return reach


class AmodalInputs:
    """What the stamp of an up-to-date amodal mask says in ``inputs``, for any frame of one object and any engine.

    The modal mask of the frame itself; canvas, hypothesis, who made the depth, and the engine's settings; and, as the
    last part, the modal masks of all frames: any of them may lend its outline. An engine with windows is different:
    what lies in the windows around a frame shapes its mask throughout, so it counts with the settings, and nothing
    else does. An amodal box counts as the frame's own; ``boxed`` is False for results that were made without it.
    Holds what is true at the moment when it is made.
    """

    def __init__(self, modal: ModalMasks, truth: Truth, depth: str, *, setup_of: SetupOf, boxed: bool = True) -> None:
        canvas = modal.canvas
        self._thing, self._truth, self._setup_of = modal.thing, truth, setup_of
        self._seen = modal.states()
        self._ground = [depth, canvas.size_wh, canvas.pad_left, canvas.pad_top]
        self._known: dict[tuple[str, Recipe | None, range | None], str] = {}
        self._boxes = _box_marks(modal.thing.amodal_boxes, truth.crop) if boxed else {}
        self.everywhere = digest_of([*sorted(self._seen.items()), *sorted(self._boxes.items())])

    def here(self, frame_index: int, engine: str, *, recipe: Recipe | None = None) -> str:
        """Everything but the last part."""
        chosen = recipe or (self._truth.recipe_on(self._thing, frame_index) if self._thing.picks else None)
        around = self._around(frame_index, engine, recipe=chosen)
        return f"{self._seen.get(frame_index, '')}{PART}{around}{self._boxes.get(frame_index, '')}"

    def __call__(self, frame_index: int, engine: str, *, recipe: Recipe | None = None) -> str:
        """The inputs for one frame; ``recipe`` in place of what was chosen there."""
        beside = "" if self._setup_of(engine).reach else self.everywhere
        return f"{self.here(frame_index, engine, recipe=recipe)}{PART}{beside}"

    def of_window(self, window: range, seed: int, *, engine: str) -> str:
        """What stands for all that the engine's model makes of a window for a seed."""
        seen = [[f, self._seen[f] + self._boxes.get(f, "")] for f in window if f in self._seen]
        return digest_of([self._ground, seed, _of_the_model(self._setup_of(engine)), window.start, seen])

    def _around(self, frame_index: int, engine: str, *, recipe: Recipe | None) -> str:
        """``recipe`` None: that of all frames, where nothing was chosen on any."""
        setup = self._setup_of(engine)
        reach = setup.reach[frame_index] if setup.reach else None
        if (engine, recipe, reach) not in self._known:
            seen = [[f, self._seen[f] + self._boxes.get(f, "")] for f in reach or () if f in self._seen]
            made = recipe or self._truth.recipe_on(self._thing, frame_index)
            chosen = [made.how, made.seeds] if setup.seeded else []
            parts = [self._ground, chosen, dict(setup.settings), seen]
            self._known[engine, recipe, reach] = digest_of(parts)
        return self._known[engine, recipe, reach]


def _box_marks(keyframes: Sequence[BoxKeyframe], rule: CropRule) -> dict[int, str]:
    """By frame, what stands for its crop."""
    if not drawn(keyframes):
        return {}
    how = {name: value for name, value in asdict(rule).items() if name != "compare"}
    shared = [how, union([box.corners for box in drawn(keyframes)]) if rule.span else []]
    return {f: f"+{digest_of([box.corners, shared])}" for f, box in boxes_by_frame(keyframes).items()}


class ContentInputs:
    """The same for content: the frame's amodal mask and what that follows from; seed and settings; last, all amodal
    masks. With windows: what is true of the frame itself, for all frames around it.
    """

    def __init__(self, amodal: AmodalMasks, before: AmodalInputs, *, seed: int, setup_of: SetupOf) -> None:
        self._amodal, self._before, self._seed, self._setup_of = amodal, before, seed, setup_of
        self._whole, self._stamps = amodal.states(), amodal.layers.amodal.stamps()
        self._everywhere = digest_of([before.everywhere, sorted(self._whole.items())])
        self._own = cache(self._own_of)
        self._known: dict[tuple[str, range | None], str] = {}

    def __call__(self, frame_index: int, engine: str) -> str:
        """The inputs for one frame."""
        beside = "" if self._setup_of(engine).reach else self._everywhere
        return PART.join((self._own(frame_index), self._around(frame_index, engine), beside))

    def of_window(self, window: range, seed: int, *, engine: str) -> str:
        """What stands for all that the engine's model makes of a window for a seed."""
        own = [self._own(f) for f in window]
        return digest_of([seed, _of_the_model(self._setup_of(engine)), window.start, own])

    def _own_of(self, frame_index: int) -> str:
        stamp = self._stamps.get(frame_index) or self._amodal.layers.amodal_stamp(self._amodal.thing, frame_index)
        before = self._before.here(frame_index, stamp.engine if stamp else "")
        return f"{self._whole.get(frame_index, '')}{PART}{before}"

    def _around(self, frame_index: int, engine: str) -> str:
        setup = self._setup_of(engine)
        reach = setup.reach[frame_index] if setup.reach else None
        if (engine, reach) not in self._known:
            around = [self._own(f) for f in reach or ()]
            self._known[engine, reach] = digest_of([self._seed, dict(setup.settings), around])
        return self._known[engine, reach]
