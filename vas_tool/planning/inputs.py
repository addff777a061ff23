"""The present inputs of every result, as fingerprints. The stamps of up-to-date results hold the same ones.

Each class answers for one object at one moment: ``on`` for one frame, ``columns`` for many frames at once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

from vas_tool.boxes.crops import CropRule
from vas_tool.boxes.keyframes import boxes_by_frame, drawn, union
from vas_tool.hypotheses import Recipe
from vas_tool.planning.fingerprint import Fingerprint, digest_of, digest_of_texts
from vas_tool.planning.setup import SetupOf
from vas_tool.project.object_stamps import CLEAR, ObjectStamps, prompted_frames, prompts_digest
from vas_tool.project.truth import AnnotatedObject, Truth, stroke_json
from vas_tool.types import BoxKeyframe

Columns = dict[str, list[Any]]
"""Field of ``Fingerprint`` -> one value per frame. An absent field has its default on every frame."""

NO_MARKS: Mapping[int, tuple[str, ...]] = MappingProxyType({})

Pair = tuple[str, str]
"""A text for the side before a frame, and one for the side after it."""


class ModalInputs:
    """The inputs of one object's modal masks.

    On a frame with clicks or a box, these are the input. On any other frame, the nearest prompted frames before and
    after it are. Prompts farther away have too little effect to make the mask stale: after a correction on frame 90,
    frames 0 to 80 stay as they are. Strokes on other frames count as ``elsewhere``: a painted frame is a better
    reference for its neighbours, but their masks stay as good as they were.
    """

    def __init__(self, obj: AnnotatedObject) -> None:
        self._obj = obj
        self.prompted_frames = prompted_frames(obj)
        self._prompts = (sorted(self.prompted_frames | set(obj.given)), sorted(obj.prompted()))
        self._accepted = sorted(obj.accepted)
        self._gaps: dict[tuple[int, ...], Fingerprint] = {}
        self._prompts_at = cache(self._prompts_of)
        self._drawn = cache(self._drawn_of)

    def on(self, frame_index: int) -> Fingerprint:
        """Return the fingerprint of an up-to-date modal mask on a frame."""
        if frame_index in self.prompted_frames:
            return Fingerprint(source=prompts_digest(self._obj, frame_index))
        with_prompts, prompted = self._prompts
        gap = (  # between the same prompts all frames have the same inputs
            *(bisect_left(with_prompts, frame_index), bisect_right(with_prompts, frame_index)),
            *(bisect_left(prompted, frame_index), bisect_right(prompted, frame_index)),
        )
        if gap not in self._gaps:
            before, after = _beside(with_prompts, frame_index)
            drawn_before, drawn_after = _beside(prompted, frame_index)
            around = self._prompts_at(before), self._prompts_at(after)
            self._gaps[gap] = Fingerprint(
                around=around, elsewhere=(self._drawn(drawn_before), self._drawn(drawn_after))
            )
        return self._gaps[gap]

    def against(self, frame_index: int, made: Callable[[int], Fingerprint]) -> Fingerprint:
        """Return the fingerprint to compare with that of the existing mask, ``made(frame_index)``. The mask is out of
        date if they differ.

        An accepted frame counts as prompted. A change of prompts beyond it does not count if the frame and the accepted
        one were made from the same prompts there. ``made`` returns the fingerprints in the stamps (``NOTHING`` for a
        frame without one).
        """
        now, then = self.on(frame_index), made(frame_index)
        if now == then or not self._accepted or not now.around or not then.around:
            return now
        parts = [[*now.around], [*now.elsewhere]]
        before = then.around, then.elsewhere
        for side, shield in enumerate(_beside(self._accepted, frame_index)):
            if shield is None or not (vouched := made(shield)).around:
                continue
            for part, prompts in enumerate(self._prompts):
                nearest = _beside(prompts, frame_index)[side]
                same = before[part][side] == (vouched.around, vouched.elsewhere)[part][side]
                if same and _beyond(nearest, shield, frame_index):
                    parts[part][side] = before[part][side]
        return Fingerprint(around=tuple(parts[0]), elsewhere=tuple(parts[1]))

    def _prompts_of(self, frame_index: int | None) -> str:
        """Return the number of a frame with the digest of its prompts; "" for None."""
        return "" if frame_index is None else f"{frame_index}:{prompts_digest(self._obj, frame_index)}"

    def _drawn_of(self, frame_index: int | None) -> str:
        """Return the number of a frame with the digest of its prompts and strokes; "" for None."""
        if frame_index is None:
            return ""
        strokes = [stroke_json(s) for s in self._obj.strokes_on(frame_index, "modal")]
        return f"{frame_index}:{digest_of([prompts_digest(self._obj, frame_index), strokes])}"


def _beside(frames: list[int], frame_index: int) -> tuple[int | None, int | None]:
    """Return the last of the (ascending) frames before a frame, and the first one after it; None where there is
    none.
    """
    before, after = bisect_left(frames, frame_index), bisect_right(frames, frame_index)
    return frames[before - 1] if before else None, frames[after] if after < len(frames) else None


def _beyond(prompted: int | None, accepted: int, frame_index: int) -> bool:
    """Return whether a prompted frame is farther from a frame than an accepted one on the same side. None counts as
    farther.
    """
    return prompted is None or abs(prompted - frame_index) > abs(accepted - frame_index)


class AmodalInputs:
    """The inputs of one object's amodal masks, for any engine.

    Inputs are the modal mask and the amodal box of the frame, the canvas, the recipe, the depth engine, and the
    engine's settings. The modal masks of all other frames count as ``elsewhere``, because the engine may use the
    outline of any. For an engine with windows, the masks in the windows that hold the frame count as ``around``, and
    other masks do not count.
    """

    def __init__(
        self,
        stamps: ObjectStamps,
        truth: Truth,
        depth: str,
        *,
        setup_of: SetupOf,
        marks: Mapping[int, tuple[str, ...]] = NO_MARKS,
        boxed: bool = True,
    ) -> None:
        """``depth`` is the text of ``Snapshot.depth_used``. ``marks`` are those of the occlusion gate
        (``gate.marks_of``). ``boxed`` is False for results that are made without the amodal boxes.
        """
        self._obj, self._truth, self._setup_of, self._depth = stamps.obj, truth, setup_of, depth
        self._marks = marks
        self.seen = stamps.seen
        self.boxes = _box_marks(stamps.obj.amodal_boxes, truth.crop) if boxed else {}
        self._setups: dict[tuple[str, Recipe], str] = {}
        self._setups_then: dict[tuple[str, Recipe, range], str] = {}
        self._arounds: dict[range, str] = {}

    @cached_property
    def everywhere(self) -> str:
        """A digest of all modal masks and boxes."""
        return digest_of([*sorted(self.seen.items()), *sorted(self.boxes.items())])

    def on(self, frame_index: int, engine: str, *, recipe: Recipe | None = None) -> Fingerprint:
        """Return the fingerprint of an up-to-date amodal mask on a frame. ``recipe`` replaces the recipe that was
        chosen there.
        """
        if engine == CLEAR:
            return Fingerprint(modal=self.seen.get(frame_index, ""), setup=self._marks.get(frame_index, ()))
        around, reach = self.around(frame_index, engine), self._setup_of(engine).reach
        return Fingerprint(
            modal=self.seen.get(frame_index, ""),
            amodal_box=self.boxes.get(frame_index, ""),
            setup=(self.setup(frame_index, engine, recipe=recipe),),
            around=(around,) if around else (),
            elsewhere=() if reach else (self.everywhere,),
        )

    def columns(self, frames: Sequence[int], engines: Sequence[str]) -> Columns:
        """Return the fingerprints of ``on`` for many frames, with the engine that made each mask."""
        beside = {engine: self._beside(engine) for engine in set(engines)}
        columns: Columns = {
            "modal": [self.seen.get(f, "") for f in frames],
            "setup": self._setup_column(frames, engines),
            "elsewhere": list(map(beside.__getitem__, engines)),
        }
        if self.boxes:
            columns["amodal_box"] = [self.boxes.get(f, "") for f in frames]
        if not all(beside.values()):
            around = [self.around(f, engine) for f, engine in zip(frames, engines, strict=True)]
            columns["around"] = [(text,) if text else () for text in around]
        return columns

    def _beside(self, engine: str) -> tuple[str, ...]:
        return () if engine == CLEAR or self._setup_of(engine).reach else (self.everywhere,)

    def _setup_column(self, frames: Sequence[int], engines: Sequence[str]) -> list[tuple[str, ...]]:
        if CLEAR in engines:
            return [self.on(f, engine).setup for f, engine in zip(frames, engines, strict=True)]
        if self._obj.picks:
            return [(self.setup(f, engine),) for f, engine in zip(frames, engines, strict=True)]
        known: dict[str, tuple[str, ...]] = {
            engine: (self.setup(0, engine),) for engine in set(engines)
        }  # the same on all frames
        return list(map(known.__getitem__, engines))

    def setup(self, frame_index: int, engine: str, *, recipe: Recipe | None = None) -> str:
        """Return a digest of canvas, recipe, depth and settings."""
        made = recipe or self._truth.recipe_on(self._obj, frame_index)
        if (engine, made) not in self._setups:
            self._setups[engine, made] = digest_of([*self._setup_parts(engine, made), []])
        return self._setups[engine, made]

    def _setup_parts(self, engine: str, recipe: Recipe) -> list[Any]:
        setup = self._setup_of(engine)
        return [self._ground, [recipe.how, recipe.seeds] if setup.seeded else [], dict(setup.settings)]

    @cached_property
    def _ground(self) -> list[Any]:
        canvas = self._truth.canvas
        return [self._depth, canvas.size_wh, canvas.pad_left, canvas.pad_top]

    def around(self, frame_index: int, engine: str) -> str:
        """Return a digest of the masks in the windows that hold a frame; "" for an engine without windows."""
        reach = self._setup_of(engine).reach
        if not reach:
            return ""
        span = reach[frame_index]
        if span not in self._arounds:
            self._arounds[span] = digest_of_texts(f"{f} {state}" for f, state in self._seen_in(span))
        return self._arounds[span]

    def _seen_in(self, span: range) -> list[list[Any]]:
        return [[f, self.seen[f] + self.boxes.get(f, "")] for f in span if f in self.seen]

    def setup_then(self, frame_index: int, engine: str, *, recipe: Recipe | None = None) -> tuple[str]:
        """Return what version 0.1 wrote for an engine with windows: one digest for ``setup`` and ``around``."""
        made = recipe or self._truth.recipe_on(self._obj, frame_index)
        reach = self._setup_of(engine).reach
        span = reach[frame_index] if reach else range(0)
        key = engine, made, span
        if key not in self._setups_then:
            self._setups_then[key] = digest_of([*self._setup_parts(engine, made), self._seen_in(span)])
        return (self._setups_then[key],)

    def like(self, made: Fingerprint, frame_index: int, engine: str, *, recipe: Recipe | None = None) -> Fingerprint:
        """Return the fingerprint of ``on`` in the form of the version that wrote ``made``."""
        now = self.on(frame_index, engine, recipe=recipe)
        if not now.around or made.around or not made.setup:
            return now
        return replace(now, setup=self.setup_then(frame_index, engine, recipe=recipe), around=())

    def of_window(self, window: range, seed: int, *, engine: str) -> str:
        """Return a digest of all inputs of the engine's model for one window and seed."""
        model = self._setup_of(engine).of_the_model
        return digest_of([self._ground, seed, model, window.start, self._seen_in(window)])


