"""Processes that do work which may panic, hang, or eat memory.

A thin layer over pebble's pool, which replaces workers that die and kills those that run over
their time. Here: quiet workers, typed failures, and an eye on workers that were stopped, which
pebble misses while they have no task. What a worker does is in `vtrain.tracing.worker_process`.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, wait
from concurrent.futures import TimeoutError as TimeLimit
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Generic, TypeVar

import psutil
from pebble import ProcessExpired, ProcessPool

from vtrain.errors import TraceError, UsageError, VtrainError
from vtrain.tracing.worker_process import REASONS, apply, start_worker

Task = TypeVar("Task")
Result = TypeVar("Result")

_POLL_S = 0.1
_STALLED_S = 60.0
"""Time beyond the longest limit in which some task must end, or the pool is started anew (s)."""
_RESTARTS = 3
"""Times that the pool is started anew without a task getting done in between (count)."""
_LOOK_S = 1.0
"""Least time between two looks for workers that were stopped (s): one that is in two is."""
_DETAILS = {
    "memory-limit": "A trace needed more memory than tracing.memory_limit",
    "panic": "VTracer panicked",
}
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What became of one task.

    Attributes:
        index: Position of the task in the sequence given.
        result: The function's result; None when it failed.
        error: Why it failed; None when it did not.
    """

    index: int
    result: Result | None
    error: VtrainError | None


class Workers(Generic[Task, Result]):
    """A pool of processes that apply one function to tasks.

    A process in which memory ran out or the tracer panicked ends and is replaced: nobody knows what
    state it is in.

    Args:
        function: Applied to each task in a worker; importable, as workers are spawned.
        count: Processes.
        memory_limit: Memory that a worker may take beyond its start (MiB).
        setup: Called once in each worker before its first task.
        setup_arguments: Its arguments.
        preload: A module that is imported once, where workers can be copies of a process that has
            done so: for those whose start would take longer than their work. None: each imports
            what it needs.

    Raises:
        UsageError: The running program would start itself again in each worker.
    """

    def __init__(
        self,
        function: Callable[[Task], Result],
        *,
        count: int,
        memory_limit: int,
        setup: Callable[..., None],
        setup_arguments: Sequence[Any],
        preload: str | None = None,
    ) -> None:
        _check_program()
        self._context = _context(preload)
        self._function = function
        self._count = count
        self._start = (memory_limit, setup, tuple(setup_arguments))
        self._pool = self._new_pool()
        self._looked = time.monotonic()
        self._stopped: set[int] = set()

    def _new_pool(self) -> ProcessPool:
        pool = ProcessPool(
            max_workers=self._count,
            initializer=start_worker,
            initargs=self._start,
            context=self._context,
        )
        start_quietly(pool)
        return pool

    def run(
        self,
        tasks: Sequence[Task],
        *,
        time_limits: Sequence[float],
        on_wait: Callable[[], None] = lambda: None,
    ) -> Iterator[Outcome[Result]]:
        """Outcomes in the order of the tasks, each as soon as it and those before it are done.

        What is not done when the iteration ends early is dropped; a worker in the middle of a task
        is ended and replaced.

        Args:
            tasks: What to do, longest first for the best use of all workers.
            time_limits: Time for each task once it has started (s).
            on_wait: Called before each wait and ten times a second during one; may raise.
        """
        limits = list(time_limits)
        patience = _STALLED_S + max(limits, default=0.0)
        if not self._replace_stopped():
            self._restart()
        futures = self._schedule(tasks, limits)
        failures = 0
        try:
            for index in range(len(tasks)):
                on_wait()
                while not self._settled(futures, index, on_wait, patience):
                    failures += 1
                    if failures > _RESTARTS:
                        break
                    # What is done is done; the rest is done by new workers.
                    self._restart()
                    futures[index:] = self._schedule(tasks[index:], limits[index:])
                else:
                    failures = 0
                yield self._outcome(index, futures[index])
        finally:
            for future in futures:
                future.cancel()

    def _schedule(self, tasks: Sequence[Task], limits: Sequence[float]) -> list[Any]:
        for attempt in range(_RESTARTS + 1):
            try:
                return [
                    self._pool.schedule(apply, args=(self._function, task), timeout=limit)
                    for task, limit in zip(tasks, limits, strict=True)
                ]
            except RuntimeError:  # a worker that died between two tasks can break the whole pool
                if attempt == _RESTARTS:
                    raise
                self._restart()
        raise AssertionError

    def _settled(
        self, futures: Sequence[Any], index: int, on_wait: Callable[[], None], patience: float
    ) -> bool:
        """Wait for one of the futures; False when the pool cannot answer any more."""
        wanted = futures[index]
        done, since = 0, time.monotonic()
        while not (wanted.done() or wait([wanted], timeout=_POLL_S).done):
            on_wait()
            if not self._replace_stopped():
                return False
            now_done = sum(future.done() for future in futures)
            if now_done != done:
                done, since = now_done, time.monotonic()
            if time.monotonic() - since > patience:  # a worker that stands still holds the queue
                return False
        return wanted.cancelled() or not isinstance(wanted.exception(), BrokenProcessPool)

    def _replace_stopped(self) -> bool:
        """Replace the workers that were stopped while they had nothing to do, such as by SIGSTOP.

        Nobody waits for them, but fewer and fewer would be left to work, and in the end none. One
        that was stopped in a task is ended at the task's time limit.

        Returns:
            False when one was stopped while it held the queue, so that no other gets a task.
        """
        if time.monotonic() - self._looked < _LOOK_S:
            return True
        self._looked = time.monotonic()
        manager = self._pool._pool_manager  # noqa: SLF001 - pebble has no word for it
        workers, channel = manager.worker_manager.workers, manager.worker_manager.workers_channel
        if channel is None:
            return True  # not started
        before, self._stopped = self._stopped, _stopped(workers.copy())
        busy = {task.worker_id for task in manager.task_manager.tasks.copy().values()}
        for pid in (before & self._stopped) - busy:
            # Whoever takes a task holds the queue for that long: now nobody does.
            with channel.lock(timeout=_LOOK_S) as held:
                if not held:
                    return False
                # Pebble must not find it dead: a death without a task breaks its whole pool.
                worker = workers.pop(pid, None)
            if worker is not None:
                _LOG.warning("the tracing process %d was stopped; another takes its place", pid)
                worker.kill()
                worker.join()
        return True

    def _restart(self) -> None:
        _LOG.warning("the tracing processes were started anew")
        self.close()
        self._stopped = set()
        self._pool = self._new_pool()

    def _outcome(self, index: int, future: Any) -> Outcome[Result]:
        if not future.done():  # given up after several starts of the pool
            future.cancel()
            detail = "The worker processes stood still again and again"
            return Outcome(index, None, TraceError("worker-died", detail))
        try:
            return Outcome(index, future.result(), None)
        except TimeLimit:
            return Outcome(index, None, TraceError("time-limit", "A trace ran over its time limit"))
        except (ProcessExpired, BrokenProcessPool, CancelledError) as error:
            # Without an exit code the whole pool broke, again and again.
            code = getattr(error, "exitcode", None)
            reason = REASONS.get(code or 0, "worker-died")
            died = f"A worker process died (exit code {'unknown' if code is None else code})"
            detail = _DETAILS.get(reason, died)
            return Outcome(index, None, TraceError(reason, detail))
        except VtrainError as error:
            return Outcome(index, None, error)

    def close(self) -> None:
        """End the workers, dropping what has not started."""
        stop_quietly(self._pool)


