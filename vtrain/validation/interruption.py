"""Breaking off a judgement wherever it is: by SIGTERM, or by a time limit."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from vtrain.errors import Stopped, TimeLimitReached, VtrainError

_KEPT = "What was measured is kept: the same command goes on from there."


class _Request:
    """The error that ends the block once a signal has come."""

    def __init__(self, time_limit: float) -> None:
        self._time_limit = time_limit
        self._error: VtrainError | None = None

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    def on_term(self, number: int, _frame: FrameType | None) -> None:
        if isinstance(self._error, Stopped):  # the second one ends the process at once
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        error = Stopped("The validation was stopped by SIGTERM; nothing was written.", hint=_KEPT)
        self._raise(error)

    def on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        self._raise(
            TimeLimitReached(
                f"The validation ran into its time limit of {self._time_limit:g} s; nothing was "
                "written.",
                hint=_KEPT,
            )
        )

    def _raise(self, error: VtrainError) -> None:
        unwinding = self._error is not None
        self._error = error
        if not unwinding:
            raise error


@contextmanager
def interruptible(time_limit: float = 0.0) -> Iterator[Callable[[], None]]:
    """A block that SIGTERM and a time limit end with an error, as Ctrl-C does.

    The error is raised wherever the main thread is. Should that be a place where Python drops
    errors (a finaliser), the function that this gives raises it again: call it now and then.

    Args:
        time_limit: From now (s); 0 for none.

    Raises:
        Stopped: SIGTERM came.
        TimeLimitReached: The time is over.
    """
    request = _Request(time_limit)
    handlers = {signal.SIGTERM: request.on_term, signal.SIGALRM: request.on_alarm}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    signal.setitimer(signal.ITIMER_REAL, time_limit)
    try:
        yield request.check
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, handler in before.items():
            signal.signal(number, handler)
