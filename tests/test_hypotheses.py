"""What several hypotheses have in common, and how far they differ: small masks, values by hand."""

import numpy as np
import pytest

from vas_tool.errors import PromptError
from vas_tool.hypotheses import Recipe, disagreement, heat
from vas_tool.types import Mask


def row(text: str) -> Mask:
    return np.array([[sign == "#" for sign in text]])


A, B, C = row("##.."), row(".##."), row(".###")


@pytest.mark.parametrize(
    "recipe, made",
    [
        (Recipe("seed", (4,)), "##.."),
        (Recipe("majority", (0, 1, 2)), ".##."),
        (Recipe("union", (0, 1, 2)), "####"),
    ],
)
def test_one_mask_from_several(recipe: Recipe, made: str) -> None:
    assert np.array_equal(recipe.mask([A, B, C][: len(recipe.seeds)]), row(made))


def test_half_is_no_majority() -> None:
    assert np.array_equal(Recipe("majority", (0, 1)).mask([A, B]), row(".#.."))


def test_disagreement_is_one_minus_the_mean_iou_of_pairs() -> None:
    assert disagreement([A, A, A]) == 0
    assert disagreement([A]) == 0
    assert disagreement([row("#..."), row(".#..")]) == 1
    assert disagreement([row("...."), row("....")]) == 0
    assert disagreement([A, B, C]) == pytest.approx(1 - (1 / 3 + 1 / 4 + 2 / 3) / 3)


def test_heat_is_hottest_where_half_say_otherwise() -> None:
    assert heat([A, B]).tolist() == [[1, 0, 1, 0]]
    assert heat([A, B, C])[0] == pytest.approx([8 / 9, 0, 8 / 9, 8 / 9])


@pytest.mark.parametrize(
    "how, seeds",
    [
        ("seed", ()),
        ("seed", (1, 2)),
        ("majority", (1,)),
        ("union", (2, 1)),
        ("union", (1, 1)),
        ("best", (1, 2)),
        ("seed", (-1,)),
    ],
)
def test_recipes_that_make_no_sense_are_refused(how: str, seeds: tuple[int, ...]) -> None:
    with pytest.raises(PromptError):
        Recipe(how, seeds)  # type: ignore[arg-type]


def test_words() -> None:
    assert Recipe.of_seed(3).words == "seed 3"
    assert Recipe("union", (0, 2)).words == "union of seeds 0, 2"
