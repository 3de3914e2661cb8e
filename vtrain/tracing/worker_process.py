"""What happens in a worker process: its limits, its ends, and the work itself."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import cv2
from threadpoolctl import threadpool_limits

from vtrain.errors import TraceError

Task = TypeVar("Task")
Result = TypeVar("Result")

REASONS = {81: "memory-limit", 82: "panic"}
"""Why a worker ended itself, by its exit code."""
_MIB = 1024 * 1024
_STATM = Path("/proc/self/statm")


def apply(function: Callable[[Task], Result], task: Task) -> Result:
    """Do a task in a worker."""
    try:
        return function(task)
    except TraceError as error:
        if error.reason in REASONS.values():
            _end(error.reason)
        raise
    except Exception as error:
        if lacks_memory(error):
            _end("memory-limit")
        raise


def lacks_memory(error: Exception) -> bool:
    """Whether an error says that there is no more memory, in Python or in OpenCV."""
    if isinstance(error, cv2.error):
        return bool(getattr(error, "code", None) == cv2.Error.StsNoMem)
    return isinstance(error, MemoryError)


def _end(reason: str) -> NoReturn:
    os._exit(next(code for code, known in REASONS.items() if known == reason))


def start_worker(memory_limit: int, setup: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Prepare a worker for its first task.

    Args:
        memory_limit: Memory that it may take beyond its start (MiB).
        setup: Called once.
        arguments: Its arguments.
    """
    _end_with_parent()
    # One thread each: the workers themselves fill the cores.
    cv2.setNumThreads(1)
    threadpool_limits(1)
    # The main process decides when to stop: Ctrl-C reaches the whole group, workers must finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup(*arguments)
    # What fails from here on comes back as an outcome; Rust would print a backtrace as well.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if not _STATM.exists():
        return  # without Linux's /proc the limit cannot be set relative to the start
    limit = _address_space() + memory_limit * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def end_if_orphaned() -> None:
    """End this process if it is a worker whose main process is gone: nobody wants its results."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)


def _end_with_parent() -> None:
    """Have the kernel end this process as soon as the one that works with it is gone.

    No time limit would hold any more, and a trace keeps Python from noticing anything. The main
    process holds the other end of a pipe, which is closed however it ends. `PR_SET_PDEATHSIG` goes
    by the thread that started the worker instead, and pebble replaces workers from a thread of its
    own; by a server that forks them it would go after that one.
    """
    parent = multiprocessing.parent_process()
    if parent is None or sys.platform != "linux":  # elsewhere the signal is ignored, or unknown
        return
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    pipe = parent.sentinel
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    end_if_orphaned()  # it was gone before the kernel was asked


def _address_space() -> int:
    """Size of this process's address space (bytes); `RLIMIT_AS` counts all of it."""
    return int(_STATM.read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
