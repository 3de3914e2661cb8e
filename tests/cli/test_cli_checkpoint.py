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

    assert (done.returncode, done.stdout) == (0, "")
    lines = [line.split() for line in done.stderr.splitlines()[1:]]
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
