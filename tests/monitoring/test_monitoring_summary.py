"""Peaks, means and percentiles of resource samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vtrain.monitoring.summary import SAMPLES, Spread, read_samples, summarise, write_summary
from vtrain.rundir import RunDirectory


def record(**changes: Any) -> dict[str, Any]:
    return {
        "time": 100.0,
        "pid": 1,
        "cpu_percent": 50.0,
        "rss": 1000,
        "threads": 4,
        "processes": 2,
        "memory_left": 5000,
        "system_cpu_percent": 10.0,
        "disk_free": 9000,
        "gpus": [],
        **changes,
    }


def test_figures_of_several_samples() -> None:
    records = [
        record(time=100.0, cpu_percent=100.0, rss=10, memory_left=7),
        record(time=102.0, cpu_percent=200.0, rss=30, memory_left=3),
        record(time=110.0, cpu_percent=0.0, rss=20, memory_left=5),
    ]

    summary = summarise(records)

    assert summary is not None
    assert summary.samples == 3
    assert summary.seconds == 10.0
    assert summary.cpu_percent.mean == 100.0
    assert summary.cpu_percent.p50 == 100.0
    assert summary.rss.peak == 30.0
    assert summary.memory_left_low == 3
    assert summary.gpu_utilisation is None


def test_gpus_are_averaged_and_their_memory_added() -> None:
    gpu = {"index": 0, "name": "x", "utilisation": 0.5, "memory_used": 10, "memory_total": 20}
    busy = {**gpu, "index": 1, "utilisation": 1.0}

    summary = summarise([record(gpus=[gpu, busy])])

    assert summary is not None
    assert summary.gpu_utilisation is not None
    assert summary.gpu_memory is not None
    assert summary.gpu_utilisation.mean == 0.75
    assert summary.gpu_memory.peak == 20.0


def test_no_sample_has_no_summary(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    write_summary(run)

    assert summarise(read_samples(run)) is None
    assert not (run.resource_monitoring / "summary.json").exists()


def test_a_record_without_its_figures_is_left_out() -> None:
    summary = summarise([{"time": 1.0}, record()])

    assert summary is not None
    assert summary.samples == 1


def test_a_torn_last_line_does_not_hide_the_rest(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.resource_monitoring.mkdir()
    lines = json.dumps(record()) + "\n" + json.dumps(record())[:20]
    (run.resource_monitoring / SAMPLES).write_text(lines, encoding="utf-8")

    write_summary(run)

    summary = json.loads((run.resource_monitoring / "summary.json").read_text(encoding="utf-8"))
    assert summary["schema"] == 1
    assert summary["samples"] == 1


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=30))
def test_a_spread_is_ordered(values: list[float]) -> None:
    spread = Spread.of(values)

    slack = 1e-9 * (1.0 + spread.peak)
    assert min(values) <= spread.p50 + slack
    assert spread.p50 <= spread.p95 + slack
    assert spread.p95 <= spread.peak + slack
    assert min(values) - slack <= spread.mean <= spread.peak + slack
