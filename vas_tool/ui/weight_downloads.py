"""Offers better engines in an engine's row, and downloads their weights in the background, with progress and a way to
stop.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from vas_tool.engines import registry, specs
from vas_tool.engines.registry import EngineSpec
from vas_tool.engines.weights import AnyWeights, download
from vas_tool.errors import Cancelled, EngineError, VasToolError
from vas_tool.ui.reports import error_message

logger = logging.getLogger(__name__)

Json = dict[str, Any]

PUBLISH_SECONDS = 0.25
"""Seconds between two reports of a download. Each makes a new state for every open page."""


@dataclass(frozen=True)
class Fetching:
    """A download: running, stopped or failed. A finished download is removed."""

    done: int = 0
    total: int = 0
    """Total of ``done``; 0 while it is unknown."""
    what: str = ""
    """What is counted, for example ``download sam2.1-tiny, MB``."""
    runs: bool = True
    error: str = ""
    """Error message for the user; empty without an error."""


class Downloads:
    """The downloads of all pages, at most one for each weights at a time. Thread-safe."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._fetching: dict[str, Fetching] = {}
        self._stops: dict[str, threading.Event] = {}
        self.serial = 0
        """Number of changes; it grows with each."""

    def of(self, name: str) -> Fetching | None:
        """Return the download of the weights ``name``; None if there is none."""
        with self._mutex:
            return self._fetching.get(name)

    def start(self, name: str) -> None:
        """Download weights in the background, unless they are being downloaded.

        Raises EngineError for an unknown name, and for weights that are not published.
        """
        weights = next((w for w in registry.all_weights() if w.name == name), None)
        if weights is None or not weights.repo_id:
            raise EngineError(f"there is nothing to download for {name}; `vas-tool models` lists what there is")
        with self._mutex:
            before = self._fetching.get(name)
            if before and before.runs:
                return
            stop = self._stops[name] = threading.Event()
            self._publish(name, Fetching(what=f"download {name}, MB"))
        threading.Thread(target=self._run, args=(weights, stop), daemon=True, name=f"download-{name}").start()

    def stop(self, name: str) -> None:
        """Stop a download at its next step. The partial file is kept, and the next start resumes it."""
        with self._mutex:
            if name in self._stops:
                self._stops[name].set()

    def _run(self, weights: AnyWeights, stop: threading.Event) -> None:
        published_at = 0.0

        def progress(done: int, total: int, what: str, /) -> None:
            nonlocal published_at
            if stop.is_set():
                raise Cancelled("stopped")
            if time.monotonic() - published_at >= PUBLISH_SECONDS:
                published_at = time.monotonic()
                with self._mutex:
                    self._publish(weights.name, Fetching(done, total, what))

        end: Fetching | None = None
        try:
            download(weights, progress=progress)
        except Cancelled:
            end = self._ended(weights.name, "")
        except (VasToolError, OSError) as error:
            end = self._ended(weights.name, error_message(error))
        except Exception as error:  # a download that only vanished would be waited for for ever
            logger.exception("the download of %s failed", weights.name)
            end = self._ended(weights.name, f"{type(error).__name__}: {error}; see the log")
        with self._mutex:
            self._publish(weights.name, end)

    def _ended(self, name: str, error: str) -> Fetching:
        return replace(self.of(name) or Fetching(), runs=False, error=error)

    def _publish(self, name: str, fetching: Fetching | None) -> None:
        if fetching is None:
            self._fetching.pop(name, None)
        else:
            self._fetching[name] = fetching
        self.serial += 1


DOWNLOADS = Downloads()
"""The downloads of this process, which all projects share."""


def offers(spec: EngineSpec) -> list[Json]:
    """Return the better engines of a stage that are incomplete here and that this computer can run, best first.

    Each offer has a description, the cost, and the command that gets everything that is missing. ``weights`` holds
    name, megabytes, licence and progress of a download that a button can start; it is None if the engine lacks packages
    (then only the command helps) or has its weights.
    """
    return [_offer(better) for better in registry.better_engines(spec)]


def _offer(spec: EngineSpec) -> Json:
    lacks_packages = bool(specs.missing_packages(spec))
    weights = None if lacks_packages or registry.has_weights(spec) else spec.weights[0]
    return {
        "engine": spec.name,
        "note": spec.note,
        "cost": spec.cost,
        "get": spec.get,
        "weights": _weights_view(weights) if weights is not None and weights.repo_id else None,
    }


def _weights_view(weights: AnyWeights) -> Json:
    fetching = DOWNLOADS.of(weights.name)
    return {
        "name": weights.name,
        "megabytes": weights.num_megabytes,
        "licence": weights.licence,
        "runs": fetching is not None and fetching.runs,
        "done": fetching.done if fetching else 0,
        "total": fetching.total if fetching else 0,
        "what": fetching.what if fetching else "",
        "error": fetching.error if fetching else "",
    }
