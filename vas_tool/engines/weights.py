"""Weights: the places where they are searched, and their download on request.

Weights are one file (``Weights``) or a folder of files (``WeightsFolder``). Both have ``name``, ``licence`` and
``num_megabytes``. ``places`` lists where they are searched, ``find`` returns the first complete place, ``lack`` says
what is missing, and ``get`` is the command that gets them. The search imports nothing, so that listing engines is
quick.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import EngineError, VasToolError

FOLDER_VARIABLE = "VAS_TOOL_WEIGHTS"
"""Environment variable that names the folder of weights."""
CHECKPOINTS = Path("checkpoints")
"""Folder in the working directory, as in the repositories of sam2 and diffusion-vas."""
MEGABYTE = 10**6
"""Bytes per megabyte, the unit of sizes and of progress."""
READ_BYTES = 1 << 20
MARKED = (".safetensors", ".bin", ".json", ".pth")
"""Suffixes of the files in a folder of weights that determine results."""
SHA256_DIGITS = 64
"""A hub's etag with this many hexadecimal digits is the file's SHA-256 (files in Git LFS)."""


@dataclass(frozen=True)
class Weights:
    """One file of weights on the Hugging Face hub."""

    name: str
    """Name in ``vas-tool models download``."""
    repo_id: str
    """Repository on the hub; empty when there is none, so that the file is only searched locally."""
    file_name: str
    num_megabytes: int
    """Approximate size in megabytes."""
    licence: str
    other_names: tuple[str, ...] = ()
    """Other names of the same file in local folders. They are never downloaded."""

    @property
    def get(self) -> str:
        """The command that downloads the file, or what to do when it is not published."""
        if not self.repo_id:
            return f"put {self.file_name} into {weights_folder()}"
        return f"vas-tool models download {self.name}"

    def places(self) -> list[Path]:
        """Return the paths where the file is searched, in order: local folders first, then the hub's cache."""
        names = (self.file_name, *self.other_names)
        own = [folder / name for folder in (weights_folder(), CHECKPOINTS) for name in names]
        return [*own, *(snapshot / self.file_name for snapshot in _snapshots(self.repo_id))]

    def find(self) -> Path | None:
        """Return the path of the file, or None when it is in none of the places."""
        return next((path for path in self.places() if path.is_file()), None)

    def mark(self) -> str:
        """Return a text that differs for another file, without reading gigabytes; empty without a file."""
        path = self.find()
        return _mark_of([path], path.parent) if path else ""

    def lack(self) -> str:
        """Return what is missing, for the user; empty when nothing is."""
        return "" if self.find() else f"{self.file_name} is in none of {_listed(self.places())}"


@dataclass(frozen=True)
class Part:
    """One file of a folder of weights, by its path in the folder."""

    name: str
    other_names: tuple[str, ...] = ()
    """Equivalent names: the plain name of a ``.fp16.`` file; better names first."""
    own_names: tuple[str, ...] = ()
    """Equivalent names in local folders, which are never downloaded: an index of shards, a pickled file."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names under which the file is downloaded, the best first."""
        return self.name, *self.other_names

    def find(self, folder: Path) -> Path | None:
        """Return the file in a folder under the first of its names that exists; None when none does."""
        names = (*self.names, *self.own_names)
        return next((folder / name for name in names if (folder / name).is_file()), None)


@dataclass(frozen=True)
class WeightsFolder:
    """Weights of several files, in one repository of the Hugging Face hub and in one folder on disk."""

    name: str
    """Name in ``vas-tool models download``."""
    repo_id: str
    parts: tuple[Part, ...]
    num_megabytes: int
    """Approximate size in megabytes of all parts under their first names."""
    licence: str
    other_names: tuple[str, ...] = ()
    """Other names of a local folder with the same weights. They are never downloaded."""

    @property
    def folder_name(self) -> str:
        """Name of the folder: the repository's name without its owner, or ``name`` when it is not published."""
        return self.repo_id.rpartition("/")[2] or self.name

    @property
    def get(self) -> str:
        """The command that downloads what is missing, or what to do by hand when it is not published."""
        if not self.repo_id:
            return f"put the files that you got from its authors into {weights_folder() / self.name}"
        return f"vas-tool models download {self.name}"

    def places(self) -> list[Path]:
        """Return the folders that are searched, in order: local folders first, then the hub's cache."""
        own = (folder / name for folder in (weights_folder(), CHECKPOINTS) for name in self._names)
        return [*own, *_snapshots(self.repo_id)]

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.folder_name, *filter(None, (self.repo_id,)), *self.other_names)

    def find(self) -> Path | None:
        """Return the first folder that has every part, or None. ``Part.find`` finds the files."""
        return next((folder for folder in self.places() if not self.missing_in(folder)), None)

    def missing_in(self, folder: Path) -> list[Part]:
        """Return the parts that a folder has under none of their names."""
        return [part for part in self.parts if part.find(folder) is None]

    def mark(self) -> str:
        """Return a text that differs for other files (see ``folder_mark``); empty when no folder is complete."""
        folder = self.find()
        return folder_mark(folder) if folder else ""

    def lack(self) -> str:
        """Return what is missing in the folder with the most parts, for the user; empty when nothing is."""
        folders = [folder for folder in self.places() if folder.is_dir()]
        best = min(folders, key=lambda folder: len(self.missing_in(folder)), default=None)
        if best is None:
            return f"{self.folder_name} is in none of {_listed(self.places())}"
        missing = [" or ".join(part.names) for part in self.missing_in(best)]
        return f"{best} lacks {_listed(missing)}" if missing else ""


AnyWeights = Weights | WeightsFolder


