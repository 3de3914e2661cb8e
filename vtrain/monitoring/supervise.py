"""Keeping a sampler beside a piece of work: started, heard, started again, stopped."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vtrain.config.monitoring import AlertsConfig
from vtrain.errors import StorageError
from vtrain.monitoring.alerts import Alert
from vtrain.rundir import RunDirectory, make_folder

logger = logging.getLogger(__name__)

_STOP_SECONDS = 10.0
_RESTARTS = 5
"""Times that a sampler is started again (count)."""
_PAUSE_S = 0.5
"""Time before the first such start; it doubles with each (s)."""

AlertCallback = Callable[[Alert], None]


def _log(alert: Alert) -> None:
    """Tell an alert in the log, which the commands print."""
    logger.warning("%s %s", alert.message, alert.hint)


@contextmanager
def start_sampler(
    run: RunDirectory,
    interval: float,
    alerts: AlertsConfig | None = None,
    *,
    on_alert: AlertCallback = _log,
) -> Iterator[None]:
    """Sample this process and its descendants for the length of a block.

    Samples go to `resource_monitoring/samples.jsonl` and, at the end, their summary to
    `resource_monitoring/summary.json`. A sampler that cannot start, or that dies and is started
    again, is told in the log and in `events.jsonl`, and changes nothing else.

    Args:
        run: The run directory.
        interval: Time between samples (s).
        alerts: When a figure is an alert; None for the defaults.
        on_alert: Called with each alert, in a thread of its own; by default the log tells it.
    """
    supervisor = _Supervisor(run, interval, alerts or AlertsConfig(), on_alert)
    supervisor.start()
    try:
        yield
    finally:
        supervisor.stop()


class _Supervisor:
    """One sampler, and its successors."""

    def __init__(
        self, run: RunDirectory, interval: float, alerts: AlertsConfig, on_alert: AlertCallback
    ) -> None:
        self._run, self._interval, self._alerts = run, interval, alerts
        self._on_alert = on_alert
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._killed = False
        self._since = time.time()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._follow, name="sampler", daemon=True)

    def start(self) -> None:
        self._process = self._spawn(again=False)
        if self._process is not None:
            self._thread.start()

    def stop(self) -> None:
        """End it, and wait until it has written its summary."""
        with self._lock:
            self._stopping.set()
            process = self._process
            if process is not None and process.stdin is not None:
                process.stdin.close()
        if process is None:
            return
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            self._killed = True
            process.kill()
            self._thread.join()
            self._report("the resource sampler did not stop and was killed")

    def _follow(self) -> None:
        """Hear the sampler until it ends; start another while there is work to watch."""
        for restart in range(_RESTARTS + 1):
            process = self._process
            if process is None:
                return
            self._listen(process)
            status = process.wait()
            if self._stopping.is_set():
                if status and not self._killed:
                    self._report(f"the resource sampler ended with status {status}")
                return
            again = restart < _RESTARTS
            what = "it is started again" if again else "no more are started"
            self._report(f"the resource sampler ended early with status {status}: {what}")
            if not again or self._stopping.wait(_PAUSE_S * 2**restart):
                return
            with self._lock:
                if self._stopping.is_set():
                    return
                if process.stdin is not None:
                    process.stdin.close()
                self._process = self._spawn(again=True)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            raise AssertionError
        with process.stdout as lines:
            for line in lines:
                if not line.endswith(b"\n"):  # it died while it told of one
                    return
                alert = Alert(**json.loads(line))
                try:
                    self._on_alert(alert)
                except Exception:
                    # A listener's mistake must not end the sampling.
                    logger.exception("the callback failed at the alert %s", alert.name)

    def _spawn(self, *, again: bool) -> subprocess.Popen[bytes] | None:
        command = [
            sys.executable,
            "-m",
            "vtrain.monitoring.sampler",
            f"--run={self._run.root}",
            f"--pid={os.getpid()}",
            f"--interval={self._interval}",
            f"--since={self._since}",
            f"--alerts={self._alerts.model_dump_json()}",
            *(["--again"] if again else []),
        ]
        try:
            with (make_folder(self._run.resource_monitoring) / "sampler.log").open("ab") as log:
                return subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    # Ctrl-C in the terminal is for training; the pipe is what ends the sampler.
                    start_new_session=True,
                )
        except (OSError, StorageError) as error:
            self._report(f"resources are not sampled: {error}")
            return None

    def _report(self, message: str) -> None:
        logger.warning("%s (see %s)", message, self._run.resource_monitoring / "sampler.log")
        try:
            self._run.record_event("monitoring_failed", message=message)
        except StorageError as error:
            # The disk that lost the samples may not take the event either; the log has it.
            logger.warning("the event was not recorded: %s", error)
