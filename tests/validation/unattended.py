"""A run whose policies always choose one preset, and the command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from vtrain.agent.network import policy_arrays
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import dump_yaml
from vtrain.config.schema import Config
from vtrain.data.prepare import prepare
from vtrain.environment.features import FEATURES
from vtrain.environment.observation import OBSERVATION_SIZE, Normaliser
from vtrain.rundir import RunDirectory, write_text
from vtrain.tracing.parameters import ACTION_LEVELS, PRESETS, TABLE_DIGEST, encode_settings

REPOSITORY = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "vtrain.cli.main", "validate")


def tiny(samples: int) -> Config:
    values = Config().model_dump()
    values["data"] |= {"sample_count": samples, "input_size": 64}
    values["validation"] |= {"resamples": 200, "against": ["default"]}
    values["resources"] |= {"workers": 1}
    return Config.model_validate(values)


def make_run(folder: Path, samples: int = 48) -> RunDirectory:
    """A run with prepared procedural logos, and no policy yet."""
    config = tiny(samples)
    run = RunDirectory.create(folder, name="tiny")
    write_text(run.config, dump_yaml(config))
    prepare((), run=run, config=config.data)
    return run


def save_policy(run: RunDirectory, step: int, preset: str) -> None:
    """Save a policy that always chooses a preset; the later it is saved, the better it is said."""
    bias = np.zeros(sum(ACTION_LEVELS), np.float32)
    starts = np.cumsum((0, *ACTION_LEVELS[:-1]))
    bias[starts + np.array(encode_settings(PRESETS[preset]))] = 50
    layers = {
        "mlp_extractor.policy_net.0.weight": np.zeros((8, OBSERVATION_SIZE), np.float32),
        "mlp_extractor.policy_net.0.bias": np.zeros(8, np.float32),
        "action_net.weight": np.zeros((sum(ACTION_LEVELS), 8), np.float32),
        "action_net.bias": bias,
    }
    blank = np.zeros(len(FEATURES), np.float32)
    store = CheckpointStore(run.checkpoints)
    saved = store.save(
        step,
        tensors={"policy": policy_arrays(layers, Normaliser(blank, blank + 1), input_size=64)},
        documents={},
        info={"utility": float(step), "table": TABLE_DIGEST},
    )
    store.mark_best(saved)


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **changes}


def validate_command(
    run: RunDirectory, *arguments: str | Path, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--run", str(run.root), *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def judged(run: RunDirectory) -> list[str]:
    """What there is in the folder of validations besides the lock."""
    return sorted(path.name for path in run.validation.glob("*") if path.name != ".lock")
