"""A table of measured settings on training images, found by successive halving.

It gives the best fixed setting for any taste (the baseline that a policy must beat) and the
portfolio that the policy starts from. Candidates begin as the presets and as much of a grid over
what matters most as there is room for, drawn by seed, or all of it and neighbours; after each round
the best for any taste stay, their neighbours join, and the images grow (Jamieson and Talwalkar
2016, with mutation).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtrain.config.schema import WarmStartConfig
from vtrain.config.scoring import ScoringConfig
from vtrain.environment.engine import Engine, Progress
from vtrain.environment.episode import reward_scale
from vtrain.environment.measurement import Request
from vtrain.environment.versions import measurement_version
from vtrain.errors import DataError
from vtrain.rundir import read_json, write_json
from vtrain.scoring.utility import cost
from vtrain.tracing.parameters import (
    ACTION_LEVELS,
    PRESETS,
    TABLE_DIGEST,
    Action,
    Settings,
    canonical,
    encode_settings,
)

_SCHEMA = 1
_ROUNDS = (1 / 8, 1 / 3, 1.0)
"""Share of the images used in each round."""
_FITS = (
    *((0.0, 0, 0), (1.0, 0, 0)),
    *((0.2, 60, 2), (0.2, 60, 1), (0.4, 60, 0), (0.6, 60, 0), (1.0, 60, 0)),
)
"""How polygons of the grid are simplified (px) and smoothed (degrees), and decimals of that."""
_KEPT = (1.0, 2 / 3, 1 / 3)
"""Candidates of each round, as a share of the first round's."""


class OtherTable(DataError):
    """Settings were measured that are not those of this version's parameter table."""


@dataclass(frozen=True, slots=True)
class MeasuredTable:
    """Candidates measured on images.

    Attributes:
        actions: Candidates of the last round.
        images: Image ids.
        appearance: Shape (images, actions).
        cost: Cost of size, before lambda; shape (images, actions).
        identity: What it was measured for: see `table_identity`.
    """

    actions: tuple[Action, ...]
    images: tuple[str, ...]
    appearance: NDArray[np.float64]
    cost: NDArray[np.float64]
    identity: str

    def of(self, images: Collection[str]) -> MeasuredTable:
        """The part of it that some of its images make.

        Raises:
            ValueError: None of them is in the table.
        """
        rows = [row for row, image in enumerate(self.images) if image in images]
        if not rows:
            msg = "a table of no images says nothing"
            raise ValueError(msg)
        return replace(
            self,
            images=tuple(self.images[row] for row in rows),
            appearance=self.appearance[rows],
            cost=self.cost[rows],
        )

    def utility(self, taste: float) -> NDArray[np.float64]:
        """Utilities at a taste; shape (images, actions)."""
        return self.appearance - taste * self.cost

    def best_fixed(self, taste: float) -> Action:
        """The candidate with the highest mean utility."""
        return self.actions[int(self.utility(taste).mean(axis=0).argmax())]

    def portfolio(self, taste: float, count: int) -> list[Action]:
        """At most `count` candidates that complement each other, the one that adds most first.

        Greedy: each next one raises the mean over the images of the best utility so far the most,
        which is within 1 - 1/e of the best portfolio (Nemhauser, Wolsey and Fisher 1978).
        """
        utilities = self.utility(taste)
        means = utilities.mean(axis=0)
        left = list(range(len(self.actions)))
        reached = np.full((len(self.images), 1), -np.inf)
        chosen: list[Action] = []
        while left and len(chosen) < count:
            with_each = np.maximum(utilities, reached).mean(axis=0)
            # When none adds anything, the one that is better by itself.
            best = max(left, key=lambda column: (with_each[column], means[column]))
            left.remove(best)
            chosen.append(self.actions[best])
            reached = np.maximum(reached, utilities[:, [best]])
        return chosen

    def save(self, path: Path) -> None:
        """Write as JSON."""
        record = {
            "table": TABLE_DIGEST,
            "identity": self.identity,
            "actions": [list(action) for action in self.actions],
            "images": list(self.images),
            # To the last bit: a training that is killed and started again must not learn from
            # other numbers than the one that measured them.
            "appearance": self.appearance.tolist(),
            "cost": self.cost.tolist(),
        }
        write_json(path, record, schema=_SCHEMA)

    @classmethod
    def load(cls, path: Path) -> MeasuredTable:
        """Read what `save` wrote.

        Raises:
            DataError: There is no table.
            OtherTable: It belongs to another parameter table.
        """
        if not path.is_file():
            raise DataError(
                f"There is no table of measured settings at {path}.",
                hint="`vtrain train` makes it.",
            )
        record = read_json(path)
        if record.get("table") != TABLE_DIGEST or "identity" not in record:
            raise OtherTable(
                f"{path} was measured with another version of vtrain.",
                hint="Train anew: `vtrain run --force`.",
            )
        return cls(
            actions=tuple(tuple(action) for action in record["actions"]),
            images=tuple(record["images"]),
            appearance=np.array(record["appearance"], np.float64),
            cost=np.array(record["cost"], np.float64),
            identity=record["identity"],
        )


def table_identity(
    tastes: Sequence[float], *, scoring: ScoringConfig, config: WarmStartConfig, seed: int
) -> str:
    """Digest of all but the images that a table depends on: a table of another one is stale."""
    searched = (config.settings, config.images, seed, tuple(tastes), scoring.model_dump_json())
    return hashlib.sha256(repr((measurement_version(), *searched)).encode()).hexdigest()[:16]


