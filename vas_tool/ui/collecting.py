"""Nothing is collected while the server is being built: modules and pages are made to stay.

Python walks all objects again and again while their number grows, and importing Gradio makes some hundred thousand.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_for_good() -> Iterator[None]:
    """What is made meanwhile is never looked at again by the garbage collector; it is at work again afterwards."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
