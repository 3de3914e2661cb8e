"""What to do next, derived from a run's figures: each suggestion names its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vtrain.config.schema import Config
from vtrain.config.section import CATEGORIES
from vtrain.data.catalog import Catalog
from vtrain.errors import quoted
from vtrain.pipeline.state import SET_ASIDE, RunState
from vtrain.validation.baselines import BEST_FIXED, POLICY
from vtrain.validation.cells import interval
from vtrain.validation.results import Record
from vtrain.validation.summary import ALL

_FEW_LOGOS = 60
"""Below so many judged logos an interval of a share is wider than a quarter (count)."""
_MANY_REJECTED = 0.05
"""Share of files left out that is worth a look."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something worth doing.

    Attributes:
        weight: How much it matters, 0 to 1; the list is sorted by it.
        action: What to do.
        evidence: The figures that say so.
        area: What it is about: ``data``, ``training``, ``validation``, ``checkpoints`` or
            ``resources``.
    """

    weight: float
    action: str
    evidence: str
    area: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an execution knows at its end; parts that were not reached are None.

    Attributes:
        run: The run directory.
        config: The configuration.
        catalog: The corpus.
        training: Figures of the training stage, by the names of `TrainingResult`.
        record: The judgement.
        failure: Stage that failed and why, with what to do about it.
        state: What the run's files say of checkpoints, resources and alerts.
    """

    run: str
    config: Config
    catalog: Catalog | None = None
    training: Mapping[str, Any] | None = None
    record: Record | None = None
    failure: tuple[str, str, str] | None = None
    state: RunState | None = None


def suggestions(facts: Facts) -> list[Suggestion]:
    """All that the figures suggest, the weightiest first."""
    found = [
        replace(suggestion, area=suggestion.area or area)
        for area, rules in _RULES.items()
        for rule in rules
        for suggestion in rule(facts)
    ]
    return sorted(found, key=lambda suggestion: -suggestion.weight)


def _failed(facts: Facts) -> Iterator[Suggestion]:
    if facts.failure is not None:
        stage, message, hint = facts.failure
        action = hint or "Repair what is named, then repeat the command."
        area = {"train": "training", "validate": "validation"}.get(stage, stage)
        yield Suggestion(1.0, action, f"The stage {stage} failed: {message}", area)


def _broken_traces(facts: Facts) -> Iterator[Suggestion]:
    if facts.record is None:
        return
    failures = sum(
        figures.failures
        for figures in facts.record.summary.figures
        if figures.chooser == POLICY and figures.category == ALL
    )
    if failures:
        yield Suggestion(
            0.95,
            "Look at the logos whose traces failed: 'failure' in the newest validation/*/rows.jsonl"
            " names the reason. Raise tracing.time_limit or tracing.memory_limit if that is it.",
            f"{failures} of the policy's judged traces failed.",
        )


def _not_better(facts: Facts) -> Iterator[Suggestion]:
    if facts.record is None:
        return
    # Where looks alone count, one good setting fits nearly all logos: little can be won there.
    found = [
        comparison
        for comparison in facts.record.summary.comparisons
        if comparison.category == ALL
        and comparison.against == BEST_FIXED
        and comparison.taste != "fidelity"
        and comparison.verdict != "better"
    ]
    if found:
        worse = any(comparison.verdict == "worse" for comparison in found)
        yield Suggestion(
            0.9 if worse else 0.6,
            "Train longer or on more logos: the policy does not yet beat the one best fixed "
            "setting. Raise ppo.total_traces (and ppo.time_limit), then repeat the command: it "
            "goes on from where it is.",
            "Utility over best-fixed: "
            + "; ".join(
                f"{comparison.taste} {interval(comparison.difference, 3)} ({comparison.verdict})"
                for comparison in found
            )
            + f", on {found[0].n} logos.",
        )


def _cut_short(facts: Facts) -> Iterator[Suggestion]:
    if facts.training is None or facts.training.get("stopped") != "time-limit":
        return
    total = facts.config.ppo.total_traces
    traces = int(facts.training.get("traces", 0))
    if traces < total:
        yield Suggestion(
            0.8 - 0.5 * traces / total,
            "Give training more time: raise ppo.time_limit and repeat the command; it resumes.",
            f"The time limit ended training after {traces:,} of {total:,} traces.",
        )


def _diverged(facts: Facts) -> Iterator[Suggestion]:
    if facts.training is None or facts.training.get("stopped") != "diverged":
        return
    yield Suggestion(
        0.85,
        "Lower ppo.learning_rate and repeat the command; the best checkpoint is from before it.",
        "Training ended after a check that was early_stopping.max_drop "
        f"({facts.config.early_stopping.max_drop:g}) or more below the best one.",
    )


def _still_rising(facts: Facts) -> Iterator[Suggestion]:
    if facts.training is None:
        return
    best, traces = facts.training.get("best_step"), facts.training.get("traces")
    if best is not None and best == traces and facts.training.get("stopped") == "done":
        yield Suggestion(
            0.5,
            "Train longer: raise ppo.total_traces and repeat the command.",
            f"The last check, after {traces:,} traces, was the best one.",
        )


def _few_logos(facts: Facts) -> Iterator[Suggestion]:
    if facts.record is None or facts.record.images >= _FEW_LOGOS:
        return
    found = facts.record.summary.of(next(iter(facts.record.tastes)))
    yield Suggestion(
        0.55,
        "Judge on more logos before relying on the figures: add sources, or give the split a "
        f"larger share (data.split.{facts.record.split}).",
        f"Only {found.n} logos were judged: the share that looks better is known no closer than "
        f"{found.better.low:.0%} to {found.better.high:.0%}.",
    )


