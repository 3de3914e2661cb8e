"""How a training ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How training ended.

    Attributes:
        updates: PPO updates over the run's whole life (count).
        traces: Environment steps over the run's whole life (count).
        best_utility: Best utility of a validation check over the baseline; None without a check.
        best_step: Traces behind the best checkpoint; None without a check.
        seconds: Time this call took (s).
        stopped: Why it ended: ``done``, ``early-stopping``, ``diverged``, ``stage-failed``,
            ``time-limit``, ``cancelled``, ``SIGTERM`` or ``SIGINT``.
    """

    updates: int
    traces: int
    best_utility: float | None
    best_step: int | None
    seconds: float
    stopped: str
