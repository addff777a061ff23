"""Files of a folder: their order, and pictures that are none, or too large."""

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from vas_tool.errors import FormatError, VideoError
from vas_tool.formats.mask_pixels import read_pixels
from vas_tool.video import import_frames
from vas_tool.video.order import in_natural_order
from vas_tool.video.picture_files import UnusablePicture, open_picture


@pytest.mark.parametrize(
    "names",
    [
        [f"frame{n}.png" for n in range(12)],
        [f"frame_{n:04d}.png" for n in range(9997, 10003)],
        ["0.png", "01.png", "1.jpg", "1.png", "2.png", "10.png"],
        ["a.png", "a 2.png", "A 10.png", "b.png"],
    ],
)
def test_files_come_in_the_order_that_their_numbers_say(names: list[str]) -> None:
    paths = [Path("clip") / name for name in names]
    assert in_natural_order(reversed(paths)) == in_natural_order(paths) == paths


def test_what_is_no_picture_of_a_kind_that_is_wanted_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n")
    with pytest.raises(UnusablePicture, match="it holds no image, or none of the kinds PNG"):
        open_picture(tmp_path / "a.png")
    with pytest.raises(VideoError, match=r"a\.png cannot be read \(it holds no image"):
        import_frames(tmp_path, tmp_path / "frames")
    with pytest.raises(FormatError, match=r"a\.png does not read as an image"):
        read_pixels(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_of_any_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """Heads of PNG files that say 12,000 and 60,000 pixels a side, with nothing behind them."""
    path = tmp_path / "a.png"
    for side, says in ((12_000, "12000 x 12000 pixels is too large"), (60_000, "far more than 100 megapixels")):
        head = struct.pack(">4sIIBBBBB", b"IHDR", side, side, 1, 0, 0, 0, 0)
        check = struct.pack(">I", zlib.crc32(head))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + check + b"\0\0\0\1IDAT")
        with pytest.raises(UnusablePicture, match=says):
            open_picture(path)
        with pytest.raises(VideoError, match=says):
            import_frames(tmp_path, tmp_path / "frames")
        with pytest.raises(FormatError, match=says):
            read_pixels(path)


def test_damaged_pixels_are_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.effect_noise((64, 48), 90).save(path)
    whole = path.read_bytes()
    for cut in range(0, len(whole) - 40, 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(FormatError, match=r"a\.png does not read as an image \(.+\); replace it"):
            read_pixels(path)
