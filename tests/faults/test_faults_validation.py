"""A validation that is killed half-way goes on, and comes to the same figures to the byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.validation.unattended import (
    COMMAND,
    environment,
    judged,
    make_run,
    save_policy,
    validate_command,
)
from vtrain.rundir import RunDirectory

pytestmark = pytest.mark.faults
ARGUMENTS = ("--against", "default,random", "--traces", "24", "--quiet")
FILES = ("results.json", "rows.jsonl", "defaults.jsonl", "fingerprint.json")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    run = make_run(tmp_path_factory.mktemp("validation") / "run")
    save_policy(run, 512, "recipe")
    return run


@pytest.fixture(scope="module")
def expected(prepared: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a validation with one worker that nobody disturbed."""
    run = copy(prepared, tmp_path_factory.mktemp("undisturbed"))
    return figures(run, workers=1)


def copy(run: RunDirectory, folder: Path) -> RunDirectory:
    shutil.copytree(run.root, folder / "run")
    return RunDirectory(folder / "run")


def figures(run: RunDirectory, *, workers: int) -> dict[str, bytes]:
    """Validate; the files that hold figures, without the time."""
    done = validate_command(run, *ARGUMENTS, "--set", f"resources.workers={workers}")
    assert (done.returncode, done.stderr) == (0, "")
    (name,) = judged(run)
    found = {file: (run.validation / name / file).read_bytes() for file in FILES}
    created = json.loads(found["results.json"])["created"].encode()
    assert found["results.json"].count(created) == 1
    return {**found, "results.json": found["results.json"].replace(created, b"")}


def measured(run: RunDirectory) -> int:
    if not run.measurements.is_file():
        return 0
    try:
        with closing(sqlite3.connect(run.measurements)) as connection:
            return int(connection.execute("SELECT count(*) FROM entry").fetchone()[0])
    except sqlite3.OperationalError:  # its table is just being made
        return 0


def test_the_number_of_workers_changes_no_byte(
    prepared: RunDirectory, expected: dict[str, bytes], tmp_path: Path
) -> None:
    assert figures(copy(prepared, tmp_path), workers=2) == expected


@pytest.mark.parametrize(("workers", "least"), [(1, 1), (1, 60), (2, 110)])
def test_after_a_kill_half_way_the_figures_are_the_same(
    prepared: RunDirectory, expected: dict[str, bytes], tmp_path: Path, workers: int, least: int
) -> None:
    run = copy(prepared, tmp_path)
    process = subprocess.Popen(
        [*COMMAND, "--run", run.root, *ARGUMENTS, "--set", f"resources.workers={workers}"],
        env=environment(),
        start_new_session=True,
    )
    while measured(run) < least:
        assert process.poll() is None
        time.sleep(0.02)

    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    assert judged(run) == []
    assert figures(run, workers=workers) == expected


def test_after_a_kill_while_writing_nothing_half_written_is_left(
    prepared: RunDirectory, expected: dict[str, bytes], tmp_path: Path
) -> None:
    run = copy(prepared, tmp_path)
    process = subprocess.Popen([*COMMAND, "--run", run.root, *ARGUMENTS], env=environment())
    while not list(run.validation.glob(".draft-*/results.json")):
        assert process.poll() is None
        time.sleep(0.002)

    process.kill()
    process.wait()

    (draft,) = judged(run)
    assert draft.startswith(".draft-")
    found = figures(run, workers=2)
    assert found == expected
