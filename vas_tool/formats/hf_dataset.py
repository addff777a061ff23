"""Writes a data set that the Hugging Face library ``datasets`` loads: Parquet files and a card.

README.md                               the card: the columns, the counts, what nobody accepted
data/train-00000-of-00002.parquet       one file per project, one row per frame with an object

    video, frame_index, source_index, pts_seconds    where the frame comes from
    image                                            the frame, copied byte for byte
    objects                                          a list, one item per object:
        track_id, obj_id, label
        modal_mask, amodal_mask                      PNG pictures of 0 and 255, of the image's size
        content                                      RGBA PNG of the hidden part's colours, cut to the image; or null
        amodal_bbox, visibility, occlude_rate, out_of_frame, amodal_is_uncertain, review, occluder_ids, engine
                                                     as in ``coco``; ``engine`` is JSON

The schema names the columns' types for ``datasets``, so that pictures load as pictures. Two exports of a project have
the same bytes.
"""

from __future__ import annotations

import importlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vas_tool.engines.base import Progress, silent
from vas_tool.errors import FormatError
from vas_tool.formats.hf_card import card
from vas_tool.formats.in_place import folder_in_place
from vas_tool.formats.json_files import json_line
from vas_tool.formats.tally import ExportSummary, Tally
from vas_tool.formats.video_stream import ProjectOrFolder, VideoStream, as_stream, summary_of
from vas_tool.formats.videos import ObjectOnFrame, objects_on_frames
from vas_tool.types import Mask

OUR_FILES = re.compile(r"README\.md|data/train-\d{5}-of-\d{5}\.parquet")
"""Matches the files that ``write_hf_dataset`` writes."""

ROWS = 32
"""Rows of a row group. Memory holds so many frames with their masks."""

FRAME = {
    "video": "string",
    "frame_index": "int32",
    "source_index": "int32",
    "pts_seconds": "float64",
    "image": "image",
}
"""Column of a row -> its kind."""

OBJECT = {
    "track_id": "int32",
    "obj_id": "int32",
    "label": "string",
    "modal_mask": "image",
    "amodal_mask": "image",
    "content": "image",
    "amodal_bbox": "list<int32>",
    "visibility": "float64",
    "occlude_rate": "float64",
    "out_of_frame": "bool",
    "amodal_is_uncertain": "bool",
    "review": "string",
    "occluder_ids": "list<int32>",
    "engine": "string",
}
"""Key of an object -> its kind."""


