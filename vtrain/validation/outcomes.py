"""What choosers come to in utility alone: a judgement without the default and pixel metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vtrain.config.scoring import ScoringConfig
from vtrain.data.records import Entry
from vtrain.environment.measurement import Measurement, Request
from vtrain.tracing.parameters import Action
from vtrain.validation.baselines import Chooser, Search
from vtrain.validation.rounds import Measurer, Progress, look


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one chooser did on one image at one taste.

    Attributes:
        image: Image id.
        taste: Name of the taste.
        chooser: Name of the chooser.
        action: The one that was kept.
        measurement: That one, judged against the reference.
        utility: Its utility at this taste.
    """

    image: str
    taste: str
    chooser: str
    action: Action
    measurement: Measurement
    utility: float


def outcomes(
    choosers: Sequence[Chooser | Search],
    entries: Sequence[Entry],
    *,
    engine: Measurer,
    tastes: Mapping[str, float],
    traces: int,
    scoring: ScoringConfig,
    on_progress: Progress | None = None,
) -> tuple[Outcome, ...]:
    """Outcomes by image, taste and chooser, in the order given; arguments as of `judge`."""
    choices, _ = look(
        choosers, entries, engine=engine, tastes=tastes, traces=traces, scoring=scoring
    )
    requests = [Request(choice.entry.id, choice.kept) for choice in choices]
    return tuple(
        Outcome(
            image=choice.entry.id,
            taste=choice.taste,
            chooser=choice.chooser,
            action=choice.kept,
            measurement=measurement,
            utility=measurement.utility(tastes[choice.taste], scoring),
        )
        for choice, measurement in zip(choices, engine.measure(requests, on_progress), strict=True)
    )
