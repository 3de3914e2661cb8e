"""A run's figures for other tools."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vtrain.monitoring.export import prometheus, to_csv
from vtrain.monitoring.report import report
from vtrain.rundir import JsonlWriter, RunDirectory, now

LINE = re.compile(
    r'^([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} '
    r"(-?[0-9.e+-]+|\+Inf|-Inf|NaN)$"
)


def sample(**changes: Any) -> dict[str, Any]:
    return {
        "time": 100.5,
        "pid": 1,
        "cpu_percent": 150.0,
        "rss": 2**30,
        "pss": None,
        "threads": 4,
        "processes": 2,
        "memory_left": 5000,
        "system_cpu_percent": 10.0,
        "disk_free": 9000,
        "gpus": [{"index": 0, "name": "a, b", "utilisation": 0.5, "power": None}],
        **changes,
    }


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path / 'a "run"')
    directory.root.mkdir()
    directory.config.write_text("ppo:\n  total_traces: 2560\n", encoding="utf-8")
    with JsonlWriter(directory.metrics) as metrics:
        metrics.write(
            {
                "update": 2,
                "traces": 1024,
                "stage": "simple",
                "validation_utility": 0.25,
                "wall": {"time": now(), "seconds": 4.0, "traces_measured": 300, "cache_hits": 100},
            }
        )
    with JsonlWriter(directory.resource_monitoring / "samples.jsonl") as samples:
        samples.write(sample())
        samples.write(sample(time=105.5, pss=7))
    directory.record_event("alert", name="memory", subject="", level="critical", message="much")
    return directory


def test_every_line_is_one_that_prometheus_reads(run: RunDirectory) -> None:
    lines = prometheus(report(run)).splitlines()

    values = {}
    families = []
    for line in lines:
        if line.startswith("# TYPE "):
            families.append(line.split()[2])
        if line.startswith("#"):
            continue
        match = LINE.match(line)
        assert match, line
        assert match[1] == families[-1]
        assert 'run="' in match[2]
        values[match[1], match[2].partition(",")[2]] = match[3]
    assert len(families) == len(set(families))
    assert values["vtrain_traces", ""] == "1024"
    assert values["vtrain_cpu_cores", ""] == "1.5"
    assert values["vtrain_proportional_memory_bytes", ""] == "7"
    assert values["vtrain_best_validation_utility", ""] == "0.25"
    assert values["vtrain_cache_hit_ratio", ""] == "0.25"
    assert values["vtrain_gpu_busy_ratio", 'gpu="0"'] == "0.5"
    assert values["vtrain_alert_level", 'alert="memory",subject=""'] == "2"
    assert values["vtrain_alert_level", 'alert="load",subject=""'] == "0"
    assert "vtrain_gpu_power_watts" not in families
    assert r"a \"run\"" in lines[2]


def test_a_run_without_anything_says_that_it_has_not_ended(tmp_path: Path) -> None:
    text = prometheus(report(RunDirectory(tmp_path)))

    assert f'vtrain_ended{{run="{tmp_path}"}} 0\n' in text
    assert "vtrain_traces" not in text


def test_a_table_has_a_column_for_each_figure_of_any_record() -> None:
    text = to_csv([{"a": 1, "b": {"c": None}}, {"a": 2.5, "d": [{"e": 'x, "y"'}]}])

    assert list(csv.reader(io.StringIO(text))) == [
        ["a", "b.c", "d.0.e"],
        ["1", "", ""],
        ["2.5", "", 'x, "y"'],
    ]


def vtrain(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vtrain.cli.main", "monitor", "export", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_figures_alone_on_standard_output(run: RunDirectory) -> None:
    done = vtrain("--run", run.root)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("# HELP vtrain_ended ")


def test_the_command_writes_a_table(run: RunDirectory, tmp_path: Path) -> None:
    done = vtrain("--run", run.root, "--format", "csv", "-o", tmp_path / "out.csv")

    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (done.returncode, done.stdout) == (0, "")
    assert [row["time"] for row in rows] == ["100.5", "105.5"]
    assert rows[0]["gpus.0.name"] == "a, b"


def test_a_table_of_updates_can_be_had(run: RunDirectory) -> None:
    done = vtrain("--run", run.root, "--format", "csv", "--records", "metrics")

    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["traces"], row["wall.seconds"]) == ("1024", "4.0")


def test_an_unknown_format_is_a_usage_error(run: RunDirectory) -> None:
    assert vtrain("--run", run.root, "--format", "xml").returncode == 2
