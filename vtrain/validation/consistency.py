"""Consistency: how much results vary when the policy draws its choice, and from run to run.

For image i and taste t, with U(i, t, r) the utility of repeat r of R::

    consistency(i, t) = standard deviation over r of U(i, t, r)    (R - 1 in the denominator)

It is 0 where every repeat comes to the same, and less is better. Repeats are draws from one
policy's distribution, or whole runs that differ in their seed. The figure of a set of images is the
mean over them, with a bootstrap interval that resamples brands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from vtrain.data.records import Entry
from vtrain.environment.observation import Vector
from vtrain.errors import DataError, UsageError
from vtrain.tracing.parameters import Action
from vtrain.validation.baselines import POLICY
from vtrain.validation.baselines.protocol import seed_of
from vtrain.validation.judge import Row
from vtrain.validation.measures import Consistency
from vtrain.validation.outcomes import Outcome
from vtrain.validation.results import read_judgement, read_record
from vtrain.validation.statistics import mean_interval
from vtrain.validation.summary import ALL


class Drawing(Protocol):
    """The part of `vtrain.agent.TraceAgent` that draws from the policy."""

    def draw(self, image_features: Vector, taste: float, seed: int) -> Action:
        """An action drawn from the policy."""


@dataclass(frozen=True, slots=True)
class DrawingChooser:
    """A policy that draws its action: one trace, whatever the budget.

    Attributes:
        agent: The policy.
        features: Features of an image by its id.
        repeat: Number of the repeat; with the seed and the image it decides what is drawn.
        seed: Of the protocol.
    """

    agent: Drawing
    features: Callable[[str], Vector]
    repeat: int
    seed: int

    @property
    def name(self) -> str:
        """Such as ``draw-3``."""
        return f"draw-{self.repeat}"

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002  protocol
        """As `vtrain.validation.baselines.Chooser.choose`."""
        seed = seed_of("draw", self.seed, entry.id, self.repeat)
        return [self.agent.draw(self.features(entry.id), taste, seed)]


@dataclass(frozen=True, slots=True)
class _Repeated:
    """Utilities of one image at one taste, in the order of the repeats."""

    category: str
    brand: str
    taste: str
    utilities: tuple[float, ...]
    plain: float | None


def consistency(
    plain: Sequence[Row], drawn: Sequence[Outcome], *, resamples: int, confidence: float
) -> tuple[Consistency, ...]:
    """Consistency over draws from the policy.

    Args:
        plain: The policy's rows, by image and taste.
        drawn: Outcomes of `DrawingChooser`: the same images and tastes, at least two repeats each.
        resamples: Bootstrap resamples of an interval (count).
        confidence: Coverage of the intervals, 0 to 1.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for outcome in drawn:
        found.setdefault((outcome.image, outcome.taste), []).append(outcome.utility)
    repeated = [
        _Repeated(
            row.category, row.brand, row.taste, tuple(found[row.image, row.taste]), row.utility
        )
        for row in plain
    ]
    return _summarise(repeated, resamples=resamples, confidence=confidence)


def consistency_over_runs(
    folders: Sequence[Path], *, resamples: int = 10_000, confidence: float = 0.95
) -> tuple[Consistency, ...]:
    """Consistency over runs, such as trainings that differ in their seed alone.

    Args:
        folders: A validation folder of each run; images and tastes that all of them judged count.
        resamples: Bootstrap resamples of an interval (count).
        confidence: Coverage of the intervals, 0 to 1.

    Raises:
        UsageError: Fewer than two folders are given.
        DataError: A folder's files are missing or damaged, or nothing was judged in all of them.
    """
    if len(folders) < 2:
        raise UsageError(
            f"Consistency over runs needs at least 2 validations, not {len(folders)}.",
            hint="Validate each run, and give the folders under their validation/.",
        )
    tables = [_policy_rows(folder) for folder in folders]
    common = [key for key in tables[0] if all(key in table for table in tables)]
    if not common:
        raise DataError(
            "The validations have no image and taste in common.",
            hint="Validate the runs on the same prepared images with the same protocol.",
        )
    repeated = [
        _Repeated(
            tables[0][key].category,
            tables[0][key].brand,
            key[1],
            tuple(table[key].utility for table in tables),
            None,
        )
        for key in common
    ]
    return _summarise(repeated, resamples=resamples, confidence=confidence)


def _policy_rows(folder: Path) -> dict[tuple[str, str], Row]:
    rows = read_judgement(folder, read_record(folder)).rows
    return {(row.image, row.taste): row for row in rows if row.chooser == POLICY}


def _summarise(
    repeated: Sequence[_Repeated], *, resamples: int, confidence: float
) -> tuple[Consistency, ...]:
    figures = []
    for taste in dict.fromkeys(item.taste for item in repeated):
        of_taste = [item for item in repeated if item.taste == taste]
        for category in (ALL, *dict.fromkeys(item.category for item in of_taste)):
            chosen = [item for item in of_taste if category in (ALL, item.category)]
            table = np.array([item.utilities for item in chosen])
            plain = [item.plain for item in chosen if item.plain is not None]
            figures.append(
                Consistency(
                    taste=taste,
                    category=category,
                    n=len(chosen),
                    repeats=table.shape[1],
                    spread=mean_interval(
                        table.std(axis=1, ddof=1),
                        groups=[item.brand for item in chosen],
                        resamples=resamples,
                        confidence=confidence,
                    ),
                    spread_of_means=float(table.mean(axis=0).std(ddof=1)),
                    difference=float(table.mean() - np.mean(plain)) if plain else None,
                )
            )
    return tuple(figures)
