"""Sampling of a run's resources from a process of its own.

The sampler is a child that only reads: if it dies, training goes on. Its standard input is a pipe
whose other end the watched process holds. Closing it ends the sampler, and the kernel closes it
when the watched process dies, whatever killed it, so no sampler outlives its run.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import psutil

from vtrain.errors import StorageError
from vtrain.monitoring.gpu import open_gpus
from vtrain.monitoring.processes import ProcessTree
from vtrain.monitoring.summary import SAMPLES, write_summary
from vtrain.rundir import JsonlWriter, RunDirectory, make_folder

logger = logging.getLogger(__name__)

_STOP_SECONDS = 10.0


@contextmanager
def start_sampler(run: RunDirectory, interval: float) -> Iterator[None]:
    """Sample this process and its descendants for the length of a block.

    Samples go to `resource_monitoring/samples.jsonl` and, at the end, their summary to
    `resource_monitoring/summary.json`. A sampler that cannot start or that dies is told in the log
    and in `events.jsonl`, and changes nothing else.

    Args:
        run: The run directory.
        interval: Time between samples (s).
    """
    process = _spawn(run, interval)
    try:
        yield
    finally:
        if process is not None:
            _stop(run, process)


def sample(run: RunDirectory, pid: int, interval: float) -> None:
    """Write a sample every `interval` seconds until standard input ends or `pid` does.

    Args:
        run: The run directory.
        pid: The process at the root of the watched tree.
        interval: Time between samples (s).

    Raises:
        StorageError: A sample cannot be written.
    """
    with open_gpus() as gpus:
        if gpus.reason:
            run.record_event("gpu_absent", reason=gpus.reason)
        tree = ProcessTree(pid, run.root, gpus, without=frozenset({os.getpid()}))
        with JsonlWriter(run.resource_monitoring / SAMPLES) as writer:
            told = False
            while not told and tree.alive():
                # Waits for the interval, or for the end of the pipe.
                told = bool(select.select([sys.stdin], [], [], interval)[0])
                try:
                    writer.write(asdict(tree.read()))
                except psutil.NoSuchProcess:
                    break
    write_summary(run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sampler's process.

    Args:
        arguments: The command line; None for this process's own.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m vtrain.monitoring.sampler")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--interval", type=float, required=True)
    options = parser.parse_args(arguments)
    try:
        sample(RunDirectory(options.run), options.pid, options.interval)
    except (StorageError, psutil.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _spawn(run: RunDirectory, interval: float) -> subprocess.Popen[bytes] | None:
    command = [
        sys.executable,
        "-m",
        "vtrain.monitoring.sampler",
        f"--run={run.root}",
        f"--pid={os.getpid()}",
        f"--interval={interval}",
    ]
    try:
        with (make_folder(run.resource_monitoring) / "sampler.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for training; the pipe is what ends the sampler.
                start_new_session=True,
            )
    except (OSError, StorageError) as error:
        _report(run, f"resources are not sampled: {error}")
        return None


def _stop(run: RunDirectory, process: subprocess.Popen[bytes]) -> None:
    early = process.poll()
    if process.stdin is not None:
        process.stdin.close()
    if early is not None:
        _report(run, f"the resource sampler ended early with status {early}")
        return
    try:
        status = process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        _report(run, "the resource sampler did not stop and was killed")
        return
    if status:
        _report(run, f"the resource sampler ended with status {status}")


def _report(run: RunDirectory, message: str) -> None:
    logger.warning("%s (see %s)", message, run.resource_monitoring / "sampler.log")
    try:
        run.record_event("monitoring_failed", message=message)
    except StorageError as error:
        # The disk that lost the samples may not take the event either; the log has it.
        logger.warning("the event was not recorded: %s", error)


if __name__ == "__main__":
    sys.exit(main())
