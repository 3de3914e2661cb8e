"""The run directory: found, made, identified, held by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from vtrain.config.schema import Config
from vtrain.errors import RunLocked, StorageError, UsageError
from vtrain.rundir import RunDirectory, read_json, read_jsonl, write_identity

HOLD = (
    "import sys, pathlib\n"
    "from vtrain.rundir import RunDirectory\n"
    "with RunDirectory(pathlib.Path(sys.argv[1])).lock('train'):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", name="logos")


def test_without_a_path_a_dated_run_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    first = RunDirectory.create(None, name="logos")
    second = RunDirectory.create(None, name="logos")

    assert first.root.is_dir()
    assert first.root.parent == Path("runs")
    assert "-logos" in first.root.name
    assert first.root != second.root


def test_the_run_started_last_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, age in (("a", 100), ("b", 300), ("c", 200)):
        run = RunDirectory.create(Path("runs") / name, name=name)
        write_identity(run, Config(), 0)
        os.utime(run.identity, (age, age))
    (tmp_path / "runs" / "d").mkdir()

    assert Path("runs/b") == RunDirectory.open(None).root


def test_no_run_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="no run under runs/"):
        RunDirectory.open(None)
    with pytest.raises(UsageError, match="does not exist"):
        RunDirectory.open(Path("gone"))
    with pytest.raises(UsageError, match="is a file"):
        RunDirectory.open(Path("file"))
    with pytest.raises(UsageError, match="not a run directory"):
        RunDirectory.open(tmp_path)


def test_a_run_cannot_be_made_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="is a file"):
        RunDirectory.create(tmp_path / "file", name="x")


def test_identity_says_what_made_the_run_and_keeps_its_birthday(run: RunDirectory) -> None:
    write_identity(run, Config(name="logos"), 7, {"forked_from": "runs/a", "step": 3})
    first = read_json(run.identity)
    write_identity(run, Config(name="logos"), 7)
    second = read_json(run.identity)

    assert first["name"] == "logos"
    assert first["seed"] == 7
    assert first["lineage"] == {"forked_from": "runs/a", "step": 3}
    assert {"vtrain", "python", "torch", "stable-baselines3", "vtracer", "numpy"} <= set(
        first["versions"]
    )
    assert all(first["versions"].values())
    assert first["created"] == second["created"]


def test_events_are_dated_and_in_order(run: RunDirectory) -> None:
    run.record_event("stage", name="simple")
    run.record_event("checkpoint", step=3)

    first, second = read_jsonl(run.events)

    assert first["kind"] == "stage"
    assert first["name"] == "simple"
    assert first["time"] <= second["time"]
    assert second["step"] == 3


def test_a_second_holder_learns_who_holds_the_run(run: RunDirectory) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(run.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"

        with pytest.raises(RunLocked, match=rf"process {holder.pid} on .*\(train, since 20") as it:
            run.lock("train").__enter__()

        assert it.value.exit_code == 5
        holder.send_signal(signal.SIGKILL)

    with run.lock("train"):  # a killed holder holds nothing
        pass


def test_the_lock_is_free_again_after_use(run: RunDirectory) -> None:
    for _ in range(2):
        with run.lock("train"), pytest.raises(RunLocked):
            run.lock("again").__enter__()


def test_validations_have_a_lock_of_their_own(run: RunDirectory) -> None:
    with run.lock("train"), run.lock_validation("validate"):
        with pytest.raises(RunLocked, match=rf"process {os.getpid()} on .*\(validate, since") as it:
            run.lock_validation("again").__enter__()

        assert "--wait" in it.value.hint


def test_a_lock_that_is_waited_for_is_taken_when_it_is_free(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = ExitStack()
    held.enter_context(run.lock_validation("first"))
    looked = []

    def let_go(seconds: float) -> None:
        looked.append(seconds)
        if len(looked) == 3:
            held.close()

    monkeypatch.setattr("vtrain.locks.time.sleep", let_go)

    with run.lock_validation("second", wait=3600):
        assert len(looked) == 3
