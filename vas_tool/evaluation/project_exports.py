"""Our own exports as truth or as answers: COCO files of ``vas-tool export --format coco``.

An object on a frame is called ``(image_id, obj_id)``, as in result files of SAIL-VOS; exports of the same projects in
the same order share these ids.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vas_tool.evaluation.dataset import Predictions, RleMask, Truth, TruthClip, TruthFrame
from vas_tool.formats.coco_reading import CocoAnnotation, read_coco


def export_truth(path: Path) -> Truth:
    """Every object of an export as a clip: its masks are taken for true. Raises FormatError.

    Frames that nobody accepted are named in the notes: a model made them, perhaps the very one that is measured.
    """
    file = read_coco(path)
    images = {image.id: image.file_name for image in file.images}
    tracks: dict[tuple[int, int], list[CocoAnnotation]] = {}
    for annotation in file.annotations:
        tracks.setdefault((annotation.video_id, annotation.object_id), []).append(annotation)
    clips = [
        TruthClip(
            f"{file.video_names[video]} object {object_id}",
            items[0].label,
            tuple(_frame(item, images[item.image_id]) for item in items),
        )
        for (video, object_id), items in tracks.items()
    ]
    unseen = sum(annotation.review != "accepted" for annotation in file.annotations)
    note = f"{unseen} of {len(file.annotations)} frames of the truth were never accepted by a person."
    return Truth(tuple(clips), notes=(note,) if unseen else ())


def _frame(item: CocoAnnotation, file_name: str) -> TruthFrame:
    return TruthFrame(
        str((item.image_id, item.object_id)),
        RleMask.of(item.modal_rle),
        RleMask.of(item.amodal_rle),
        amodal_xywh=item.amodal_bbox_xywh,
        image=file_name,
    )


def export_predictions(path: Path) -> Predictions:
    """The amodal masks and boxes of an export, by ``(image_id, obj_id)``. Raises FormatError."""
    annotations = read_coco(path).annotations
    keys = [str((item.image_id, item.object_id)) for item in annotations]
    return Predictions(
        path.stem,
        masks={key: RleMask.of(item.amodal_rle) for key, item in zip(keys, annotations, strict=True)},
        boxes={key: tuple(map(float, item.amodal_bbox_xywh)) for key, item in zip(keys, annotations, strict=True)},  # type: ignore[misc]
    )


def export_by_video(path: Path, key: Callable[[str, int, int], str]) -> Predictions:
    """The amodal masks of an export by a key of (video name, object id, frame index). Raises FormatError."""
    file = read_coco(path)
    masks = {
        key(file.video_names[item.video_id], item.object_id, item.frame_index): RleMask.of(item.amodal_rle)
        for item in file.annotations
    }
    return Predictions(path.stem, masks)
