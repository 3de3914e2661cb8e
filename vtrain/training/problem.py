"""What is trained on: images, features, baselines, rules and the sampler, from a run directory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vtrain.agent.portfolio import Portfolio
from vtrain.config.schema import Config
from vtrain.config.section import CATEGORIES, Category
from vtrain.data.catalog import Catalog
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.environment.engine import Engine, Progress
from vtrain.environment.episode import Rules
from vtrain.environment.feature_table import feature_table
from vtrain.environment.features import FEATURES
from vtrain.environment.measurement import Measurement, Request
from vtrain.environment.observation import Normaliser
from vtrain.environment.sampler import EpisodeSampler
from vtrain.errors import DataError
from vtrain.rundir import RunDirectory
from vtrain.tracing.parameters import canonical, encode_settings, preset
from vtrain.validation.table import (
    MeasuredTable,
    OtherTable,
    balanced_order,
    measure_table,
    table_identity,
)

_COMPLEXITY = FEATURES.index("edge_density")
"""The share of pixels on a contour goes with how complex people find a picture (Mack and Oliva,
Computational estimation of visual complexity, 2004)."""

_PORTFOLIO = 32
"""Settings of a portfolio; whoever spends twice as many traces gets more of the policy's own."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything about the task that does not change during training.

    Attributes:
        catalog: The corpus.
        train: Training entries, in an order whose every prefix is balanced over categories.
        check: Validation entries of a check in training, likewise.
        rules: Reward, features and normaliser.
        sampler: Draws episodes.
    """

    catalog: Catalog
    train: tuple[Entry, ...]
    check: tuple[Entry, ...]
    rules: Rules
    sampler: EpisodeSampler


def load_problem(
    run: RunDirectory, config: Config, *, on_progress: Callable[[int, int], None] | None = None
) -> Problem:
    """The problem of a run whose data is prepared.

    Raises:
        DataError: The run has no catalog, or no image to train or to check on.
    """
    catalog = Catalog.load(run.catalog)
    train = _in_turn(catalog.split("train"), seed=config.seed)
    check = _in_turn(catalog.split("validation"), seed=0)[: config.validation.images]
    for name, entries in (("train", train), ("validation", check)):
        if not entries:
            raise DataError(
                f"The {name} split of {run.catalog} is empty.",
                hint="Prepare more images, or change data.split.",
            )
    ids = [entry.id for entry in (*train, *check)]
    kept = run.data_cache / "features.npz"
    features = feature_table(ImageStore(run.images), ids, kept=kept, on_progress=on_progress)
    normaliser = Normaliser.fit([features[entry.id] for entry in train])
    clean, damaged = (_by_category(train, damaged=which) for which in (False, True))
    sampler = EpisodeSampler(
        clean,
        tastes=config.environment.tastes,
        seed=config.seed,
        repeats=config.environment.repeats,
        complexity={entry.id: float(features[entry.id][_COMPLEXITY]) for entry in train},
        damaged=damaged,
        damaged_weight=config.environment.damaged_weight,
    )
    rules = Rules(config.environment, config.scoring, normaliser, features)
    return Problem(catalog, train, check, rules, sampler)


def _by_category(entries: Sequence[Entry], *, damaged: bool) -> dict[Category, list[str]]:
    """Ids of the images that are damaged copies, or of those that are not."""
    found: dict[Category, list[str]] = {category: [] for category in CATEGORIES}
    for entry in entries:
        if bool(entry.damage) == damaged:
            found[entry.category].append(entry.id)
    return found


def measure_defaults(
    engine: Engine, problem: Problem, on_progress: Progress | None = None
) -> dict[str, Measurement]:
    """VTracer's default on every image of the problem; the reward's baseline is measured too."""
    default = canonical(encode_settings(preset("default")))
    entries = (*problem.train, *problem.check)
    wanted = [Request(entry.id, default) for entry in entries]
    wanted += [Request(entry.id, problem.rules.baseline) for entry in entries]
    measured = engine.measure(wanted, on_progress)
    return dict(zip((entry.id for entry in entries), measured, strict=False))


def portfolio_of(table: MeasuredTable, tastes: Sequence[float]) -> Portfolio:
    """The settings of a table that complement each other, at each taste."""
    return Portfolio(
        tuple(tastes), tuple(tuple(table.portfolio(taste, _PORTFOLIO)) for taste in tastes)
    )


def measured_table(
    run: RunDirectory,
    config: Config,
    problem: Problem,
    engine: Engine,
    *,
    on_begin: Callable[[], None],
    on_progress: Progress | None = None,
) -> MeasuredTable:
    """The table of measured settings: the one that is there, or a new one.

    Args:
        run: Keeps the table.
        config: Tastes, scoring, seed and the number of settings.
        problem: Its training images are measured.
        engine: Measures.
        on_begin: Called when a new one is needed.
        on_progress: Called with the measurements done and wanted.
    """
    path = run.data_cache / "table.json"
    ids = [entry.id for entry in problem.train]
    identity = table_identity(
        config.environment.tastes,
        scoring=config.scoring,
        config=config.ppo.warm_start,
        seed=config.seed,
    )
    if path.is_file():
        with contextlib.suppress(OtherTable):  # measured anew, like one of other settings
            table = MeasuredTable.load(path)
            if table.identity == identity and set(table.images) <= set(ids):
                return table
    on_begin()
    table = new_table(config, problem, engine, on_progress)
    table.save(path)
    return table


def new_table(
    config: Config, problem: Problem, engine: Engine, on_progress: Progress | None = None
) -> MeasuredTable:
    """Settings measured on the training images; the arguments are those of `measured_table`."""
    return measure_table(
        engine,
        [entry.id for entry in problem.train],
        tastes=config.environment.tastes,
        scoring=config.scoring,
        config=config.ppo.warm_start,
        seed=config.seed,
        on_progress=on_progress,
    )


def _in_turn(entries: Sequence[Entry], *, seed: int) -> tuple[Entry, ...]:
    by_id = {entry.id: entry for entry in entries}
    order = balanced_order({entry.id: entry.category for entry in entries}, seed=seed)
    return tuple(by_id[image] for image in order)
