"""The samples that a run trains on, from the paths of the command line, and the samples that are held out: whole
videos.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from vas_tool.errors import InputError
from vas_tool.project.head import is_project
from vas_tool.training.diffusion_vas.object_samples import Masks, Part, Sample
from vas_tool.training.diffusion_vas.project_samples import LIST, KeptSamples, keep_samples
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.sail_vos_samples import SailVosSamples

LEAST_VISIBLE = 0.95
"""An object counts as whole if more than this share of its area is visible over the clip. The content stage trains on
whole objects."""


@dataclass(frozen=True)
class Data:
    """The sources of the samples."""

    sources: tuple[Path, ...]
    """Annotation files (.json) and project folders."""
    frames: Path | None = None
    """The folder that picture names are relative to; None for the folder of each annotation file."""
    held_out: tuple[Path, ...] = ()
    """Sources for validation alone."""
    hold_out: float = 0.1
    """Share of the videos, 0..1, that is held out for validation when ``held_out`` is empty."""
    occluders: tuple[Path, ...] = ()
    """Content stage: sources whose masks are pasted over objects. When it is empty, those of ``sources`` are."""
    kept: Path = Path()
    """Folder for the samples that are read from projects: the folder of the run, or of the cache."""


class JoinedSources:
    """Several sources of samples as one."""

    def __init__(self, sources: Sequence[Any]) -> None:
        self.sources = tuple(sources)
        self._ends = list(accumulate(len(source) for source in self.sources))

    def __len__(self) -> int:
        return self._ends[-1]

    def _at(self, index: int) -> tuple[Any, int]:
        place = bisect_right(self._ends, index)
        return self.sources[place], index - (self._ends[place - 1] if place else 0)

    def video(self, index: int) -> str:
        """Return the name of a sample's video."""
        source, own = self._at(index)
        return str(source.video(own))

    def name(self, index: int) -> str:
        """Return the name of a sample for messages."""
        source, own = self._at(index)
        return str(source.name(own))

    def mark(self) -> str:
        """Return a text that differs when the samples differ."""
        return " ".join(source.mark() for source in self.sources)

    def sample(self, index: int) -> Sample:
        """Read a sample. Raises FormatError, which names it."""
        source, own = self._at(index)
        found: Sample = source.sample(own)
        return found

    def seen(self, index: int) -> float:
        """Return the share of the object's area, 0..1, that is visible over the clip."""
        source, own = self._at(index)
        return float(source.seen(own))

    def occluder(self, index: int) -> Masks:
        """Return the (T, H, W) masks of a sample, as an occluder (``pasted_occluders.OccluderSource``)."""
        source, own = self._at(index)
        masks: Masks = source.occluder(own)
        return masks


@dataclass(frozen=True)
class Split:
    """The samples for training, the samples for validation, and the occluders."""

    learned: JoinedSources | SourceSubset
    held_out: JoinedSources | SourceSubset | None
    occluders: Any = None


def split_of(data: Data, recipe: Recipe) -> Split:
    """Return the split of the data. Raises InputError or FormatError when there is no sample to train on."""
    everything = read(data.sources, data, recipe)
    learned: JoinedSources | SourceSubset = everything
    held_out: JoinedSources | SourceSubset | None = None
    if data.held_out:
        held_out = read(data.held_out, data, recipe)
    elif data.hold_out > 0:
        learned, held_out = by_video(everything, data.hold_out, seed=recipe.seed)
    if recipe.stage != "content":
        return Split(learned, held_out)
    occluders = read(data.occluders, data, recipe) if data.occluders else _whole(learned)
    return Split(learned if recipe.occlude_hidden else _whole(learned), held_out, occluders)


def read(sources: Sequence[Path], data: Data, recipe: Recipe) -> JoinedSources:
    """Return the samples of files and projects. Raises InputError (FormatError), ProjectError.

    The samples of projects are written to ``data.kept`` first, where they are not there yet: a project is open in one
    process alone, and a person may go on working in it. Of several processes, the first has to call this before others.
    """
    found: list[Any] = []
    folders = [path for path in sources if is_project(path)]
    for path in sources:
        if path in folders:
            continue
        if (path / LIST).is_file():
            found.append(KeptSamples(path))
            continue
        if path.suffix != ".json" or not path.is_file():
            raise InputError(f"{path} is neither a project nor a .json file of samples; check the spelling")
        found.append(SailVosSamples(path, data.frames or path.parent, size_hw=recipe.size_hw))
    if folders:
        kept = data.kept / "projects" / _key(folders, recipe)
        keep_samples(folders, recipe, kept)
        found.append(KeptSamples(kept))
    return JoinedSources(found)


def _key(folders: Sequence[Path], recipe: Recipe) -> str:
    """Return the name of the folder for the samples of these projects."""
    facts = (sorted(str(path.resolve()) for path in folders), recipe.size_hw, recipe.num_frames, recipe.pseudo_weight)
    return hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()


def by_video(source: JoinedSources, share: float, *, seed: int) -> tuple[SourceSubset, SourceSubset | None]:
    """Hold out the samples of ``share`` of the videos, at least one video; none when there is only one."""
    videos = sorted({source.video(i) for i in range(len(source))}, key=lambda name: _rank(name, seed))
    held = set(videos[: max(1, round(share * len(videos)))] if len(videos) > 1 else ())
    numbers = [(i, source.video(i) in held) for i in range(len(source))]
    learned, out = (tuple(i for i, is_held in numbers if is_held == wanted) for wanted in (False, True))
    return SourceSubset(source, learned), SourceSubset(source, out) if out else None


def _rank(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()


def _whole(source: Any) -> SourceSubset:
    """Return the samples of whole objects (``LEAST_VISIBLE``). Raises InputError when there is none."""
    whole = tuple(i for i in range(len(source)) if source.seen(i) > LEAST_VISIBLE)
    if not whole:
        raise InputError(
            f"none of the {len(source)} samples is seen to more than {LEAST_VISIBLE:.0%}; the content stage learns "
            "from whole objects and hides them by others: give it some"
        )
    return SourceSubset(source, whole)


@dataclass(frozen=True)
class SourceSubset(Part):
    """Some samples of a source. They also serve as occluders."""

    def occluder(self, index: int) -> Masks:
        """Return the (T, H, W) masks of a sample, as an occluder (``pasted_occluders.OccluderSource``)."""
        source: Any = self.source
        masks: Masks = source.occluder(self.numbers[index])
        return masks
