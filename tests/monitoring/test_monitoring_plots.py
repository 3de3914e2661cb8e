"""The plots of a report: what is drawn is what the files hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.monitoring.web_runs import append, make_run, metrics_record, sample_record
from vtrain.cli.monitor import app
from vtrain.images import read
from vtrain.monitoring.plots import resources, training
from vtrain.monitoring.summary import SAMPLES
from vtrain.rundir import RunDirectory


def values(data: object) -> list[float]:
    found: list[float] = np.asarray(data, np.float64).tolist()
    return found


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "run")


def test_curves_of_training_hold_what_was_recorded(run: RunDirectory) -> None:
    append(run.metrics, metrics_record(6, validation_utility=1.25), {"update": 7, "entropy": None})
    figure = training(run)
    assert figure is not None
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    utility = {line.get_label(): line for line in panels["Utility over the baseline"].lines}

    assert values(utility["training"].get_xdata()) == [1, 2, 3, 4, 5, 6]
    assert values(utility["training"].get_ydata()) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert values(utility["validation"].get_xdata()) == [6]
    assert values(utility["validation"].get_ydata()) == [1.25]
    assert "Losses" not in panels  # none is recorded


def test_resources_are_drawn_over_the_time_since_the_first_sample(run: RunDirectory) -> None:
    samples = run.resource_monitoring / SAMPLES
    append(samples, *({**sample_record(3600), "cpu_percent": float(level)} for level in (90, 110)))
    figure = resources(run)
    assert figure is not None
    cpu = figure.axes[0].lines[0]

    assert values(cpu.get_xdata()) == pytest.approx([0, 1 / 60, 2 / 60, 3 / 60, 60, 60])
    assert values(cpu.get_ydata()) == [150, 150, 150, 150, 90, 110]
    assert figure.axes[-1].get_xlabel() == "time since the first sample (min)"
    assert not any("GPU" in axes.get_title(loc="left") for axes in figure.axes)


def test_the_command_draws_both_as_png_and_svg_and_tells_where(run: RunDirectory) -> None:
    told = CliRunner().invoke(app, ["report", "--run", str(run.root), "--plots", "--json"])
    paths = [Path(path) for path in json.loads(told.stdout)["plots"]]

    assert [path.name for path in paths] == [
        "training.png",
        "training.svg",
        "resources.png",
        "resources.svg",
    ]
    assert {path.parent for path in paths} == {run.resource_monitoring / "plots"}
    assert sorted(paths) == sorted(paths[0].parent.iterdir())
    for path in paths:
        assert min(read(path).rgba.shape[:2]) > 300


def test_without_the_option_nothing_is_drawn(run: RunDirectory) -> None:
    told = CliRunner().invoke(app, ["report", "--run", str(run.root), "--json"])

    assert "plots" not in json.loads(told.stdout)
    assert not (run.resource_monitoring / "plots").exists()


def test_a_run_without_a_record_has_no_plots(run: RunDirectory) -> None:
    run.metrics.unlink()
    (run.resource_monitoring / SAMPLES).unlink()
    said = CliRunner().invoke(app, ["report", "--run", str(run.root), "--plots"])

    assert said.exit_code == 0
    assert "Nothing is recorded yet" in said.stderr
    assert not (run.resource_monitoring / "plots").exists()
