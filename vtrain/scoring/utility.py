"""Utility: appearance minus the price of size, at the user's taste."""

from __future__ import annotations

import math

from vtrain.config.scoring import ScoringConfig, TasteConfig
from vtrain.config.section import MOST_LAMBDA
from vtrain.errors import UsageError


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


def lambda_of(prefer: str, config: ScoringConfig) -> float:
    """The lambda of a named taste, or a lambda written as a number.

    Raises:
        UsageError: It is neither.
    """
    names = list(TasteConfig.model_fields)
    if prefer in names:
        return float(getattr(config.taste, prefer))
    try:
        value = float(prefer)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST_LAMBDA:
        raise UsageError(
            f"{prefer!r} is no taste.",
            hint=f"Use {', '.join(names)}, or a lambda from 0 to {MOST_LAMBDA:g}.",
        )
    return value
