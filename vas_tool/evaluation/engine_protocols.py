"""How an engine's makers ran it on each benchmark: what holds where the person says nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from vas_tool.engines import registry
from vas_tool.engines.settings import Settings, SettingValue
from vas_tool.errors import InputError
from vas_tool.types import SizeWH


@dataclass(frozen=True)
class EngineProtocol:
    """Of one amodal engine on one benchmark."""

    seed: int = 0
    settings: Settings = field(default_factory=dict)
    """Of the amodal engine, those that are not its defaults."""
    depth_wh: SizeWH | None = None
    """The size that frames are brought to before their depth is estimated; None: as they are."""
    chosen: frozenset[str] = field(default_factory=frozenset)
    """What the person said instead: ``seed``, and names of settings."""

    def said(self, *, seed: int | None, texts: list[str], engine: str) -> EngineProtocol:
        """With what the person says: ``--seed``, and ``--set NAME=VALUE`` (``amodal.NAME=VALUE``) for the engine.

        Raises InputError and EngineError for what cannot be meant.
        """
        spec = registry.spec_of("amodal", engine)
        settings: dict[str, SettingValue] = {}
        for text in texts:
            name, equals, value = text.removeprefix("amodal.").partition("=")
            if not name or not equals:
                raise InputError(f"--set needs NAME=VALUE, a parameter of the engine {spec.name}, got {text!r}")
            settings[name] = registry.parameter_of(spec, name).read(value)
        whole = registry.checked_settings(spec, {**self.settings, **settings})
        chosen = frozenset(settings) | (frozenset() if seed is None else {"seed"})
        return replace(self, seed=self.seed if seed is None else seed, settings=whole, chosen=chosen)

    def words(self) -> Iterator[str]:
        """``seed 23``, ``mask_edges hard``, ...; behind what the person said: ``(as you said)``."""
        values = {"seed": self.seed, **self.settings}
        for name, value in values.items():
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            yield f"{name} {shown}{' (as you said)' if name in self.chosen else ''}"
        if self.depth_wh:
            yield f"depth of frames brought to {self.depth_wh[0]} x {self.depth_wh[1]}"


DEMO_SEED = 23
"""Of all published numbers of Diffusion-VAS (spec.md 1.7, 2.3)."""

PROTOCOLS: dict[tuple[str, str], EngineProtocol] = {
    ("sail-vos", "diffusion-vas"): EngineProtocol(
        DEMO_SEED, {"mask_edges": "hard", "union_with_modal": False}, depth_wh=(512, 256)
    ),
    ("tao-amodal", "diffusion-vas"): EngineProtocol(DEMO_SEED, {"fps": 2, "mask_edges": "linear"}),
    **{(name, "diffusion-vas"): EngineProtocol(DEMO_SEED) for name in ("tabe-51", "movi", "kitti")},
    **{
        (name, f"eoras-{variant}"): EngineProtocol(settings={"union_with_modal": False})
        for name in ("movi", "kitti")
        for variant in ("movi-b", "movi-d", "kitti")
    },
}
"""Benchmark and amodal engine -> its makers' protocol (spec.md 2.3, 2.6, 5.4). For Diffusion-VAS on the last three they
published none: it is their demo's."""


def protocol_of(benchmark: str, engine: str) -> EngineProtocol:
    """What holds for an engine by name (``auto``: the best that is here); the engine's defaults where none is known.

    Raises EngineError when there is no such engine.
    """
    return PROTOCOLS.get((benchmark, registry.spec_of("amodal", engine).name), EngineProtocol())
