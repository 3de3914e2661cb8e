"""The record of an update: the single source of every curve."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vtrain.config.scoring import ScoringConfig
from vtrain.environment.engine import Engine
from vtrain.environment.measurement import Measurement
from vtrain.rundir import now
from vtrain.training.check import Check
from vtrain.training.model import Update
from vtrain.training.vec_env import FinishedEpisode

PARTS = ("rollout", "learn", "check", "save")
"""What an update's time goes to; a save after the record counts in the next one."""


class Clock:
    """Wall-clock figures of an update; everything here may differ between equal runs."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._last = self.began
        self._counted = (0, 0, 0)
        self._waited = 0.0
        self._parts: dict[str, float] = {}

    def start(self, engine: Engine) -> None:
        """Begin the first lap: what was measured before it is not learning's."""
        self._last = time.monotonic()
        self._counted, self._waited = _counts(engine), engine.seconds
        self._parts.clear()

    def spend(self, part: str, seconds: float) -> None:
        """Note what a part of the lap took (s), such as ``check``."""
        self._parts[part] = self._parts.get(part, 0.0) + seconds

    def lap(self, engine: Engine) -> dict[str, Any]:
        """The figures since the last lap.

        Args:
            engine: Its counters tell requests answered, traces made and answers remembered.
        """
        seconds = time.monotonic() - self._last
        counted = _counts(engine)
        requests, traces, hits = (
            now_counted - before for now_counted, before in zip(counted, self._counted, strict=True)
        )
        self._last += seconds
        measuring = engine.seconds - self._waited
        self._counted, self._waited = counted, engine.seconds
        parts, self._parts = self._parts, {}
        return {
            "time": now(),
            "seconds": round(seconds, 3),
            "requests": requests,
            "traces_measured": traces,
            "cache_hits": hits,
            "traces_per_second": round(traces / seconds, 2) if seconds else None,
            "measure_seconds": round(measuring, 3),
            **{f"{part}_seconds": round(parts.get(part, 0.0), 3) for part in PARTS},
        }


def _counts(engine: Engine) -> tuple[int, int, int]:
    return engine.requests, engine.traces, engine.hits


def update_record(
    update: Update,
    *,
    number: int,
    traces: int,
    stage: str,
    attempt: int,
    success_share: float,
    defaults: Mapping[str, Measurement],
    scoring: ScoringConfig,
    check: Check | None,
    wall: Mapping[str, Any],
) -> dict[str, Any]:
    """The line of ``metrics.jsonl``. All but ``wall`` is the same for equal runs."""
    losses = update.losses
    return {
        "update": number,
        "traces": traces,
        "stage": stage,
        "attempt": attempt,
        "episodes": len(update.episodes),
        "reward_mean": float(update.rewards.mean()),
        "reward_std": float(update.rewards.std()),
        "gain_mean": _mean([episode.gain for episode in update.episodes]),
        "utility_gain_default": _mean(
            [_over_default(episode, defaults, scoring) for episode in update.episodes]
        ),
        "success_share": success_share,
        "failures": sum(episode.failures for episode in update.episodes),
        "entropy": -losses["entropy_loss"],
        "approx_kl": losses["approx_kl"],
        "clip_fraction": losses["clip_fraction"],
        "policy_loss": losses["policy_gradient_loss"],
        "value_loss": losses["value_loss"],
        "explained_variance": losses["explained_variance"],
        "learning_rate": losses["learning_rate"],
        "loss": losses["loss"],
        "validation_utility": check.utility if check else None,
        "validation_gain_default": check.gain_default if check else None,
        "validation_better": check.better if check else None,
        "validation_by_category": dict(check.by_category) if check else None,
        "wall": dict(wall),
    }


def _over_default(
    episode: FinishedEpisode, defaults: Mapping[str, Measurement], scoring: ScoringConfig
) -> float:
    default = defaults[episode.image].utility(episode.taste, scoring)
    return episode.measurement.utility(episode.taste, scoring) - default


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
