"""`vtrain checkpoint` as a user meets it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.schema import Config
from vtrain.rundir import RunDirectory, write_identity

Vtrain = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory.create(tmp_path / "run", name="x")
    write_identity(run, Config(), 0)
    store = CheckpointStore(run.checkpoints)
    for step, utility in ((100, 0.5), (200, 0.25)):
        saved = store.save(
            step, tensors={"p": {"w": np.ones(9)}}, documents={}, info={"utility": utility}
        )
        if step == 100:
            store.mark_best(saved)
    return run


def test_list_shows_steps_and_marks(vtrain: Vtrain, run: RunDirectory) -> None:
    done = vtrain("checkpoint", "list", "--run", run.root)

    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [(line[0], line[1], line[-1]) for line in lines] == [
        ("100", "0.500", "best"),
        ("200", "0.250", "latest"),
    ]


def test_list_and_show_as_json(vtrain: Vtrain, run: RunDirectory) -> None:
    listed = json.loads(vtrain("checkpoint", "list", "--run", run.root, "--json").stdout)
    shown = json.loads(vtrain("checkpoint", "show", "best", "--run", run.root, "--json").stdout)

    assert [item["step"] for item in listed["checkpoints"]] == [100, 200]
    assert listed["best"] == "step-000000100"
    assert shown["step"] == 100
    assert shown["info"] == {"utility": 0.5}
    assert "p.safetensors" in shown["files"]


def test_verify_names_what_is_damaged_and_moves_nothing(vtrain: Vtrain, run: RunDirectory) -> None:
    assert vtrain("checkpoint", "verify", "--run", run.root).returncode == 0
    path = run.checkpoints / "step-000000200" / "p.safetensors"
    path.write_bytes(path.read_bytes()[:-1])

    done = vtrain("checkpoint", "verify", "--run", run.root, "--json")

    assert done.returncode == 6
    assert list(json.loads(done.stdout)["problems"]) == ["step-000000200"]
    assert "1 of 2 checkpoints" in done.stderr
    assert path.exists()
    assert vtrain("checkpoint", "verify", "best", "--run", run.root).returncode == 0


def test_a_checkpoint_that_is_not_there_is_exit_6(vtrain: Vtrain, run: RunDirectory) -> None:
    done = vtrain("checkpoint", "show", "7", "--run", run.root)

    assert done.returncode == 6
    assert "The steps there are: 100, 200" in done.stderr


def test_verify_resume_moves_nothing_either(vtrain: Vtrain, run: RunDirectory) -> None:
    path = run.checkpoints / "step-000000200" / "p.safetensors"
    path.write_bytes(path.read_bytes()[:-1])

    done = vtrain("checkpoint", "verify", "--resume", "--run", run.root)

    assert done.returncode == 6
    assert "cannot be used" in done.stderr
    assert path.exists()


def test_verify_finds_the_latest_without_its_pointer(vtrain: Vtrain, run: RunDirectory) -> None:
    (run.checkpoints / "latest.json").write_text("garbage")

    done = vtrain("checkpoint", "verify", "latest", "--run", run.root, "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["checked"] == ["step-000000200"]


def test_list_goes_on_with_damaged_pins(vtrain: Vtrain, run: RunDirectory) -> None:
    assert vtrain("checkpoint", "pin", "100", "--run", run.root).returncode == 0
    (run.checkpoints / "pins.json").write_text("garbage")

    done = vtrain("checkpoint", "list", "--run", run.root, "--json")

    assert done.returncode == 0
    assert len(json.loads(done.stdout)["checkpoints"]) == 2
    assert "pins.json is damaged" in done.stderr


def test_restore_says_what_it_moved_and_what_it_left(vtrain: Vtrain, run: RunDirectory) -> None:
    manifest = run.checkpoints / "step-000000200" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema": 99}))

    done = vtrain("checkpoint", "restore", "--run", run.root, "--json")

    assert json.loads(done.stdout) == {
        "schema": 1,
        "latest": "step-000000100",
        "best": "step-000000100",
        "set_aside": [],
        "newer": ["step-000000200"],
    }
    assert manifest.exists()


def test_a_file_that_cannot_be_imported_makes_no_run(vtrain: Vtrain, tmp_path: Path) -> None:
    (tmp_path / "policy.zip").write_bytes(b"PK")
    command = ("checkpoint", "import", tmp_path / "policy.zip", "--trust-pickle", "--run")

    done = vtrain(*command, tmp_path / "new")

    assert done.returncode == 6
    assert "policy.zip" in done.stderr
    assert not (tmp_path / "new").exists()
