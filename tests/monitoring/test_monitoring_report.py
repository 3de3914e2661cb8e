"""What a report reads out of a run's files, and how it looks in a terminal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from vtrain.monitoring.report import progress, report
from vtrain.monitoring.summary import SAMPLES
from vtrain.monitoring.terminal import duration, render, sparkline
from vtrain.rundir import JsonlWriter, RunDirectory, now


def update(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "update": number,
        "traces": number * 512,
        "stage": "simple",
        "reward_mean": 0.1,
        "utility_gain_default": 0.1 * number,
        "success_share": 0.5,
        "failures": 0,
        "validation_utility": None,
        "wall": {"time": now(), "seconds": 4.0, "traces_per_second": 99.0},
        **changes,
    }


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run of three updates with a config, samples and events."""
    directory = RunDirectory(tmp_path / "run")
    directory.root.mkdir()
    directory.config.write_text("ppo:\n  total_traces: 2560\n", encoding="utf-8")
    with JsonlWriter(directory.metrics) as metrics:
        metrics.write(update(1, validation_utility=2.0))
        metrics.write(update(2, validation_utility=3.0))
        metrics.write(update(3, validation_utility=2.5, stage="text"))
    with JsonlWriter(directory.resource_monitoring / SAMPLES) as samples:
        samples.write(
            {
                "time": 1.0,
                "pid": 1,
                "cpu_percent": 180.0,
                "rss": 2**30,
                "threads": 9,
                "processes": 3,
                "memory_left": 2**33,
                "system_cpu_percent": 90.0,
                "disk_free": 2**34,
                "gpus": [],
            }
        )
    directory.record_event("stage", name="text")
    directory.record_event("worker_restarted", image="[bold]odd[/bold] name.png")
    return directory


def screen(directory: RunDirectory) -> str:
    out = io.StringIO()
    Console(file=out, width=80, height=24, no_color=True).print(render(report(directory)))
    return out.getvalue()


def test_progress_speaks_of_the_last_update_and_the_best_check(run: RunDirectory) -> None:
    found = report(run).progress

    assert found is not None
    assert (found.update, found.traces, found.total_traces) == (3, 1536, 2560)
    assert found.stage == "text"
    assert found.best is not None
    assert (found.best.update, found.best.utility) == (2, 3.0)
    assert found.seconds_left == (2560 - 1536) / 128.0
    assert found.curve == pytest.approx((0.1, 0.2, 0.3))


def test_the_first_update_has_a_speed_already() -> None:
    found = progress([update(1)], 1024)

    assert found is not None
    assert found.traces_per_second == 128.0
    assert found.seconds_left == 4.0


def test_a_run_that_has_ended_says_why(run: RunDirectory) -> None:
    run.record_event("end", stopped="time-limit")
    run.record_event("validation", split="test")

    assert report(run).ended == "time-limit"
    assert "ended: time-limit" in screen(run)


def test_a_run_that_a_bad_value_ended_says_which(run: RunDirectory) -> None:
    run.record_event("non-finite", what="loss", images=["a"], checkpoint=None)

    assert report(run).ended == "loss is not finite"


def test_a_resumed_run_has_not_ended(run: RunDirectory) -> None:
    run.record_event("end", stopped="signal")
    run.record_event("resumed", update=3)

    assert report(run).ended is None
    assert " left" in screen(run)


def test_an_empty_run_has_nothing_to_report(tmp_path: Path) -> None:
    found = report(RunDirectory(tmp_path))

    assert found.progress is None
    assert found.resources is None
    assert found.events == ()
    assert "No update" in screen(RunDirectory(tmp_path))


def test_only_the_newest_events_are_told(run: RunDirectory) -> None:
    assert [event["kind"] for event in report(run, events=1).events] == ["worker_restarted"]
    assert report(run, events=0).events == ()


def test_a_line_being_written_is_left_out(run: RunDirectory) -> None:
    with run.metrics.open("a", encoding="utf-8") as file:
        file.write('{"update": 4, "tra')

    found = report(run).progress

    assert found is not None
    assert found.update == 3


def test_a_config_of_another_version_does_not_hide_the_progress(run: RunDirectory) -> None:
    run.config.write_text("future: 1\n", encoding="utf-8")

    found = report(run).progress

    assert found is not None
    assert found.total_traces is None
    assert found.seconds_left is None
    assert "unknown left" in screen(run)


def test_a_record_with_nulls_is_reported_as_unknown() -> None:
    found = progress([{"update": 1, "traces": 5, "utility_gain_default": None}], 10)

    assert found is not None
    assert found.utility_gain is None
    assert found.traces_per_second is None
    assert found.best is None


def test_the_screen_fits_a_small_terminal(run: RunDirectory) -> None:
    for number in range(4, 90):
        with JsonlWriter(run.metrics) as metrics:
            metrics.write(update(number))
        run.record_event("checkpoint", path="step-000012288/" * 9)

    lines = screen(run).splitlines()

    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_the_screen_shows_names_as_text(run: RunDirectory) -> None:
    shown = screen(run)

    assert "[bold]odd[/bold] name.png" in shown
    assert "1536 traces of 2560 (60%)" in shown
    assert "\n" + "━" * 46 + "─" * 32 + "\nupdate " in shown
    assert "180" in shown


@given(st.lists(st.floats(-1e6, 1e6), max_size=200), st.integers(1, 80))
def test_a_sparkline_has_a_bar_per_value(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == min(len(values), width)


def test_a_sparkline_rises_with_its_values() -> None:
    assert sparkline([0.0, 1.0, 2.0, 7.0], 10) == "▁▂▃█"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "unknown"),
        (42.4, "42 s"),
        (59.6, "1 min 00 s"),
        (185.0, "3 min 05 s"),
        (7800.0, "2 h 10 min"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_open_alerts_the_use_of_time_and_advice_fit_the_small_terminal_too(
    run: RunDirectory,
) -> None:
    parts = {
        f"{part}_seconds": seconds
        for part, seconds in zip(
            ("rollout", "learn", "check", "save", "measure"), (1.6, 0.2, 2.0, 0.1, 1.5), strict=True
        )
    }
    wall = {"time": now(), "seconds": 4.0, "traces_measured": 60, "cache_hits": 40, **parts}
    with JsonlWriter(run.metrics) as metrics:
        for number in range(4, 60):
            metrics.write(update(number, wall=wall))
    for name, level in (
        ("load", "warn"),
        ("memory", "warn"),
        ("disk_free", "critical"),
        ("load", "resolved"),
    ):
        run.record_event("alert", name=name, subject="", level=level, message=f"{name} is " * 20)
    for _ in range(9):
        run.record_event("checkpoint", path="step")

    found = report(run)
    lines = screen(run).splitlines()

    assert [alert["name"] for alert in found.alerts] == ["disk_free", "memory"]
    assert found.efficiency is not None
    assert (found.efficiency.check, found.efficiency.cache_hit_rate) == (0.5, 0.4)
    assert [advice.gain for advice in found.advice] == [1.33]
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[8].startswith("ALERT  disk_free is")
    assert lines[9].startswith("ALERT  memory is")
    assert lines[10].startswith("time   rollout 40%, learn 5%, check 50%, save 2%, cache 40%")
    assert lines[11].startswith("advice validation checks take 50% of the time")
