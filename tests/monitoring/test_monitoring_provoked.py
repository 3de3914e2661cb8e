"""Alerts provoked for real: a silent run, a full disk, a memory hog, a bad value."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.monitoring.waiting import wait_for
from vtrain.config.monitoring import AlertsConfig
from vtrain.environment.engine import Engine, Group, WorkerBackend
from vtrain.environment.measurement import Measurement, Request
from vtrain.monitoring.alerts import Alert
from vtrain.monitoring.summary import read_samples
from vtrain.monitoring.supervise import start_sampler
from vtrain.rundir import JsonlWriter, RunDirectory, read_jsonl
from vtrain.tracing.parameters import PRESETS, encode_settings
from vtrain.tracing.workers import Workers

ACTION = encode_settings(PRESETS["default"])


def told(run: RunDirectory, name: str) -> list[str]:
    """Levels of an alert in the run's events, in order."""
    return [
        str(event["level"])
        for event in read_jsonl(run.events)
        if event["kind"] == "alert" and event["name"] == name
    ]


def test_a_silent_run_is_noticed_and_its_return_too(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    heard: list[Alert] = []
    levels = AlertsConfig(heartbeat=(0.5, 1.5))

    with start_sampler(run, 0.05, levels, on_alert=heard.append):
        # A sampler that was slow to start finds a critical silence at once, without a warning.
        assert wait_for(lambda: told(run, "heartbeat")[-1:] == ["critical"])
        with JsonlWriter(run.metrics) as metrics:
            while told(run, "heartbeat")[-1] != "resolved":
                metrics.write({"update": 1, "traces": 1})
                time.sleep(0.02)

    levels_heard = [alert.level for alert in heard]
    assert levels_heard == told(run, "heartbeat")
    assert levels_heard[levels_heard.index("resolved") - 1] == "critical"
    assert "nothing written for" in heard[0].message
    assert heard[0].hint


def test_a_value_that_is_not_finite_is_told_before_the_sampler_ends(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    with start_sampler(run, 3600.0):
        run.record_event("non-finite", what="gradient of value_net.bias", images=[])

    assert told(run, "non_finite") == ["critical"]


def test_the_command_gets_the_alert_as_json(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    heard = tmp_path / "heard.json"
    levels = AlertsConfig(
        heartbeat=(0.2, 3600.0), on_alert=f"cat > '{heard}.new'; mv '{heard}.new' '{heard}'"
    )

    with start_sampler(run, 0.05, levels):
        assert wait_for(heard.exists)

    alert = json.loads(heard.read_text(encoding="utf-8"))
    assert (alert["name"], alert["level"]) == ("heartbeat", "warn")
    assert alert["run"] == str(tmp_path)


def test_a_command_that_fails_is_logged_and_stops_nothing(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    log = run.resource_monitoring / "sampler.log"

    with start_sampler(run, 0.05, AlertsConfig(heartbeat=(0.1, 3600.0), on_alert="exit 3")):
        assert wait_for(lambda: log.exists() and "ended with 3" in log.read_text(encoding="utf-8"))
        count = len(read_samples(run))
        assert wait_for(lambda: len(read_samples(run)) > count)

    assert "monitoring.alerts.on_alert ended with 3: exit 3" in log.read_text(encoding="utf-8")


def test_a_callback_that_fails_does_not_end_the_sampling(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = RunDirectory(tmp_path)

    def fail(_alert: Alert) -> None:
        raise ValueError("mine")

    with start_sampler(run, 0.05, AlertsConfig(heartbeat=(0.2, 0.6)), on_alert=fail):
        assert wait_for(lambda: told(run, "heartbeat")[-1:] == ["critical"])
        samples = len(read_samples(run))
        assert wait_for(lambda: len(read_samples(run)) > samples)

    assert "the callback failed at the alert heartbeat" in caplog.text


def test_a_normal_run_has_no_alert(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    # The disk and the load are those of the machine that tests; the rest is this process's own.
    levels = AlertsConfig(off=("disk_free", "disk_hours", "load", "oom_kills"))

    with start_sampler(run, 0.05, levels), JsonlWriter(run.metrics) as metrics:
        for number in range(1, 40):
            metrics.write({"update": number, "traces": number, "entropy": 5.0, "approx_kl": 0.01})
            seen = len(read_samples(run))
            assert wait_for(lambda seen=seen: len(read_samples(run)) > seen)  # type: ignore[misc]

    assert [event for event in read_jsonl(run.events) if event["kind"] == "alert"] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_noticed_and_its_relief_too(small_disk: Path) -> None:
    run = RunDirectory(small_disk)
    gib = 2**30
    levels = AlertsConfig(disk_free=(4 * 2**20 / gib, 2 * 2**20 / gib), seconds=0.0)
    filler = small_disk / "filler"

    with start_sampler(run, 0.05, levels):
        assert wait_for(lambda: len(read_samples(run)) > 1)
        assert told(run, "disk_free") == []
        filler.write_bytes(bytes(5 * 2**20))
        assert wait_for(lambda: told(run, "disk_free")[-1:] == ["warn"])
        with filler.open("ab") as file:
            file.write(bytes(3 * 2**19))
        assert wait_for(lambda: told(run, "disk_free")[-1:] == ["critical"])
        filler.unlink()
        assert wait_for(lambda: told(run, "disk_free")[-1:] == ["resolved"])

    assert told(run, "disk_free") == ["warn", "critical", "resolved"]


def die(_group: Group) -> list[Measurement]:
    """A worker's work that ends the worker."""
    os._exit(9)


def ready() -> None:
    """Nothing to set up."""


def test_workers_that_die_again_and_again_are_noticed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    pool = Workers[Group, list[Measurement]](
        die, count=1, memory_limit=512, setup=ready, setup_arguments=()
    )
    levels = AlertsConfig(worker_restarts=(2.0, 4.0))

    with start_sampler(run, 0.05, levels), closing(pool):
        backend = WorkerBackend(
            pool,
            30.0,
            on_restart=lambda reason: run.record_event("worker_restarted", reason=reason),
        )
        Engine(backend).measure([Request(name, ACTION) for name in ("a", "b")])
        assert wait_for(lambda: told(run, "worker_restarts")[-1:] == ["critical"])

    kinds = [event["kind"] for event in read_jsonl(run.events)]
    assert kinds.count("worker_restarted") == 4


HOG = """
import pathlib, sys
from vtrain.config.monitoring import AlertsConfig
from vtrain.monitoring.supervise import start_sampler
from vtrain.rundir import RunDirectory

with start_sampler(RunDirectory(pathlib.Path(sys.argv[1])), 0.05, AlertsConfig(seconds=0.0)):
    print('started', flush=True)
    for line in sys.stdin:
        held = bytearray(int(line))
        held[::4096] = b'x' * len(held[::4096])
        print('held', flush=True)
"""


def test_a_memory_hog_in_a_limited_group_is_noticed(limited_group: Path, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    script = 'echo $$ > "$1/cgroup.procs" && exec "$2" -c "$3" "$4"'
    words: list[str | Path] = [
        "/bin/sh",
        "-c",
        script,
        "sh",
        limited_group,
        sys.executable,
        HOG,
        run.root,
    ]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        assert wait_for(lambda: len(read_samples(run)) > 1)
        before = read_samples(run)[-1]
        # Up to nine tenths of the group's 256 MiB.
        more = before["memory_left"] - before["memory_limit"] // 10
        child.stdin.write(f"{more}\n")
        child.stdin.flush()
        assert child.stdout.readline() == "held\n"
        assert wait_for(lambda: told(run, "memory")[-1:] == ["warn"])
        child.stdin.write("1\n")
        child.stdin.flush()
        assert wait_for(lambda: told(run, "memory")[-1:] == ["resolved"])
        child.stdin.close()

    (first, *_) = [event for event in read_jsonl(run.events) if event["kind"] == "alert"]
    assert before["memory_limit"] == 2**28
    assert "of 0.25 GiB are in use" in first["message"]
    assert told(run, "memory") == ["warn", "resolved"]