def _stopped(pids: Iterable[int]) -> set[int]:
    """Those of the processes that a signal has stopped."""
    found = set()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() == psutil.STATUS_STOPPED:
                found.add(pid)
    return found


def _context(preload: str | None) -> BaseContext:
    """How workers are started."""
    # Forking a process that runs torch and its threads can deadlock the child. A server that does
    # nothing but fork has no threads. Apple's libraries do not outlive a fork.
    if preload is None or sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    return context


def _check_program() -> None:
    """Make sure that workers can import the running program without running it.

    A spawned process imports the file that was started. Whatever starts processes at its top level
    would do so there again, and each of those workers would die and be replaced for ever.

    Raises:
        UsageError: The file guards nothing, or there is no file.
    """
    main = sys.modules["__main__"]
    name = getattr(main, "__file__", None)
    if name is None:  # typed in, or `python -c`: workers import nothing
        return
    try:
        guarded = "__name__" in Path(name).read_text("utf-8", "replace")
    except OSError as error:
        if main.__spec__ is not None:  # in an archive: workers import it by its name
            return
        raise UsageError(
            f"The running program ({name}) is not in a file, and worker processes import it.",
            hint="Save it as a file and run that.",
        ) from error
    if not guarded:
        raise UsageError(
            f"{name} measures with worker processes, which import it and would start it again.",
            hint='Put what it does under: if __name__ == "__main__":',
        )


def start_quietly(pool: ProcessPool) -> None:
    """Start a pool whose workers never hear a Ctrl-C, which the terminal sends to them too.

    They inherit the mask of whoever starts them, from their first instruction on: while one still
    imports, an interrupt would print a traceback. The pool's own threads inherit it likewise, and
    so do the workers that replace others.
    """
    # On its start multiprocessing's tracker lets SIGINT through again: so it starts before.
    resource_tracker.ensure_running()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        _ = pool.active  # looking starts it
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def stop_quietly(pool: ProcessPool) -> None:
    """End a pool and its processes, dropping what has not started.

    Pebble drops its semaphores first and ends the processes then: one that is still starting would
    print that they are missing. They are held until all have ended.
    """
    channel = pool._pool_manager.worker_manager.workers_channel  # noqa: SLF001 - no other way in
    held = vars(channel.mutex).copy() if channel is not None else {}
    pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it bare
    pool.join()
    held.clear()
