"""Finds objects by words in a clip, and makes objects of a project from them.

A found object is true where it is seen best: its mask there is given, as an imported mask is. The masks on other frames
are results of the engine, as if it had tracked the object from there: clicks correct them, other engines track anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pycocotools import mask as rle_codec

from vas_tool.engines import registry
from vas_tool.engines.base import FindsByText, FoundInstance, Progress, silent
from vas_tool.engines.registry import EngineSpec, LoadedEngine
from vas_tool.errors import EngineError, PromptError
from vas_tool.pipeline import locked
from vas_tool.planning.fingerprint import NOTHING
from vas_tool.planning.inputs import ModalInputs
from vas_tool.planning.setup import chosen_engine
from vas_tool.project import Project
from vas_tool.project.truth import AnnotatedObject, Truth
from vas_tool.project_store import stamp_by
from vas_tool.types import Clip, Mask

MAX_FOUND = 200
"""Most objects of one search. More are not an answer that a person can look at."""


@dataclass
class FoundObject(Mapping[int, Mask]):
    """One found object: frame_index -> (H, W) bool modal mask on every searched frame, empty where it is not seen."""

    number: int
    words: str
    size_wh: tuple[int, int]
    frame_indices: range
    scores: dict[int, float] = field(default_factory=dict)
    """frame_index -> score, 0..1, on the frames where the object is seen."""
    _masks: dict[int, Any] = field(default_factory=dict, repr=False)

    def add(self, frame_index: int, instance: FoundInstance) -> None:
        """Add what is seen of the object on a frame. Masks are held as run lengths."""
        self.scores[frame_index] = min(1.0, max(0.0, instance.score))
        self._masks[frame_index] = rle_codec.encode(np.asfortranarray(instance.mask, np.uint8))

    def __getitem__(self, frame_index: int) -> Mask:
        if frame_index not in self.frame_indices:
            raise KeyError(frame_index)
        encoded = self._masks.get(frame_index)
        if encoded is None:
            return np.zeros(self.size_wh[::-1], bool)
        return np.asarray(rle_codec.decode(encoded), bool)

    def __iter__(self) -> Iterator[int]:
        return iter(self.frame_indices)

    def __len__(self) -> int:
        return len(self.frame_indices)

    def area(self, frame_index: int) -> int:
        """Pixels of the mask on a frame."""
        encoded = self._masks.get(frame_index)
        return int(rle_codec.area(encoded)) if encoded is not None else 0

    @property
    def score(self) -> float:
        """The best score on any frame."""
        return max(self.scores.values())

    @property
    def best_frame(self) -> int:
        """The frame on which the object is seen best: score times area is largest."""
        return max(sorted(self.scores), key=lambda f: self.scores[f] * self.area(f))


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of ``person, dog``, each once. Raises PromptError when there are none."""
    words = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not words:
        raise PromptError("no words to find; say for example: person, dog")
    return words


def finding_engine(truth: Truth) -> EngineSpec:
    """Return the engine that finds by words: the chosen segment engine if it can, else the best that is present.

    Raises EngineError with the licence and the command of the first that could.
    """
    chosen = chosen_engine(truth, "segment")
    able = [spec for spec in registry.engines_of("segment") if spec.finds_text]
    present = [spec for spec in (chosen, *able) if spec.finds_text and registry.is_present(spec)]
    if present:
        return present[0]
    if not able:
        raise EngineError("no segment engine finds objects by words; click them instead")
    wanted = able[0]
    raise EngineError(f"{wanted.name} finds objects by words. Licence: {wanted.licence}. Get it with: {wanted.get}")


def found_objects(
    clip: Clip,
    words: Sequence[str],
    frame_indices: range,
    *,
    finder: LoadedEngine[Any],
    progress: Progress = silent,
) -> list[FoundObject]:
    """Return every object that the words name on the frames, the best first. Raises what the engine raises."""
    if not isinstance(finder.engine, FindsByText):
        raise EngineError(f"the segment engine {finder.spec.name} does not find by words")
    found: dict[int, FoundObject] = {}
    answers = finder.engine.find(clip, words, frame_indices, progress=progress)
    for frame_index, instances in locked(finder, answers):
        for one in instances:
            obj = found.setdefault(one.number, FoundObject(one.number, one.words, clip.size_wh, frame_indices))
            obj.add(frame_index, one)
    return sorted(found.values(), key=lambda obj: (words.index(obj.words), -obj.score))[:MAX_FOUND]


def found_truth(truth: Truth, found: Sequence[FoundObject]) -> tuple[Truth, list[AnnotatedObject]]:
    """Return the truth with an object for each found one, and these objects."""
    added = []
    for one in found:
        obj = replace(truth.new_object(one.words), given=(one.best_frame,))
        truth = truth.with_object(obj)
        added.append(obj)
    return truth, added


def add_found(
    project: Project, found: Sequence[FoundObject], *, by: EngineSpec, progress: Progress = silent
) -> list[int]:
    """Add found objects to a project, with their masks, as one edit. Returns their ids."""
    labels = ", ".join(dict.fromkeys(one.words for one in found))
    with project.mutex:
        truth, added = found_truth(project.truth, found)
        edit_id = project.edit(f"find {labels}", truth)
        with project.under(edit_id):
            for done, (obj, one) in enumerate(zip(added, found, strict=True)):
                progress(done, len(found), "found objects")
                _store(project, obj, one, by=by)
    progress(len(found), len(found), "found objects")
    return [obj.id for obj in added]


def _store(project: Project, obj: AnnotatedObject, one: FoundObject, *, by: EngineSpec) -> None:
    layers, inputs = project.layers(obj.id), ModalInputs(obj)
    best = one.best_frame
    layers.given.put(best, one[best], stamp_by(by, NOTHING, certainty=one.scores[best]))
    if len(one) == 1:
        return
    for frame_index in one:
        certainty = one.scores.get(frame_index, 1.0)
        layers.modal.put(frame_index, one[frame_index], stamp_by(by, inputs.on(frame_index), certainty=certainty))
