"""Trends: what the validations and the checks of runs say when they are put one after another.

Every finding has its evidence in numbers and one plain sentence of what to do. A finding is only
made beyond noise: regressions by paired tests adjusted for their number, slopes by permutation.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vtrain.errors import DataError
from vtrain.rundir import RunDirectory, read_json, read_jsonl
from vtrain.validation.baselines import POLICY
from vtrain.validation.drift import SMALL_PSI, Drift
from vtrain.validation.judge import Judgement
from vtrain.validation.measures import Finding, Past
from vtrain.validation.regression import paired_changes
from vtrain.validation.results import (
    RESULTS,
    SCHEMA,
    folders,
    read_interval,
    read_judgement,
    read_record,
)
from vtrain.validation.summary import ALL

_LOG = logging.getLogger(__name__)

LEVEL = 0.05
"""Chance of a false finding, for each kind."""
_FEWEST_CHECKS = 6
"""Checks of a training below which no slope is looked at (count)."""
_NAMED = 5
"""Features named in a finding (count)."""


def history(runs: Sequence[RunDirectory]) -> tuple[Past, ...]:
    """All finished validations of runs, the oldest first, a line for each taste.

    Results that cannot be read are left out with a warning.
    """
    found = []
    for run in runs:
        for folder in folders(run):
            try:
                found += _past(run, folder)
            except (DataError, KeyError, TypeError) as error:
                _LOG.warning("%s is left out of the history: %s", folder, error)
    return tuple(sorted(found, key=lambda item: (item.created, item.run, item.folder)))


def _past(run: RunDirectory, folder: Path) -> list[Past]:
    document = read_json(folder / RESULTS, schema=SCHEMA)
    return [
        Past(
            run=run.root.resolve().name,
            folder=folder.name,
            created=document["created"],
            checkpoint=document["checkpoint"],
            protocol=document.get("protocol", "standard"),
            split=document["split"],
            images=document["images"],
            traces=document["traces"],
            taste=figures["taste"],
            utility=figures["utility"],
            gain=figures["gain"]["value"],
            gain_interval=read_interval(figures["gain"]),
        )
        for figures in document["summary"]["figures"]
        if figures["chooser"] == POLICY and figures["category"] == ALL
    ]


def regression(
    before: Path, after: Path | Judgement, *, resamples: int = 10_000, level: float = LEVEL
) -> Finding | None:
    """Whether the later of two validations, of one run or of two, is worse on the same images.

    Args:
        before: Folder of the earlier one.
        after: Folder of the later one, or the judgement itself.
        resamples: Bootstrap resamples of a test (count).
        level: Chance of a false finding over all tastes.

    Returns:
        None when no taste is worse beyond noise, or no image was judged in both at one price.

    Raises:
        DataError: The files of a folder are missing or damaged.
    """
    changes = paired_changes(
        _judgement(after) if isinstance(after, Path) else after,
        _judgement(before),
        resamples=resamples,
        confidence=1 - level,
    )
    worse = [
        f"{change.taste} by {-change.difference.value:.2f} [{-change.difference.high:.2f}, "
        f"{-change.difference.low:.2f}] utility on {change.n} images (p = {change.adjusted:.2g})"
        for change in changes
        if change.verdict == "worse"
    ]
    if not worse:
        return None
    return Finding(
        "regression",
        f"On the images of both, the policy is worse than in {before.name}: {'; '.join(worse)}.",
        "Keep the checkpoint that was judged then, and see what changed since with 'vtrain "
        "checkpoint diff'.",
    )


def _judgement(folder: Path) -> Judgement:
    return read_judgement(folder, read_record(folder))


def training_findings(metrics: Path, *, level: float = LEVEL) -> tuple[Finding, ...]:
    """What the checks of a training say, from its ``metrics.jsonl``; see `findings_of_checks`."""
    return findings_of_checks(read_jsonl(metrics), level=level)


def findings_of_checks(
    records: Sequence[Mapping[str, Any]], *, level: float = LEVEL
) -> tuple[Finding, ...]:
    """Plateau, regression and overfitting in the checks of a training.

    Only checks of the last attempt at the last stage of the curriculum are compared: another stage
    draws other images, and another attempt may begin with another policy. Training's gain at a
    check is the mean of ``gain_mean`` since the check before it.

    Overfitting: checks fall while training's gain rises (slopes by permutation). Regression: checks
    fall, and training's gain does not rise. Plateau: the mean of the second half of the checks is
    not above the best of the first half by more than two standard errors, and they do not rise.

    Args:
        records: Of ``metrics.jsonl``, in order.
        level: Chance that a slope is found where there is none.
    """
    learning, checks = _checks(records)
    if len(checks) < _FEWEST_CHECKS:
        return ()
    rise, rise_p = slope(learning)
    fall, fall_p = slope(checks)
    span = len(checks) - 1
    falls = fall < 0 and fall_p < level
    if falls and rise > 0 and rise_p < level:
        return (
            Finding(
                "overfitting",
                f"Over {len(checks)} checks training's gain rose by {rise * span:+.3f} utility (p "
                f"= {rise_p:.2g}) while validation's fell by {fall * span:+.3f} (p = {fall_p:.2g})"
                ".",
                "Use the best checkpoint, not the latest; train on more logos, with damaged copies "
                "(data.degrade.variants), or end earlier (early_stopping.patience).",
            ),
        )
    if falls:
        return (
            Finding(
                "regression",
                f"Over {len(checks)} checks validation fell by {fall * span:+.3f} utility (p = "
                f"{fall_p:.2g}), and training's gain did not rise.",
                "Use the best checkpoint, and train again with a smaller ppo.learning_rate.",
            ),
        )
    half = len(checks) // 2
    late = checks[half:]
    gained = float(late.mean() - checks[:half].max())
    noise = 2 * float(late.std(ddof=1)) / np.sqrt(len(late))
    late_rise, late_p = slope(late)
    if gained > noise or (late_rise > 0 and late_p < level):
        return ()
    return (
        Finding(
            "plateau",
            f"The last {len(late)} checks are on the mean {gained:+.3f} utility from the best of "
            f"the {half} before, within their noise ({noise:.3f}), and do not rise.",
            "More of the same training will not help: end it (early_stopping.patience), or give it "
            "more logos or a larger ppo.ent_coef.",
        ),
    )


def _checks(
    records: Sequence[Mapping[str, Any]],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Training's and validation's gain at each check of the last attempt at the last stage."""
    learning: list[float] = []
    checks: list[float] = []
    if records:
        last = _attempt(records[-1])
        gains: list[float] = []
        for record in records:
            if _attempt(record) != last:
                continue
            if record.get("gain_mean") is not None:
                gains.append(float(record["gain_mean"]))
            if record.get("validation_utility") is not None and gains:
                learning.append(float(np.mean(gains)))
                checks.append(float(record["validation_utility"]))
                gains = []
    return np.array(learning), np.array(checks)