def measure_table(
    engine: Engine,
    images: Sequence[str],
    *,
    tastes: Sequence[float],
    scoring: ScoringConfig,
    config: WarmStartConfig,
    seed: int,
    on_progress: Progress | None = None,
) -> MeasuredTable:
    """Find good settings for every taste and measure them on the images.

    Args:
        engine: Measures.
        images: Training images, in an order whose every prefix is a fair sample.
        tastes: Lambdas that candidates are chosen for.
        scoring: Weights of the cost.
        config: Number of candidates and images.
        seed: Seed of the random candidates.
        on_progress: Called with the measurements done and wanted over all rounds.
    """
    used = list(images)[: config.images]
    generator = np.random.default_rng((seed, 3))
    pool = first_candidates(config.settings, generator)
    counts = [max(1, round(len(used) * share)) for share in _ROUNDS]
    sizes = [max(len(tastes), round(config.settings * share)) for share in _KEPT]
    total = sum(count * size for count, size in zip(counts, sizes, strict=True))
    done = 0
    table = None
    identity = table_identity(tastes, scoring=scoring, config=config, seed=seed)
    for count, size in zip(counts, sizes, strict=True):
        if table is not None:
            pool = _next_candidates(table, tastes, size, generator)
        start = done

        def report(part: int, _wanted: int, start: int = start) -> None:
            if on_progress:
                on_progress(min(start + part, total), total)

        table = _measure(engine, used[:count], pool, scoring, report)
        table = replace(table, identity=identity)
        done += count * size
    if table is None:  # there is always a round
        raise AssertionError
    return table


def _measure(
    engine: Engine,
    images: Sequence[str],
    actions: Sequence[Action],
    scoring: ScoringConfig,
    on_progress: Progress,
) -> MeasuredTable:
    requests = [Request(image, action) for image in images for action in actions]
    measured = engine.measure(requests, on_progress)
    shape = (len(images), len(actions))
    appearance = np.array([row.appearance for row in measured]).reshape(shape)
    costs = np.array([cost(row.segments, row.bytes, row.pixels, scoring) for row in measured])
    return MeasuredTable(tuple(actions), tuple(images), appearance, costs.reshape(shape), "")


def first_candidates(count: int, generator: np.random.Generator) -> list[Action]:
    """Presets, a grid over preparation and mode, and random neighbours where that is not enough.

    Args:
        count: Candidates wanted; there are never fewer than presets.
        generator: Draws those of the grid, where it is larger than that, and the random ones.
    """
    found = dict.fromkeys(canonical(encode_settings(settings)) for settings in PRESETS.values())
    grid = [canonical(encode_settings(settings)) for settings in _grid()]
    order = generator.permutation(len(grid))
    for index in order:
        found[grid[int(index)]] = None
    if len(found) < count:
        _add_neighbours(found, list(found), count, generator)
    return list(found)[: max(count, len(PRESETS))]


def _grid() -> Iterable[Settings]:
    base = replace(PRESETS["recipe"], edge_snap=True)
    for upscale in (1, 2, 3):
        for colours in (4, 8, 16, 32):
            prepared = replace(base, upscale=upscale, colours=colours)
            for precision in (0, 1):
                yield replace(prepared, mode="spline", path_precision=precision)
            for simplify, smooth, precision in _FITS:
                yield replace(
                    prepared,
                    mode="polygon",
                    simplify=simplify,
                    smooth=smooth,
                    path_precision=precision,
                )


def _next_candidates(
    table: MeasuredTable, tastes: Sequence[float], size: int, generator: np.random.Generator
) -> list[Action]:
    """The best for each taste in turn, then those that complement them, then neighbours."""
    ranked = [np.argsort(-table.utility(taste).mean(axis=0), kind="stable") for taste in tastes]
    kept: dict[Action, None] = {}
    best = np.full(
        (len(tastes), len(table.images)), -np.inf
    )  # what the kept ones reach, per taste and image
    # Scaled as rewards are: no taste counts for more than another.
    utilities = np.stack([table.utility(taste) * reward_scale(taste) for taste in tastes])
    for order in ranked:
        kept[table.actions[int(order[0])]] = None
    while len(kept) < min(size * 2 // 3, len(table.actions)):
        for action in kept:
            column = table.actions.index(action)
            best = np.maximum(best, utilities[:, :, column])
        gains = np.maximum(utilities - best[:, :, None], 0).mean(axis=(0, 1))
        gains[[table.actions.index(action) for action in kept]] = -1
        kept[table.actions[int(gains.argmax())]] = None
    _add_neighbours(kept, list(kept), size, generator)
    return list(kept)


def _add_neighbours(
    found: dict[Action, None],
    parents: Sequence[Action],
    count: int,
    generator: np.random.Generator,
) -> None:
    """Add actions one or two rows away from a parent, until there are `count`."""
    while len(found) < count:
        child = list(parents[int(generator.integers(len(parents)))])
        for _ in range(int(generator.integers(1, 3))):
            row = int(generator.integers(len(child)))
            child[row] = int(generator.integers(ACTION_LEVELS[row]))
        found[canonical(child)] = None


def balanced_order(categories: Mapping[str, str], *, seed: int) -> list[str]:
    """Image ids shuffled and taken from the categories in turn: every prefix is a fair sample.

    Args:
        categories: Category of each image id.
        seed: Seed of the shuffle.
    """
    by_category: dict[str, list[str]] = {}
    for image, category in sorted(categories.items()):
        by_category.setdefault(category, []).append(image)
    generator = np.random.default_rng((seed, 4))
    queues = []
    for name in sorted(by_category):
        ids = by_category[name]
        queues.append([ids[int(index)] for index in generator.permutation(len(ids))])
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
