"""The released models: what they are called, where their weights are, what they weigh."""

from __future__ import annotations

from dataclasses import dataclass

LICENCE = "Apache-2.0"
"""Of code and checkpoints alike (facebookresearch/sam2, README, section License)."""


@dataclass(frozen=True)
class ModelSpec:
    """One model: its name, its configuration in the sam2 package, and its file of weights."""

    name: str
    config: str
    """Configuration inside the sam2 package."""
    repo_id: str
    """On the Hugging Face hub."""
    file_name: str
    million_parameters: float
    """From the table in facebookresearch/sam2's README."""
    overrides: tuple[str, ...] = ()
    """Changes to the configuration, as hydra takes them; the released models need none."""
    licence: str = LICENCE

    @property
    def num_megabytes(self) -> int:
        """About how large the file is: four bytes a parameter."""
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
"""Best first: the newer family, then by size."""
