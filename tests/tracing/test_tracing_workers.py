"""Whatever a worker process dies of comes back as a typed failure, and the rest is done."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import psutil
import pytest

from vtrain.errors import TraceError
from vtrain.tracing.workers import Workers

HARMS = {
    "kill": "worker-died",
    "segv": "worker-died",
    "abort": "worker-died",
    "stop": "time-limit",
    "hang": "time-limit",
    "memory": "memory-limit",
    "refuse": "panic",
}


def work(task: str) -> str:
    """Do what the task says."""
    if task == "hang":
        time.sleep(3600)
    elif task == "memory":
        np.ones(2**31, np.float64)
    elif task == "refuse":
        raise TraceError("panic", "as VTracer does")
    elif task == "who":
        return str(os.getpid())
    elif task in HARMS:
        number = {"kill": signal.SIGKILL, "segv": signal.SIGSEGV, "abort": signal.SIGABRT}
        os.kill(os.getpid(), number.get(task, signal.SIGSTOP))
    return task.upper()


def ready() -> None:
    """Nothing to set up."""


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers[str, str]]:
    pool = Workers[str, str](work, count=2, memory_limit=512, setup=ready, setup_arguments=())
    with closing(pool):
        yield pool


@pytest.mark.parametrize("harm", HARMS)
def test_each_harm_has_its_reason_and_spares_the_rest(
    workers: Workers[str, str], harm: str
) -> None:
    tasks = ["a", harm, "b", "c"]

    found = list(workers.run(tasks, time_limits=[60.0, 1.0, 60.0, 60.0]))

    assert [outcome.index for outcome in found] == [0, 1, 2, 3]
    assert [outcome.result for outcome in found] == ["A", None, "B", "C"]
    assert getattr(found[1].error, "reason", None) == HARMS[harm]


@pytest.mark.parametrize("harm", HARMS)
def test_a_worker_that_came_to_harm_does_no_other_task(harm: str) -> None:
    one = Workers[str, str](work, count=1, memory_limit=512, setup=ready, setup_arguments=())
    with closing(one):
        before, _, after = one.run(["who", harm, "who"], time_limits=[60.0, 1.0, 60.0])

    assert before.result
    assert after.result
    assert before.result != after.result


def test_workers_that_die_while_they_wait_are_replaced(workers: Workers[str, str]) -> None:
    list(workers.run(["a", "b"], time_limits=[60.0, 60.0]))
    for child in psutil.Process().children(recursive=True):
        if any("spawn_main" in word for word in child.cmdline()):
            child.kill()

    found = list(workers.run(["a", "b", "c"], time_limits=[60.0] * 3))

    # A death is met by at most one task for each process, and tried again by the engine.
    assert [outcome.index for outcome in found] == [0, 1, 2]
    assert {getattr(outcome.error, "reason", "") for outcome in found} <= {"", "worker-died"}
    (after,) = workers.run(["d"], time_limits=[60.0])
    assert after.result == "D"


def test_a_wait_can_be_broken_off_and_the_workers_go_on(workers: Workers[str, str]) -> None:
    calls = 0

    def enough() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        list(workers.run(["hang"], time_limits=[3600.0], on_wait=enough))

    (after,) = workers.run(["d"], time_limits=[60.0])
    assert after.result == "D"
