"""When a checkpoint is due between the checks and before the end."""

from __future__ import annotations

import time
from collections.abc import Callable

from vtrain.config.schema import CheckpointsConfig


class Due:
    """When the next checkpoint is due, beside the checks and the end.

    Args:
        config: Updates, traces and minutes between checkpoints.
        clock: The time (s).
    """

    def __init__(
        self, config: CheckpointsConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config, self._clock = config, clock
        self._traces, self._time = 0, clock()

    def saved(self, traces: int) -> None:
        """Count from here."""
        self._traces, self._time = traces, self._clock()

    def now(self, update: int, traces: int, *, stage_ended: bool) -> bool:
        """Whether one is due after an update."""
        config = self._config
        return bool(
            (config.every_updates and update % config.every_updates == 0)
            or (config.every_traces and traces - self._traces >= config.every_traces)
            or (config.every_minutes and self._clock() - self._time >= 60 * config.every_minutes)
            or (config.at_stage_ends and stage_ended)
        )