def write_hf_dataset(
    projects: Sequence[ProjectOrFolder] | VideoStream,
    path: Path,
    *,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> ExportSummary:
    """Write projects as one data set into the folder ``path``. A former export there is replaced.

    Raises FormatError when there is no project, pyarrow is not installed, ``path`` holds anything else or the disk
    refuses; Cancelled. Memory holds ``ROWS`` frames.
    """
    _pyarrow()
    videos = as_stream(projects)
    tally, names = Tally(brief=videos.many), dict[int, str]()
    found = objects_on_frames(videos, tally, only_accepted=only_accepted, progress=progress)
    with folder_in_place(path, ours=OUR_FILES) as beside:
        (beside / "data").mkdir()
        for (video_id, name), group in groupby(found, key=lambda s: (s.video.id, s.video.name)):
            names[video_id] = name
            _write_rows(_shard(beside, video_id, len(videos)), _rows(group))
        for video_id in set(range(1, len(videos) + 1)) - set(names):
            _write_rows(_shard(beside, video_id, len(videos)), iter(()))
        summary = summary_of(tally, videos, path, only_accepted=only_accepted)
        (beside / "README.md").write_text(card(summary, list(names.values())), encoding="utf-8")
    return summary


def _pyarrow() -> tuple[Any, Any]:
    """Return the modules pyarrow and pyarrow.parquet. Raises FormatError when they are not installed."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise FormatError(f"Parquet files need pyarrow ({error}); run: pip install 'vas-tool[parquet]'") from error


def _shard(folder: Path, video_id: int, count: int) -> Path:
    return folder / "data" / f"train-{video_id - 1:05d}-of-{count:05d}.parquet"


# --- rows -----------------------------------------------------------------------------------------------------------


def _rows(found: Iterator[ObjectOnFrame]) -> Iterator[dict[str, Any]]:
    row: dict[str, Any] = {}
    for on_frame in found:  # one by one: its project may be closed when the next video comes
        if row.get("frame_index") != on_frame.masks.frame_index:
            if row:
                yield row
            row = {**_frame(on_frame), "objects": []}
        row["objects"].append(_object(on_frame))
    if row:
        yield row


def _frame(on_frame: ObjectOnFrame) -> dict[str, Any]:
    video, frame_index = on_frame.video, on_frame.masks.frame_index
    path = video.project.clip.frame_path(frame_index)
    image = {"bytes": path.read_bytes(), "path": path.name}
    return {"video": video.name, **video.origin_json(frame_index), "image": image}


def _object(on_frame: ObjectOnFrame) -> dict[str, Any]:
    masks = on_frame.masks
    record = masks.json()
    kept = ("amodal_bbox", "visibility", "occlude_rate", "out_of_frame", "amodal_is_uncertain", "review")
    return {
        "track_id": on_frame.track_id,
        "obj_id": masks.obj.id,
        "label": masks.obj.label,
        "modal_mask": _mask_picture(masks.modal),
        "amodal_mask": _mask_picture(masks.whole),
        "content": _content(on_frame),
        **{key: record[key] for key in kept},
        "occluder_ids": list(on_frame.occluder_ids),
        "engine": json_line(record["engine"]),
    }


def _mask_picture(mask: Mask) -> dict[str, Any]:
    return _picture(Image.fromarray(mask.astype(np.uint8) * np.uint8(255)))


def _content(on_frame: ObjectOnFrame) -> dict[str, Any] | None:
    project, masks = on_frame.video.project, on_frame.masks
    content = project.layers(masks.obj.id).content
    if masks.frame_index not in content:
        return None
    return _picture(Image.fromarray(np.ascontiguousarray(content[masks.frame_index][masks.canvas.window])))


def _picture(image: Image.Image) -> dict[str, Any]:
    out = io.BytesIO()
    image.save(out, "PNG")
    return {"bytes": out.getvalue(), "path": None}


def _write_rows(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    pa, parquet = _pyarrow()
    schema = _schema(pa)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append(row)
            if len(batch) == ROWS:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch = []
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _schema(pa: Any) -> Any:
    """Return the columns' types for Parquet, with those for ``datasets`` as metadata."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    kinds = {name: getattr(pa, name)() for name in ("int32", "float64", "string")}
    kinds |= {"bool": pa.bool_(), "list<int32>": pa.list_(pa.int32()), "image": image}
    item = pa.struct([(name, kinds[kind]) for name, kind in OBJECT.items()])
    fields = [(name, kinds[kind]) for name, kind in FRAME.items()]
    features = {name: _feature(kind) for name, kind in FRAME.items()}
    features["objects"] = [{name: _feature(kind) for name, kind in OBJECT.items()}]
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([*fields, ("objects", pa.list_(item))], metadata=metadata)


def _feature(kind: str) -> Any:
    """Return a kind as ``datasets`` writes it."""
    if kind == "image":
        return {"_type": "Image"}
    if kind.startswith("list"):
        return [{"dtype": "int32", "_type": "Value"}]
    return {"dtype": kind, "_type": "Value"}


# --- in -------------------------------------------------------------------------------------------------------------


def is_hf_dataset(folder: Path) -> bool:
    """Return whether a folder holds only files of ``write_hf_dataset``."""
    inside = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return "README.md" in inside and len(inside) > 1 and all(map(OUR_FILES.fullmatch, inside))


def check_hf_dataset(folder: Path) -> tuple[int, int, list[str]]:
    """Decode every picture. Return the number of frames, the number of objects on them, and one sentence per
    problem.
    """
    images = objects = 0
    problems: list[str] = []
    for path in sorted((folder / "data").glob("*.parquet")):
        try:
            for row in _read_rows(path):
                images, objects = images + 1, objects + len(row["objects"])
                name = f"{path.name}: {row['video']}, frame {row['frame_index']}"
                problems += [f"{name}{what}" for what in _wrong(row)]
        except (FormatError, OSError, KeyError, TypeError, ValueError) as error:
            problems.append(f"{path} does not read ({type(error).__name__}: {error}); export it again")
    return images, objects, problems


def _read_rows(path: Path) -> Iterator[dict[str, Any]]:
    _, parquet = _pyarrow()
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROWS):
            yield from batch.to_pylist()


def _wrong(row: dict[str, Any]) -> Iterator[str]:
    size = _decoded(row["image"]).shape[:2]
    for item in row["objects"]:
        name = f", object {item['obj_id']}"
        modal, amodal = (_decoded(item[key]) for key in ("modal_mask", "amodal_mask"))
        if modal.shape != size or amodal.shape != size:
            yield f"{name}: its masks are {modal.shape} and {amodal.shape}, the image is {size} (height, width)"
        elif not {*np.unique(modal).tolist(), *np.unique(amodal).tolist()} <= {0, 255}:
            yield f"{name}: its masks have other values than 0 and 255"
        elif (modal > amodal).any():
            yield f"{name}: the amodal mask does not cover the modal mask"


def _decoded(picture: dict[str, Any]) -> Any:
    with Image.open(io.BytesIO(picture["bytes"])) as image:
        return np.asarray(image)
