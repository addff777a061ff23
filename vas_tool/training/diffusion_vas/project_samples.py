"""Projects as samples: accepted frames, in the windows that the ``diffusion-vas`` export writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np

from vas_tool.boxes.cropping import CropPlan, plan_crops
from vas_tool.boxes.keyframes import drawn
from vas_tool.errors import FormatError, InputError
from vas_tool.files import write_atomically
from vas_tool.masks import area
from vas_tool.project import Project
from vas_tool.training.diffusion_vas.object_samples import Floats, Masks, Sample
from vas_tool.training.diffusion_vas.recipe import Recipe
from vas_tool.training.diffusion_vas.sail_vos_samples import resized_like_opencv
from vas_tool.types import Mask

LIST = "samples.json"
"""The file that lists the samples in a folder of stored samples."""
WHITE, NEAREST = 255, 1
"""Value of frames, and of depth, beyond the picture, the same as the engine uses."""


@dataclass(frozen=True)
class Window:
    """Consecutive frames of one object."""

    project: Project
    object_id: int
    frames: range
    accepted: frozenset[int]
    plan: CropPlan | None
    """The crops around the amodal boxes, when every frame has one."""


class ProjectSamples:
    """The windows of every object of the projects."""

    def __init__(self, projects: Sequence[Project], recipe: Recipe) -> None:
        """Take the accepted frames; all frames with masks when ``pseudo_weight`` is not 0.

        Raises FormatError when there is not one window.
        """
        self.recipe = recipe
        self.windows = [window for project in projects for window in windows_of(project, recipe)]
        if not self.windows:
            raise FormatError(
                f"no object of {', '.join(p.name for p in projects)} has {recipe.num_frames} frames in a row that are "
                "accepted and show the object; accept more, or set pseudo_weight above 0"
            )

    def __len__(self) -> int:
        return len(self.windows)

    def video(self, index: int) -> str:
        """Return the hash of the sample's source. Two projects of one video count as one video."""
        return self.windows[index].project.source.sha256

    def name(self, index: int) -> str:
        """Return project, object and frames of a sample."""
        window = self.windows[index]
        return f"{window.project.name}, object {window.object_id}, frames {window.frames.start}-{window.frames[-1]}"

    def mark(self) -> str:
        """Return a digest of the samples' inputs, by the stamps of the masks."""
        digest = hashlib.blake2b(digest_size=8)
        for index, window in enumerate(self.windows):
            layers = window.project.layers(window.object_id)
            obj = window.project.truth.object(window.object_id)
            stamps = [(layers.modal_stamp(obj, f), layers.amodal_stamp(obj, f)) for f in window.frames]
            facts = (self.name(index), self.video(index), stamps, obj.amodal_boxes, sorted(window.accepted))
            digest.update(repr(facts).encode())
        return digest.hexdigest()

    def seen(self, index: int) -> float:
        """Return the share of the object's area, 0..1, that is visible over the clip."""
        window = self.windows[index]
        modal, amodal = window.project.modal(window.object_id), window.project.amodal(window.object_id)
        seen, whole = (sum(area(masks[f]) for f in window.frames) for masks in (modal, amodal))
        return min(1.0, seen / whole) if whole else 0.0

    def sample(self, index: int) -> Sample:
        """Read a sample, on the canvas or in crops around the amodal boxes. Raises FormatError."""
        window = self.windows[index]
        modal, amodal = window.project.modal(window.object_id), window.project.amodal(window.object_id)
        depth: Mapping[int, Floats] = window.project.depth
        frames, view = window.frames, _View(window, self.recipe.size_hw)
        weight = np.float32(self.recipe.pseudo_weight)
        accepted = [f in window.accepted for f in frames]
        return Sample(
            modal=np.stack([view.frame_mask(f, modal[f]) for f in frames]),
            amodal=np.stack([view.canvas_mask(f, amodal[f]) for f in frames]),
            frames=np.stack([view.colours(f) for f in frames]),
            depth=np.stack([view.depth(f, depth[f]) for f in frames]) if all(f in depth for f in frames) else None,
            weights=None if all(accepted) else np.where(accepted, np.float32(1), weight),
        )


def windows_of(project: Project, recipe: Recipe) -> Iterator[Window]:
    """Yield the windows of a project: each as early as possible, without overlap, with modal and amodal masks that are
    not empty.
    """
    for obj in project.truth.objects:
        modal, amodal = project.modal(obj.id), project.amodal(obj.id)
        accepted = frozenset(obj.accepted)
        wanted = {f for f in amodal if f in modal and (f in accepted or recipe.pseudo_weight > 0)}
        plan = None
        if drawn(obj.amodal_boxes):
            plan = plan_crops(
                obj.amodal_boxes,
                rule=project.truth.crop,
                frame_wh=project.clip.size_wh,
                size_wh=recipe.size_hw[::-1],
            )
        row: list[int] = []
        for f in range(len(project.clip)):
            usable = f in wanted and modal[f].any() and project.canvas.to_frame(amodal[f]).any()
            row = [*row, f] if usable else []
            if len(row) == recipe.num_frames:
                boxed = plan if plan is not None and all(f in plan.boxes for f in row) else None
                yield Window(project, obj.id, range(row[0], row[-1] + 1), accepted & {*row}, boxed)
                row = []


