"""Ending a training when the validation check has not gained for a while."""

from __future__ import annotations

import math
from typing import Any

from vtrain.config.schema import EarlyStoppingConfig


class EarlyStopping:
    """Counts the checks since the utility last gained.

    Args:
        config: Patience and the least gain that counts.
    """

    def __init__(self, config: EarlyStoppingConfig) -> None:
        self._config = config
        self._best: float | None = None
        self._checks = 0

    @property
    def stopped(self) -> bool:
        """Whether the patience is at its end."""
        return bool(self._config.patience) and self._checks >= self._config.patience

    def after_check(self, utility: float) -> None:
        """Take in a check's mean utility over the baseline."""
        rise = math.inf if self._best is None else utility - self._best
        if rise > 0 and rise >= self._config.min_gain:
            self._best, self._checks = utility, 0
        else:
            self._checks += 1

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here, as JSON values."""
        return {"best": self._best, "checks": self._checks}

    def restore(self, state: dict[str, Any] | None) -> None:
        """Go on from a `state`; None, of checkpoints that have none, starts anew."""
        if state is not None:
            self._best, self._checks = state["best"], state["checks"]
