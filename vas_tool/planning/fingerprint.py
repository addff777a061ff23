"""Fingerprints: short descriptions of a result's inputs, stored with it. A result is out of date if its inputs now have
another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any


def digest_of(value: Any) -> str:
    """Return a digest of a JSON value: twelve hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def digest_of_texts(texts: Iterable[str]) -> str:
    """Return a digest of texts without line breaks: twelve hexadecimal digits. It is faster than ``digest_of``."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Fingerprint:
    """The inputs of one result. Every text is a digest or a state; it is empty when it does not apply.

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
    """Inputs on other frames that count as much as the frame's own. Segment: the nearest prompts before and after it.
    Amodal, content: the masks in the windows that hold it; empty for an engine without windows.
    """
    elsewhere: tuple[str, ...] = ()
    """Inputs on other frames whose change leaves the result as good as it was. Segment: the nearest prompts and
    strokes.
    """

    def holds(self, now: Fingerprint) -> bool:
        """Return whether a result with this fingerprint still holds when ``now`` is the fingerprint of its present
        inputs.
        """
        return self == now or all(getattr(self, name) == getattr(now, name) for name in FIELDS[:-1])


FIELDS = tuple(field.name for field in fields(Fingerprint))
TEXTS, LISTS = FIELDS[:4], FIELDS[4:]
"""Names of the fields with one text, and of those with several."""

NOTHING = Fingerprint()
"""The fingerprint of a result whose inputs are unknown: imported, painted, or taken from outdated hypotheses."""


def fingerprint_json(made_from: Fingerprint) -> dict[str, Any]:
    """Return the fields that are not empty, in the form of a stamp."""
    return {name: value for name in FIELDS if (value := getattr(made_from, name))}


def fingerprint_from_json(data: Any) -> Fingerprint:
    """Return the fingerprint of what ``fingerprint_json`` returned. Raises ValueError for anything else."""
    if not isinstance(data, dict) or not data.keys() <= set(FIELDS):
        raise ValueError(f"it was made from {data!r}")
    if not all(is_value(name, value) for name, value in data.items()):
        raise ValueError(f"it was made from {data!r}")
    values: dict[str, Any] = {name: value if name in TEXTS else tuple(value) for name, value in data.items()}
    return Fingerprint(**values)


def is_value(name: str, value: Any) -> bool:
    """Return whether a value from a file has the kind of a field."""
    if name in TEXTS:
        return type(value) is str
    return type(value) in (list, tuple) and all(type(text) is str for text in value)


def fingerprint_from_text(text: str) -> Fingerprint:
    """Return the fingerprint in a stamp of version 0.1, which was one text: parts separated by ``~``, two sides by
    ``|``.

    For an engine with windows, that version put the digest of the windows into ``setup`` and left ``around`` empty (see
    ``inputs.AmodalInputs.like``).
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
    """Return the set-up and the amodal box of an amodal mask."""
    setup, plus, box = text.partition("+")
    return setup, plus + box


def _elsewhere(text: str) -> tuple[str, ...]:
    return (text,) if text else ()
