from __future__ import annotations

import signal
import time

import pytest

from vtrain.errors import Stopped, TimeLimitReached
from vtrain.validation.interruption import interruptible


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)]


def wait() -> None:
    while True:
        time.sleep(0.01)


def test_a_block_ends_when_its_time_is_over() -> None:
    before = handlers()

    with pytest.raises(TimeLimitReached, match=r"time limit of 0\.05 s"), interruptible(0.05):
        wait()

    assert handlers() == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_time_that_is_over_already_ends_it_at_once() -> None:
    entered = False

    def enter() -> None:
        nonlocal entered
        with interruptible(1.0, spent=2.0):
            entered = True

    with pytest.raises(TimeLimitReached):
        enter()

    assert not entered


def test_sigterm_ends_a_block_with_143() -> None:
    before = handlers()

    with pytest.raises(Stopped) as error, interruptible():
        signal.raise_signal(signal.SIGTERM)

    assert error.value.exit_code == 143
    assert handlers() == before


def test_nothing_that_handles_errors_stops_it() -> None:
    reached: list[object] = []

    def block() -> None:
        with interruptible():
            try:
                signal.raise_signal(signal.SIGTERM)
            except Exception as error:  # noqa: BLE001 - as libraries do
                reached.append(error)
            reached.append(None)

    with pytest.raises(Stopped):
        block()

    assert reached == []


def test_what_was_dropped_is_noticed_at_the_next_check() -> None:
    passed = []

    def block() -> None:
        with interruptible() as check:
            check()
            try:
                signal.raise_signal(signal.SIGTERM)
            except BaseException:  # noqa: BLE001 - as Python does in a finaliser
                passed.append("dropped")
            check()
            passed.append("too far")

    with pytest.raises(Stopped):
        block()

    assert passed == ["dropped"]


def test_a_block_without_a_signal_is_left_as_it_was() -> None:
    before = handlers()

    with interruptible(3600) as check:
        check()

    assert handlers() == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