def _box_marks(keyframes: Sequence[BoxKeyframe], rule: CropRule) -> dict[int, str]:
    """Return frame_index -> digest of the frame's crop."""
    if not drawn(keyframes):
        return {}
    how = {name: value for name, value in asdict(rule).items() if name != "compare"}
    shared = [how, union([box.corners for box in drawn(keyframes)]) if rule.span else []]
    return {f: f"+{digest_of([box.corners, shared])}" for f, box in boxes_by_frame(keyframes).items()}


class ContentInputs:
    """The inputs of one object's content, for any engine.

    Inputs are the frame's amodal mask and its own inputs, the seed, and the engine's settings. The amodal masks of all
    other frames count as ``elsewhere``. For an engine with windows, the frames in the windows that hold the frame count
    as ``around``, and other frames do not count.
    """

    def __init__(self, stamps: ObjectStamps, before: AmodalInputs, *, seed: int, setup_of: SetupOf) -> None:
        self._before, self._seed, self._setup_of = before, seed, setup_of
        self._whole = stamps.whole
        self._makers: Mapping[int, str] = {f: "stroke" for f in self._whole} | stamps.amodal.by_frame("engine")
        self._own = cache(self._own_of)
        self._setups_then: dict[tuple[str, range], str] = {}
        self._arounds: dict[range, str] = {}
        self._setup = cache(
            lambda engine: engine if engine == CLEAR else digest_of([seed, dict(setup_of(engine).settings), []])
        )

    @cached_property
    def _everywhere(self) -> str:
        return digest_of([self._before.everywhere, sorted(self._whole.items())])

    def on(self, frame_index: int, engine: str) -> Fingerprint:
        """Return the fingerprint of up-to-date content on a frame."""
        columns = self.columns([frame_index], [engine])
        return Fingerprint(**{name: column[0] for name, column in columns.items()})

    def columns(self, frames: Sequence[int], engines: Sequence[str]) -> Columns:
        """Return the fingerprints of ``on`` for many frames, with the engine that made each content."""
        before = self._before.columns(frames, [self._makers.get(f, "") for f in frames])
        arounds = [part[0] if part else "" for part in before.get("around", [()] * len(frames))]
        seen_alone = (engine for engine in set(engines) if engine == CLEAR or self._setup_of(engine).reach)
        beside = dict.fromkeys(engines, (self._everywhere,)) | dict.fromkeys(seen_alone, ())
        columns: Columns = {
            **{name: before[name] for name in ("modal", "amodal_box") if name in before},
            "amodal": [self._whole.get(f, "") for f in frames],
            "setup": [(*part, self._setup(e)) for part, e in zip(before["setup"], engines, strict=True)],
            "elsewhere": list(map(beside.__getitem__, engines)),
        }
        if any(arounds) or not all(beside.values()):
            own = [self._around(f, engine) for f, engine in zip(frames, engines, strict=True)]
            columns["around"] = [pair if any(pair) else () for pair in zip(arounds, own, strict=True)]
        return columns

    def setup_then(self, frame_index: int, engine: str) -> tuple[str, str]:
        """Return what version 0.1 wrote for engines with windows: one digest for ``setup`` and ``around``."""
        reach, settings = self._setup_of(engine).reach, self._setup_of(engine).settings
        span = reach[frame_index] if reach else range(0)
        if (engine, span) not in self._setups_then:
            own = list(map(self._own_then, span))
            self._setups_then[engine, span] = digest_of([self._seed, dict(settings), own])
        (before,) = self._before.setup_then(frame_index, self._makers.get(frame_index, ""))
        return before, self._setups_then[engine, span]

    def _own_then(self, frame_index: int) -> str:
        (before,) = self._before.setup_then(frame_index, self._makers.get(frame_index, ""))
        seen, box = self._before.seen.get(frame_index, ""), self._before.boxes.get(frame_index, "")
        return f"{self._whole.get(frame_index, '')}~{seen}~{before}{box}"

    def of_window(self, window: range, seed: int, *, engine: str) -> str:
        """Return a digest of all inputs of the engine's model for one window and seed."""
        return digest_of([seed, self._setup_of(engine).of_the_model, window.start, [self._own(f) for f in window]])

    def _around(self, frame_index: int, engine: str) -> str:
        """Return a digest of the frames in the windows that hold a frame; "" for an engine without windows."""
        reach = self._setup_of(engine).reach
        if not reach:
            return ""
        span = reach[frame_index]
        if span not in self._arounds:
            self._arounds[span] = digest_of_texts(map(self._own, span))
        return self._arounds[span]

    def _own_of(self, frame_index: int) -> str:
        """Return a digest of the inputs on the frame itself."""
        before, maker = self._before, self._makers.get(frame_index, "")
        own = (self._whole.get(frame_index, ""), before.seen.get(frame_index, ""), before.boxes.get(frame_index, ""))
        return " ".join((*own, before.setup(frame_index, maker), before.around(frame_index, maker)))
