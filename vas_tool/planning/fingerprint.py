"""What a result was made from, small enough to be stored with it: another fingerprint now means that it is outdated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any


def digest_of(value: Any) -> str:
    """Twelve hex digits that stand for a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def digest_of_texts(texts: Iterable[str]) -> str:
    """Twelve hex digits that stand for a list of texts without line breaks; faster than ``digest_of``."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Fingerprint:
    """What one result was made from. Every text is a digest or a state; it is empty where it does not apply.

    The first four fields are the frame's own inputs. A result whose fingerprint differs from the one it would have now
    in ``elsewhere`` alone still holds: a new run would only make it better.
    """

    source: str = ""
    """Segment: clicks, box and imported mask on the frame. Depth: the source video."""
    modal: str = ""
    """Amodal, content: the state of the frame's modal mask (``ModalMasks.state``)."""
    amodal_box: str = ""
    """Amodal, content: the frame's amodal box and how it becomes a crop."""
    amodal: str = ""
    """Content: the state of the frame's amodal mask."""
    setup: tuple[str, ...] = ()
    """Canvas, seeds, depth and settings of the engine; for content, those of the amodal stage come first."""
    around: tuple[str, ...] = ()
    """Frames that count as much as the frame itself. Segment: the nearest prompts before and after it. Amodal, content:
    the masks in the windows that hold it; "" for an engine without windows."""
    elsewhere: tuple[str, ...] = ()
    """Other frames, whose change leaves the result as good as it was. Segment: the nearest prompts with strokes."""

    def holds(self, now: Fingerprint) -> bool:
        """Whether a result of this fingerprint is as good as it was, though ``now`` it would have another one."""
        return self == now or all(getattr(self, name) == getattr(now, name) for name in FIELDS[:-1])


FIELDS = tuple(field.name for field in fields(Fingerprint))
TEXTS, LISTS = FIELDS[:4], FIELDS[4:]
"""Fields that hold one text, and fields that hold several."""

NOTHING = Fingerprint()
"""The fingerprint of a result whose inputs are unknown: imported, painted, or taken from outdated hypotheses."""


def fingerprint_json(made_from: Fingerprint) -> dict[str, Any]:
    """The fields that are not empty, as a stamp holds them."""
    return {name: value for name in FIELDS if (value := getattr(made_from, name))}


def fingerprint_from_json(data: Any) -> Fingerprint:
    """The reverse of ``fingerprint_json``. Raises ValueError for anything else."""
    if not isinstance(data, dict) or not data.keys() <= set(FIELDS):
        raise ValueError(f"it was made from {data!r}")
    if not all(is_value(name, value) for name, value in data.items()):
        raise ValueError(f"it was made from {data!r}")
    values: dict[str, Any] = {name: value if name in TEXTS else tuple(value) for name, value in data.items()}
    return Fingerprint(**values)


def is_value(name: str, value: Any) -> bool:
    """Whether a value read from a file can be that of a field."""
    if name in TEXTS:
        return type(value) is str
    return type(value) in (list, tuple) and all(type(text) is str for text in value)


def fingerprint_from_text(text: str) -> Fingerprint:
    """The fingerprint in a stamp of version 0.1, which wrote one text: parts between ``~``, two sides between ``|``.

    ``setup`` of an engine with windows then stands for the windows too, and ``around`` is empty
    (see ``inputs.AmodalInputs.matches``).
    """
    parts = text.split("~")
    sides = [tuple(part.split("|")) for part in parts]
    if [len(side) for side in sides] == [2, 2]:  # a tracked mask
        return Fingerprint(around=sides[0], elsewhere=sides[1])
    if len(parts) == 3:  # an amodal mask
        setup, amodal_box = _without_box(parts[1])
        return Fingerprint(modal=parts[0], amodal_box=amodal_box, setup=(setup,), elsewhere=_elsewhere(parts[2]))
    if len(parts) == 5:  # content
        whole, seen, before, setup, elsewhere = parts
        amodal_setup, amodal_box = _without_box(before)
        return Fingerprint(
            modal=seen,
            amodal_box=amodal_box,
            amodal=whole,
            setup=(amodal_setup, setup),
            elsewhere=_elsewhere(elsewhere),
        )
    return Fingerprint(source=parts[0], setup=tuple(parts[1:]))  # what a click answered; depth


def _without_box(text: str) -> tuple[str, str]:
    """Set-up and amodal box of an amodal mask."""
    setup, plus, box = text.partition("+")
    return setup, plus + box


def _elsewhere(text: str) -> tuple[str, ...]:
    return (text,) if text else ()
