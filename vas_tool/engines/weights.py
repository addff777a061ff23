"""Files of weights: where they are looked for, and how they are fetched when a person asks for it.

Looked for without importing anything, so that asking which engines there are stays quick.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import EngineError, VasToolError

FOLDER_VARIABLE = "VAS_TOOL_WEIGHTS"
"""Environment variable that names the folder of weights."""
CHECKPOINTS = Path("checkpoints")
"""In the working directory: where the sam2 and diffusion-vas repositories keep theirs."""
MEGABYTE = 10**6
"""Of progress: what the sizes of models are told in."""
READ_BYTES = 1 << 20
SHA256_DIGITS = 64
"""A hub's etag of this many hexadecimal digits is the file's sha256 (files kept in Git LFS)."""


@dataclass(frozen=True)
class Weights:
    """One file of weights on the Hugging Face hub."""

    name: str
    """What ``vas-tool models download`` calls it."""
    repo_id: str
    file_name: str
    num_megabytes: int
    """About."""
    licence: str

    @property
    def get(self) -> str:
        """The command that fetches it."""
        return f"vas-tool models download {self.name}"

    def places(self) -> list[Path]:
        """Where the file is looked for, in this order: folders of one's own first, then the hub's cache."""
        return [*(folder / self.file_name for folder in (weights_folder(), CHECKPOINTS)), *self._in_hub_cache()]

    def find(self) -> Path | None:
        """The file, or None when it is in none of the places."""
        return next((path for path in self.places() if path.is_file()), None)

    def _in_hub_cache(self) -> Iterator[Path]:
        repository = hub_cache() / f"models--{self.repo_id.replace('/', '--')}"
        try:
            commit = (repository / "refs" / "main").read_text().strip()
        except OSError:  # never downloaded
            commit = "main"
        yield repository / "snapshots" / commit / self.file_name


def weights_folder() -> Path:
    """Where downloads go: the folder that VAS_TOOL_WEIGHTS names, or one in the user's cache."""
    chosen = os.environ.get(FOLDER_VARIABLE) or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "vas-tool"
    return Path(chosen).expanduser()


def hub_cache() -> Path:
    """The Hugging Face hub's cache, found as its own client finds it."""
    if folder := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(folder).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"


def download(weights: Weights, *, progress: Progress = silent) -> Path:
    """Fetch a file of weights into the weights folder and check it; goes on where an earlier try stopped.

    The hub is HF_ENDPOINT's, or the public one. Raises EngineError, saying what to do, and whatever ``progress``
    raises to stop.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url  # slow to import
    from huggingface_hub.file_download import http_get

    target = weights_folder() / weights.file_name
    try:
        url = hf_hub_url(weights.repo_id, weights.file_name, endpoint=os.environ.get("HF_ENDPOINT") or None)
        hub = get_hf_file_metadata(url)
        # hf_hub_download throws away what an interrupted call had (since 1.0); a part of our own stays.
        part = target.with_name(f"{target.name}.{(hub.etag or 'unknown')[:16]}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            bar = cast(Any, _bar(progress, f"download {weights.name}, MB"))
            http_get(hub.location, file, resume_size=file.tell(), expected_size=hub.size, tqdm_class=bar)
    except VasToolError:
        raise
    except Exception as error:  # the hub's client raises those of its HTTP library, which changes with its version
        raise EngineError(
            f"{weights.repo_id}/{weights.file_name} could not be downloaded ({error}); check the connection and run "
            f"again: {weights.get} (it goes on where it stopped)"
        ) from error
    _check(part, etag=hub.etag or "", weights=weights, progress=progress)
    part.replace(target)
    return target


def _check(part: Path, *, etag: str, weights: Weights, progress: Progress) -> None:
    """The file's sha256 against the hub's. A file that differs is removed, so that the next try starts anew."""
    if len(etag) != SHA256_DIGITS:
        return
    digest, done, total = hashlib.sha256(), 0, part.stat().st_size
    with part.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
            done += len(chunk)
            progress(done // MEGABYTE, total // MEGABYTE, f"check {weights.name}, MB")
    if digest.hexdigest() != etag:
        part.unlink()
        raise EngineError(f"{weights.file_name} came without the hub's checksum; start anew with: {weights.get}")


def _bar(progress: Progress, what: str) -> type[object]:
    """A class that huggingface_hub takes for a tqdm, and that tells ``progress``."""

    class Bar:
        def __init__(self, *_: object, total: int | None = None, initial: int = 0, **__: object) -> None:
            self.total, self.n = total or 0, initial

        def __enter__(self) -> Bar:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            return None

        def update(self, count: float | None = 1) -> None:
            self.n += int(count or 0)
            progress(self.n // MEGABYTE, self.total // MEGABYTE, what)

        def set_description(self, *_: object, **__: object) -> None:
            """The words are ours."""

        refresh = close = reset = set_postfix_str = set_description

    return Bar
