"""Searches that start from the best fixed setting and learn from each trace of the image.

They are judged against the input, as a user without a reference could. Every image and taste has a
search of its own, seeded by both: how the others go changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vtrain.data.records import Entry
from vtrain.tracing.parameters import ACTION_LEVELS, PARAMETERS, Action
from vtrain.validation.baselines.protocol import Session, seed_of
from vtrain.validation.table import MeasuredTable

if TYPE_CHECKING:
    from optuna import Trial

_SPREAD = 0.25
"""First standard deviation of CMA-ES, as a share of a row's levels."""
_GENERATIONS = 4
"""Generations that CMA-ES should get within its traces (count)."""
_POPULATION = (4, 12)
"""Fewest and most traces of a generation; 12 is Hansen's 4 + 3 ln(15), for 15 rows (count)."""
_STARTUP = (2, 10)
"""Fewest and most traces before TPE builds on them (count)."""


@dataclass(frozen=True, slots=True)
class TpeSearch:
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011): `count` traces."""

    table: MeasuredTable
    seed: int = 0
    name: str = "tpe"

    def start(self, entry: Entry, taste: float, count: int) -> Session:
        """As `Search.start`."""
        seed = seed_of(self.name, self.seed, entry.id, taste)
        startup = min(max(count // 4, _STARTUP[0]), _STARTUP[1])
        return _Tpe(self.table.best_fixed(taste), seed=seed, startup=startup)


@dataclass(frozen=True, slots=True)
class CmaesSearch:
    """CMA-ES over the levels as continuous values (Hansen 2016): `count` traces."""

    table: MeasuredTable
    seed: int = 0
    name: str = "cmaes"

    def start(self, entry: Entry, taste: float, count: int) -> Session:
        """As `Search.start`."""
        seed = seed_of(self.name, self.seed, entry.id, taste)
        population = min(max(count // _GENERATIONS, _POPULATION[0]), _POPULATION[1])
        return _Cmaes(self.table.best_fixed(taste), seed=seed, population=population)


class _Tpe:
    def __init__(self, first: Action, *, seed: int, startup: int) -> None:
        import optuna  # noqa: PLC0415 - an extra

        # It tells of each study and each trial otherwise.
        logging.getLogger("optuna").setLevel(logging.WARNING)
        sampler = optuna.samplers.TPESampler(
            seed=seed % 2**32, n_startup_trials=startup, multivariate=True
        )
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._study.enqueue_trial(
            {row.name: level for row, level in zip(PARAMETERS, first, strict=True)}
        )
        self._trial: Trial | None = None

    def ask(self) -> Action:
        trial = self._trial = self._study.ask()
        return tuple(
            int(trial.suggest_categorical(row.name, list(range(len(row.levels)))))
            if row.unit == "choice"
            else trial.suggest_int(row.name, 0, len(row.levels) - 1)
            for row in PARAMETERS
        )

    def tell(self, utility: float) -> None:
        if self._trial is not None:
            self._study.tell(self._trial, utility)


class _Cmaes:
    def __init__(self, first: Action, *, seed: int, population: int) -> None:
        import cma  # noqa: PLC0415 - an extra

        generator = np.random.default_rng(seed)
        # In the middle of its cell: each level is as wide as the others.
        start = (np.array(first) + 0.5) / np.array(ACTION_LEVELS)
        self._strategy: Any = cma.CMAEvolutionStrategy(
            start,
            _SPREAD,
            {
                "bounds": [0, 1],
                "popsize": population,
                # A generator of its own, and no seed for that of the whole process.
                "randn": lambda *shape: generator.standard_normal(shape),
                "seed": np.nan,
                "verbose": -9,
                "verb_log": 0,
            },
        )
        self._population = population
        self._waiting: list[NDArray[np.float64]] = [start]
        self._generation: list[NDArray[np.float64]] = []
        self._losses: list[float] = []

    def ask(self) -> Action:
        if not self._waiting:
            # The first generation holds the start.
            missing = self._population - len(self._generation)
            self._waiting = list(self._strategy.ask(number=missing))
        self._generation.append(self._waiting.pop(0))
        levels = np.floor(self._generation[-1] * ACTION_LEVELS).astype(int)
        return tuple(int(level) for level in np.minimum(levels, np.array(ACTION_LEVELS) - 1))

    def tell(self, utility: float) -> None:
        self._losses.append(-utility)
        if len(self._losses) == self._population:
            self._strategy.tell(self._generation, self._losses)
            self._generation, self._losses = [], []
