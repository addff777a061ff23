"""Writes projects as one image-level COCO file with exact RLE masks. Its keys are the union of those that readers of
COCOA-cls, D2SA, KINS, AISFormer and TAO-Amodal look for.

There is one annotation per object and frame. Masks of different objects may overlap and never cut one another.

    segmentation, bbox, area       the amodal mask, cut to the picture (RLE cannot hold pixels beyond it)
    visible_mask = inmodal_seg     the modal mask; empty where the object is wholly hidden. inmodal_bbox is its box
    invisible_mask                 segmentation without visible_mask
    occlude_rate                   area of invisible_mask / area; 0 when nothing lies in the picture
    visibility                     seen pixels / all pixels of the amodal mask, those beyond the picture included
    amodal_bbox                    box of the whole amodal mask, in the picture's coordinates: may reach beyond it
    out_of_frame                   whether amodal_bbox reaches beyond the picture
    amodal_is_uncertain            true when no amodal mask was made, or when nobody accepted it and its engine, or the
                                   annotator of an imported box, was unsure
    engine                         {"modal": ..., "amodal": ...}: how each mask was made (engine, revision, seed,
                                   certainty, number of strokes over it, and, if they apply, the hypotheses, the
                                   crop, or the frame that a template was taken from); null for a mask that
                                   was not made
    hypothesis                     the hypothesis that the user chose: a seed, {"majority": [seed, ...]} or
                                   {"union": [seed, ...]}; null when nothing was chosen (``engine`` has the seed)
    given_box                      the amodal box that the user drew or imported, whether it was interpolated between
                                   keyframes, and its IoU with amodal_bbox; absent where there is none
    review                         "accepted" when the user accepted the frame; else "needs_work" when the user marked
                                   it or a check of ``project.attention`` found something; else "unseen"
    amodal_probability             where the frame has two hypotheses or more: the probability of each pixel, as levels
                                   (``soft_masks``), cut to the picture
    training_weight                weight of the amodal mask in a loss, 0..1: 1 accepted, 0 not made, else the
                                   mean IoU of the hidden parts of the hypotheses, else the engine's certainty
    occluder_ids                   obj_id of the objects that hide this one, by the masks or by the order that a person
                                   set

A track of a batch's row has ``row_id``, and ``row_ids`` if the row has ids of its own.

``work_seconds`` of a video holds the seconds of work on each object, by obj_id. ``rechecks`` holds the blind rechecks:
the annotator, the frames that were asked again by obj_id, and ``hidden_iou``, the IoU of the hidden parts of both
answers (null where neither hides anything).

A frame with a modal mask and no amodal mask uses the modal mask for both, with ``amodal_is_uncertain`` true and
``engine.amodal`` null. A frame without a pixel in either mask gets no annotation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.formats.in_place import text_in_place
from vas_tool.formats.json_files import write_lists
from vas_tool.formats.tally import ExportSummary, Tally
from vas_tool.formats.video_stream import ProjectOrFolder, VideoStream, as_stream, summary_of
from vas_tool.formats.videos import ExportVideo, ObjectOnFrame, category_json, objects_on_frames


def write_coco(
    projects: Sequence[ProjectOrFolder] | VideoStream,
    path: Path,
    *,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> ExportSummary:
    """Write open projects as one COCO file. An existing file is replaced when the new one is complete.

    ``only_accepted`` leaves out frames that are not accepted. The same projects give the same bytes, whatever their
    order. Names of frames are relative to the projects' common parent folder. Projects may be given as folders, which
    are open only while they are written: memory grows neither with their length nor with their number.

    Raises FormatError when there is no project, one is listed twice, or the file cannot be written; Cancelled.
    """
    videos = as_stream(projects)
    categories, tally = videos.categories, Tally(brief=videos.many)
    found = objects_on_frames(videos, tally, only_accepted=only_accepted, progress=progress)
    with text_in_place(path) as file:
        write_lists(file, "coco", coco_lists(videos, categories, _annotations(found, categories)))
    return summary_of(tally, videos, path, only_accepted=only_accepted)


def coco_lists(
    videos: Iterable[ExportVideo], categories: Mapping[str, int], annotations: Iterable[dict[str, Any]]
) -> dict[str, Iterable[dict[str, Any]]]:
    """Return the lists of an image-level file by name. The annotations come last; an iterator makes them one by one."""
    return {
        "videos": (v.json() for v in videos),
        "categories": category_json(categories),
        "tracks": track_json(videos, categories),
        "images": (v.image_json(i) for v in videos for i in range(len(v.project.clip))),
        "annotations": annotations,
    }


def track_json(videos: Iterable[ExportVideo], categories: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Yield the record of every object of every video: id, video_id, category_id, obj_id, and the ids of its row."""
    for video in videos:
        for track_id, obj in video.tracks:
            category_id = categories[obj.label]
            ids = {"id": track_id, "video_id": video.id, "category_id": category_id, "obj_id": obj.id}
            yield {**ids, **video.rows.get(obj.id, {})}


def annotation_json(on_frame: ObjectOnFrame, categories: Mapping[str, int]) -> dict[str, Any]:
    """Return the annotation of one object on one frame, without ``id``. ``categories`` is label -> category id."""
    masks, video = on_frame.masks, on_frame.video
    return {
        "image_id": on_frame.image_id,
        "category_id": categories[masks.obj.label],
        "video_id": video.id,
        "track_id": on_frame.track_id,
        **masks.json(),
        **masks.soft_json(),
        "occluder_ids": list(on_frame.occluder_ids),
        **video.origin_json(masks.frame_index),
    }


def _annotations(found: Iterable[ObjectOnFrame], categories: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for number, on_frame in enumerate(found, 1):
        yield {"id": number, **annotation_json(on_frame, categories)}
