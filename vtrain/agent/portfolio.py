"""Settings that complement each other: what to try when the policy's own choice may not do.

They were found on training images (`vtrain.validation.table`), and are kept with the policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.errors import CheckpointError
from vtrain.tracing.parameters import ACTION_LEVELS, Action

_TASTES, _ACTIONS = "portfolio.tastes", "portfolio.actions"
_LEAST = 0.02
"""Lambdas below are alike."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A sequence of settings for each of some tastes.

    Attributes:
        tastes: Lambdas.
        actions: For each of them, the one that adds most first.
    """

    tastes: tuple[float, ...]
    actions: tuple[tuple[Action, ...], ...]

    def at(self, taste: float) -> tuple[Action, ...]:
        """Those of the taste that is nearest, by ratio."""
        gaps = [abs(np.log((own + _LEAST) / (taste + _LEAST))) for own in self.tastes]
        return self.actions[int(np.argmin(gaps))]

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        return {
            _TASTES: np.array(self.tastes, np.float64),
            _ACTIONS: np.array(self.actions, np.uint8),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, name: str) -> Portfolio | None:
        """From the arrays of a policy; None when it has none.

        Raises:
            CheckpointError: They are not what `as_arrays` gives.
        """
        if _TASTES not in arrays:
            return None
        tastes, actions = arrays[_TASTES], arrays.get(_ACTIONS, np.zeros(0, np.uint8))
        fits = (
            tastes.ndim == 1
            and len(tastes) > 0
            and actions.ndim == 3
            and actions.shape[0] == len(tastes)
            and actions.shape[2] == len(ACTION_LEVELS)
            and bool((actions < np.array(ACTION_LEVELS)).all())
        )
        if not fits:
            raise CheckpointError(
                f"{name} does not fit: its portfolio has shapes {tastes.shape}, {actions.shape}.",
                hint="It was trained with another version; train anew: `vtrain run`.",
            )
        rows = actions.tolist()
        return cls(
            tuple(float(taste) for taste in tastes),
            tuple(tuple(tuple(action) for action in row) for row in rows),
        )


def in_turn(first: Sequence[Action], second: Sequence[Action]) -> list[Action]:
    """All different actions, one of each in turn, beginning with the first's."""
    found: dict[Action, None] = {}
    for place in range(max(len(first), len(second))):
        found |= dict.fromkeys((*first[place : place + 1], *second[place : place + 1]))
    return list(found)
