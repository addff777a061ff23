"""The arguments of ``vas-tool import``: one parser per format. The module imports no numpy, for a quick help."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vas_tool.commands.shared_arguments import add_intrinsics, add_mask_values


def add_import(import_: argparse.ArgumentParser) -> None:
    """Add the formats of ``imports.import_formats.IMPORTS`` with their arguments."""
    formats = import_.add_subparsers(dest="format", required=True, metavar="FORMAT")
    tao = _parser(formats, "tao-amodal", "amodal boxes", source="ANNOTATIONS")
    samples = _parser(formats, "diffusion-vas", "samples of 25 frames with masks", source="ANNOTATIONS")
    add_tao_choices(tao)
    _add_frames(samples)
    _add_choice(samples)
    samples.add_argument(
        "--categories", type=Path, help="a JSON file with the names of categories, such as TAO-Amodal's"
    )
    tabe = _parser(formats, "tabe", "a video's folder of TABE, or a folder of them", source="FOLDER")
    sequences = _parser(formats, "sequences", "a folder with rgbs/ and masks/, or a folder of them", source="FOLDER")
    for folder in (tabe, sequences):
        folder.add_argument("--label", help="the object's category name (default: the folder's)")
        add_mask_values(folder)
    for truth in (samples, tabe, *_add_annotations(formats)):
        truth.add_argument("--with-amodal", action="store_true", help="also import the true amodal masks")


def add_tao_choices(tao: argparse.ArgumentParser) -> None:
    """Add the options that choose among the records of a TAO-Amodal file."""
    _add_frames(tao)
    _add_choice(tao)
    _add_category(tao)
    tao.add_argument(
        "--visibility", metavar="LOW,HIGH", help="only tracks whose visibility (0..1) is in this band on some frame"
    )
    tao.add_argument("--out-of-frame", action="store_true", help="only tracks with a box that leaves the frame")
    tao.add_argument("--annotated-fps", type=float, default=1.0, help="annotated frames per second (default: 1)")


def _add_annotations(formats: Any) -> list[argparse.ArgumentParser]:
    """Add the formats with masks of objects. Returns the parsers of those with amodal masks."""
    amodal = [
        _parser(formats, "coco", "COCO, COCOA-cls, D2SA: RLE or polygons per picture", source="ANNOTATIONS"),
        _parser(formats, "kins", "KINS: amodal polygons and modal RLE per picture", source="ANNOTATIONS"),
        _parser(formats, "cocoa", "COCOA: regions per picture", source="ANNOTATIONS"),
        _parser(formats, "youtube-vis", "YouTube-VIS, OVIS: masks per object of a video", source="ANNOTATIONS"),
        _parser(formats, "burst", "BURST: masks per video and track", source="ANNOTATIONS"),
    ]
    cvat = _parser(formats, "cvat", "CVAT for video 1.1: tracks of masks, polygons, boxes", source="XML")
    labelme = _parser(formats, "labelme", "a folder of pictures with labelme's .json files", source="FOLDER")
    davis = _parser(formats, "davis", "DAVIS, YouTube-VOS: JPEGImages/ and Annotations/", source="FOLDER")
    add_mask_values(davis)
    for parser in amodal:
        _add_frames(parser)
    cvat.add_argument("--frames", type=Path, required=True, metavar="PATH", help="the video, or its pictures' folder")
    for parser in (*amodal, cvat, labelme, davis):
        _add_choice(parser)
        _add_category(parser)
    return amodal


def _add_frames(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=Path, required=True, metavar="ROOT", help="the frames' root folder")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--video", action="append", default=[], metavar="NAME", help="only videos with this name, pattern or id"
    )
    parser.add_argument("--track", action="append", default=[], metavar="ID", help="only this track")


def _add_category(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--category", action="append", default=[], metavar="NAME", help="only this category")


def _parser(formats: Any, name: str, what: str, *, source: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = formats.add_parser(name, help=what)
    parser.add_argument("source", type=Path, metavar=source)
    parser.add_argument(
        "--projects", type=Path, required=True, metavar="DIR", help="folder in which the projects are made"
    )
    parser.add_argument("--fps", type=float, help="frames per second of the clips (default: the format's)")
    add_intrinsics(parser)
    return parser