def _weak_category(facts: Facts) -> Iterator[Suggestion]:
    if facts.record is None:
        return
    taste = next(iter(facts.record.tastes))
    found = [
        figures
        for figures in facts.record.summary.figures
        if figures.chooser == POLICY and figures.taste == taste and figures.category != ALL
    ]
    if len(found) < 2:
        return
    worst = min(found, key=lambda figures: figures.better.value)
    whole = facts.record.summary.of(taste)
    # Only what chance does not explain: the category's interval leaves out the overall share.
    if worst.better.high < whole.better.value:
        yield Suggestion(
            0.65,
            f"Add {worst.category} logos to the sources and look at the worst ones in the "
            "validation report.",
            f"At {taste}, {worst.better.value:.0%} of the {worst.n} {worst.category} logos look "
            f"better than the default, {whole.better.value:.0%} of all.",
        )


def _missing_categories(facts: Facts) -> Iterator[Suggestion]:
    if facts.catalog is None:
        return
    counts = Counter(entry.category for entry in facts.catalog.split("train"))
    missing = [category for category in CATEGORIES if not counts[category]]
    if missing:
        yield Suggestion(
            0.45,
            "Add logos of the missing categories, in folders of these names, if users will trace "
            "such logos.",
            f"There is no {' and no '.join(missing)} logo to learn from.",
        )


def _rejected(facts: Facts) -> Iterator[Suggestion]:
    if facts.catalog is None or not facts.catalog.rejected:
        return
    rejected, entries = len(facts.catalog.rejected), len(facts.catalog.entries)
    share = rejected / (rejected + entries)
    reasons = Counter(item.reason for item in facts.catalog.rejected).most_common(3)
    yield Suggestion(
        0.4 if share > _MANY_REJECTED else 0.1,
        f"See which files were left out: vtrain data show --rejected --run {quoted(facts.run)}",
        f"{rejected} of {rejected + entries} files were left out: "
        + ", ".join(f"{count} {reason}" for reason, count in reasons)
        + ".",
    )


def _use_it(facts: Facts) -> Iterator[Suggestion]:
    if facts.record is None:
        return
    found = facts.record.summary.of(next(iter(facts.record.tastes)))
    yield Suggestion(
        0.3,
        f"Use the policy: vtrain trace logo.png -o logo.svg --run {quoted(facts.run)}",
        f"At {found.taste} it looks better than VTracer's default on {found.better.value:.0%} of "
        f"{found.n} logos, gaining {interval(found.gain)}.",
    )


def _trends(facts: Facts) -> Iterator[Suggestion]:
    """What the judgement found beyond its figures: see `vtrain.validation.trends`."""
    if facts.record is None:
        return
    for finding in facts.record.beyond.findings:
        yield Suggestion(_TRENDS[finding.kind], finding.advice, finding.evidence)


def _damaged_checkpoints(facts: Facts) -> Iterator[Suggestion]:
    if facts.state is None:
        return
    found = facts.state.checkpoints
    bad = [item for item in found if item.problems and item.problems != (SET_ASIDE,)]
    if bad:
        yield Suggestion(
            0.92,
            "Set the damaged checkpoints aside and look at the disk: "
            f"vtrain checkpoint restore --run {quoted(facts.run)}",
            f"{len(bad)} of {len(found)} checkpoints cannot be used: {bad[0].name}: "
            f"{bad[0].problems[0]}",
        )
    aside = len([item for item in found if item.problems == (SET_ASIDE,)])
    if aside:
        yield Suggestion(
            0.2,
            "Look at the damaged checkpoints that were set aside, and delete them: "
            f"vtrain checkpoint verify --run {quoted(facts.run)}",
            f"{aside} of {len(found)} were found damaged and renamed.",
        )


def _alerts(facts: Facts) -> Iterator[Suggestion]:
    """Alerts that were not over when training ended."""
    if facts.state is None:
        return
    for alert in facts.state.report.alerts:
        message, hint = str(alert.get("message")), str(alert.get("hint") or "See what it is about.")
        yield Suggestion(
            0.75 if alert.get("level") == "critical" else 0.5,
            hint,
            f"This alert was open when training ended: {message}.",
        )


def _faster(facts: Facts) -> Iterator[Suggestion]:
    """What would make training faster."""
    if facts.state is None:
        return
    for advice in facts.state.report.advice:
        yield Suggestion(
            min(0.48, 0.25 + 0.1 * (advice.gain - 1.0)),
            f"Train about {advice.gain:.1f}x as fast next time: add {advice.change}",
            f"{advice.evidence[0].upper()}{advice.evidence[1:]}.",
        )


_TRENDS = {"regression": 0.88, "overfitting": 0.7, "drift": 0.58, "plateau": 0.42}
"""How much a finding matters, by its kind."""

_RULES: Mapping[str, tuple[Callable[[Facts], Iterator[Suggestion]], ...]] = {
    "data": (_missing_categories, _rejected),
    "training": (_failed, _cut_short, _diverged, _still_rising),
    "validation": (_broken_traces, _not_better, _few_logos, _weak_category, _trends, _use_it),
    "checkpoints": (_damaged_checkpoints,),
    "resources": (_alerts, _faster),
}
"""What is looked at, by what it is about."""
