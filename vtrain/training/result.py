"""How a training ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vtrain.checkpoints.store import CheckpointStore
from vtrain.errors import quoted
from vtrain.rundir import RunDirectory

_WHOLE = ("done", "early-stopping", "diverged")
"""Ends after which there is nothing to go on with."""


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


def result_json(
    run: RunDirectory, result: Mapping[str, Any], *, fork: str | None = None
) -> dict[str, Any]:
    """How training ended, for machines.

    Args:
        run: The run directory.
        result: By the names of `TrainingResult`, as the event ``end`` tells it.
        fork: What the run was to start from, where it was asked for.

    Returns:
        `run`, all of the result, `step` of the newest checkpoint (None without one), and `next`:
        the command to give next.
    """
    newest = next(iter(CheckpointStore(run.checkpoints).checkpoints()[::-1]), None)
    where = f"--run {quoted(run.root)}"
    if newest is None:
        # The measurements are kept: the same again goes on with them.
        again = f"vtrain train {where}" + (f" --fork {quoted(fork)}" if fork else "")
    elif result["stopped"] in _WHOLE:
        again = f"vtrain validate {where}"
    else:
        changed = " --accept-changes" if result["stopped"] == "stage-failed" else ""
        again = f"vtrain train {where} --resume{changed}"
    return {
        "run": str(run.root),
        **result,
        "step": newest.step if newest else None,
        "next": again,
    }
