"""Ending a training when the validation check has not gained for a while, or has collapsed."""

from __future__ import annotations

import math
from typing import Any, Literal

from vtrain.config.schema import EarlyStoppingConfig

Reason = Literal["early-stopping", "diverged"]


class EarlyStopping:
    """Counts the checks since the utility last gained, and sees how far it has fallen.

    Args:
        config: Patience, the least gain that counts, and the largest fall.
    """

    def __init__(self, config: EarlyStoppingConfig) -> None:
        self._config = config
        self._best: float | None = None
        self._checks = 0
        self._highest = -math.inf
        self._drop = 0.0

    @property
    def reason(self) -> Reason | None:
        """Why training ends; None while it may go on.

        ``diverged`` when the last check was too far below the best one, ``early-stopping`` when the
        patience is at its end.
        """
        if self._config.max_drop and self._drop >= self._config.max_drop:
            return "diverged"
        if self._config.patience and self._checks >= self._config.patience:
            return "early-stopping"
        return None

    def after_check(self, utility: float) -> None:
        """Take in a check's mean utility over the baseline."""
        rise = math.inf if self._best is None else utility - self._best
        if rise > 0 and rise >= self._config.min_gain:
            self._best, self._checks = utility, 0
        else:
            self._checks += 1
        self._highest = max(self._highest, utility)
        self._drop = self._highest - utility

    def new_stage(self) -> None:
        """Be as patient as at the start: other images may need a while. A fall stays one."""
        self._checks = 0

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here, as JSON values."""
        highest = None if math.isinf(self._highest) else self._highest
        return {"best": self._best, "checks": self._checks, "highest": highest, "drop": self._drop}

    def restore(self, state: dict[str, Any] | None) -> None:
        """Go on from a `state`; None, of checkpoints that have none, starts anew."""
        if state is None:
            return
        self._best, self._checks = state["best"], state["checks"]
        highest = state.get("highest", self._best)  # earlier versions knew the best alone
        self._highest = -math.inf if highest is None else highest
        self._drop = state.get("drop", 0.0)
