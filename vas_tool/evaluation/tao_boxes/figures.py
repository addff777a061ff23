"""Computes the numbers of TAO-Amodal's tables, in percent, by the names that its toolkit prints."""

from __future__ import annotations

from dataclasses import dataclass

from vas_tool.evaluation.tao_boxes.columns import AnsweredBoxes, ImageTable, TrueBoxes
from vas_tool.evaluation.tao_boxes.detection_precision import FILTERS, detection_precisions
from vas_tool.evaluation.tao_boxes.matching import Doubles
from vas_tool.evaluation.tao_boxes.precision import NOTHING_TO_FIND, average
from vas_tool.evaluation.tao_boxes.track_precision import TRACK_FILTERS, track_precisions

FREQUENCIES = {"r": "APr", "c": "APc", "f": "APf"}
PAPER_THRESHOLDS = {"": slice(None), "50": slice(0, 1), "75": slice(5, 6)}
"""Suffix of AP in a name -> the thresholds of its mean. The paper's tables give AP50."""


@dataclass(frozen=True)
class BoxFigures:
    """All numbers, in percent; None where no truth passes the filter."""

    detection: dict[str, float | None]
    """AP, AP50, AP75, APr, APc, APf, and the first three for each filter (``AP50-HO``)."""
    tracks: dict[str, float | None]
    """3DmAP, 3DmAP50, and for partly hidden tracks ``3DmAP-HP`` and ``3DmAP50-HP``."""


def measure(image_table: ImageTable, truth: TrueBoxes, answers: AnsweredBoxes) -> BoxFigures:
    """Return all detection and track numbers."""
    return BoxFigures(
        _detection(image_table, detection_precisions(image_table, truth, answers)),
        _tracks(track_precisions(image_table, truth, answers)),
    )


def _detection(image_table: ImageTable, found: Doubles) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    for number, name in enumerate(FILTERS):
        for level, chosen in PAPER_THRESHOLDS.items():
            figures[_named(f"AP{level}", name)] = _percent(average(found[number, chosen]))
        if not name:
            for letter, figure in FREQUENCIES.items():
                figures[figure] = _percent(average(found[number], categories=image_table.frequency == letter))
    return figures


def _tracks(found: Doubles) -> dict[str, float | None]:
    return {
        _named(f"3DmAP{level}", name): _percent(average(found[number, PAPER_THRESHOLDS[level]]))
        for number, name in enumerate(TRACK_FILTERS)
        for level in ("", "50")
    }


def _named(figure: str, filter_name: str) -> str:
    return f"{figure}-{filter_name}" if filter_name else figure


def _percent(part: float) -> float | None:
    return None if part == NOTHING_TO_FIND else 100 * part