class _View:
    """The view of the model for one window: the canvas, or the crops."""

    def __init__(self, window: Window, size_hw: tuple[int, int]) -> None:
        self.window, self.size_hw, self.canvas = window, size_hw, window.project.canvas

    def frame_mask(self, frame: int, mask: Mask) -> Mask:
        """Return a mask of the frame's size in the view."""
        if self.window.plan is not None:
            return self.window.plan.crops[frame].cut(mask)
        return resized_like_opencv(self.canvas.to_canvas(mask), self.size_hw)

    def canvas_mask(self, frame: int, mask: Mask) -> Mask:
        """Return a mask of the canvas's size in the view."""
        if self.window.plan is not None:
            return self.window.plan.crops[frame].cut(mask, origin_xy=(-self.canvas.pad_left, -self.canvas.pad_top))
        return resized_like_opencv(mask, self.size_hw)

    def colours(self, frame: int) -> np.ndarray:
        """Return the colours of a frame in the view."""
        picture = self.window.project.clip[frame]
        if self.window.plan is not None:
            return self.window.plan.crops[frame].cut(picture, fill=WHITE)
        return np.asarray(cv2.resize(self.canvas.to_canvas(picture, fill=WHITE), self.size_hw[::-1]), np.uint8)

    def depth(self, frame: int, depth: Floats) -> Floats:
        """Return the depth of a frame in the view."""
        if self.window.plan is not None:
            return self.window.plan.crops[frame].cut(depth, fill=NEAREST)
        whole = self.canvas.to_canvas(depth, fill=NEAREST)
        return np.asarray(cv2.resize(whole, self.size_hw[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


# --- kept with a run ------------------------------------------------------------------------------------------------


def keep_samples(folders: Sequence[Path], recipe: Recipe, kept: Path) -> None:
    """Write the samples of projects into ``kept``, unless they are there. The samples of a run must not change later.

    Raises ProjectError where a project does not open, FormatError where there is no sample, InputError for a full disk.
    """
    if (kept / LIST).exists():
        return
    with ExitStack() as stack:
        projects = [Project.open(folder) for folder in folders]
        for project in projects:
            stack.callback(project.close)
        write_samples(ProjectSamples(projects, recipe), kept)


def write_samples(source: ProjectSamples, kept: Path) -> None:
    """Write each sample as a file of arrays, then the list of samples. Raises InputError when a file cannot be
    written.
    """
    kept.mkdir(parents=True, exist_ok=True)
    try:
        for index in range(len(source)):
            sample = source.sample(index)
            arrays = {name: value for name, value in vars(sample).items() if value is not None}
            np.savez_compressed(kept / f"{index:05d}.npz", **arrays)
        rows = [{"video": source.video(i), "name": source.name(i), "seen": source.seen(i)} for i in range(len(source))]
        write_atomically(kept / LIST, json.dumps({"mark": source.mark(), "samples": rows}, indent=1).encode())
    except OSError as error:
        raise InputError(
            f"{kept} could not be written ({error.strerror}); make room on the disk and begin again"
        ) from error


class KeptSamples:
    """The samples that ``write_samples`` wrote, with the content of the projects at that time."""

    def __init__(self, kept: Path) -> None:
        """Raise FormatError when the list cannot be read."""
        self._folder = kept
        try:
            listed = json.loads((kept / LIST).read_text(encoding="utf-8"))
            self._mark, self._rows = str(listed["mark"]), list(listed["samples"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise FormatError(f"{kept} holds no samples of projects that read ({error}); begin another run") from error

    def __len__(self) -> int:
        return len(self._rows)

    def video(self, index: int) -> str:
        """Return the name of a sample's video."""
        return str(self._rows[index]["video"])

    def name(self, index: int) -> str:
        """Return the name of a sample for messages."""
        return str(self._rows[index]["name"])

    def mark(self) -> str:
        """Return a text that differs when the samples differ."""
        return self._mark

    def seen(self, index: int) -> float:
        """Return the share of the object's area, 0..1, that is visible over the clip."""
        return float(self._rows[index]["seen"])

    def sample(self, index: int) -> Sample:
        """Read a sample. Raises FormatError when its file cannot be read."""
        path = self._folder / f"{index:05d}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return Sample(**{name: arrays[name] for name in arrays.files})
        except (OSError, ValueError, TypeError, BadZipFile) as error:
            raise FormatError(f"{path} does not read ({error}); begin another run") from error

    def occluder(self, index: int) -> Masks:
        """Return the (T, H, W) amodal masks of a sample at the model's size."""
        return self.sample(index).amodal
