"""Writes COCOA-style files: one annotation per picture, with a region for each object (Zhu et al., CVPR
2017).

    segmentation       the amodal mask as one flat polygon; bridges of zero width join parts and holes, so it is
                       exact in rasterisers that fill by the even-odd rule, as COCO's own does
    visible_mask       the modal mask as RLE; absent where the whole object is seen. invisible_mask is the hidden part
    order              1, 2, ... from front to back; the regions are listed in that order
    depth_constraint   a key of the annotation: "1-2,1-3" says that region 1 is in front of regions 2 and 3

Each region also has its track_id, obj_id, amodal_bbox, review state and engines. Objects wholly beyond the picture are
left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vas_tool.engines.base import Progress, silent
from vas_tool.formats.in_place import text_in_place
from vas_tool.formats.json_files import write_lists
from vas_tool.formats.occlusion_order import Occluders, by_image, front_to_back
from vas_tool.formats.polygons import to_one_polygon
from vas_tool.formats.tally import ExportSummary, Tally
from vas_tool.formats.video_stream import ProjectOrFolder, VideoStream, as_stream, summary_of
from vas_tool.formats.videos import ObjectOnFrame, objects_on_frames


def write_cocoa(
    projects: Sequence[ProjectOrFolder] | VideoStream,
    path: Path,
    *,
    only_accepted: bool = False,
    progress: Progress = silent,
) -> ExportSummary:
    """Write open projects as one COCOA-style file. Arguments and errors are those of ``write_coco``."""
    videos = as_stream(projects)
    tally = Tally(brief=videos.many)
    found = objects_on_frames(videos, tally, only_accepted=only_accepted, progress=progress)
    pictures = enumerate(by_image(found, tally), 1)
    with text_in_place(path) as file:
        lists = {
            "videos": (v.json() for v in videos),
            "images": (v.image_json(i) for v in videos for i in range(len(v.project.clip))),
            "annotations": ({"id": number, **_picture_json(here, occ)} for number, (here, occ) in pictures),
        }
        write_lists(file, "cocoa", lists)
    return summary_of(tally, videos, path, only_accepted=only_accepted)


def _picture_json(here: Sequence[ObjectOnFrame], occluders: Occluders) -> dict[str, Any]:
    order = front_to_back(occluders)
    place = {obj: number for number, obj in enumerate(order, 1)}
    pairs = sorted((place[front], place[obj]) for obj, fronts in occluders.items() for front in fronts)
    in_order = sorted(here, key=lambda on_frame: place[on_frame.masks.obj.id])
    return {
        "image_id": here[0].image_id,
        "regions": [_region_json(s, order=place[s.masks.obj.id]) for s in in_order],
        "depth_constraint": ",".join(f"{front}-{behind}" for front, behind in pairs),
        "size": len(here),
        "author": "vas-tool",
        "url": "",
    }


def _region_json(on_frame: ObjectOnFrame, *, order: int) -> dict[str, Any]:
    masks = on_frame.masks
    record = masks.json()
    hidden = {key: record[key] for key in ("visible_mask", "invisible_mask")} if masks.hidden.any() else {}
    kept = ("obj_id", "area", "bbox", "occlude_rate", "amodal_bbox", "out_of_frame", "visibility")
    return {
        "segmentation": to_one_polygon(masks.whole),
        "name": masks.obj.label,
        "order": order,
        "isStuff": 0,
        **hidden,
        **{key: record[key] for key in kept},
        "track_id": on_frame.track_id,
        **masks.trust_json(),
    }


def constraints(text: str) -> list[tuple[int, int]]:
    """Return the pairs of a depth_constraint: ``1-2,1-3`` gives [(1, 2), (1, 3)]. Raises ValueError for other
    text.
    """
    return [(int(front), int(behind)) for pair in text.split(",") if pair for front, behind in [pair.split("-")]]
