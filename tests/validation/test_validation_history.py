"""The validations of several runs in order, and what they show together."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.validation.unattended import environment
from tests.validation.written import write_judged
from vtrain.errors import UsageError
from vtrain.rundir import RunDirectory, read_json, write_json, write_jsonl, write_text
from vtrain.validation.fingerprint import Fingerprint, write_fingerprint
from vtrain.validation.history import history_of, history_text
from vtrain.validation.results import RESULTS

ALIKE = Fingerprint(
    checkpoint="step-000000512",
    files={},
    split="test",
    images=30,
    dataset="",
    image_ids="",
    traces=1,
    against=(),
    tastes={},
    table=None,
    costs={},
    settings={},
    measuring="1",
    version="1",
)
NOISE = np.random.default_rng(4).normal(0, 0.1, 30)


def validation(run: Path, day: int, level: float, made: Fingerprint | None = ALIKE) -> Path:
    """A validation of 30 logos on a day, at about a level of utility."""
    write_text(RunDirectory(run).config, "")
    folder = RunDirectory(run).validation / f"2026010{day}-000000-step-000000512"
    spread = {n: level + n % 5 + float(NOISE[(n + day) % 30]) for n in range(30)}
    write_judged(folder, spread)
    document = read_json(folder / RESULTS, schema=1)
    document["created"] = f"2026-01-0{day}T00:00:00+00:00"
    write_json(folder / RESULTS, {k: v for k, v in document.items() if k != "schema"}, schema=1)
    if made is not None:
        write_fingerprint(folder, made)
    return folder


def test_a_worse_policy_is_told_with_both_validations(tmp_path: Path) -> None:
    today, monday = tmp_path / "today", tmp_path / "monday"
    newest = validation(today, 3, 1.0)
    before = validation(monday, 2, 2.0)
    validation(monday, 1, 0.0)

    found = history_of([today, monday, today])

    assert [(line.run, line.taste) for line in found.past] == [
        *(("monday", taste) for taste in ("fidelity", "balanced") * 2),
        *(("today", taste) for taste in ("fidelity", "balanced")),
    ]
    (trend,) = found.trends
    assert trend.finding.kind == "regression"
    assert trend.about == f"today/{newest.name} after monday/{before.name}"
    told = history_text(found)
    assert f"Regression ({trend.about}): On the images of both" in told
    assert "[" in told.splitlines()[3]  # an interval


def test_a_better_policy_is_no_regression(tmp_path: Path) -> None:
    validation(tmp_path / "run", 1, 1.0)
    validation(tmp_path / "run", 2, 2.0)

    found = history_of([tmp_path / "run"])

    assert (found.trends, found.notes) == ((), ())
    assert "No trend is found beyond noise." in history_text(found)


@pytest.mark.parametrize("made", [None, replace(ALIKE, measuring="2")])
def test_what_was_measured_otherwise_is_not_compared(
    tmp_path: Path, made: Fingerprint | None
) -> None:
    validation(tmp_path / "run", 1, 2.0, made)
    validation(tmp_path / "run", 2, 1.0)

    found = history_of([tmp_path / "run"])

    assert found.trends == ()
    (note,) = found.notes
    assert "run/20260102-000000-step-000000512 is compared with none before it" in note


def test_the_trainings_of_the_runs_are_looked_at(tmp_path: Path) -> None:
    for name in ("one", "two"):
        validation(tmp_path / name, 1, 1.0)
    falling = [
        {"stage": "all", "gain_mean": 0.1 * n, "validation_utility": 1 - 0.1 * n} for n in range(10)
    ]
    write_jsonl(RunDirectory(tmp_path / "two").metrics, falling)

    found = history_of([tmp_path / "one", tmp_path / "two"])

    assert [(trend.about, trend.finding.kind) for trend in found.trends] == [("two", "overfitting")]


def test_runs_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "run", tmp_path / "b" / "run"]
    for day, path in enumerate(paths, 1):
        validation(path, day, 1.0)

    assert {line.run for line in history_of(paths).past} == {str(path) for path in paths}


def test_runs_without_validations_are_named(tmp_path: Path) -> None:
    write_text(RunDirectory(tmp_path / "empty").config, "")

    with pytest.raises(UsageError, match="no finished validation"):
        history_of([tmp_path / "empty"])

    validation(tmp_path / "run", 1, 1.0)
    assert history_of([tmp_path / "run", tmp_path / "empty"]).notes == (
        "empty holds no finished validation.",
    )


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    validation(tmp_path / "run", 1, 2.0)
    validation(tmp_path / "run", 2, 1.0)

    def command(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vtrain.cli.main", "validate", "history", "run", *options],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    table, machine = command(), command("--json")

    assert (table.returncode, machine.returncode) == (0, 0), table.stderr
    assert "Validations, the oldest first" in table.stdout
    told = json.loads(machine.stdout)
    assert [line["gain_interval"]["value"] for line in told["validations"]] == [
        line["gain"] for line in told["validations"]
    ]
    assert [trend["kind"] for trend in told["trends"]] == ["regression"]
