"""What can be set of an engine: what is refused, and how a text becomes a value."""

import pytest

from vas_tool.engines.settings import Parameter, checked, resolved
from vas_tool.errors import EngineError

STEPS = Parameter("steps", 25, "Denoising steps.", lowest=1, highest=100)
GUIDANCE = Parameter("guidance", 1.5, "How closely it follows.", lowest=1.0)
RESOLUTION = Parameter("resolution", "256x512", "Of the model.", choices=("256x512", "512x1024"))
HARD = Parameter("hard", False, "Mask edges.")
ALL = (STEPS, GUIDANCE, RESOLUTION, HARD)


@pytest.mark.parametrize(
    "parameter, text, value",
    [
        (STEPS, "10", 10),
        (GUIDANCE, "2", 2.0),
        (RESOLUTION, "512x1024", "512x1024"),
        (HARD, "true", True),
        (HARD, "off", False),
    ],
)
def test_a_text_becomes_a_value_of_the_parameters_kind(parameter: Parameter, text: str, value: object) -> None:
    read = parameter.read(text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    "parameter, text, words",
    [
        (STEPS, "many", "a whole number from 1 to 100"),
        (STEPS, "2.5", "a whole number"),
        (STEPS, "0", "from 1 to 100"),
        (GUIDANCE, "nan", "a number from 1"),
        (GUIDANCE, "inf", "a number from 1"),
        (RESOLUTION, "256", "256x512 or 512x1024"),
        (HARD, "maybe", "true or false"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(parameter: Parameter, text: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        parameter.read(text)


def test_kinds_are_kept_apart() -> None:
    assert checked(ALL, {"guidance": 2}, engine="e") == {"guidance": 2.0}
    for wrong in ({"steps": True}, {"steps": 2.0}, {"hard": 1}, {"resolution": 256}):
        with pytest.raises(EngineError, match="cannot be"):
            checked(ALL, wrong, engine="e")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(EngineError, match="engine e has no parameter stops; it has steps, guidance, resolution, hard"):
        checked(ALL, {"stops": 3}, engine="e")
    with pytest.raises(EngineError, match="it has none"):
        checked((), {"steps": 3}, engine="e")


def test_what_is_not_set_has_its_default() -> None:
    assert resolved(ALL, {"steps": 3}, engine="e") == {
        "steps": 3,
        "guidance": 1.5,
        "resolution": "256x512",
        "hard": False,
    }


def test_a_default_that_is_not_allowed_is_a_mistake_of_ours() -> None:
    with pytest.raises(EngineError, match="steps cannot be 0"):
        Parameter("steps", 0, "", lowest=1)