def _attempt(record: Mapping[str, Any]) -> tuple[Any, Any]:
    """Stage and attempt of an update; records of earlier versions name no attempt."""
    return record.get("stage"), record.get("attempt", 1)


def slope(values: ArrayLike, *, permutations: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Median slope of a series between any two of its values, and its two-sided p-value.

    Theil and Sen's estimator; the p-value is that of Kendall's rank correlation with the order
    among random orders of the values.

    Args:
        values: Shape (n,), n >= 2, in order.
        permutations: Random orders (count).
        seed: Same seed, same p-value.

    Returns:
        Slope per step, and p.
    """
    series = np.asarray(values, np.float64)
    first, second = np.triu_indices(len(series), 1)
    steps = (series[second] - series[first]) / (second - first)
    score = abs(np.sign(steps).sum())
    generator = np.random.default_rng(seed)
    beyond = 0
    for _ in range(permutations):
        shuffled = generator.permutation(series)
        beyond += abs(np.sign(shuffled[second] - shuffled[first]).sum()) >= score
    return float(np.median(steps)), (1 + beyond) / (1 + permutations)


def drift_finding(found: Sequence[Drift], *, level: float = LEVEL) -> Finding | None:
    """A finding when features drifted beyond noise and by more than a little.

    Args:
        found: Of `vtrain.validation.drift.drift`.
        level: Chance of a false finding.
    """
    drifted = sorted(
        (item for item in found if item.p < level and item.psi >= SMALL_PSI),
        key=lambda item: -item.psi,
    )
    if not drifted:
        return None
    named = ", ".join(
        f"{item.feature} ({item.moved:+.1f} spreads, PSI {item.psi:.2f}, p = {item.p:.2g})"
        for item in drifted[:_NAMED]
    )
    more = f" and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
    return Finding(
        "drift",
        f"The judged images differ from the training images in {named}{more}.",
        "Add such images to the training corpus and train again: the policy has not learned from "
        "their like.",
    )
