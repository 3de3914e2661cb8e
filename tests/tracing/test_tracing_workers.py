"""Whatever a worker process dies of comes back as a typed failure, and the rest is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from vtrain.errors import TraceError
from vtrain.tracing.workers import Outcome, Workers

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
    elif task in ("nap", "doze"):
        time.sleep(0.1 if task == "nap" else 1.0)
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


def impatient(limit: int = 600) -> Callable[[], None]:
    """To be called while waiting, ten times a second; raises at last."""
    calls = iter(range(limit))

    def on_wait() -> None:
        if next(calls, None) is None:
            raise TimeoutError

    return on_wait


def test_a_worker_that_was_stopped_while_idle_leaves_no_task_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vtrain.tracing.workers._STALLED_S", 3600.0)
    one = Workers[str, str](work, count=1, memory_limit=512, setup=ready, setup_arguments=())
    with closing(one):
        (before,) = one.run(["who"], time_limits=[60.0])
        os.kill(int(before.result or 0), signal.SIGSTOP)

        found = list(one.run(["who", "a"], time_limits=[60.0] * 2, on_wait=impatient()))

    assert [outcome.error for outcome in found] == [None, None]
    assert found[0].result not in (None, before.result)
    assert found[1].result == "A"


def test_a_worker_that_was_stopped_while_idle_is_replaced_while_others_work() -> None:
    two = Workers[str, str](work, count=2, memory_limit=512, setup=ready, setup_arguments=())
    with closing(two):
        manager = two._pool._pool_manager
        stopped: list[psutil.Process] = []
        found: list[Outcome[str]] = []
        waits = 0

        def stop_the_idle_one() -> None:
            nonlocal waits
            waits += 1
            if waits == 5:  # half a second into the only task
                (task,) = manager.task_manager.tasks.values()
                (idle,) = manager.worker_manager.workers.keys() - {task.worker_id}
                stopped.append(psutil.Process(idle))
                stopped[0].suspend()

        list(two.run(["who", "who"], time_limits=[60.0] * 2))
        list(two.run(["doze"], time_limits=[60.0], on_wait=stop_the_idle_one))
        for _ in range(600):
            found += two.run(["nap"], time_limits=[60.0])
            # Before the pool ends, which ends it too.
            replaced = not stopped[0].is_running()
            if replaced:
                break

        after = list(two.run(["nap"] * 4, time_limits=[60.0] * 4))

    assert replaced
    assert [outcome.result for outcome in [*found, *after]] == ["NAP"] * (len(found) + 4)


def test_a_worker_that_was_stopped_while_it_held_the_queue_leaves_no_task_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vtrain.tracing.workers._STALLED_S", 3600.0)
    one = Workers[str, str](work, count=1, memory_limit=512, setup=ready, setup_arguments=())
    held, done = threading.Event(), threading.Event()

    def hold(queue: Any) -> None:
        with queue:
            held.set()
            done.wait()

    with closing(one):
        (before,) = one.run(["who"], time_limits=[60.0])
        channel = one._pool._pool_manager.worker_manager.workers_channel
        assert channel
        holder = threading.Thread(target=hold, args=(channel.mutex.reader_mutex,))
        holder.start()
        held.wait()
        os.kill(int(before.result or 0), signal.SIGSTOP)
        try:
            (after,) = one.run(["who"], time_limits=[60.0], on_wait=impatient())
        finally:
            done.set()
            holder.join()

    assert after.error is None
    assert after.result not in (None, before.result)


ORPHANS = """
import ctypes, fcntl, multiprocessing, os, signal, time
from vtrain.tracing.worker_process import end_if_orphaned
from vtrain.tracing.workers import Workers

def work(task):
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    print(os.getpid(), flush=True)
    while task == "trace":  # holds the interpreter's lock, as VTracer does
        ctypes.PyDLL(None).sleep(600)
    while task == "ask":
        end_if_orphaned()
        time.sleep(0.05)

def setup(told):
    if told == "no":  # as on a system that does not tell
        fcntl.fcntl(multiprocessing.parent_process().sentinel, fcntl.F_SETFL, 0)

if __name__ == "__main__":
    tasks = {tasks}
    pool = Workers(
        work, count=1, memory_limit=512, setup=setup, setup_arguments=["{told}"], preload={preload}
    )
    list(pool.run(tasks, time_limits=[3600.0] * len(tasks)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux sends a signal")
@pytest.mark.parametrize(
    ("tasks", "told", "preload"),
    [
        (["trace"], "yes", None),
        # The second worker is started by a thread of the pool.
        (["die", "trace"], "yes", None),
        # A server forks the worker.
        (["trace"], "yes", "json"),
        (["ask"], "no", None),
    ],
)
def test_a_worker_ends_when_the_main_process_is_killed(
    tmp_path: Path, tasks: list[str], told: str, preload: str | None
) -> None:
    program = tmp_path / "program.py"
    text = ORPHANS.replace("{tasks}", str(tasks)).replace("{told}", told)
    program.write_text(text.replace("{preload}", repr(preload)))
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as main:
        assert main.stdout
        worker = psutil.Process(int(main.stdout.readline()))
        main.kill()
        _, alive = psutil.wait_procs([worker], timeout=60)
        for one in alive:
            one.kill()

    assert alive == []


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


PROGRAM = """
from vtrain.tracing.workers import Workers
{guard}
    with_workers = Workers(abs, count=1, memory_limit=512, setup=print, setup_arguments=())
    print([found.result for found in with_workers.run([-3], time_limits=[60.0])])
    with_workers.close()
"""


@pytest.mark.parametrize(
    ("guard", "code", "told"),
    [
        ('if __name__ == "__main__":', 0, "[3]"),
        ("if True:", 1, 'Put what it does under: if __name__ == "__main__":'),
    ],
)
def test_a_program_that_guards_nothing_is_told_so_once(
    tmp_path: Path, guard: str, code: int, told: str
) -> None:
    """Its workers would start it again, die, and be replaced, again and again."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(guard=guard))

    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == code, done.stderr
    assert (done.stdout + done.stderr).count(told) == 1


def test_a_program_from_standard_input_is_refused() -> None:
    """Its workers would look for a file of that name, die, and be replaced, again and again."""
    program = PROGRAM.format(guard='if __name__ == "__main__":')

    done = subprocess.run(
        [sys.executable], input=program, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 1
    assert "(<stdin>) is not in a file, and worker processes import it." in done.stderr
