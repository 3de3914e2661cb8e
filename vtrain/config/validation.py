"""The validation section's parts: what a judgement measures, on which images, for which tastes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vtrain.config.scoring import TasteConfig
from vtrain.config.section import Category, Section
from vtrain.config.tastes import MOST_LAMBDA

_NAMES = tuple(TasteConfig.model_fields)


class ProtocolConfig(Section):
    """What one judgement measures, and on which images."""

    name: str = Field(
        min_length=1, max_length=60, description="Name on the command line and in reports."
    )
    split: Literal["inherit", "validation", "test"] = Field(
        "inherit", description="Split that is judged; inherit: that of validation.split."
    )
    sampling: Literal["all", "round-robin", "random", "least-evaluated"] = Field(
        "all",
        description="Images taken: all; as many of each category; at random, categories as they "
        "come; or of each category those that earlier judgements of the run judged least.",
    )
    per_category: int = Field(
        0, ge=0, description="Images per category (count); 0 for all. Needs a sampling."
    )
    seed: int = Field(0, ge=0, description="Seed of sampling, repeats and disturbances.")
    tastes: tuple[str | float, ...] = Field(
        _NAMES, min_length=1, description="Tastes judged: names, or lambdas from 0 to 8."
    )
    traces: int = Field(
        0, ge=0, le=64, description="Traces per image (count); 0: those of validation.traces."
    )
    inputs: Literal["clean", "degraded"] = Field(
        "clean", description="Images as they are, or damaged as data.degrade says."
    )
    repeats: int = Field(
        0, ge=0, le=64, description="Draws from the policy per image for consistency (count)."
    )
    stability: bool = Field(
        False, description="Whether the policy is judged again on slightly changed images."
    )
    timing: bool = Field(False, description="Whether choosing and tracing are timed.")

    @model_validator(mode="after")
    def _fits(self) -> ProtocolConfig:
        if self.per_category and self.sampling == "all":
            msg = "per_category needs a sampling: round-robin, random or least-evaluated"
            raise ValueError(msg)
        if self.repeats == 1:
            msg = "repeats must be 0 or at least 2: one draw has no spread"
            raise ValueError(msg)
        for taste in self.tastes:
            if taste not in _NAMES and not (isinstance(taste, float) and 0 <= taste <= MOST_LAMBDA):
                names = ", ".join(_NAMES)
                msg = f"a taste is {names} or a lambda from 0 to {MOST_LAMBDA:g}, not {taste!r}"
                raise ValueError(msg)
        if len(set(self.tastes)) < len(self.tastes):
            msg = "tastes names one twice"
            raise ValueError(msg)
        return self


PROTOCOLS = (
    ProtocolConfig(name="standard"),
    ProtocolConfig(name="quick", sampling="round-robin", per_category=10),
    ProtocolConfig(name="degraded", inputs="degraded"),
    ProtocolConfig(name="thorough", repeats=5, stability=True, timing=True),
)
"""Protocols that can be named in any configuration, unless it gives the name to another."""


Threshold = Annotated[float, Field(allow_inf_nan=False)]


class SuccessConfig(Section):
    """Utility over VTracer's default from which an image counts as a success."""

    simple: Threshold = Field(0.0, description="Threshold of simple logos (utility).")
    text: Threshold = Field(0.0, description="Threshold of text logos (utility).")
    gradient: Threshold = Field(0.0, description="Threshold of gradient logos (utility).")
    complex: Threshold = Field(0.0, description="Threshold of complex logos (utility).")

    def of(self, category: Category | str) -> float:
        """The threshold of a category."""
        return float(getattr(self, category))
