from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from vtrain.config.load import load_config
from vtrain.config.schema import Config
from vtrain.data.prepare import prepare
from vtrain.rundir import RunDirectory

TINY = (
    "data.input_size=48",
    "data.sample_count=16",
    "ppo.n_envs=8",
    "ppo.n_steps=2",
    "ppo.batch_size=8",
    "ppo.n_epochs=2",
    "ppo.total_traces=64",
    "ppo.hidden=[16]",
    "ppo.warm_start.settings=6",
    "ppo.warm_start.images=4",
    "ppo.warm_start.epochs=3",
    "validation.images=2",
    "validation.every_updates=2",
    "checkpoints.every_updates=1",
    "checkpoints.keep_last=9",
    "curriculum.enabled=true",
    "curriculum.window=16",
    "resources.workers=1",
)


def tiny(*more: str) -> Config:
    """A configuration that trains in seconds: four updates of sixteen traces."""
    return load_config((), (*TINY, *more)).config


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with prepared procedural logos."""
    run = RunDirectory.create(tmp_path_factory.mktemp("prepared") / "run", name="tiny")
    prepare([], run=run, config=tiny().data, workers=0)
    return run.root


@pytest.fixture
def new_run(prepared: Path, tmp_path: Path) -> Callable[[str], RunDirectory]:
    """Makes copies of the prepared run, by name."""

    def make(name: str) -> RunDirectory:
        shutil.copytree(prepared, tmp_path / name)
        return RunDirectory.open(tmp_path / name)

    return make
