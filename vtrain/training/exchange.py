"""Policies to and from stable-baselines3's own ``.zip``.

Such a file holds pickles. Of a foreign one only the weights are read, by torch's loader that takes
tensors alone; nothing in it is run. The normaliser, without which the weights mean nothing, travels
in it as a member of ours.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO

from vtrain.agent.former import brought_up
from vtrain.agent.network import PolicyNetwork
from vtrain.checkpoints.checkpoint import pack
from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.errors import CheckpointError
from vtrain.rundir import write_bytes
from vtrain.tracing.parameters import ACTION_LEVELS, TABLE_DIGEST
from vtrain.training.model import load_policy_weights, network_shape

Arrays = dict[str, NDArray[Any]]

_OURS = "vtrain_policy.safetensors"
_MAX_BYTES = 500_000_000
_MAX_STEPS = 10**12


class _Spaces(gymnasium.Env[NDArray[np.float32], NDArray[np.int64]]):
    """Nothing but the spaces of the task, which a stable-baselines3 model is built from.

    Args:
        size: Length of the observations that the policy takes: a policy from before sees less.
    """

    def __init__(self, size: int) -> None:
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = gymnasium.spaces.MultiDiscrete(list(ACTION_LEVELS))
        self._size = size

    def reset(self, **_options: Any) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """A zero observation."""
        return np.zeros(self._size, np.float32), {}

    def step(self, action: Any) -> Any:
        """There is nothing to step through."""
        raise NotImplementedError


def export_sb3(checkpoint: Checkpoint, output: Path) -> None:
    """Write a checkpoint's policy as a stable-baselines3 ``.zip``, for ``PPO.load``.

    Raises:
        CheckpointError: The checkpoint is damaged.
        StorageError: The file cannot be written.
    """
    policy = checkpoint.load().tensors["policy"]
    layers = PolicyNetwork.from_arrays(policy, name=checkpoint.name).layers
    arrays = brought_up(policy)
    hidden = [len(bias) for _, bias in layers[:-1]]
    model = PPO(
        "MlpPolicy",
        _Spaces(layers[0][0].shape[1]),
        policy_kwargs=network_shape(hidden),
        device="cpu",
    )
    load_policy_weights(model, arrays)
    model.num_timesteps = checkpoint.step
    buffer = io.BytesIO()
    model.save(buffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(_OURS, pack(arrays))
    write_bytes(output, buffer.getvalue())


@dataclass(frozen=True, slots=True)
class ForeignPolicy:
    """A policy that came as a file.

    Attributes:
        name: The file's name.
        arrays: Weights and normaliser, under the names of ``policy.safetensors``.
        step: Traces behind it; 0 when the file does not say.
    """

    name: str
    arrays: Arrays
    step: int

    def save(self, store: CheckpointStore) -> Checkpoint:
        """Make a checkpoint of it.

        Raises:
            StorageError: It cannot be written.
        """
        return store.save(
            self.step,
            tensors={"policy": self.arrays},
            documents={},
            info={"imported": self.name, "utility": None, "table": TABLE_DIGEST},
        )


def read_sb3(source: Path) -> ForeignPolicy:
    """Read a stable-baselines3 ``.zip`` that `export_sb3` wrote.

    Args:
        source: The file. Its weights are taken, its pickles are not touched.

    Raises:
        CheckpointError: It is no such file, holds no normaliser, or another network.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            weights = _member(archive, "policy.pth")
            ours = _member(archive, _OURS)
            steps = json.loads(_member(archive, "data")).get("num_timesteps", 0)
        tensors = torch.load(  # noqa: TID251 - tensors alone, and asked for with --trust-pickle
            io.BytesIO(weights), map_location="cpu", weights_only=True
        )
        arrays: Arrays = {
            name: value.copy() for name, value in safetensors.numpy.load(ours).items()
        }
        arrays |= {name: np.asarray(value.numpy()) for name, value in tensors.items()}
    except (
        OSError,
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        RuntimeError,
        AttributeError,
    ) as error:
        raise CheckpointError(
            f"{source} is no policy that can be imported: {_reason(error)}.",
            hint="Export one with 'vtrain checkpoint export'; stable-baselines3's own `save` "
            "leaves the normaliser out, without which the weights mean nothing.",
        ) from error
    except Exception as error:
        # torch refuses whatever is not a tensor with an exception of pickle's.
        if type(error).__name__ != "UnpicklingError":
            raise
        raise CheckpointError(
            f"{source} holds more than tensors, which is not read.",
            hint="Save its weights alone, or export it with 'vtrain checkpoint export'.",
        ) from error
    PolicyNetwork.from_arrays(arrays, name=str(source))
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise CheckpointError(f"{source} holds numbers that are not finite, in {name}.")
    known = isinstance(steps, int) and 0 <= steps <= _MAX_STEPS
    return ForeignPolicy(source.name, brought_up(arrays), steps if known else 0)


def _reason(error: Exception) -> str:
    """The first line of an error; a KeyError's comes in quotes."""
    return str(error.args[0] if error.args else error).splitlines()[0].rstrip(".")


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        msg = f"{name} is too large"
        raise ValueError(msg)
    return data
