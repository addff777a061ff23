"""JSON and pictures about a search by words: the engine that can search, and the objects that it found."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from vas_tool.errors import EngineError, PromptError
from vas_tool.finding import finding_engine
from vas_tool.masks import box_xyxy
from vas_tool.session import Session

TILE = 120
"""Longest side of a picture, in pixels."""
AROUND = 0.15
"""Margin around a mask, as a share of its box."""
DIMMED = 0.35
"""Brightness factor of pixels outside the object."""


def find_view(session: Session) -> dict[str, Any]:
    """Return the engine that searches (empty if there is none; then ``why`` says why), the last words, and the found
    objects.
    """
    finding, engine, why = session.finds.last, "", ""
    try:
        engine = finding_engine(session.project.truth).name
    except EngineError as error:
        why = str(error)
    found = [
        {
            "number": one.number,
            "label": one.words,
            "score": one.score,
            "frames": len(one.scores),
            "best": one.best_frame,
        }
        for one in finding.found
    ]
    return {"engine": engine, "why": why, "words": list(finding.words), "found": found}


def found_picture(session: Session, number: int) -> bytes:
    """Return a JPEG of a found object on the frame where it is seen best. Raises PromptError when there is none."""
    one = next((one for one in session.finds.last.found if one.number == number), None)
    if one is None:
        raise PromptError("what was found is not there any more; find it again")
    mask, frame = one[one.best_frame], session.project.clip[one.best_frame]
    x0, y0, x1, y1 = box_xyxy(mask) or (0, 0, *one.size_wh)
    wide, high = round(AROUND * (x1 - x0)), round(AROUND * (y1 - y0))
    rows, columns = slice(max(0, y0 - high), y1 + high), slice(max(0, x0 - wide), x1 + wide)
    shown = np.where(mask[..., None], frame, frame * DIMMED)[rows, columns].astype(np.uint8)
    scale = TILE / max(shown.shape[:2])
    size = max(1, round(shown.shape[1] * scale)), max(1, round(shown.shape[0] * scale))
    _, data = cv2.imencode(".jpg", cv2.resize(shown, size, interpolation=cv2.INTER_AREA)[..., ::-1])
    return data.tobytes()
