"""The hostile files of ``torture.py``: each function writes one after the other, and gives how each is tried."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torture_child import (
    Attempt,
    command,
    import_playlist,
    import_video,
    open_project,
    read_weights,
    verify_zip,
)

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from annotating import annotate, rectangle
from conftest import write_images
from evaluation_files import sail_results, sail_sample, square, tao_results, tao_sample, written
from mutants import damaged, damaged_json
from video_files import make_video

from vas_tool.exports import export
from vas_tool.imports.new_project import create_project
from vas_tool.project import Project

VIDEOS = {
    "a.mp4": {"codec": "libx264"},
    "fast.mp4": {"codec": "libx264", "container_options": {"movflags": "faststart"}},
    "a.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "a.mkv": {"codec": "libx264"},
    "ffv1.mkv": {"codec": "ffv1", "pix_fmt": "bgr0"},
    "a.webm": {"codec": "libvpx-vp9"},
    "a.avi": {"codec": "mpeg4"},
    "a.ts": {"codec": "mpeg2video"},
    "a.gif": {"codec": "gif", "pix_fmt": "rgb8"},
}


def videos(folder: Path, chance: random.Random) -> Iterator[Attempt]:
    """Videos of nine kinds, each damaged in another way, for ever."""
    whole = {name: make_video(folder / name, 16, **how).read_bytes() for name, how in VIDEOS.items()}  # type: ignore[arg-type]
    while True:
        name = chance.choice(list(whole))
        path = folder / f"damaged{Path(name).suffix}"
        path.write_bytes(damaged(whole[name], chance))
        yield import_video, (path,)


def json_files(folder: Path, chance: random.Random) -> Iterator[Attempt]:
    """Files of projects, of exports and of benchmarks, each damaged in another way, for ever."""
    project = _project(folder / "clip")
    exports = folder / "exports"
    for name in ("coco", "youtube-vis", "tao-amodal", "diffusion-vas", "kins", "cocoa", "tabe"):
        export([project], name, exports / name)
    project.close()
    inside = [*project.folder.glob("*.json"), *project.folder.glob("history/**/*.json")]
    plain = [*exports.rglob("*.json")]
    answers = _benchmarks(folder)
    while True:
        kind = chance.randrange(3)
        path = chance.choice((inside, plain, [file for _, files in answers for file in files])[kind])
        whole = path.read_bytes()
        path.write_bytes(damaged_json(whole, chance))
        if kind == 0:
            yield open_project, (project.folder, str(path.relative_to(project.folder)))
        elif kind == 1:
            yield command, ("verify", str(path))
        else:
            name, (truth, predictions) = next((name, files) for name, files in answers if path in files)
            yield command, ("evaluate", name, "--truth", str(truth), "--predictions", str(predictions))
        path.write_bytes(whole)


def _project(folder: Path) -> Project:
    project = create_project(folder, write_images(folder.with_name("images"), 6, (64, 48)))
    mask = rectangle((64, 48), 3, 3, 19, 19)
    for label in ("car", "cat"):
        annotate(project, label, modal=dict.fromkeys(range(6), mask), amodal=dict.fromkeys(range(6), mask))
    return project


def _benchmarks(folder: Path) -> list[tuple[str, tuple[Path, Path]]]:
    modal, amodal = [square(5, 5, 10)] * 3, [square(5, 5, 14)] * 3
    boxes = [[5.0, 5.0, 14.0, 14.0]] * 3
    sail = written(folder / "sail.json", [sail_sample(amodal, modal)])
    tao = written(folder / "tao.json", [tao_sample(modal, boxes)])
    return [
        ("sail-vos", (sail, written(folder / "sail-answers.json", sail_results(amodal)))),
        ("tao-amodal", (tao, written(folder / "tao-answers.json", tao_results(boxes)))),
    ]


# --- weights that hold code -------------------------------------------------------------------------------------------


class Evil:
    """Unpickled carelessly, it calls a function."""

    def __init__(self, function: Callable[..., object], *given: object) -> None:
        self.call = function, given

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def checkpoints(folder: Path, chance: random.Random) -> Iterator[Attempt]:
    """Pickles that would make a file, in every wrapping that torch and KITTI's results have; for every reader."""
    import torch

    witness = folder / "witness"
    touch = f"touch {witness}"
    python = f"open({str(witness)!r}, 'w')"
    calls = [
        Evil(Path.touch, witness),
        Evil(os.system, touch),
        Evil(subprocess.call, ["touch", str(witness)]),
        Evil(eval, python),
        Evil(exec, python),
        Evil(np.fromfile, str(witness)),
    ]
    raw = [
        f"cposix\nsystem\n(S'{touch}'\ntR.".encode(),
        f"(S'{touch}'\niposix\nsystem\n.".encode(),
        f'c__builtin__\neval\n(S"{python}"\ntR.'.encode(),
        f'cnumpy\nndarray.__class__\n0cbuiltins\nexec\n(S"{python}"\ntR.'.encode(),
    ]
    contents = [*raw]
    for call in calls:
        wraps: list[Any] = [call, {"model": call}, {"model": {"a": call}}, {"a": np.zeros(2), "b": [call]}]
        contents += [pickle.dumps(wrap, protocol) for wrap in wraps for protocol in (0, 2, 4)]
        contents += [_saved(torch, wrap, zipped=zipped) for wrap in wraps for zipped in (True, False)]
    for content in contents:
        for reader, suffix in (("sam2", "pt"), ("tensors", "pth"), ("tensors", "bin"), ("kitti", "pkl")):
            path = folder / f"evil.{suffix}"
            path.write_bytes(content)
            yield read_weights, (reader, path, witness)


