"""Samples on disk: bounded, and no extreme lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrain.monitoring.storage import MOST, SampleWriter, count, merged, thinned
from vtrain.monitoring.summary import counted, read_samples, summarise
from vtrain.rundir import RunDirectory, read_jsonl


def sample(second: int, **changes: Any) -> dict[str, Any]:
    """A sample as the sampler writes it, with eight processes."""
    return {
        "time": 1000.0 + second,
        "pid": 1,
        "cpu_percent": 150.0 + second % 7,
        "rss": 10**9 + second % 11,
        "pss": None if second % 60 else 8 * 10**8,
        "threads": 20,
        "processes": 3,
        "open_files": 80,
        "disk_read": 0.0,
        "disk_written": 1000.0,
        "memory_left": 5 * 10**9 - second % 13,
        "memory_limit": 8 * 10**9,
        "system_cpu_percent": 90.0,
        "disk_free": 10**10,
        "disk_seconds_left": None,
        "load": 2.0,
        "oom_kills": 0,
        "energy": 40.0 * second,
        "by_process": [
            {"pid": n, "name": "python", "cpu_percent": 1.0, "rss": 10**8} for n in range(8)
        ],
        "gpus": [{"index": 0, "name": "a", "utilisation": second % 2, "memory_used": 5}],
        **changes,
    }


@pytest.mark.parametrize("interval", [pytest.param(n, marks=pytest.mark.slow) for n in (5, 1)])
def test_a_day_of_samples_stays_small_and_keeps_its_peaks(tmp_path: Path, interval: int) -> None:
    run = RunDirectory(tmp_path)
    path = run.resource_monitoring / "samples.jsonl"
    day, largest, early, most_memory = 24 * 3600, 0, 0, 0
    process = psutil.Process(os.getpid())
    with SampleWriter(path) as writer:
        for second in range(0, day, interval):
            spike = {"rss": 7 * 10**9, "memory_left": 17} if second == 12345 else {}
            writer.write(sample(second, **spike))
            if second % 300 == 0:
                largest = max(largest, path.stat().st_size)
                memory = process.memory_info().rss
                if second < day // 4:
                    early = max(early, memory)
                most_memory = max(most_memory, memory)

    records = read_samples(run)
    summary = summarise(records)

    assert len(records) <= MOST
    assert largest < 4 * 2**20
    assert most_memory < early + 16 * 2**20
    assert summary is not None
    assert summary.samples == day // interval
    assert summary.rss.peak == 7 * 10**9
    assert summary.memory_left_low == 17
    assert summary.cpu_percent.mean == pytest.approx(153.0, abs=0.05)
    assert summary.seconds == day - interval
    assert summary.energy == 40.0 * (day - interval)
    assert summary.gpu_utilisation is not None
    assert summary.gpu_utilisation.mean == pytest.approx(0.5, abs=0.01)
    # The newest are as they were; the older ones stand for about as long each.
    assert [count(record) for record in records[-600:]] == [1] * 600
    assert max(count(record) for record in records) <= 128 // interval


def test_a_file_that_is_there_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    for begin in (0, MOST - 10):
        with SampleWriter(path) as writer:
            for second in range(begin, begin + MOST - 10):
                writer.write(sample(second))

    records = read_jsonl(path)
    assert len(records) <= MOST
    assert sum(map(count, records)) == 2 * (MOST - 10)


def test_two_samples_become_their_mean_with_their_extremes() -> None:
    one = sample(0, cpu_percent=100.0, rss=10, memory_left=5, pss=9, oom_kills=0)
    two = sample(1, cpu_percent=200.0, rss=30, memory_left=7, pss=None, oom_kills=2)

    both = merged(merged(one, two), sample(2, cpu_percent=300.0, rss=20, memory_left=6))

    assert (both["samples"], both["time"]) == (3, 1002.0)
    assert both["cpu_percent"] == 200.0
    assert (both["peak"]["rss"], both["peak"]["cpu_percent"]) == (30, 300.0)
    assert both["low"]["memory_left"] == 5
    assert both["pss"] == 9
    assert "by_process" not in both


@settings(max_examples=30)
@given(st.integers(0, 9000))
def test_thinning_keeps_order_and_stands_for_all(number: int) -> None:
    records = [{"time": float(n), "gpus": []} for n in range(number)]

    kept = thinned(records)

    assert len(kept) <= 1800
    assert sum(map(count, kept)) == number
    assert [record["time"] for record in kept] == sorted(record["time"] for record in kept)


def test_a_counter_that_starts_anew_goes_on() -> None:
    assert counted([None, 1.0, 5.0, 2.0, None, 3.0]) == 8.0
    assert counted([None]) is None
