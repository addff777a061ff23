"""The released models: names, places of the weights, sizes."""

from __future__ import annotations

from dataclasses import dataclass

LICENCE = "Apache-2.0"
"""Licence of the code and the checkpoints (facebookresearch/sam2, README, section License)."""


@dataclass(frozen=True)
class ModelSpec:
    """One model: its name, its configuration in the sam2 package, and its file of weights."""

    name: str
    config: str
    """Configuration inside the sam2 package."""
    repo_id: str
    """Repository on the Hugging Face hub."""
    file_name: str
    million_parameters: float
    """Millions of parameters, from the table in facebookresearch/sam2's README."""
    overrides: tuple[str, ...] = ()
    """Changes to the configuration in hydra's form. The released models need none."""
    licence: str = LICENCE

    @property
    def num_megabytes(self) -> int:
        """Approximate size of the file in megabytes: four bytes per parameter."""
        return round(self.million_parameters * 4)


def _model(family: str, size: str, letter: str, *, million_parameters: float) -> ModelSpec:
    return ModelSpec(
        name=f"{family}-{size}",
        config=f"configs/{family}/{family}_hiera_{letter}.yaml",
        repo_id=f"facebook/{family}-hiera-{size}",
        file_name=f"{family}_hiera_{size.replace('-', '_')}.pt",
        million_parameters=million_parameters,
    )


MODELS: tuple[ModelSpec, ...] = (
    _model("sam2.1", "large", "l", million_parameters=224.4),
    _model("sam2.1", "base-plus", "b+", million_parameters=80.8),
    _model("sam2.1", "small", "s", million_parameters=46.0),
    _model("sam2.1", "tiny", "t", million_parameters=38.9),
    _model("sam2", "large", "l", million_parameters=224.4),
    _model("sam2", "base-plus", "b+", million_parameters=80.8),
    _model("sam2", "small", "s", million_parameters=46.0),
    _model("sam2", "tiny", "t", million_parameters=38.9),
)
"""The models, best first: the newer family, then by size."""
