"""The sampler's process: samples, alerts, and the summary at the end.

It only reads: if it dies, training goes on. Its standard input is a pipe whose other end the
watched process holds. Closing it ends the sampler, and the kernel closes it when the watched
process dies, whatever killed it, so no sampler outlives its run. Alerts go to its standard output,
one JSON object per line.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from vtrain.config.monitoring import AlertsConfig
from vtrain.errors import DataError, StorageError
from vtrain.monitoring.alerts import KIND, Alert, Alerts
from vtrain.monitoring.follow import RunFollower
from vtrain.monitoring.gpu import Gpus, open_gpus
from vtrain.monitoring.processes import ProcessTree, Sample
from vtrain.monitoring.resource_figures import ResourceFigures
from vtrain.monitoring.storage import SampleWriter
from vtrain.monitoring.summary import SAMPLES, write_summary
from vtrain.resources import usable_cores
from vtrain.rundir import RunDirectory, read_jsonl, to_json
from vtrain.validation.hooks import run_on_fail

logger = logging.getLogger(__name__)

_COMMANDS_S = 5.0
"""Time that commands at alerts may still take when the run has ended (s)."""


def sample(
    run: RunDirectory,
    pid: int,
    interval: float,
    alerts: AlertsConfig | None = None,
    *,
    since: float | None = None,
    again: bool = False,
) -> None:
    """Write a sample every `interval` seconds until standard input ends or `pid` does.

    Args:
        run: The run directory.
        pid: The process at the root of the watched tree.
        interval: Time between samples (s).
        alerts: When a figure is an alert; None for the defaults.
        since: When the watched work began (s since 1970); None for now.
        again: Whether this goes on for a sampler that died: what was said once is not said again.

    Raises:
        StorageError: A sample cannot be written.
    """
    with open_gpus() as gpus:
        if gpus.reason and not again:
            run.record_event("gpu_absent", reason=gpus.reason)
        watch = _AlertWatch(run, alerts or AlertsConfig(), time.time() if since is None else since)
        tree = ProcessTree(pid, run.root, gpus, without=frozenset({os.getpid()}))
        with SampleWriter(run.resource_monitoring / SAMPLES) as writer:
            told = False
            lost: set[int] = set()
            while not told and tree.alive():
                # Waits for the interval, or for the end of the pipe.
                told = bool(select.select([sys.stdin], [], [], interval)[0])
                try:
                    found = tree.read()
                except psutil.NoSuchProcess:
                    break
                writer.write(asdict(found))
                lost = _tell_lost(run, gpus, lost)
                watch.look(found)
        watch.end()
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
    parser.add_argument("--alerts", type=AlertsConfig.model_validate_json, default=AlertsConfig())
    parser.add_argument("--since", type=float)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args(arguments)
    try:
        sample(
            RunDirectory(options.run),
            options.pid,
            options.interval,
            options.alerts,
            since=options.since,
            again=options.again,
        )
    except (StorageError, DataError, psutil.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


@dataclass(slots=True)
class _AlertWatch:
    """Looks at the figures after each sample, and tells alerts everywhere."""

    run: RunDirectory
    config: AlertsConfig
    since: float
    _alerts: Alerts = field(init=False)
    _follower: RunFollower = field(init=False)
    _resources: ResourceFigures = field(init=False)
    _commands: list[threading.Thread] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._alerts = Alerts(self.config)
        self._alerts.restore(read_jsonl(self.run.events))
        self._follower = RunFollower(self.run, since=self.since)
        self._resources = ResourceFigures(usable_cores())

    def look(self, found: Sample) -> None:
        if not self.config.enabled:
            return
        figures = [*self._resources.of(found), *self._follower.figures(found.time)]
        self._tell(self._alerts.update(figures))

    def end(self) -> None:
        """Give commands that still run a moment; they go on without this process."""
        deadline = time.monotonic() + _COMMANDS_S
        for thread in self._commands:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _tell(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            record = asdict(alert)
            self.run.record_event(KIND, **record)
            _say(record)
            if self.config.on_alert:
                document = {"run": str(self.run.root.resolve()), **record}
                thread = threading.Thread(target=self._command, args=(document,), daemon=True)
                thread.start()
                self._commands = [*filter(threading.Thread.is_alive, self._commands), thread]

    def _command(self, document: Mapping[str, Any]) -> None:
        wrong = run_on_fail(self.config.on_alert, document, name="monitoring.alerts.on_alert")
        if wrong:
            sys.stderr.write(f"{wrong}\n")
            sys.stderr.flush()


def _say(record: Mapping[str, Any]) -> None:
    try:
        sys.stdout.write(to_json(record) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # who started this has died; the event is recorded all the same
        logger.warning("nobody hears the alert %s", record["name"])


def _tell_lost(run: RunDirectory, gpus: Gpus, told: set[int]) -> set[int]:
    """Record each GPU that has stopped answering, once; the ones that are silent now."""
    for index, reason in gpus.silent.items():
        if index not in told:
            run.record_event("gpu_lost", gpu=index, reason=reason)
    return set(gpus.silent)


if __name__ == "__main__":
    sys.exit(main())
