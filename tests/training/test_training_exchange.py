"""Policies go to stable-baselines3's zip and come back; pickles in it are never run."""

from __future__ import annotations

import io
import json
import pickle  # noqa: TID251 - to plant one
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from tests.training.conftest import tiny
from vtrain.agent import TraceAgent
from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.errors import CheckpointError
from vtrain.rundir import RunDirectory
from vtrain.training.exchange import export_sb3, read_sb3
from vtrain.training.train import train


class Harm:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self.mark,))


@pytest.fixture(scope="module")
def best(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A trained policy."""
    root = tmp_path_factory.mktemp("trained") / "run"
    shutil.copytree(prepared, root)
    run = RunDirectory.open(root)
    train(tiny("ppo.total_traces=16"), run)
    return CheckpointStore(run.checkpoints).resolve("best")


@pytest.fixture(scope="module")
def exported(best: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as stable-baselines3's zip."""
    path = tmp_path_factory.mktemp("exported") / "policy.zip"
    export_sb3(best, path)
    return path


def test_the_zip_is_one_that_stable_baselines3_loads(exported: Path) -> None:
    model = PPO.load(exported, device="cpu")

    action, _ = model.predict(model.observation_space.sample())
    assert model.action_space.contains(action)


def test_what_comes_back_is_the_same_policy(
    best: Checkpoint, exported: Path, tmp_path: Path
) -> None:
    made = read_sb3(exported).save(CheckpointStore(tmp_path / "other" / "checkpoints"))

    weights = best.load().tensors["policy"]
    again = made.load().tensors["policy"]
    assert weights.keys() == again.keys()
    assert all(np.array_equal(weights[name], again[name]) for name in weights)
    assert made.problems() == []


def plant(source: Path, target: Path, member: str, data: bytes) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, data if name == member else old.read(name))
    return target


@pytest.mark.parametrize("member", ["policy.pth", "data", "pytorch_variables.pth"])
def test_planted_pickles_never_run(exported: Path, tmp_path: Path, member: str) -> None:
    mark = tmp_path / "harm"
    buffer = io.BytesIO()
    torch.save({"weights": Harm(mark)}, buffer)  # noqa: TID251 - to plant one
    evil = pickle.dumps(Harm(mark)) if member == "data" else buffer.getvalue()

    path = plant(exported, tmp_path / "evil.zip", member, evil)

    if member == "pytorch_variables.pth":  # not even opened
        read_sb3(path)
    else:
        with pytest.raises(CheckpointError):
            read_sb3(path)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all"])
def test_other_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)

    with pytest.raises(CheckpointError, match=r"a\.zip"):
        read_sb3(tmp_path / "a.zip")


def planted(source: Path, target: Path, **changes: object) -> Path:
    """A copy whose ``data`` says something else."""
    with zipfile.ZipFile(source) as old:
        data = {**json.loads(old.read("data")), **changes}
    return plant(source, target, "data", json.dumps(data).encode())


@pytest.mark.parametrize("steps", [-5, 10**30, "many", None])
def test_an_impossible_number_of_steps_is_left_out(
    exported: Path, tmp_path: Path, steps: object
) -> None:
    path = planted(exported, tmp_path / "odd.zip", num_timesteps=steps)

    made = read_sb3(path).save(CheckpointStore(tmp_path / "other" / "checkpoints"))

    assert made.name == "step-000000000"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_odd_weights_are_refused(exported: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    with zipfile.ZipFile(exported) as old:
        weights = torch.load(  # noqa: TID251 - tensors alone
            io.BytesIO(old.read("policy.pth")), weights_only=True
        )
    odd = {name: torch.full_like(value, float("nan")).to(dtype) for name, value in weights.items()}
    buffer = io.BytesIO()
    torch.save(odd, buffer)  # noqa: TID251 - to plant it
    path = plant(exported, tmp_path / "odd.zip", "policy.pth", buffer.getvalue())

    with pytest.raises(CheckpointError, match=r"odd\.zip"):
        read_sb3(path)


def test_an_exported_file_of_plain_weights_traces(best: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    path.write_bytes(best.manifest.read_file(best.path, "policy.safetensors"))

    svg = TraceAgent.from_file(path).trace(np.full((20, 20, 4), 200, np.uint8)).svg

    assert svg.startswith("<svg")
