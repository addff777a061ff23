"""Files damaged by chance are read, or refused with a message; never a traceback, and never changed.

``benchmarks/torture.py`` tries many more.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from annotating import annotate, rectangle
from mutants import damaged, damaged_json
from video_files import make_video

from vas_tool.errors import VasToolError, VideoError
from vas_tool.exports import export
from vas_tool.formats.annotations.annotated_videos import AnnotatedFile
from vas_tool.formats.annotations.burst_sequences import read_burst
from vas_tool.formats.annotations.cocoa_regions import read_cocoa_regions
from vas_tool.formats.annotations.image_level import read_image_level
from vas_tool.formats.annotations.video_level import read_video_level
from vas_tool.formats.verify import verify
from vas_tool.project import Project
from vas_tool.video import import_frames

MUTANTS = 25

Read = Callable[[Path], AnnotatedFile]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_damaged_videos(tmp_path: Path, name: str, codec: str) -> None:
    whole, chance = make_video(tmp_path / name, 12, codec=codec).read_bytes(), random.Random(5)
    for number in range(MUTANTS):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(damaged(whole, chance))
        before = path.read_bytes()
        with suppress(VideoError):
            import_frames(path, tmp_path / f"{number}")
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("coco", read_image_level),
        ("kins", read_image_level),
        ("cocoa", read_cocoa_regions),
        ("youtube-vis", read_video_level),
        ("burst", read_burst),
    ],
)
def test_damaged_annotations(small_project: Project, tmp_path: Path, name: str, read: Read) -> None:
    mask = rectangle((64, 48), 3, 3, 9, 9)
    annotate(small_project, modal=dict.fromkeys(range(5), mask), amodal=dict.fromkeys(range(5), mask))
    (path,) = export([small_project], name, tmp_path / "out.json").paths
    whole, chance, sound = path.read_bytes(), random.Random(5), 0
    for _ in range(MUTANTS):
        path.write_bytes(damaged_json(whole, chance))
        with suppress(VasToolError):
            for video in read(path).videos:
                masks = [draw() for track in video.tracks for draw in (*track.modal.values(), *track.amodal.values())]
                assert all(mask.shape == video.size_wh[::-1] for mask in masks)
                sound += 1
    assert sound


@pytest.mark.parametrize("name", ["coco", "youtube-vis", "burst", "tao-amodal", "diffusion-vas"])
def test_damaged_exports(small_project: Project, tmp_path: Path, name: str) -> None:
    mask = rectangle((64, 48), 3, 3, 9, 9)
    annotate(small_project, modal=dict.fromkeys(range(5), mask), amodal=dict.fromkeys(range(5), mask))
    export([small_project], name, tmp_path / "out")
    chance, files = random.Random(5), sorted((tmp_path / "out").rglob("*.json"))
    assert files
    for _ in range(MUTANTS):
        path = chance.choice(files)
        whole = path.read_bytes()
        path.write_bytes(damaged_json(whole, chance))
        before = path.read_bytes()
        with suppress(VasToolError):
            verify(path)
        assert path.read_bytes() == before
        path.write_bytes(whole)
