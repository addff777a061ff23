"""A folder of images -> a clip."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from video_files import SIZE_WH, number_of, numbered

from vas_tool.errors import VideoError
from vas_tool.video import FolderClip, ImportedClip, import_frames


def imported(source: Path, **options: object) -> tuple[ImportedClip, FolderClip]:
    frames_dir = source.parent / "frames"
    result = import_frames(source, frames_dir, **options)
    return result, FolderClip(frames_dir, fps=result.fps, size_wh=result.size_wh)


def save(folder: Path, name: str, array: np.ndarray, **options: object) -> Path:
    folder.mkdir(exist_ok=True)
    Image.fromarray(array).save(folder / name, **options)
    return folder / name


def test_jpeg_and_png_are_copied_byte_for_byte_in_natural_order(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    names = ["img1.png", "img2.JPEG", "IMG3.png", "img10.jpg"]
    for number, name in enumerate(names):
        save(folder, name, numbered(number))
    (folder / "Thumbs.db").write_bytes(b"not an image")
    (folder / "._img1.png").write_bytes(b"what macOS leaves behind")
    result, clip = imported(folder)
    assert [clip.frame_path(i).name for i in range(4)] == ["00000.png", "00001.jpg", "00002.png", "00003.jpg"]
    assert all(clip.frame_path(i).read_bytes() == (folder / name).read_bytes() for i, name in enumerate(names))
    assert [number_of(f) for f in clip[:]] == [0, 1, 2, 3]
    assert [(r.source_index, r.pts_seconds, r.name) for r in result.ledger] == [(i, i / 8, names[i]) for i in range(4)]
    assert (result.fps, result.size_wh, result.source.kind, result.source.rotation) == (8, SIZE_WH, "images", 0)
    assert result.source.notes == ()


def test_the_hash_is_of_names_and_bytes(tmp_path: Path) -> None:
    path = save(tmp_path / "images", "a.png", numbered(1))
    data = path.read_bytes()
    result, _ = imported(path.parent)
    expected = hashlib.sha256(b"a.png\0" + len(data).to_bytes(8, "big") + data).hexdigest()
    assert result.source.sha256 == expected


def test_other_formats_become_png(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    for number, suffix in enumerate(["bmp", "tif", "webp", "gif"]):
        options = {"lossless": True} if suffix == "webp" else {}
        save(folder, f"{number}.{suffix}", numbered(number), **options)
    result, clip = imported(folder)
    assert {p.suffix for p in (tmp_path / "frames").iterdir()} == {".png"}
    assert [number_of(f) for f in clip[:]] == [0, 1, 2, 3]
    np.testing.assert_array_equal(clip[2], numbered(2))
    assert result.source.notes == ("4 images were converted to PNG",)


@pytest.mark.parametrize(("orientation", "turn"), [(3, 2), (6, -1), (8, 1)])
def test_a_camera_held_sideways(tmp_path: Path, orientation: int, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "images", "a.jpg", numbered(5), exif=exif, quality=95)
    expected = np.rot90(numbered(5), turn)
    result, clip = imported(path.parent)
    assert result.size_wh == (expected.shape[1], expected.shape[0])
    assert np.abs(clip[0].astype(int) - expected).mean() < 3
    assert clip.frame_path(0).suffix == ".jpg"
    assert result.source.notes == ("1 image was turned upright as their camera recorded, and stored anew",)


def test_an_upright_camera_is_copied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    path = save(tmp_path / "images", "a.jpg", numbered(5), exif=exif)
    _, clip = imported(path.parent)
    assert clip.frame_path(0).read_bytes() == path.read_bytes()


def test_the_modes_of_png(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    rgb = numbered(3)
    save(folder, "0.png", rgb)
    save(folder, "1.png", np.dstack([rgb, np.full(rgb.shape[:2], 128, np.uint8)]))
    save(folder, "2.png", rgb[..., 0])
    save(folder, "3.png", rgb[..., 0].astype(np.uint16) * 257)
    Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "4.png")
    Image.fromarray(rgb).convert("1").save(folder / "5.png")
    _, clip = imported(folder)
    np.testing.assert_array_equal(clip[1], rgb)
    assert not any(frame.flags.writeable for frame in clip)
    for i in (2, 3):
        np.testing.assert_array_equal(clip[i], np.repeat(rgb[..., :1], 3, axis=2))
    assert np.abs(clip[4].astype(int) - rgb).max() <= 8
    assert number_of(clip[5]) == 3


def test_start_and_end_choose_images_by_their_time(tmp_path: Path) -> None:
    for i in range(10):
        save(tmp_path / "images", f"{i}.png", numbered(i))
    result, clip = imported(tmp_path / "images", fps=4, start_seconds=0.6, end_seconds=1.5)
    assert [r.source_index for r in result.ledger] == [3, 4, 5]
    assert [r.pts_seconds for r in result.ledger] == [0.75, 1.0, 1.25]
    assert [number_of(f) for f in clip[:]] == [3, 4, 5]


def refused(tmp_path: Path, says: str, **options: object) -> None:
    with pytest.raises(VideoError, match=says):
        import_frames(tmp_path / "images", tmp_path / "frames", **options)
    assert [p.name for p in tmp_path.iterdir()] == ["images"]


def test_images_of_two_sizes_name_the_odd_one_out(tmp_path: Path) -> None:
    save(tmp_path / "images", "a.png", numbered(0))
    save(tmp_path / "images", "b.png", numbered(0)[:-1])
    refused(tmp_path, r"b\.png is 128 x 47, a\.png is 128 x 48; all images of a clip need one size")


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "images", "a.jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:-500])
    refused(tmp_path, r"a\.jpg cannot be read .*take it out of the folder")
    path.write_bytes(b"hello")
    refused(tmp_path, r"a\.jpg cannot be read")


def test_no_images(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    refused(tmp_path, "holds no images .*choose a video or a folder of images")


def test_sizes_and_ranges(tmp_path: Path) -> None:
    save(tmp_path / "images", "a.png", np.zeros((8, 64, 3), np.uint8))
    refused(tmp_path, r"a\.png: 64 x 8 pixels is too small")
    refused(tmp_path, "choose an earlier start", start_seconds=3)


def test_progress(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / "images", f"{i}.png", numbered(i))
    seen: list[tuple[int, int, str]] = []
    imported(tmp_path / "images", progress=lambda *args: seen.append(args))
    assert seen == [(i, 3, "reading frames") for i in range(4)]


def test_files_that_are_left_out_or_seem_doubles_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    for name in ("0.jpg", "1.png", "1.jpg", "2.jfif"):
        save(folder, name, numbered(int(name[0])), **({"format": "JPEG"} if name == "2.jfif" else {}))
    for name in ("3.heic", "4.exr", "frame5", "notes.txt", "6.JXL", ".hidden.heic"):
        (folder / name).write_bytes(b"?")
    (folder / "7.png").symlink_to(tmp_path / "nowhere.png")
    result, clip = imported(folder)
    assert [number_of(frame) for frame in clip[:]] == [0, 1, 1, 2]
    left, doubles = result.source.notes
    assert left == "5 files of the folder were left out: 3.heic, 4.exr, 6.JXL and 2 more"
    assert "1 name has several images" in doubles and "1.jpg and 1.png" in doubles


def test_a_picture_with_alpha_is_stored_as_the_engines_see_it(tmp_path: Path) -> None:
    rgb, folder = numbered(3), tmp_path / "images"
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    save(folder, "0.png", np.dstack([rgb, alpha]))
    Image.fromarray(rgb).save(folder / "1.png", transparency=(0, 0, 0))
    Image.fromarray(np.dstack([rgb[..., 0], alpha]), "LA").save(folder / "2.png")
    save(folder, "3.png", rgb)
    result, clip = imported(folder)
    for index in range(4):
        with Image.open(clip.frame_path(index)) as stored:
            assert stored.mode == "RGB" and not stored.has_transparency_data
            np.testing.assert_array_equal(np.asarray(stored), clip[index])
    np.testing.assert_array_equal(clip[0], rgb)
    assert clip.frame_path(3).read_bytes() == (folder / "3.png").read_bytes()
    assert any("3 images have transparency, which was left out" in note for note in result.source.notes)


@pytest.mark.parametrize(
    ("suffix", "values", "white"),
    [
        ("png", lambda grey: grey.astype(np.uint16) * 257, 65535),
        ("tif", lambda grey: grey.astype(np.uint16) * 257, 65535),
        ("tif", lambda grey: grey.astype(np.int32), 255),
        ("tif", lambda grey: grey.astype(np.int32) * 257, 65535),
        ("tif", lambda grey: (grey / 255).astype(np.float32), 1),
        ("tif", lambda grey: grey.astype(np.float32), 255),
    ],
)
def test_deep_pictures_keep_their_brightness(
    tmp_path: Path, suffix: str, values: Callable[[np.ndarray], np.ndarray], white: int
) -> None:
    bright, dark = numbered(3)[..., 0], numbered(3)[..., 0] // 8
    for index, grey in enumerate((bright, dark)):
        save(tmp_path / "images", f"{index}.{suffix}", values(grey))
    result, clip = imported(tmp_path / "images")
    for index, grey in enumerate((bright, dark)):
        assert np.abs(clip[index][..., 0].astype(int) - grey).max() <= 1
    assert any(f"0 to {white} became 0 to 255" in note for note in result.source.notes)


def test_sensors_of_12_bits_are_said_to_be_dark(tmp_path: Path) -> None:
    save(tmp_path / "images", "0.png", numbered(3)[..., 0].astype(np.uint16) * 16)
    result, _ = imported(tmp_path / "images")
    assert any("the brightest is only 4080" in note for note in result.source.notes)


def test_print_colours_are_stored_as_the_engines_see_them(tmp_path: Path) -> None:
    path = tmp_path / "images" / "0.jpg"
    path.parent.mkdir()
    Image.fromarray(numbered(3)).convert("CMYK").save(path, quality=95)
    _, clip = imported(path.parent)
    with Image.open(clip.frame_path(0)) as stored:
        assert stored.mode == "RGB"
    assert number_of(clip[0]) == 3
