"""Lists the settings with which the authors of an engine ran it on each benchmark. They are the defaults of
``predict``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from vas_tool.engines import registry
from vas_tool.engines.settings import Settings, SettingValue
from vas_tool.errors import InputError
from vas_tool.types import SizeWH


@dataclass(frozen=True)
class EngineProtocol:
    """Seed and settings of one amodal engine on one benchmark."""

    seed: int = 0
    settings: Settings = field(default_factory=dict)
    """Settings of the amodal engine that differ from its defaults."""
    depth_wh: SizeWH | None = None
    """Width and height to which frames are resized before their depth is estimated; None keeps their size."""
    num_generations: int = 1
    """Number of answers to write, with the seeds from ``seed`` on; 1 when the user gave a seed."""
    chosen: frozenset[str] = field(default_factory=frozenset)
    """Names of what the user set: ``seed``, and settings."""

    def with_settings(self, *, seed: int | None, texts: list[str], engine: str) -> EngineProtocol:
        """Return the protocol with the user's ``--seed`` and ``--set NAME=VALUE`` (or ``amodal.NAME=VALUE``).

        Raises InputError and EngineError for settings that the engine does not have.
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
        if seed is not None:
            return replace(self, seed=seed, num_generations=1, settings=whole, chosen=chosen)
        return replace(self, settings=whole, chosen=chosen)

    @property
    def seeds(self) -> range:
        """The seed of each generation."""
        return range(self.seed, self.seed + self.num_generations)

    def words(self) -> Iterator[str]:
        """Yield ``seed 23``, ``mask_edges hard``, ...; settings of the user end with ``(as you said)``."""
        seeds = {"seed": self.seed} if self.num_generations == 1 else {"seeds": f"{self.seed} to {self.seeds[-1]}"}
        values = {**seeds, **self.settings}
        for name, value in values.items():
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            yield f"{name} {shown}{' (as you said)' if name in self.chosen else ''}"
        if self.depth_wh:
            yield f"depth of frames brought to {self.depth_wh[0]} x {self.depth_wh[1]}"


DEMO_SEED = 23
"""Seed of all published numbers of Diffusion-VAS (demo.py, eval_diffusion_vas_sailvos.py)."""

PROTOCOLS: dict[tuple[str, str], EngineProtocol] = {
    ("sail-vos", "diffusion-vas"): EngineProtocol(
        DEMO_SEED, {"mask_edges": "hard", "union_with_modal": False}, depth_wh=(512, 256)
    ),
    ("tao-amodal", "diffusion-vas"): EngineProtocol(DEMO_SEED, {"fps": 2, "mask_edges": "linear"}),
    **{(name, "diffusion-vas"): EngineProtocol(DEMO_SEED) for name in ("tabe-51", "movi", "kitti")},
    ("tabe-51", "tabe"): EngineProtocol(num_generations=5),
    **{
        (name, f"eoras-{variant}"): EngineProtocol(settings={"union_with_modal": False})
        for name in ("movi", "kitti")
        for variant in ("movi-b", "movi-d", "kitti")
    },
}
"""(benchmark, amodal engine) -> the authors' protocol, from eval_diffusion_vas_sailvos.py,
eval_diffusion_vas_tao_amodal.py and EoRaS's test scripts. The authors of Diffusion-VAS published none for the last
three benchmarks: theirs is that of demo.py. TABE's authors average five generations (runner.py)."""


def protocol_of(benchmark: str, engine: str) -> EngineProtocol:
    """Return the protocol of an engine by name (``auto``: the best present one), or its defaults without a protocol.

    Raises EngineError when the engine is unknown.
    """
    return PROTOCOLS.get((benchmark, registry.spec_of("amodal", engine).name), EngineProtocol())
