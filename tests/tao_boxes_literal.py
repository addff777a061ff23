"""TAO-Amodal's rules as loops, box by box: the truth of the tests of ``evaluation.tao_boxes``.

Written from the rules (LVIS's and TAO's matching, the filters by visibility), not from the code that is tested.
"""

from collections import defaultdict
from typing import Any

import numpy as np

THRESHOLDS = [0.5 + 0.05 * i for i in range(10)]
KEEPS = {
    "": lambda a: True,
    "HO": lambda a: 0 <= a["visibility"] <= 0.1,
    "PO": lambda a: 0.1 <= a["visibility"] <= 0.8,
    "HV": lambda a: 0.8 <= a["visibility"] <= 1,
    "HP": lambda a: 0 <= a["visibility"] <= 0.8,
    "OOF": lambda a: a["out_of_frame"],
}


def overlap(a: list[float], b: list[float]) -> tuple[float, float]:
    """Intersection and union of two xywh boxes."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    inter = width * height if width > 0 and height > 0 else 0.0
    return inter, a[2] * a[3] + b[2] * b[3] - inter


def limited(predictions: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """The most certain ones of each image, in the order of the images' ids."""
    by_image = defaultdict(list)
    for prediction in predictions:
        by_image[prediction["image_id"]].append(prediction)
    kept = []
    for image_id in sorted(by_image):
        kept += sorted(by_image[image_id], key=lambda p: -p["score"])[:most]
    return kept


def states_of(ious: list[list[float]], ignored: list[bool], threshold: float) -> list[str]:
    """One group: answers by falling score against truth."""
    order = sorted(range(len(ignored)), key=lambda g: ignored[g])
    taken: set[int] = set()
    states = []
    for row in ious:
        best, chosen = min(threshold, 1 - 1e-10), None
        for g in order:
            if g in taken:
                continue
            if chosen is not None and not ignored[chosen] and ignored[g]:
                break
            if row[g] < best:
                continue
            best, chosen = row[g], g
        if chosen is None:
            states.append("wrong")
        else:
            taken.add(chosen)
            states.append("ignored" if ignored[chosen] else "right")
    return states


def curve(answers: list[tuple[float, str]], wanted: int) -> list[float] | None:
    """Precision at 101 recalls of one category, from (score, state) in the order of the images."""
    if not wanted:
        return None
    right = wrong = 0
    recalls, precision = [], []
    for _, state in sorted(answers, key=lambda a: -a[0]):
        right += state == "right"
        wrong += state == "wrong"
        recalls.append(right / wanted)
        precision.append(right / (right + wrong + np.spacing(1)))
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    found = []
    for recall in np.linspace(0, 1, 101):
        place = int(np.searchsorted(recalls, recall, side="left"))
        found.append(precision[place] if place < len(precision) else 0.0)
    return found


def mean_of(curves: list[list[float] | None]) -> float | None:
    kept = [value for one in curves if one is not None for value in one]
    return 100 * float(np.mean(kept)) if kept else None


def detection_ap(
    truth: dict[str, Any], predictions: list[dict[str, Any]], *, keep: str, thresholds: list[float], most: int
) -> float | None:
    """Detection AP of one filter."""
    images = {image["id"]: image for image in truth["images"]}
    true = defaultdict(list)
    for annotation in truth["annotations"]:
        true[annotation["image_id"], annotation["category_id"]].append(annotation)
    answers = defaultdict(list)
    for p in limited(predictions, most):
        image, category = images[p["image_id"]], p["category_id"]
        if (image["id"], category) in true or category in image["neg_category_ids"]:
            answers[image["id"], category].append(p)
    curves = []
    for category in truth["categories"]:
        wanted = sum(KEEPS[keep](a) for key, own in true.items() if key[1] == category["id"] for a in own)
        for threshold in thresholds:
            found = []
            for image_id in sorted(images):
                own = sorted(answers[image_id, category["id"]], key=lambda p: -p["score"])
                there = true.get((image_id, category["id"]), [])
                ious = [[i / u for i, u in (overlap(p["bbox"], a["bbox"]) for a in there)] for p in own]
                states = states_of(ious, [not KEEPS[keep](a) for a in there], threshold)
                more = category["id"] in images[image_id]["not_exhaustive_category_ids"]
                found += [
                    (p["score"], "ignored" if more and state == "wrong" else state)
                    for p, state in zip(own, states, strict=True)
                ]
            curves.append(curve(found, wanted))
    return mean_of(curves)


def track_ap(
    truth: dict[str, Any], predictions: list[dict[str, Any]], *, hidden: bool, thresholds: list[float], most: int
) -> float | None:
    """Track AP, of all tracks or of those that are hidden in part."""
    videos = {video["id"]: video for video in truth["videos"]}
    video_of = {image["id"]: image["video_id"] for image in truth["images"]}

    def tracks(records: list[dict[str, Any]]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
        found = defaultdict(list)
        for record in records:
            found[video_of[record["image_id"]], record["category_id"], record["track_id"]].append(record)
        return found

    def iou(own: list[dict[str, Any]], other: list[dict[str, Any]]) -> float:
        a, b = ({r["image_id"]: r["bbox"] for r in records} for records in (own, other))
        inter = union = 0.0
        for image_id in a.keys() | b.keys():
            if image_id in a and image_id in b:
                i, u = overlap(a[image_id], b[image_id])
                inter, union = inter + i, union + u
            else:
                box = a.get(image_id) or b[image_id]
                union += box[2] * box[3]
        return inter / union

    true, answers = tracks(truth["annotations"]), tracks(limited(predictions, most))
    wanted = {key: not hidden or sum(a["visibility"] < 0.8 for a in own) > 5 for key, own in true.items()}
    curves = []
    for category in truth["categories"]:
        for threshold in thresholds:
            found = []
            for video_id in sorted(videos):
                there = [key for key in true if key[:2] == (video_id, category["id"])]
                own = [key for key in answers if key[:2] == (video_id, category["id"])]
                if not there and category["id"] not in videos[video_id]["neg_category_ids"]:
                    continue
                score = {key: float(np.mean([p["score"] for p in answers[key]])) for key in own}
                own.sort(key=lambda key: -score[key])
                ious = [[iou(answers[key], true[other]) for other in there] for key in own]
                states = states_of(ious, [not wanted[other] for other in there], threshold)
                more = category["id"] in videos[video_id]["not_exhaustive_category_ids"]
                found += [
                    (score[key], "ignored" if more and state == "wrong" else state)
                    for key, state in zip(own, states, strict=True)
                ]
            number = sum(kept for key, kept in wanted.items() if key[1] == category["id"])
            curves.append(curve(found, number))
    return mean_of(curves)
