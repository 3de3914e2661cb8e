"""Breaking off a judgement wherever it is: by SIGTERM, or by a time limit."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from vtrain.errors import Stopped, TimeLimitReached, VtrainError

_KEPT = "What was measured is kept: the same command goes on from there."


class _Interruption(BaseException):
    """Ends the block. As with Ctrl-C, nothing that handles errors on its way may stop it."""

    def __init__(self, error: VtrainError) -> None:
        super().__init__(error)
        self.error = error


class _Request:
    """The error that ends the block once a signal has come."""

    def __init__(self, time_limit: float) -> None:
        self._time_limit = time_limit
        self._error: VtrainError | None = None

    def check(self) -> None:
        if self._error is not None:
            raise _Interruption(self._error)

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
            raise _Interruption(error)


@contextmanager
def interruptible(time_limit: float = 0.0, *, spent: float = 0.0) -> Iterator[Callable[[], None]]:
    """A block that SIGTERM and a time limit end with an error, as Ctrl-C does; main thread only.

    The block is left wherever the main thread is. A module that is being imported then stays
    broken: what is needed after the block should be imported before. Should a signal come where
    Python drops what is raised (a finaliser), the function that this gives leaves the block: call
    it now and then.

    Args:
        time_limit: Time that is given (s); 0 for any.
        spent: What of it is over already (s).

    Raises:
        Stopped: SIGTERM came.
        TimeLimitReached: The time is over.
    """
    request = _Request(time_limit)
    handlers = {signal.SIGTERM: request.on_term, signal.SIGALRM: request.on_alarm}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        if time_limit and spent >= time_limit:
            signal.raise_signal(signal.SIGALRM)
        signal.setitimer(signal.ITIMER_REAL, max(0.0, time_limit - spent))
        yield request.check
    except _Interruption as interruption:
        raise interruption.error from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, handler in before.items():
            signal.signal(number, handler)
