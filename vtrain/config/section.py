"""What the sections of the configuration are made of: their base and the types they share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from vtrain.config.tastes import MOST_LAMBDA

Category = Literal["simple", "text", "gradient", "complex"]
CATEGORIES: tuple[Category, ...] = ("simple", "text", "gradient", "complex")

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
FolderName = Annotated[str, Field(max_length=100)]
Positive = Annotated[float, Field(gt=0.0)]
Lambda = Annotated[float, Field(ge=0.0, le=MOST_LAMBDA)]
Units = Annotated[int, Field(ge=1, le=65_536)]


class Section(BaseModel):
    """Base of every section: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