def _saved(torch: Any, content: object, *, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


# --- zips that would write elsewhere, lists that name other files -----------------------------------------------------


def zips(folder: Path, chance: random.Random) -> Iterator[Attempt]:
    """Exports with an entry that would leave the folder: by its name, as a link, or through a link."""
    outside = folder
    steps = [
        "../",
        "../../",
        "a/../../",
        "./../",
        "..\\",
        "a\\..\\..\\",
        "....//",
        "%2e%2e/",
        "C:/",
        "C:\\",
        "//",
        "~/",
    ]
    names = [f"{step}evil.png" for step in steps] + [
        f"{folder}/evil.png",
        "../" * 12 + f"{folder}/evil.png".lstrip("/"),
    ]
    names += ["rgbs/../../evil.png", "rgbs/\x00../evil.png", "..", ".", "/", "rgbs/frame_000.png/../../evil.png", "CON"]
    path = folder / "evil.zip"
    for name in names:
        for mode in (stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR):
            entry = zipfile.ZipInfo("plain.png")
            entry.filename = name
            entry.external_attr = (mode | 0o777) << 16
            _zip(path, [(entry, str(folder).encode())])
            yield verify_zip, (path, outside)
    for target in (str(folder), "..", "/", "rgbs"):
        link = zipfile.ZipInfo("rgbs")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        _zip(path, [(link, target.encode()), (zipfile.ZipInfo("rgbs/evil.png"), b"evil")])
        yield verify_zip, (path, outside)


def _zip(path: Path, entries: list[tuple[zipfile.ZipInfo, bytes]]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rgbs/frame_000.png", b"")
        archive.writestr("masks/frame_000.png", b"")
        for entry, data in entries:
            archive.writestr(entry, data)


def playlists(folder: Path, chance: random.Random) -> Iterator[Attempt]:
    """Texts that name a video beside them, under every name that a video may have."""
    video = make_video(folder / "other.ts", 25, codec="mpeg2video")
    uris = (video.name, str(video), f"file:{video}", f"concat:{video}|{video}", f"subfile,,start,0,end,0,,:{video}")
    for uri in uris:
        texts = {
            "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{uri}\n#EXT-X-ENDLIST\n",
            "ffconcat": f"ffconcat version 1.0\nfile '{uri}'\n",
            "ffconcat-unsafe": f"ffconcat version 1.0\nfile {uri}\nduration 1\n",
            "pls": f"[playlist]\nFile1={uri}\nNumberOfEntries=1\n",
            "mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
            f'<AdaptationSet mimeType="video/mp2t"><Representation id="1"><BaseURL>{uri}</BaseURL></Representation>'
            "</AdaptationSet></Period></MPD>",
            "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 33\n",
            "asx": f'<asx version="3.0"><entry><ref href="{uri}"/></entry></asx>',
            "imf": f'<AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM"><Path>{uri}</Path></AssetMap>',
            "url": f"RTSPtext\n{uri}\n",
        }
        for name, text in texts.items():
            for suffix in ("mp4", "ts", "m3u8", "txt", "ffconcat", "mpd", "avi", "gif"):
                path = folder / f"{name}.{suffix}"
                path.write_text(text)
                yield import_playlist, (path,)
                path.unlink()


def keep(given: tuple[Any, ...], folder: Path, number: int) -> None:
    """Copy the files that an attempt was given, for whoever looks into its failure."""
    for path in (Path(str(word)) for word in given if os.path.exists(str(word))):
        target = folder / f"{number}-{path.name}"
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, target)
    (folder / f"{number}.json").write_text(json.dumps([str(word) for word in given]))
