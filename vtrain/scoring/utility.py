"""Utility: appearance minus the price of size, at the user's taste."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vtrain.config.tastes import MOST_LAMBDA, TASTES
from vtrain.errors import UsageError

if TYPE_CHECKING:  # the schema takes longer to load than a logo to trace
    from vtrain.config.scoring import ScoringConfig


def cost(segments: int, size: int, pixels: int, config: ScoringConfig) -> float:
    """The cost of a drawing: a weighted sum of doublings.

    Args:
        segments: Path segments (count).
        size: Size of the SVG (bytes).
        pixels: Pixels traced (count); stands for time, which would be noise.
        config: Weights.
    """
    return (
        config.segments_weight * math.log2(1 + segments)
        + config.bytes_weight * math.log2(max(size, 1))
        + config.pixels_weight * math.log2(max(pixels, 1))
    )


def utility(appearance: float, price: float, taste: float) -> float:
    """``appearance - taste * price``."""
    return appearance - taste * price


def lambda_of(prefer: str, config: ScoringConfig | None) -> float:
    """The lambda of a named taste, or a lambda written as a number.

    Args:
        prefer: Either.
        config: Says what the names mean; None for what they mean by default.

    Raises:
        UsageError: It is neither.
    """
    if prefer in TASTES:
        return TASTES[prefer] if config is None else float(getattr(config.taste, prefer))
    try:
        value = float(prefer)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST_LAMBDA:
        raise UsageError(
            f"{prefer!r} is no taste.",
            hint=f"Use {', '.join(TASTES)}, or a lambda from 0 to {MOST_LAMBDA:g}.",
        )
    return value
