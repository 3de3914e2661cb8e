"""A checkpoint of each released schema can be loaded, by every later version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vtrain.agent.network import PolicyNetwork
from vtrain.checkpoints.store import CheckpointStore
from vtrain.training.best import Best

FIXTURES = Path(__file__).with_name("released")


@pytest.mark.parametrize("schema", sorted(path.name for path in FIXTURES.iterdir()))
def test_released_checkpoints_load(schema: str, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / schema, tmp_path / "run" / "checkpoints")
    store = CheckpointStore(tmp_path / "run" / "checkpoints")

    checkpoint = store.resolve("latest")
    loaded = store.load(checkpoint)

    assert checkpoint.problems() == []
    assert loaded.documents["state"]["traces"] == checkpoint.step == 64
    assert Best.from_document(loaded.documents["state"]["best"]) is not None
    assert PolicyNetwork.from_arrays(loaded.tensors["policy"], name=schema).layers
    assert loaded.tensors["optimizer"]
