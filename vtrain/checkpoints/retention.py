"""Which checkpoints stay."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vtrain.config.schema import CheckpointsConfig

Direction = Literal["max", "min"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkpoint as far as retention is concerned.

    Args:
        name: Its folder's name.
        step: Traces behind it.
        update: Updates behind it; None when it does not say.
        created: When it was written (s since the epoch).
        size: Its files (bytes).
        metrics: What was recorded of it; without what was not.
    """

    name: str
    step: int
    update: int | None = None
    created: float = 0.0
    size: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """What stays.

    Args:
        keep_last: Newest that stay (count, 1 or more).
        keep_best: Best that stay (count).
        metric: What the best are chosen by.
        direction: Whether more or less of it is better.
        keep_every: Those of every so many updates stay for ever (updates); 0 for none.
        max_age: Those that are older go, but for the newest (s); 0 for no limit.
        max_bytes: The oldest go until no more is taken (bytes); 0 for no limit.
    """

    keep_last: int = 3
    keep_best: int = 1
    metric: str = "utility"
    direction: Direction = "max"
    keep_every: int = 0
    max_age: float = 0.0
    max_bytes: int = 0

    def __post_init__(self) -> None:
        if self.keep_last < 1:
            msg = "keep_last must be at least 1"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Removal:
    """A checkpoint that may go, and why."""

    name: str
    reason: str


def surplus(
    candidates: Sequence[Candidate],
    rules: Rules,
    *,
    now: float = 0.0,
    protected: Collection[str] = (),
) -> list[Removal]:
    """The checkpoints that may go, oldest first.

    Args:
        candidates: All checkpoints, in the order they were made.
        rules: What stays.
        now: The time (s since the epoch), for `Rules.max_age`.
        protected: Names that stay in any case: pinned ones, the newest that verifies, the best.
    """
    newest = {candidate.name for candidate in candidates[-1:]}
    for_ever = {
        candidate.name
        for candidate in candidates
        if rules.keep_every and candidate.update and candidate.update % rules.keep_every == 0
    }
    held = set(protected) | newest | for_ever
    stay = held | {candidate.name for candidate in candidates[-rules.keep_last :]}
    stay |= {candidate.name for candidate in _best(candidates, rules)}
    why = {
        candidate.name: "neither among the newest nor among the best"
        for candidate in candidates
        if candidate.name not in stay
    }
    for candidate in candidates:
        if rules.max_age and candidate.name not in held and now - candidate.created > rules.max_age:
            why.setdefault(candidate.name, f"older than {rules.max_age / 3600:g} h")
    total = sum(candidate.size for candidate in candidates if candidate.name not in why)
    for candidate in candidates:
        if not rules.max_bytes or total <= rules.max_bytes:
            break
        if candidate.name not in held and candidate.name not in why:
            why[candidate.name] = f"over {rules.max_bytes:,} bytes in all"
            total -= candidate.size
    return [
        Removal(candidate.name, why[candidate.name])
        for candidate in candidates
        if candidate.name in why
    ]


def _best(candidates: Sequence[Candidate], rules: Rules) -> list[Candidate]:
    """The best by the metric; of equal ones the newer."""
    sign = 1.0 if rules.direction == "max" else -1.0
    judged = [
        (sign * value, number)
        for number, candidate in enumerate(candidates)
        if math.isfinite(value := candidate.metrics.get(rules.metric, math.nan))
    ]
    return [candidates[number] for _, number in sorted(judged, reverse=True)[: rules.keep_best]]


def rules_of(config: CheckpointsConfig) -> Rules:
    """What stays, as the configuration says it."""
    return Rules(
        keep_last=config.keep_last,
        keep_best=config.keep_best,
        metric=config.best_metric,
        direction=config.best_direction,
        keep_every=config.keep_every,
        max_age=3600 * config.max_age,
        max_bytes=config.max_bytes,
    )
