"""Damaged files by chance: of any kind, and of JSON. The same seed gives the same damage."""

import json
import random
from typing import Any

JUNK: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**70, 1e300, float("nan"), float("inf")),
    *("", "x", "\ud800", "../x", "/etc/passwd", "9" * 400),
    *([], [1], [[]], {}, {"": 1}, [[1, 2], "3"]),
)
"""What is put in the place of something else."""


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One thing is wrong with it: bits, its end, a hole, noise in between, a piece of it in another place."""
    if not data:
        return b"\x00"
    start = chance.randrange(len(data))
    size = min(len(data) - start, chance.choice((1, 4, 64, 1024)))
    piece = data[start : start + size]
    match chance.randrange(6):
        case 0:
            return data[:start]
        case 1:
            return data[:start] + bytes(size) + data[start + size :]
        case 2:
            return data[:start] + chance.randbytes(size) + data[start + size :]
        case 3:
            return data[:start] + chance.randbytes(size) + data[start:]
        case 4:
            place = chance.randrange(len(data))
            return data[:place] + piece + data[place:]
    flipped = bytearray(data)
    for _ in range(chance.choice((1, 8, 64))):
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def damaged_json(data: bytes, chance: random.Random) -> bytes:
    """JSON of which one value is another, is missing, or is there twice; one time in four bytes are damaged."""
    tree = json.loads(data)
    places = list(_places(tree))
    if not places or chance.random() < 0.25:
        return damaged(data, chance)
    holder, key = chance.choice(places)
    match chance.randrange(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, holder[key])
        case _:
            holder[key] = chance.choice(JUNK)
    return json.dumps(tree).encode()


def _places(tree: Any) -> Any:
    """(dict or list, key or position) of everything in it."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(inner):
        yield tree, key
        yield from _places(value)
