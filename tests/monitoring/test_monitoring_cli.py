"""The commands of `vtrain monitor`, run as a user runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vtrain.cli.monitor import app
from vtrain.monitoring import doctor
from vtrain.monitoring.check import Check
from vtrain.rundir import JsonlWriter, RunDirectory

VTRAIN = (sys.executable, "-m", "vtrain.cli.main")


def vtrain(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VTRAIN, *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run with one update and one event."""
    directory = RunDirectory(tmp_path / "run")
    directory.root.mkdir()
    directory.config.write_text("ppo:\n  total_traces: 2560\n", encoding="utf-8")
    with JsonlWriter(directory.metrics) as metrics:
        metrics.write({"update": 1, "traces": 512, "stage": "simple", "failures": 0})
    directory.record_event("stage", name="simple")
    return directory


def test_report_prints_json_alone_on_standard_output(run: RunDirectory) -> None:
    done = vtrain("monitor", "report", "--run", run.root, "--json")

    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["schema"] == 1
    assert found["progress"]["traces"] == 512
    assert found["events"][0]["kind"] == "stage"
    assert found["resources"] is None


def test_report_is_words_for_people(run: RunDirectory) -> None:
    done = vtrain("monitor", "report", "--run", run.root)

    assert done.returncode == 0
    assert "512 traces" in done.stdout
    assert done.stderr == ""


def test_watch_once_shows_one_page_and_ends(run: RunDirectory) -> None:
    done = vtrain("monitor", "watch", "--run", run.root, "--once")

    assert done.returncode == 0
    assert done.stdout.count("512 traces") == 1


def test_watch_rereads_the_run_until_it_is_interrupted(run: RunDirectory) -> None:
    command = [*VTRAIN, "monitor", "watch", "--run", str(run.root), "--interval", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("512 traces" in line for line in process.stdout)
        with JsonlWriter(run.metrics) as metrics:
            metrics.write({"update": 2, "traces": 1024, "stage": "simple", "failures": 0})
        assert any("1024 traces" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        process.stdout.read()

    assert process.returncode == 0


@pytest.mark.parametrize("verb", ["report", "watch"])
def test_a_folder_without_a_run_is_a_usage_error(tmp_path: Path, verb: str) -> None:
    done = vtrain("monitor", verb, "--run", tmp_path)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(tmp_path) in done.stderr


def test_doctor_finds_a_working_installation(tmp_path: Path) -> None:
    done = vtrain("monitor", "doctor", "--folder", tmp_path, "--json")

    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0
    assert checks["tracer"]["status"] == "ok"


def test_doctor_ends_with_1_when_something_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [Check("tracer", "problem", "no picture came back", "Reinstall")]
    monkeypatch.setattr(doctor, "examine", lambda _folder, _config: broken)

    done = CliRunner().invoke(app, ["doctor", "--folder", str(tmp_path)])

    assert done.exit_code == 1
    assert "no picture came back. Reinstall" in done.stdout


def test_doctor_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = vtrain("monitor", "doctor", "--folder", tmp_path / "absent")

    assert done.returncode == 2
    assert "not a folder" in done.stderr
