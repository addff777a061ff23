"""The card (README.md) of a data set for the Hugging Face library ``datasets``."""

from __future__ import annotations

import json
from collections.abc import Sequence

from vas_tool import __version__
from vas_tool.formats.tally import ExportSummary

MOST_NAMES = 10
"""The card names at most this many videos."""

CARD = """---
pretty_name: {title}
task_categories:
- image-segmentation
- mask-generation
tags:
- video
- amodal-segmentation
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# {name}

Objects in videos with their **modal masks** (what is seen) and **amodal masks** (the whole object, hidden part
included), made with vas-tool {version}.

```python
from datasets import load_dataset

frames = load_dataset("path/to/this/folder", split="train")
amodal = frames[0]["objects"][0]["amodal_mask"]  # a picture of 0 and 255
```

| | |
|---|---|
| videos | {num_videos}, with objects in {num_named}: {names} |
| objects on frames | {num_annotations} |
| of them accepted by a person | {num_accepted} |
| of them without an amodal mask of their own (the modal mask is used) | {num_modal_only} |

One row is one frame with at least one object.

| Column | Meaning |
|---|---|
| `video`, `frame_index`, `source_index`, `pts_seconds` | where the frame comes from; the time is in seconds |
| `image` | the frame |
| `objects` | a list, one item per object |
| `objects[].track_id`, `obj_id`, `label` | `track_id` is unique in the data set, `obj_id` in its video |
| `objects[].modal_mask`, `amodal_mask` | 0 and 255, of the image's size; masks of different objects may overlap |
| `objects[].content` | the object's colours on its amodal mask, RGBA; null where none were made |
| `objects[].amodal_bbox` | x, y, width, height of the whole object; it may leave the image |
| `objects[].visibility`, `occlude_rate` | seen share of the object, hidden share of its part in the image; 0 to 1 |
| `objects[].amodal_is_uncertain`, `review` | the trust in the masks; `review` is accepted, needs_work or unseen |
| `objects[].occluder_ids` | `obj_id` of the objects that are seen where this one is hidden |
| `objects[].engine` | JSON: how each mask was made |
"""


def card(summary: ExportSummary, names: Sequence[str]) -> str:
    """Return the card of an export with the videos ``names``."""
    title = names[0] if len(names) == 1 else f"{len(names)} videos"
    return CARD.format(
        title=json.dumps(title, ensure_ascii=False),
        name=title,
        version=__version__,
        num_videos=summary.num_videos,
        num_named=len(names),
        names=", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else ""),
        num_annotations=summary.num_annotations,
        num_accepted=summary.num_accepted,
        num_modal_only=summary.num_modal_only,
    )
