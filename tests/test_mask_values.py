"""What the values of a folder's masks mean: every kind that tools write, and those that cannot be told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from vas_tool.errors import FormatError
from vas_tool.formats.mask_folder import read_masks
from vas_tool.formats.mask_values import MaskValues

SIZE = (64, 48)
COLOURS = [0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * 756 + [224, 224, 192]
"""As in DAVIS and VOC: 255 is void."""

Array = npt.NDArray[np.uint8]
Make = Callable[[int], Image.Image]


def square(n: int, value: int = 255) -> Array:
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[10:22, 3 + 4 * n : 15 + 4 * n] = value
    return mask


def two(n: int, first: int, second: int) -> Array:
    mask = square(n, first)
    mask[30:40, 40:60] = second
    return mask


def ringed(n: int) -> Array:
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[8:24, 1 + 4 * n : 17 + 4 * n] = 255
    return np.where(square(n) > 0, 1, mask).astype(np.uint8)


def grey(make: Callable[[int], npt.NDArray[np.generic]]) -> Make:
    return lambda n: Image.fromarray(make(n))


def indexed(make: Callable[[int], Array], palette: list[int] = COLOURS) -> Make:
    def picture(n: int) -> Image.Image:
        image = Image.fromarray(make(n)).convert("L")
        image.putpalette(palette)  # makes it P
        return image

    return picture


def coloured(first: tuple[int, int, int], second: tuple[int, int, int] = (0, 0, 0)) -> Make:
    def picture(n: int) -> Image.Image:
        kinds = two(n, 1, 2)[..., None]
        return Image.fromarray(np.where(kinds == 1, first, np.where(kinds == 2, second, 0)).astype(np.uint8))

    return picture


def with_alpha(colour: Callable[[int], Array], alpha: Callable[[int], Array]) -> Make:
    def picture(n: int) -> Image.Image:
        shown = colour(n)
        return Image.fromarray(np.dstack([*([shown] * 3 if shown.ndim == 2 else [shown]), alpha(n)]))

    return picture


def photo(n: int) -> Array:
    small = np.random.default_rng(n).integers(0, 256, (12, 16, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC))


def soft(n: int) -> Image.Image:
    return Image.fromarray(square(n)).filter(ImageFilter.GaussianBlur(1))


def masks(folder: Path, make: Make, suffix: str = ".png") -> dict[int, Path]:
    paths = {n: folder / f"{n:05d}{suffix}" for n in range(3)}
    for n, path in paths.items():
        make(n).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    return paths


SINGLE: dict[str, tuple[Make, str]] = {
    "0 and 255": (grey(square), ".png"),
    "0 and 1": (grey(lambda n: square(n, 1)), ".png"),
    "0 and 7": (grey(lambda n: square(n, 7)), ".png"),
    "bits": (lambda n: Image.fromarray(square(n)).convert("1"), ".png"),
    "16 bit": (grey(lambda n: square(n).astype(np.uint16) * 257), ".png"),
    "float": (grey(lambda n: square(n).astype(np.float32) / 255), ".tif"),
    "RGB": (lambda n: Image.fromarray(square(n)).convert("RGB"), ".png"),
    "JPEG": (lambda n: Image.fromarray(square(n)).convert("RGB"), ".jpg"),
    "WebP": (lambda n: Image.fromarray(square(n, 1)).convert("RGB"), ".webp"),
    "one colour": (coloured((255, 0, 0)), ".png"),
    "palette": (indexed(lambda n: square(n, 1)), ".png"),
    "GIF": (indexed(lambda n: square(n, 1)), ".gif"),
    "palette of greys, the other way round": (
        indexed(lambda n: (square(n) == 0).astype(np.uint8), [255] * 3 + [0] * 765),
        ".png",
    ),
    "web palette": (lambda n: Image.fromarray(square(n)).convert("RGB").convert("P"), ".png"),
    "palette and void": (indexed(ringed), ".png"),
    "grey and void": (grey(ringed), ".png"),
    "colour and void": (coloured((128, 0, 0), (224, 224, 192)), ".png"),
    "white and alpha": (with_alpha(lambda n: np.full(SIZE[::-1], 255, np.uint8), square), ".png"),
    "grey and alpha": (lambda n: Image.merge("LA", (Image.new("L", SIZE, 255), Image.fromarray(square(n)))), ".png"),
    "cut out": (with_alpha(photo, square), ".png"),
    "opaque": (with_alpha(square, lambda n: np.full(SIZE[::-1], 255, np.uint8)), ".png"),
    "transparent all over": (with_alpha(square, lambda n: np.zeros(SIZE[::-1], np.uint8)), ".png"),
}


@pytest.mark.parametrize("kind", SINGLE)
def test_one_object_however_it_is_stored(tmp_path: Path, kind: str) -> None:
    make, suffix = SINGLE[kind]
    (found,) = read_masks(masks(tmp_path, make, suffix), size_wh=SIZE).objects
    assert found.name == "" and list(found.read) == [0, 1, 2]
    assert all(np.array_equal(read(), square(n) > 0) for n, read in found.read.items())


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_soft_edges_are_cut_at_half(tmp_path: Path, suffix: str) -> None:
    (found,) = read_masks(masks(tmp_path, soft, suffix), size_wh=SIZE).objects
    assert np.count_nonzero(found.read[1]() ^ (np.asarray(soft(1)) > 128)) <= 2  # JPEG moves a pixel


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (grey(lambda n: two(n, 100, 200)), ["100", "200"]),
        (grey(lambda n: two(n, 1, 2)), ["1", "2"]),
        (grey(lambda n: (two(n, 1, 2) * np.uint16(1001)).astype(np.uint16)), ["1001", "2002"]),
        (indexed(lambda n: two(n, 1, 2)), ["1", "2"]),
        (coloured((0, 255, 0), (255, 0, 0)), ["#00ff00", "#ff0000"]),
    ],
)
def test_several_values_are_several_objects(tmp_path: Path, make: Make, names: list[str]) -> None:
    read = read_masks(masks(tmp_path, make), size_wh=SIZE)
    first, second = read.objects
    assert [first.name, second.name] == names and f"2 objects: {', '.join(names)}" in read.notes[0]
    assert np.array_equal(first.read[2](), square(2) > 0) and second.read[2]().sum() == 200


def test_an_object_that_is_not_in_a_picture_has_an_empty_mask_there(tmp_path: Path) -> None:
    read = read_masks(masks(tmp_path, grey(lambda n: two(n, 1, 0 if n == 1 else 2))), size_wh=SIZE)
    assert [mask().sum() for mask in read.objects[1].read.values()] == [200, 0, 200]


def test_a_picture_with_void_alone_says_nothing(tmp_path: Path) -> None:
    paths = masks(tmp_path, indexed(lambda n: square(n, 255) if n == 1 else ringed(n)))
    read = read_masks(paths, size_wh=SIZE)
    assert list(read.objects[0].read) == [0, 2] and read.notes == (
        "255 was read as void: these pixels are of no object",
    )


UNDECIDED: dict[str, tuple[Make, str, str]] = {
    "255 beside 128": (
        grey(lambda n: two(n, 128, 255)),
        ".png",
        "object, or void.*found are 0, 128, 255.*--mask-values",
    ),
    "1 here and 255 there": (grey(lambda n: square(n, 255 if n else 1)), ".png", "255 is in some pictures"),
    "all of it": (lambda n: Image.new("L", SIZE, 255), ".png", "no pixel is 0"),
    "counted from 1": (grey(lambda n: square(n, 1) + np.uint8(1)), ".png", "no pixel is 0.*found are 1, 2"),
    "a photo": (grey(photo), ".jpg", "coloured pictures"),
    "a grey photo": (grey(lambda n: photo(n)[..., 0]), ".png", "no mask|no pixel is 0"),
    "too dark for soft edges": (grey(lambda n: (np.asarray(soft(n)) * 0.6).astype(np.uint8)), ".png", "not even"),
    "white beside red": (coloured((255, 0, 0), (255, 255, 255)), ".png", "white is beside other colours"),
    "void alone": (indexed(lambda n: square(n, 255)), ".png", "255 alone"),
    "alpha says otherwise": (with_alpha(square, lambda n: square(2 - n)), ".png", "different masks"),
    "soft red": (lambda n: Image.merge("RGB", [soft(n), *[Image.new("L", SIZE)] * 2]), ".png", "lie along edges"),
    "0 and 1 in JPEG": (grey(lambda n: square(n, 1)), ".jpg", "not even the brightest"),
}


@pytest.mark.parametrize("kind", UNDECIDED)
def test_what_cannot_be_told_is_not_guessed(tmp_path: Path, kind: str) -> None:
    make, suffix, says = UNDECIDED[kind]
    with pytest.raises(FormatError, match=says):
        read_masks(masks(tmp_path, make, suffix), size_wh=SIZE)


def test_one_picture_that_would_become_empty_is_named(tmp_path: Path) -> None:
    paths = masks(tmp_path, soft)
    Image.fromarray(square(1, 90)).save(paths[1])
    with pytest.raises(FormatError, match=r"00001\.png reaches only 90 of 255"):
        read_masks(paths, size_wh=SIZE)
    assert not read_masks(paths, size_wh=SIZE, values="grey").objects[0].read[1]().any()


@pytest.mark.parametrize(
    ("values", "names", "area"),
    [("binary", [""], 344), ("grey", [""], 200), ("ids", ["128", "255"], 144), ("palette", [""], 144)],
)
def test_what_the_person_says_holds(tmp_path: Path, values: MaskValues, names: list[str], area: int) -> None:
    paths = masks(tmp_path, grey(lambda n: two(n, 128, 255)))
    read = read_masks(paths, size_wh=SIZE, values=values)
    assert [found.name for found in read.objects] == names and read.objects[0].read[0]().sum() == area


def test_alpha_can_be_said(tmp_path: Path) -> None:
    paths = masks(tmp_path, with_alpha(square, lambda n: square(2 - n)))
    assert np.array_equal(read_masks(paths, values="alpha").objects[0].read[0](), square(2) > 0)
    Image.fromarray(square(0)).save(paths[0])
    with pytest.raises(FormatError, match=r"00000\.png: it has no alpha"):
        read_masks(paths, values="alpha").objects[0].read[0]()
