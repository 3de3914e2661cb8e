"""When a validation check is due, and a checkpoint between the checks and before the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from vtrain.config.schema import CheckpointsConfig, ValidationConfig


class CheckDue:
    """When the next validation check is due: by updates, and by time of training if wanted.

    Args:
        config: Updates and minutes between checks.
        clock: The time (s).
    """

    def __init__(
        self, config: ValidationConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._updates, self._limit = config.every_updates, 60 * config.every_minutes
        self._clock, self._time = clock, clock()

    def checked(self) -> None:
        """Count the time from here."""
        self._time = self._clock()

    def now(self, update: int) -> bool:
        """Whether one is due after an update."""
        late = bool(self._limit) and self._clock() - self._time >= self._limit
        return update % self._updates == 0 or late

    def state(self) -> dict[str, Any] | None:
        """What is needed to go on from here, as JSON values; None while time decides nothing.

        A time would make the states of equal trainings differ.
        """
        return {"seconds": round(self._clock() - self._time, 3)} if self._limit else None

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from a `state`; None starts anew. The time between then and now does not count."""
        self._time = self._clock() - (state["seconds"] if state else 0.0)


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