def folder_mark(folder: Path) -> str:
    """Return a text that differs for other files, from names, sizes and times, without reading gigabytes."""
    files = [*folder.glob("*"), *folder.glob("[!.]*/*")]
    return _mark_of(sorted(path for path in files if path.suffix in MARKED), folder)


def _mark_of(files: list[Path], folder: Path) -> str:
    files_seen = [(path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.blake2b(repr(files_seen).encode(), digest_size=16).hexdigest()


def _listed(items: list[Path] | list[str]) -> str:
    return ", ".join(map(str, items))


def _snapshots(repo_id: str) -> Iterator[Path]:
    """Yield the folder of the latest download in the hub's cache; nothing for weights that are not published."""
    if not repo_id:
        return
    repository = hub_cache() / f"models--{repo_id.replace('/', '--')}"
    try:
        commit = (repository / "refs" / "main").read_text().strip()
    except OSError:  # never downloaded
        commit = "main"
    yield repository / "snapshots" / commit


def weights_folder() -> Path:
    """Return the folder of downloads: the one that VAS_TOOL_WEIGHTS names, or one in the user's cache."""
    chosen = os.environ.get(FOLDER_VARIABLE) or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "vas-tool"
    return Path(chosen).expanduser()


def hub_cache() -> Path:
    """Return the Hugging Face hub's cache, found as its own client finds it."""
    if folder := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(folder).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(home).expanduser() / "hub"


def download(weights: AnyWeights, *, progress: Progress = silent) -> Path:
    """Download weights into the weights folder, check them, and return the file or folder. It resumes an earlier try.

    Parts of a folder that exist already are kept. A part that the hub does not have under its first name is downloaded
    under the next. The hub is that of HF_ENDPOINT, or the public one. Raises EngineError that says what to do, and
    whatever ``progress`` raises to stop.
    """
    if isinstance(weights, Weights):
        if not weights.repo_id:
            raise EngineError(f"{weights.file_name} is not published on the hub; {weights.get}")
        return _fetch(weights, (weights.file_name,), folder=weights_folder(), progress=progress)
    if not weights.repo_id:
        raise EngineError(f"{weights.name} is not published on a hub; {weights.get}")
    folder = weights_folder() / weights.folder_name
    for part in weights.missing_in(folder):
        _fetch(weights, part.names, folder=folder, progress=progress)
    return folder


def _fetch(weights: AnyWeights, names: tuple[str, ...], *, folder: Path, progress: Progress) -> Path:
    """Download a file under the first of its names that the hub has, to ``folder / name``, and return the path."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, utils  # slow to import
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError
    from huggingface_hub.file_download import http_get

    name = names[0]
    try:
        url = hf_hub_url(weights.repo_id, name, endpoint=os.environ.get("HF_ENDPOINT") or None)
        hub = get_hf_file_metadata(url)
        # hf_hub_download discards the data of an interrupted call (since 1.0); our own partial file stays.
        target = folder / name
        part = target.with_name(f"{target.name}.{(hub.etag or 'unknown')[:16]}.part")
        with _alone(target, weights):
            if hub.size is not None and part.is_file() and part.stat().st_size > hub.size:
                part.unlink()  # not the start of the file, so that a download cannot resume from it
            with part.open("ab") as file:
                what = weights.name if isinstance(weights, Weights) else f"{weights.name} {name}"
                bar = cast(Any, _bar(progress, f"download {what}, MB"))
                # The token is the hub's own client's; only the hub itself gets it, not where it sends us.
                at_the_hub = urlsplit(hub.location).netloc == urlsplit(url).netloc
                headers = cast(Any, utils).build_hf_headers() if at_the_hub else None
                size = hub.size
                http_get(
                    hub.location, file, resume_size=file.tell(), headers=headers, expected_size=size, tqdm_class=bar
                )
            _check(part, etag=hub.etag or "", weights=weights, progress=progress)
            part.replace(target)
        return target
    except VasToolError:
        raise
    except Exception as error:  # the hub's client raises exceptions of its HTTP library, which depends on its version
        if isinstance(error, EntryNotFoundError) and names[1:]:
            return _fetch(weights, names[1:], folder=folder, progress=progress)
        if isinstance(error, GatedRepoError):
            raise EngineError(
                f"{weights.repo_id} is gated. Its licence: {weights.licence}. Accept it on the repository's page on "
                f"the hub, log in with `hf auth login`, and run again: {weights.get}"
            ) from error
        raise EngineError(
            f"{weights.repo_id}/{name} could not be downloaded ({' '.join(str(error).split())}); check the connection "
            f"and run again: {weights.get} (the download resumes)"
        ) from error


@contextmanager
def _alone(target: Path, weights: AnyWeights) -> Iterator[None]:
    """Prevent other downloads of the same file in the block. A second one raises EngineError."""
    from filelock import FileLock, Timeout

    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(target.with_name(f".{target.name}.lock"), timeout=0):
            yield
    except Timeout:
        raise EngineError(
            f"{target.name} is being downloaded already, by another window or command; wait until that is done, "
            f"or stop it and run: {weights.get}"
        ) from None


def _check(part: Path, *, etag: str, weights: AnyWeights, progress: Progress) -> None:
    """Compare the file's SHA-256 with the hub's. A file that differs is removed, so that the next try starts from
    zero.
    """
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
        raise EngineError(
            f"{part.name.rsplit('.', 2)[0]} came without the hub's checksum; start anew with: {weights.get}"
        )


def _bar(progress: Progress, what: str) -> type[object]:
    """Return a class that huggingface_hub uses as its tqdm, and that reports to ``progress``."""

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
            """Ignore huggingface_hub's text."""

        refresh = close = reset = set_postfix_str = set_description

    return Bar
