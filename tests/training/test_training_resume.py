"""What a resume finds damaged or changed: told, repaired where it can be, and nothing lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import tiny
from vtrain.agent.former import brought_up
from vtrain.checkpoints.store import CheckpointStore
from vtrain.errors import CheckpointError, UsageError
from vtrain.rundir import RunDirectory, read_jsonl
from vtrain.training.events import TrainingEvent
from vtrain.training.exchange import export_sb3, read_sb3
from vtrain.training.train import train

NewRun = Callable[[str], RunDirectory]
RELEASED = Path(__file__).parents[1] / "checkpoints" / "released" / "schema-1"
"""A checkpoint of the first version: fewer features, and a table of fewer rows."""
SHORT, LONGER = tiny("ppo.total_traces=32"), tiny("ppo.total_traces=48")


@pytest.fixture
def run(new_run: NewRun) -> RunDirectory:
    """Two updates."""
    run = new_run("run")
    train(SHORT, run)
    return run


def updates(run: RunDirectory) -> list[int]:
    return [row["update"] for row in read_jsonl(run.metrics)]


def test_a_torn_line_of_the_curve_comes_back(run: RunDirectory) -> None:
    before = read_jsonl(run.metrics)
    run.metrics.write_bytes(run.metrics.read_bytes()[:-40])

    train(LONGER, run, resume=True)

    after = read_jsonl(run.metrics)
    assert [row["update"] for row in after] == [1, 2, 3]
    assert {**after[1], "wall": 0} == {**before[1], "wall": 0}


def test_a_curve_that_is_lost_is_told(run: RunDirectory) -> None:
    """Checkpoints without a record, as earlier versions wrote them, cannot give it back."""
    store = CheckpointStore(run.checkpoints)
    loaded = store.resolve("latest").load()
    for item in store.checkpoints():
        (item.path / "manifest.json").rename(item.path.parent / f"{item.name}.json")
        for file in item.path.iterdir():
            file.unlink()
        item.path.rmdir()
        info = {key: value for key, value in item.info.items() if key != "figures"}
        store.save(item.step, tensors=loaded.tensors, documents=loaded.documents, info=info)
    run.metrics.write_text('{"odd": 1}\n')
    told: list[TrainingEvent] = []

    train(LONGER, run, resume=True, on_event=told.append)

    assert updates(run) == [3]
    (lost,) = [event for event in read_jsonl(run.events) if event["kind"] == "metrics-lost"]
    assert lost["updates"] == [1, 2]
    assert any("lacks 2 of 2 updates" in event.message for event in told)


def test_a_resume_with_another_network_leaves_the_config(run: RunDirectory) -> None:
    before = run.config.read_bytes()

    with pytest.raises(CheckpointError, match=r"hidden layers of \[16\].*ppo.hidden is \[8\]"):
        train(tiny("ppo.hidden=[8]"), run, resume=True, accept_changes=True)

    assert run.config.read_bytes() == before
    assert train(LONGER, run, resume=True).updates == 3


def test_a_policy_of_a_former_table_is_not_trained_on(new_run: NewRun) -> None:
    before = new_run("before")
    shutil.copytree(RELEASED, before.checkpoints)

    with pytest.raises(CheckpointError, match="another parameter table") as refused:
        train(LONGER, new_run("other"), fork=str(before.root))

    assert "Train anew" in str(refused.value.hint)


def test_a_policy_of_fewer_features_is_exported_comes_back_and_is_not_trained_on(
    tmp_path: Path, new_run: NewRun
) -> None:
    shutil.copytree(RELEASED, tmp_path / "checkpoints")
    checkpoint = CheckpointStore(tmp_path / "checkpoints").resolve("latest")

    export_sb3(checkpoint, tmp_path / "policy.zip")

    weights = brought_up(checkpoint.load().tensors["policy"])
    again = read_sb3(tmp_path / "policy.zip")
    assert all(np.array_equal(weights[name], again.arrays[name]) for name in weights)
    before = new_run("before")
    again.save(CheckpointStore(before.checkpoints))
    with pytest.raises(CheckpointError, match="saw 103 features of an image") as refused:
        train(LONGER, new_run("other"), fork=str(before.root))
    assert "train anew" in str(refused.value.hint)


def test_checkpoints_of_a_later_version_are_not_trained_over(run: RunDirectory) -> None:
    for item in CheckpointStore(run.checkpoints).checkpoints():
        path = item.path / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))

    with pytest.raises(UsageError, match="has checkpoints already"):
        train(LONGER, run)
    with pytest.raises(CheckpointError, match="schema 99"):
        train(LONGER, run, resume=True)

    assert updates(run) == [1, 2]


def test_an_imported_policy_is_forked_from_and_not_resumed(
    run: RunDirectory, new_run: NewRun
) -> None:
    path = run.root / "policy.zip"
    export_sb3(CheckpointStore(run.checkpoints).resolve("best"), path)
    other = new_run("other")
    read_sb3(path).save(CheckpointStore(other.checkpoints))

    with pytest.raises(CheckpointError, match="no state of a training"):
        train(LONGER, other, resume=True)

    assert train(LONGER, new_run("third"), fork=str(other.root)).updates == 3
