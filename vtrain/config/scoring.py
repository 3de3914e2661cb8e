"""How traces are judged: apart from the rest, so that using a policy builds nothing else."""

from __future__ import annotations

from pydantic import Field, model_validator

from vtrain.config.section import Lambda, Section
from vtrain.config.tastes import TASTES


class TasteConfig(Section):
    """The price of size, lambda, for each named taste."""

    fidelity: Lambda = Field(TASTES["fidelity"], description="Lambda when looks are what counts.")
    balanced: Lambda = Field(TASTES["balanced"], description="Lambda when both count.")
    compact: Lambda = Field(TASTES["compact"], description="Lambda when size counts most.")

    @model_validator(mode="after")
    def _ordered(self) -> TasteConfig:
        if not self.fidelity < self.balanced < self.compact:
            msg = "fidelity < balanced < compact must hold"
            raise ValueError(msg)
        return self


class ScoringConfig(Section):
    """How a trace is judged: utility = appearance - lambda * cost."""

    taste: TasteConfig = Field(TasteConfig(), description="Lambda of each named taste.")
    segments_weight: float = Field(
        0.5, ge=0.0, description="Cost per doubling of the path segments (weight)."
    )
    bytes_weight: float = Field(
        0.5, ge=0.0, description="Cost per doubling of the SVG's bytes (weight)."
    )
    pixels_weight: float = Field(
        0.05, ge=0.0, description="Cost per doubling of the traced pixels (weight)."
    )
