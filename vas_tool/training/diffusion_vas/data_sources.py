"""What a run learns from, by what was said on the command line; and what is held out: whole videos, never frames."""

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
"""Objects that are seen to more than this part are whole: what the content stage learns from, and hides."""


@dataclass(frozen=True)
class Data:
    """Where samples come from."""

    sources: tuple[Path, ...]
    """Annotation files (.json) and project folders."""
    frames: Path | None = None
    """The folder that the files' pictures are relative to; None: each file's own."""
    held_out: tuple[Path, ...] = ()
    """Sources that are only looked at."""
    hold_out: float = 0.1
    """Without those: the part of the videos that is only looked at."""
    occluders: tuple[Path, ...] = ()
    """Content: whose masks are pasted over an object; none: those of ``sources``."""
    kept: Path = Path()
    """Folder in which the samples of projects are kept: that of the run, or of the cache."""


class JoinedSources:
    """Several sources as one."""

    def __init__(self, sources: Sequence[Any]) -> None:
        self.sources = tuple(sources)
        self._ends = list(accumulate(len(source) for source in self.sources))

    def __len__(self) -> int:
        return self._ends[-1]

    def _at(self, index: int) -> tuple[Any, int]:
        place = bisect_right(self._ends, index)
        return self.sources[place], index - (self._ends[place - 1] if place else 0)

    def video(self, index: int) -> str:
        """See ``SampleSource``."""
        source, own = self._at(index)
        return str(source.video(own))

    def name(self, index: int) -> str:
        """See ``SampleSource``."""
        source, own = self._at(index)
        return str(source.name(own))

    def mark(self) -> str:
        """See ``SampleSource``."""
        return " ".join(source.mark() for source in self.sources)

    def sample(self, index: int) -> Sample:
        """See ``SampleSource``."""
        source, own = self._at(index)
        found: Sample = source.sample(own)
        return found

    def seen(self, index: int) -> float:
        """See ``SampleSource``."""
        source, own = self._at(index)
        return float(source.seen(own))

    def occluder(self, index: int) -> Masks:
        """See ``occluders.OccluderSource``."""
        source, own = self._at(index)
        masks: Masks = source.occluder(own)
        return masks


@dataclass(frozen=True)
class Split:
    """What is learned from, and what is only looked at."""

    learned: JoinedSources | SourceSubset
    held_out: JoinedSources | SourceSubset | None
    occluders: Any = None


def split_of(data: Data, recipe: Recipe) -> Split:
    """Raises InputError (FormatError among them) when there is nothing to learn from."""
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
    """The samples that are seen to more than ``LEAST_VISIBLE`` of their area over the clip."""
    whole = tuple(i for i in range(len(source)) if source.seen(i) > LEAST_VISIBLE)
    if not whole:
        raise InputError(
            f"none of the {len(source)} samples is seen to more than {LEAST_VISIBLE:.0%}; the content stage learns "
            "from whole objects and hides them by others: give it some"
        )
    return SourceSubset(source, whole)


@dataclass(frozen=True)
class SourceSubset(Part):
    """A part of what was read, whose samples also serve as occluders."""

    def occluder(self, index: int) -> Masks:
        """See ``occluders.OccluderSource``."""
        source: Any = self.source
        masks: Masks = source.occluder(self.numbers[index])
        return masks
