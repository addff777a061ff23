"""Writes KINS-style files: COCO with polygons for the amodal masks (Qi et al., CVPR 2019).

    segmentation, bbox, area      the amodal mask as polygons, exact to the pixel in COCO's own rasteriser
    inmodal_seg, inmodal_bbox     the modal mask as RLE (KINS v1)
    a_segm, a_bbox, a_area        the amodal mask as RLE; i_segm, i_bbox, i_area the modal mask (KINS 2020)
    oco_id                        the group of objects in a picture that hide one another: its smallest obj_id
    ico_id                        0 for an object alone in its group, else 1, 2, ... from front to back

The other keys are those of ``coco``. An object wholly beyond the picture has no polygon and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.formats.coco import annotation_json, coco_lists
from vas_tool.formats.in_place import text_in_place
from vas_tool.formats.json_files import write_lists
from vas_tool.formats.occlusion_order import Occluders, by_image, front_to_back, groups
from vas_tool.formats.polygons import to_polygons
from vas_tool.formats.tally import ExportSummary, Tally
from vas_tool.formats.video_stream import ProjectOrFolder, VideoStream, as_stream, summary_of
from vas_tool.formats.videos import ObjectOnFrame, objects_on_frames
from vas_tool.masks import area


def write_kins(
    projects: Sequence[ProjectOrFolder] | VideoStream,
    path: Path,
    *,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> ExportSummary:
    """Write open projects as one KINS-style file. Arguments and errors are those of ``write_coco``."""
    videos = as_stream(projects)
    categories, tally = videos.categories, Tally(brief=videos.many)
    found = objects_on_frames(videos, tally, only_accepted=only_accepted, progress=progress)
    items = (a for here, occluders in by_image(found, tally) for a in _annotations(here, occluders, categories))
    with text_in_place(path) as file:
        numbers = ({"id": number, **item} for number, item in enumerate(items, 1))
        write_lists(file, "kins", coco_lists(videos, categories, numbers))
    return summary_of(tally, videos, path, only_accepted=only_accepted)


def _annotations(
    here: Sequence[ObjectOnFrame], occluders: Occluders, categories: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    group, order = groups(occluders), front_to_back(occluders)
    for on_frame in here:
        own = on_frame.masks.obj.id
        together = [obj for obj in order if group[obj] == group[own]]
        record = annotation_json(on_frame, categories)
        yield {
            **record,
            "i_segm": record["inmodal_seg"],
            "i_bbox": record["inmodal_bbox"],
            "i_area": area(on_frame.masks.modal),
            "a_segm": record["segmentation"],
            "a_bbox": record["bbox"],
            "a_area": record["area"],
            "segmentation": to_polygons(on_frame.masks.whole),
            "oco_id": group[own],
            "ico_id": together.index(own) + 1 if len(together) > 1 else 0,
        }
