"""Holds the numbers of the papers' tables by benchmark, in percent. They were not measured with this code.

Diffusion-VAS is Chen et al. (CVPR 2025), tables 1 and 2; EoRaS is Fan et al. (ICCV 2023), table 1, and of MOVi the rows
of its variant with the true visible mask as input (+SG), as Diffusion-VAS's table 2 has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vas_tool.evaluation.tables import Cell, Table

Percents = Sequence[float | None]
"""One percentage per measure; None when the paper has none."""

SAIL = ("miou", "miou_occ")
TAO = ("ap25", "ap50", "ap75")
EORAS = ("miou_full", "miou_occ")

_TABLE_1: Mapping[str, tuple[Percents, Percents]] = {
    "Modal": ((67.89, None), (93.73, 82.22, 63.12)),
    "Convex": ((63.18, 27.54), (93.73, 82.22, 63.12)),
    "Convex^R": ((71.21, 34.27), (93.73, 82.22, 63.12)),
    "PCNet-M": ((74.20, 42.52), (94.89, 85.11, 65.97)),
    "AISFormer": ((73.51, 39.16), (95.45, 81.93, 59.84)),
    "pix2gestalt Top-1": ((54.83, 26.59), (80.73, 57.50, 28.95)),
    "pix2gestalt Top-3": ((60.79, 33.76), (91.80, 71.19, 38.80)),
    "VideoMAE": ((69.67, 29.39), (69.14, 56.71, 41.19)),
    "3D-UNet": ((72.79, 39.54), (94.59, 83.83, 64.33)),
    "Diffusion-VAS Top-1": ((77.07, 55.12), (97.28, 89.25, 71.99)),
    "Diffusion-VAS Top-3": ((79.23, 59.69), (98.31, 92.46, 77.48)),
}
"""Method -> SAIL-VOS, TAO-Amodal."""

_TABLE_2: Mapping[str, tuple[Percents | None, Percents | None]] = {
    "Modal": ((59.19, None), (56.92, None)),
    "Convex": ((64.21, 18.42), (60.18, 16.48)),
    "PCNet-M": ((65.79, 24.02), (64.35, 27.31)),
    "AISFormer": ((77.34, 43.53), (67.72, 33.65)),
    "SaVos": ((70.72, 33.61), (60.61, 22.64)),
    "Bi-LSTM": ((77.93, 46.21), (68.43, 36.00)),
    "EoRaS": ((79.22, 47.89), (69.44, 36.96)),
    "EoRaS +SG": ((81.76, 49.39), (74.10, 38.33)),
    "C2F-Seg": (None, (71.67, 36.13)),
    "VideoMAE": ((78.74, 42.86), (70.93, 32.78)),
    "3D-UNet": ((82.16, 49.81), (75.65, 40.86)),
    "Diffusion-VAS Top-1": ((83.51, 53.75), (77.03, 44.23)),
    "Diffusion-VAS Top-3": ((83.93, 54.56), (77.76, 45.60)),
}
"""Method -> MOVi-B, MOVi-D, cropped to the modal box, doubled."""

_KITTI: Mapping[str, Percents] = {
    "Modal": (74.75, None),
    "Convex": (78.62, 8.29),
    "PCNet": (81.58, 17.90),
    "AISFormer": (86.42, 51.04),
    "SaVos, supervised": (83.09, 37.33),
    "BiLSTM": (86.68, 49.95),
    "EoRaS": (87.07, 52.00),
}

MARK = "printed"
"""Added to the name of every row with numbers from a paper."""


def printed(benchmark: str) -> Table:
    """Return the printed rows of a benchmark, means in 0..1 with 0 frames; empty where no paper's table is known."""
    return {
        f"{method} ({MARK})": {
            measure: Cell(float("nan") if value is None else value / 100, 0)
            for measure, value in zip(measures, values, strict=True)
        }
        for method, measures, values in _rows(benchmark)
    }


def _rows(benchmark: str) -> Iterator[tuple[str, Sequence[str], Percents]]:
    if benchmark in ("sail-vos", "tao-amodal"):
        place, measures = (0, SAIL) if benchmark == "sail-vos" else (1, TAO)
        yield from ((method, measures, numbers[place]) for method, numbers in _TABLE_1.items())
    elif benchmark == "movi":
        for place, split in enumerate(("MOVi-B", "MOVi-D")):
            for method, numbers in _TABLE_2.items():
                if (values := numbers[place]) is not None:
                    yield f"{method}, {split}", EORAS, values
    elif benchmark == "kitti":
        yield from ((method, EORAS, values) for method, values in _KITTI.items())
