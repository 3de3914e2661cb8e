"""Drawings judged against the image that they were made from, where there is no reference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.config.scoring import ScoringConfig
from vtrain.environment.measurement import native_reference
from vtrain.scoring.appearance import Appearance
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import Scores, score
from vtrain.scoring.utility import cost, utility
from vtrain.tracing.render import render
from vtrain.tracing.trace import Trace


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a drawing looks like and costs.

    Attributes:
        scores: The terms of its appearance, and the appearance.
        bytes: Size of the SVG (bytes).
        segments: Path segments (count).
        cost: Weighted sum of doublings of segments, bytes and traced pixels.
        utility: Appearance minus lambda times the cost.
    """

    scores: Scores
    bytes: int
    segments: int
    cost: float
    utility: float

    def as_dict(self) -> dict[str, Any]:
        """All figures by name, and what each fault takes off the appearance; JSON values."""
        figures = asdict(self)
        parts = Appearance.load().parts(self.scores.terms())
        return {**figures.pop("scores"), "parts": parts, **figures}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A drawing beside VTracer's default of the same image.

    Attributes:
        chosen: The drawing, without its title if it has one.
        default: VTracer's default; None when it failed.
        default_svg: Its document; None likewise.
        source: The image, reduced, as a PNG file.
    """

    chosen: Verdict
    default: Verdict | None
    default_svg: str | None
    source: bytes

    def as_dict(self) -> dict[str, Any]:
        """The figures of both, as JSON values."""
        default = self.default.as_dict() if self.default is not None else None
        return {"chosen": self.chosen.as_dict(), "default": default}


class Judge:
    """Judges drawings of one image.

    Args:
        rgba: The image at the size that policies see, shape (h, w, 4).
        taste: Lambda.
        scoring: Weights of the cost.
    """

    def __init__(self, rgba: NDArray[np.uint8], taste: float, scoring: ScoringConfig) -> None:
        self._reference = Reference.of(native_reference(rgba))
        self._taste = taste
        self._scoring = scoring

    def judge(self, drawn: Trace) -> Verdict:
        """The verdict.

        Raises:
            TraceError: The drawing cannot be rendered.
        """
        picture = render(drawn.svg, self._reference.width, self._reference.height)
        facts = drawn.facts
        scores = score(self._reference, picture, drawn.svg)
        price = cost(facts.segments, facts.bytes, drawn.pixels, self._scoring)
        value = utility(scores.appearance, price, self._taste)
        return Verdict(scores, facts.bytes, facts.segments, price, value)
