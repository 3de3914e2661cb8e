"""Being asked to stop: signals and time limits, noticed between two pieces of work."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}


class Interrupted(Exception):
    """Work was broken off on request, between two measurements."""


class StopRequest:
    """Whether training should end, and why.

    Args:
        time_limit: Time from now (s); 0 for none.
        cancelled: Asked whether the caller has had enough.
    """

    def __init__(self, time_limit: float, cancelled: Callable[[], bool] = lambda: False) -> None:
        self.cancelled = cancelled
        self._end = time.monotonic() + time_limit if time_limit else None
        self.signal: signal.Signals | None = None

    @property
    def out_of_time(self) -> bool:
        """Whether the time limit has passed."""
        return self._end is not None and time.monotonic() >= self._end

    def ends_within(self, seconds: float) -> bool:
        """Whether less time is left than what comes next takes; then time is out."""
        if self._end is not None and seconds and time.monotonic() + seconds >= self._end:
            self._end = time.monotonic()
        return self.out_of_time

    @property
    def wanted(self) -> bool:
        """Whether to stop at the next opportunity."""
        return self.signal is not None or self.cancelled() or self.out_of_time

    @property
    def urgent(self) -> bool:
        """Whether someone waits for the end."""
        return self.signal is not None or self.cancelled()

    def interrupt(self, *, by_time: bool) -> None:
        """Break off when a signal or a cancellation came or, if asked for, when time is out.

        Raises:
            Interrupted: It is time to stop.
        """
        if self.signal is not None or self.cancelled() or (by_time and self.out_of_time):
            raise Interrupted

    def notice(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal: the first asks, a second one ends the process at once."""
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = signal.Signals(number)


@contextmanager
def stop_requests(
    time_limit: float, *, signals: bool, cancelled: Callable[[], bool]
) -> Iterator[StopRequest]:
    """A stop request that SIGTERM and Ctrl-C set while the block runs.

    Args:
        time_limit: Time until the request sets itself (s); 0 for never.
        signals: Whether signals are handled; only possible in the main thread.
        cancelled: Asked whether the caller has had enough.
    """
    request = StopRequest(time_limit, cancelled)
    if not signals:
        yield request
        return
    before = {number: signal.signal(number, request.notice) for number in EXIT_CODES}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
