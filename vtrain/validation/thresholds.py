"""Figures that a caller can require, for cron and CI: ``--fail-under METRIC=VALUE``.

gain                mean appearance gain over VTracer's default, at fidelity
better              share of images that look better than the default, at fidelity (0 to 1)
utility             mean utility, at balanced
utility-over-NAME   mean utility minus that of the baseline NAME, at balanced
ssim                mean foreground SSIM, at fidelity
bytes-ratio         bytes over the default's, geometric mean, at balanced: at most VALUE
failures            traces that failed, over all tastes: at most VALUE
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vtrain.errors import UsageError
from vtrain.validation.baselines import POLICY
from vtrain.validation.summary import ALL, Summary

_OVER = "utility-over-"
_METRICS: dict[str, Callable[[Summary], float | None]] = {
    "gain": lambda summary: summary.of("fidelity").gain.value,
    "better": lambda summary: summary.of("fidelity").better.value,
    "utility": lambda summary: summary.of("balanced").utility,
    "ssim": lambda summary: summary.of("fidelity").ssim,
    "bytes-ratio": lambda summary: summary.of("balanced").bytes_ratio,
    "failures": lambda summary: sum(
        figures.failures
        for figures in summary.figures
        if figures.chooser == POLICY and figures.category == ALL
    ),
}
_AT_MOST = ("bytes-ratio", "failures")
METRICS = ("gain", "better", "utility", f"{_OVER}NAME", "ssim", *_AT_MOST)
"""Names that `parse_thresholds` understands; NAME is a baseline."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A required figure.

    Attributes:
        metric: Its name.
        value: What it must reach, or for ``bytes-ratio`` and ``failures`` not exceed.
    """

    metric: str
    value: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a threshold turned out; a figure that could not be measured (None) is not met."""

    threshold: Threshold
    found: float | None
    met: bool

    def __str__(self) -> str:
        """Such as ``gain is 2.71, must be at least 3``."""
        bound = "at most" if self.threshold.metric in _AT_MOST else "at least"
        found = "not measured" if self.found is None else f"{self.found:.4g}"
        return f"{self.threshold.metric} is {found}, must be {bound} {self.threshold.value:g}"


def parse_thresholds(texts: Sequence[str], baselines: Sequence[str]) -> list[Threshold]:
    """Read ``METRIC=VALUE``.

    Args:
        texts: One threshold each.
        baselines: Baselines that will be judged.

    Raises:
        UsageError: One has no such form, an unknown metric, or a baseline that is not judged.
    """
    return [_parse(text, baselines) for text in texts]


def check(thresholds: Sequence[Threshold], summary: Summary) -> list[Outcome]:
    """How each threshold turned out."""
    return [_outcome(threshold, metric(threshold.metric, summary)) for threshold in thresholds]


def metric(name: str, summary: Summary) -> float | None:
    """A figure by its name, as `parse_thresholds` has accepted it; None: it was not measured."""
    try:
        if name.startswith(_OVER):
            return summary.against(name.removeprefix(_OVER), "balanced").difference.value
        return _METRICS[name](summary)
    except KeyError:  # the protocol judges no such taste
        return None


def _parse(text: str, baselines: Sequence[str]) -> Threshold:
    name, _, number = (part.strip() for part in text.partition("="))
    if name not in _METRICS and not name.startswith(_OVER):
        raise UsageError(
            f"--fail-under {text}: there is no metric {name!r}.",
            hint=f"Known: {', '.join(METRICS)}.",
        )
    baseline = name.removeprefix(_OVER)
    if name.startswith(_OVER) and baseline not in baselines:
        raise UsageError(
            f"--fail-under {text}: {baseline or 'no baseline'} is not among the baselines judged "
            f"({', '.join(baselines)}).",
            hint="Name it with --against.",
        )
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(
            f"--fail-under {text}: {number or 'nothing'} is not a number.",
            hint=f"Write it as --fail-under {name}=0.5.",
        )
    return Threshold(name, value)


def _outcome(threshold: Threshold, found: float | None) -> Outcome:
    if found is None:
        return Outcome(threshold, None, met=False)
    reached = found <= threshold.value if threshold.metric in _AT_MOST else found >= threshold.value
    return Outcome(threshold, found, met=reached)
