"""Judging a real policy (of random weights) on real traces, from Python and from the shell."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.errors import CheckpointError, DataError, UsageError
from vtrain.rundir import RunDirectory, read_jsonl
from vtrain.tracing.parameters import PRESETS, TABLE_DIGEST, encode_settings
from vtrain.validation.baselines import KNOWN
from vtrain.validation.page import PLOT_TEXTS
from vtrain.validation.results import read_record
from vtrain.validation.table import MeasuredTable
from vtrain.validation.validate import TABLE, ValidationResult, validate

REPOSITORY = Path(__file__).parents[2]


def vtrain(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vtrain.cli.main", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def result(run: RunDirectory, config: Config) -> ValidationResult:
    return validate(run, config, traces=2)


def test_validation_writes_results_plots_and_a_page(
    run: RunDirectory, result: ValidationResult
) -> None:
    test = Catalog.load(run.catalog).split("test")

    assert result.record.images == len(test) > 0
    assert result.record.step == 512
    assert len(result.judgement.rows) == len(test) * 3 * 2
    assert read_record(result.folder) == result.record
    assert result.page.read_text(encoding="utf-8").startswith("<!doctype html>")
    plots = {path.name for path in (result.folder / "plots").iterdir()}
    assert plots == {f"{name}.{kind}" for name in PLOT_TEXTS for kind in ("png", "svg")}
    assert all(row.traces == 2 for row in result.judgement.rows if row.chooser == "policy")


def test_damaged_measurements_are_told_and_made_again(
    run: RunDirectory, config: Config, result: ValidationResult, tmp_path: Path
) -> None:
    shutil.copytree(run.root, tmp_path / "copy")
    copy = RunDirectory(tmp_path / "copy")
    with closing(sqlite3.connect(copy.measurements)) as cache, cache:
        cache.execute("UPDATE entry SET sum = sum + 1")

    again = validate(copy, config, traces=2)

    assert again.judgement == result.judgement
    (event,) = [row for row in read_jsonl(copy.events) if row["kind"] == "cache-damaged"]
    assert event["file"] == str(copy.measurements)
    assert event["entries"] > 0


def test_a_configured_baseline_without_its_table_is_left_out_with_a_note(
    result: ValidationResult, config: Config
) -> None:
    assert config.validation.against == ("default", "best-fixed")
    assert result.record.choosers == ("policy", "default")
    assert "best-fixed was not judged" in result.record.notes[0]


def test_validation_repeats_itself(
    run: RunDirectory, config: Config, result: ValidationResult
) -> None:
    again = validate(run, config, against=["default"], traces=2)

    assert again.judgement == result.judgement
    assert again.record.summary == result.record.summary
    assert again.folder != result.folder


def test_a_baseline_asked_for_without_its_table_is_an_error(
    run: RunDirectory, config: Config
) -> None:
    with pytest.raises(UsageError, match="Train first"):
        validate(run, config, against=["best-fixed"])


@pytest.fixture
def run_with_table(run: RunDirectory, tmp_path: Path) -> RunDirectory:
    """A copy of the run, with a table of made-up measurements on its training images."""
    shutil.copytree(run.root, tmp_path / "run")
    copy = RunDirectory.open(tmp_path / "run")
    write_table(copy, [entry.id for entry in Catalog.load(copy.catalog).split("train")])
    return copy


def write_table(run: RunDirectory, images: list[str]) -> None:
    actions = tuple(encode_settings(settings) for settings in PRESETS.values())
    appearance = np.random.default_rng(0).normal(size=(len(images), len(actions)))
    cost = np.ones_like(appearance)
    MeasuredTable(actions, tuple(images), appearance, cost, "made up").save(run.data_cache / TABLE)


def test_all_baselines_are_judged_together_and_spend_no_more_than_they_may(
    run_with_table: RunDirectory, config: Config
) -> None:
    result = validate(run_with_table, config, against=KNOWN, traces=2)

    spent = {row.chooser: row.traces for row in result.judgement.rows}
    assert result.record.choosers == ("policy", *KNOWN)
    assert {name for name, traces in spent.items() if traces == 2} == {
        "policy", "portfolio", "knn", "trees", "random", "tpe", "cmaes", "incumbent",
    }  # fmt: skip
    assert spent["presets"] == len(PRESETS)
    assert {spent[name] for name in ("default", "best-fixed", "best-fixed-per-category")} == {1}


def test_a_table_of_images_that_may_be_judged_on_is_refused(
    run_with_table: RunDirectory, config: Config
) -> None:
    test = Catalog.load(run_with_table.catalog).split("test")
    write_table(run_with_table, [entry.id for entry in test])

    with pytest.raises(DataError, match="no training images"):
        validate(run_with_table, config, against=["portfolio"])


def test_a_table_of_another_version_is_as_none_unless_it_is_asked_for(
    run_with_table: RunDirectory, config: Config
) -> None:
    path = run_with_table.data_cache / TABLE
    path.write_text(path.read_text("utf-8").replace(TABLE_DIGEST, "another"), "utf-8")

    result = validate(run_with_table, config, traces=1)

    assert "best-fixed was not judged" in result.record.notes[0]
    with pytest.raises(DataError, match="another version of vtrain"):
        validate(run_with_table, config, against=["best-fixed"])


def test_no_traces_is_an_error(run: RunDirectory, config: Config) -> None:
    with pytest.raises(UsageError, match="at least 1 trace"):
        validate(run, config, traces=0)


def test_an_unknown_step_is_a_checkpoint_error(run: RunDirectory, config: Config) -> None:
    with pytest.raises(CheckpointError):
        validate(run, config, checkpoint="77")


def test_an_empty_split_is_a_data_error(tmp_path: Path, config: Config) -> None:
    empty = RunDirectory.create(tmp_path / "run", name="empty")
    Catalog.of([]).save(empty.catalog)

    with pytest.raises(DataError, match="test split"):
        validate(empty, config, against=["default"])


def test_the_command_prints_json_alone_and_exits_3_below_a_threshold(run: RunDirectory) -> None:
    done = vtrain(
        "validate", "--run", run.root, "--against", "default", "--json",
        "--fail-under", "gain=99", "--fail-under", "failures=1000",
    )  # fmt: skip

    found = json.loads(done.stdout)
    assert done.returncode == 3
    assert [item["met"] for item in found["thresholds"]] == [False, True]
    assert "gain is" in done.stderr
    assert "Traceback" not in done.stderr
    assert (Path(found["folder"]) / "results.json").is_file()
    assert found["summary"]["figures"][0]["chooser"] == "policy"


@pytest.mark.slow
def test_the_command_tells_people_on_standard_error(run: RunDirectory) -> None:
    done = vtrain("validate", "--run", run.root, "--against", "default", "--split", "validation")

    assert done.returncode == 0
    assert done.stdout == ""
    assert "looks better than VTracer's default" in done.stderr
    assert "report.html" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--traces", "0"], 2, "traces"),
        (["--against", "nonsense"], 2, "Known:"),
        (["--against", ","], 2, "no baseline"),
        (["--against", "knn"], 2, "Train first"),
        (["--fail-under", "beauty=1"], 2, "Known:"),
        (["--split", "train"], 2, "split"),
        (["--checkpoint", "nonsense"], 6, "nonsense"),
    ],
)
def test_a_users_mistake_is_told_in_words(
    run: RunDirectory, arguments: list[str], code: int, said: str
) -> None:
    done = vtrain("validate", "--run", run.root, *arguments)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_no_run_is_a_usage_error(tmp_path: Path) -> None:
    done = vtrain("validate", "--run", tmp_path)

    assert done.returncode == 2
    assert "not a run directory" in done.stderr
