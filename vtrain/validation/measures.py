"""Figures beyond the judgement itself: what a protocol asks for on top, and what trends show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vtrain.validation.statistics import Interval

Kind = Literal["regression", "plateau", "overfitting", "drift"]


@dataclass(frozen=True, slots=True)
class Stability:
    """Stability of a set of images at one taste.

    Attributes:
        taste: Name of the taste.
        category: Category, or ``all``.
        disturbance: Its name, or ``all`` of them together.
        n: Images (count).
        spread: Mean over the images of the root mean square difference (utility).
        difference: Mean difference (utility): whether it does harm.
        changed: Share of images and disturbances for which another action was kept, 0 to 1.
    """

    taste: str
    category: str
    disturbance: str
    n: int
    spread: Interval
    difference: float
    changed: float


@dataclass(frozen=True, slots=True)
class Consistency:
    """Consistency of a set of images at one taste.

    Attributes:
        taste: Name of the taste.
        category: Category, or ``all``.
        n: Images (count).
        repeats: Draws or runs (count).
        spread: Mean over the images of the standard deviation over the repeats (utility).
        spread_of_means: Standard deviation of the repeats' mean utilities (utility).
        difference: Mean over the repeats minus the most probable choice (utility); None over runs.
    """

    taste: str
    category: str
    n: int
    repeats: int
    spread: Interval
    spread_of_means: float
    difference: float | None


@dataclass(frozen=True, slots=True)
class Timing:
    """Time of one image, from decoded pixels to a finished SVG, for the trace that was kept.

    Attributes:
        chooser: Its name.
        taste: Name of the taste.
        n: Images timed (count); those whose trace failed are left out.
        choosing: Median time of the features and the choice (ms); 0 for those that only look up.
        drawing: Median time of preparing and tracing (ms).
        slow: 95th percentile of both together (ms).
    """

    chooser: str
    taste: str
    n: int
    choosing: float
    drawing: float
    slow: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a trend shows.

    Attributes:
        kind: What it is.
        evidence: The numbers, as a sentence.
        advice: What to do, as a sentence.
    """

    kind: Kind
    evidence: str
    advice: str


@dataclass(frozen=True, slots=True)
class Past:
    """One validation of the history.

    Attributes:
        run: Name of the run's folder.
        folder: Name of its own folder.
        created: When (ISO 8601, UTC).
        checkpoint: Name of the checkpoint.
        protocol: Name of the protocol.
        split: Split that was judged.
        images: Images (count).
        traces: Traces per image (count).
        taste: Name of the taste.
        utility: Mean utility of the policy.
        gain: Its mean appearance gain over VTracer's default.
        gain_interval: The same with its interval; None in records of earlier versions.
    """

    run: str
    folder: str
    created: str
    checkpoint: str
    protocol: str
    split: str
    images: int
    traces: int
    taste: str
    utility: float
    gain: float
    gain_interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Beyond:
    """All of them; empty where the protocol did not ask, or nothing was found.

    Attributes:
        stability: By taste, category and disturbance.
        consistency: By taste and category.
        timing: By chooser and taste.
        findings: Of the trends.
        history: Earlier validations of the run with this protocol, split and budget.
    """

    stability: tuple[Stability, ...] = ()
    consistency: tuple[Consistency, ...] = ()
    timing: tuple[Timing, ...] = ()
    findings: tuple[Finding, ...] = ()
    history: tuple[Past, ...] = ()
