"""A method of one's own, in plain Python without packages: reads a window's folder and writes the answers.

usage: standin_method.py INPUT OUTPUT [--paint box|copy] [--wait SECONDS] [--leave-out NAME] [--rename] [--fail]
It fills the box of every modal mask (--paint box: what could be hidden is completed to a rectangle) or copies the
masks; for content it copies the pictures. --child starts a process that lives on and writes its id beside the output.
"""

import argparse
import json
import shutil
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path


def grey_png(width: int, height: int, box: list[int] | None) -> bytes:
    x0, y0, x1, y1 = box or (0, 0, 0, 0)
    inside = b"\0" + b"\0" * x0 + b"\xff" * (x1 - x0) + b"\0" * (width - x1)
    rows = (b"\0" * (width + 1)) * y0 + inside * (y1 - y0) + (b"\0" * (width + 1)) * (height - y1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--paint", default="box")
    parser.add_argument("--wait", type=float, default=0)
    parser.add_argument("--leave-out", default="")
    parser.add_argument("--rename", action="store_true")
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--child", type=Path)
    parser.add_argument("--told", type=Path, help="a file that gets a line for each run: its frames")
    options = parser.parse_args()
    told = json.loads((options.input / "boxes.json").read_text())
    if options.told:
        with options.told.open("a") as file:
            print(json.dumps([frame["frame_index"] for frame in told["frames"]]), file=file)
    if options.child:
        child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"])
        options.child.write_text(str(child.pid))
    time.sleep(options.wait)
    if options.fail:
        sys.exit("CUDA is out of memory, said the stand-in")
    names = [frame["name"] for frame in told["frames"]]
    for part in options.input.iterdir():
        if part.is_dir() and part.name != "depth":
            assert sorted(path.name for path in part.iterdir()) == names, part
    (options.output / told["stage"]).mkdir()
    for frame in told["frames"]:
        out = options.output / told["stage"] / ("other.png" if options.rename else frame["name"])
        if frame["name"] == options.leave_out:
            continue
        if told["stage"] == "content":
            shutil.copy(options.input / "rgbs" / frame["name"], out)
        elif options.paint == "copy":
            shutil.copy(options.input / "masks" / frame["name"], out)
        else:
            out.write_bytes(grey_png(*told["size_wh"], frame["modal_box"]))


main()
