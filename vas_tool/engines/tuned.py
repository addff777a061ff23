"""Engines with the user's own weights: folders that ``vas-tool train`` wrote, and others in the same layout.

A folder is named by its path, or by the name under which the training registered it (``tuned.json`` in the folder of
weights). Its ``vas_tool.json`` names its engine; a folder in the released layout without that file holds weights of
Diffusion-VAS. The module imports no torch.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vas_tool.engines import specs
from vas_tool.engines.diffusion_vas.released import PARTS
from vas_tool.engines.specs import EngineSpec
from vas_tool.engines.weights import Part, WeightsFolder, weights_folder
from vas_tool.errors import EngineError
from vas_tool.files import write_atomically
from vas_tool.types import Stage

CARD = "vas_tool.json"
"""File of a result's folder: engine, stage, revision, and what the weights were made from."""
REGISTER = "tuned.json"
"""File in the folder of weights: name -> folder."""
LEARNED_PART = "amodal.onnx"
KINDS: dict[str, tuple[Part, ...]] = {"diffusion-vas": PARTS, "learned": (Part(LEARNED_PART),)}
"""Engine -> the files that a folder of its weights has."""


@dataclass(frozen=True)
class OwnFolder(WeightsFolder):
    """Weights in one folder. They are searched nowhere else."""

    folder: Path = Path()

    @property
    def get(self) -> str:
        """Return what to do if the folder is not complete."""
        return f"vas-tool train {'learned' if self.parts[0].name == LEARNED_PART else 'amodal'} --resume"

    def places(self) -> list[Path]:
        """Return the folder."""
        return [self.folder]


def tuned_specs() -> list[EngineSpec]:
    """Return the registered engines whose folders exist, in the order of their names."""
    found = []
    for name, folder in sorted(registered().items()):
        if (folder / CARD).is_file():
            card = _card(folder)
            found.append(_spec(folder, name, stage=card.get("stage", "amodal"), card=card))
    return found


def spec_of_folder(stage: Stage, folder: Path) -> EngineSpec:
    """Return the engine whose weights are in ``folder``, under its registered name if it has one.

    Raises EngineError if a file is missing, or the weights are for another stage.
    """
    folder = folder.expanduser().resolve()
    card = _card(folder)
    if card.get("stage", stage) != stage:
        raise EngineError(f"{folder} holds weights of the {card['stage']} stage, not of {stage}; name another folder")
    names = [name for name, known in registered().items() if known == folder]
    spec = _spec(folder, names[0] if names else str(folder), stage=stage, card=card)
    if spec.weights[0].find() is None:
        raise EngineError(
            f"{spec.weights[0].lack() or f'{folder} does not exist'}; name the folder of a result, RUN/final"
        )
    return spec


def looks_like_folder(name: str) -> bool:
    """Return whether an engine's name is a path."""
    return "/" in name or "\\" in name


def registered() -> dict[str, Path]:
    """Return name -> folder of the registered results. A register that cannot be read counts as empty."""
    try:
        entries = json.loads((weights_folder() / REGISTER).read_text(encoding="utf-8"))
        return {str(name): Path(folder) for name, folder in entries.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def register(folder: Path, name: str) -> str:
    """Register a result's folder as ``tuned-`` and ``name``, with a number if that name is taken, and return its name.

    A folder that is registered keeps its name.
    """
    folder, there = folder.resolve(), registered()
    for known, other in there.items():
        if other == folder:
            return known
    names = (f"tuned-{name}{f'-{number}' if number > 1 else ''}" for number in range(1, len(there) + 2))
    chosen = next(one for one in names if one not in there)
    weights_folder().mkdir(parents=True, exist_ok=True)
    entries = {known: str(other) for known, other in {**there, chosen: folder}.items()}
    write_atomically(weights_folder() / REGISTER, json.dumps(entries, indent=2).encode())
    return chosen


def _card(folder: Path) -> Mapping[str, Any]:
    """Return the content of the folder's ``vas_tool.json``; empty if there is none. Raises EngineError if it is
    damaged.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except OSError:
        return {}
    except ValueError as error:
        raise EngineError(f"{folder / CARD} does not read ({error}); write the result again with --resume") from error
    if not isinstance(card, dict) or card.get("engine", "diffusion-vas") not in KINDS:
        raise EngineError(f"{folder / CARD} is of no engine that can be tuned: {reprlib.repr(card)}")
    return card


def _spec(folder: Path, name: str, *, stage: Stage, card: Mapping[str, Any]) -> EngineSpec:
    """Return the table's entry of the engine that the weights are for, with these weights."""
    engine = str(card.get("engine", "diffusion-vas"))
    (base,) = (spec for spec in specs.ENGINES if (spec.stage, spec.name) == (stage, engine))
    place = str(folder / LEARNED_PART) if engine == "learned" else str(folder)
    argument = "weights" if engine == "learned" else "folder"
    licence = f"that of the weights it began with ({base.licence}), and of your data"
    megabytes = base.weights[0].num_megabytes if base.weights else 4
    return replace(
        base,
        name=name,
        revision=str(card.get("revision", "own")),
        licence=licence,
        note=f"{base.name}, fine-tuned: {_description(card)}.",
        cost="",
        options=((argument, place),),
        weights=(OwnFolder(name, "", KINDS[engine], megabytes, licence, folder=folder),),
    )


def _description(card: Mapping[str, Any]) -> str:
    steps, data = card.get("steps"), card.get("data")
    if not steps or not isinstance(data, list):
        return "nothing is known of how"
    names = [Path(str(one)).name for one in data]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{steps} steps on {shown}"
