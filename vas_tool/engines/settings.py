"""Parameters of engines, with defaults and reasons, and checked values for them.

The module is read without importing an engine. An engine gets only the values that the user set; ``resolved`` adds the
defaults.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from vas_tool.errors import EngineError

SettingValue = int | float | str | bool
"""Type of a parameter's value. JSON and the command line can express all of them."""

Settings = Mapping[str, SettingValue]
"""Parameter name -> value. An absent name keeps the default."""

NO_SETTINGS: Settings = MappingProxyType({})
"""Every parameter at its default."""

YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
"""Texts for true and false on the command line."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of an engine. Its values have the type of its default."""

    name: str
    default: SettingValue
    reason: str
    """One sentence: what the parameter does, and the reason for the default."""
    choices: tuple[SettingValue, ...] = ()
    """Allowed values; empty when every value in the range is allowed."""
    lowest: float | None = None
    highest: float | None = None
    """The range of a number, both ends included; None: no limit."""
    afterwards: bool = False
    """Whether the parameter only affects post-processing, so that another value needs no new run of the model."""

    def __post_init__(self) -> None:
        self.checked(self.default)

    @property
    def allowed(self) -> str:
        """Allowed values in words: ``256x512 or 512x1024``, ``a whole number from 1 to 100``."""
        if self.choices:
            return " or ".join(map(str, self.choices))
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, str):
            return "text"
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        low = f" from {self.lowest:g}" if self.lowest is not None else ""
        return kind + low + (f" to {self.highest:g}" if self.highest is not None else "")

    def checked(self, value: SettingValue) -> SettingValue:
        """Return the value with the default's type. Raises EngineError that says what is allowed for any other
        value.
        """
        if isinstance(self.default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(self.default) or not self._is_allowed(value):
            raise EngineError(f"{self.name} cannot be {value!r}; it takes {self.allowed} (default {self.default})")
        return value

    def _is_allowed(self, value: SettingValue) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, str | bool):
            return True
        low = -math.inf if self.lowest is None else self.lowest
        high = math.inf if self.highest is None else self.highest
        return math.isfinite(value) and low <= value <= high

    def read(self, text: str) -> SettingValue:
        """Return the value of a text from ``--set`` or a form field. Raises EngineError that says what is allowed."""
        try:
            return self.checked(self._value_of(text.strip()))
        except ValueError:
            return self.checked(text)  # raises, because the text is no number

    def _value_of(self, text: str) -> SettingValue:
        if isinstance(self.default, bool):
            if text.lower() not in YES + NO:
                raise ValueError(text)
            return text.lower() in YES
        return type(self.default)(text)


def unknown(parameters: Sequence[Parameter], names: Sequence[str], *, engine: str) -> EngineError:
    """Return the error for unknown parameters. It lists the engine's parameters."""
    known = f"it has {', '.join(p.name for p in parameters)}" if parameters else "it has none"
    return EngineError(f"the engine {engine} has no parameter {', '.join(names)}; {known}")


def checked(parameters: Sequence[Parameter], settings: Settings, *, engine: str) -> dict[str, SettingValue]:
    """Return the settings with the types of their parameters.

    Raises EngineError for an unknown name, listing the parameters, and for a value that is not allowed.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    strange = sorted(set(settings) - set(by_name))
    if strange:
        raise unknown(parameters, strange, engine=engine)
    return {name: by_name[name].checked(value) for name, value in settings.items()}


def resolved(parameters: Sequence[Parameter], settings: Settings, *, engine: str) -> dict[str, SettingValue]:
    """Return a value for every parameter: the setting, else the default. Raises EngineError as ``checked`` does."""
    return {p.name: p.default for p in parameters} | checked(parameters, settings, engine=engine)
