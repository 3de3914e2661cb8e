"""The faults of tests/faults, put to stable-baselines3's own saving: the published comparison.

    python scripts/compare_sb3.py [--flips 300] [--kills 40]

Flips one bit of a saved file, and kills a process while it saves, and asks each time whether the
damage is noticed on loading, whether the newest file can be loaded, and whether any can. A PPO
model of the size that vtrain trains is saved: by `save` to one name, by `CheckpointCallback` in a
training over a task that does nothing, and by vtrain.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import random
import signal
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CheckpointCallback

from vtrain.checkpoints.retention import Rules
from vtrain.checkpoints.store import CheckpointStore
from vtrain.environment.observation import OBSERVATION_SIZE
from vtrain.errors import CheckpointError
from vtrain.tracing.parameters import ACTION_LEVELS
from vtrain.training.model import network_shape, policy_weights


class Task(gymnasium.Env[NDArray[np.float32], NDArray[np.int64]]):
    """Spaces of vtrain's size; nothing is learned."""

    observation_space = gymnasium.spaces.Box(-1, 1, (OBSERVATION_SIZE,), np.float32)
    action_space = gymnasium.spaces.MultiDiscrete(list(ACTION_LEVELS))

    def reset(self, **_options: Any) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Zeros."""
        return np.zeros(OBSERVATION_SIZE, np.float32), {}

    def step(self, _action: Any) -> Any:
        """Nothing happens."""
        return np.zeros(OBSERVATION_SIZE, np.float32), 0.0, True, False, {}


def model() -> PPO:
    """A PPO model with the network that vtrain had when docs/reliability.md was measured."""
    return PPO("MlpPolicy", Task(), policy_kwargs=network_shape([128, 128]), device="cpu")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--kills", type=int, default=40)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| one bit flipped | noticed on loading | loaded, the same | loaded, not the same |")
    print("| --- | --- | --- | --- |")
    for name, count in (("stable-baselines3 .zip", flips_sb3), ("vtrain", flips_vtrain)):
        found = count(arguments.flips)
        row = (found["noticed"], found["same"], found["other"])
        print(f"| {name} | " + " | ".join(map(str, row)) + " |", flush=True)
    print("\n| killed while saving | the newest loads | an earlier one loads | none loads |")
    print("| --- | --- | --- | --- |")
    ways = (
        ("stable-baselines3 `save`", saves_sb3),
        ("stable-baselines3 `CheckpointCallback`", saves_callback),
        ("vtrain", saves_vtrain),
    )
    for name, save in ways:
        found = kills(save, arguments.kills)
        row = (found["newest"], found["earlier"], found["none"])
        print(f"| {name} | " + " | ".join(map(str, row)) + " |", flush=True)


def flips_sb3(count: int) -> Counter[str]:
    """Flip bits of a zip."""
    one = model()
    buffer = io.BytesIO()
    one.save(buffer)
    expected, found = policy_weights(one), Counter[str]()
    chance = random.Random(1)  # noqa: S311
    for _ in range(count):
        data = bytearray(buffer.getvalue())
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
        try:
            again = policy_weights(PPO.load(io.BytesIO(data), device="cpu"))
        except Exception:  # noqa: BLE001 - whatever it raises, it noticed
            found["noticed"] += 1
            continue
        same = all(np.array_equal(expected[name], again[name]) for name in expected)
        found["same" if same else "other"] += 1
    return found


def save(store: CheckpointStore, one: PPO, step: int) -> None:
    """What vtrain writes of a policy and its optimiser."""
    arrays = policy_weights(one)
    moments = {f"{name}.{part}": np.zeros_like(v) for name, v in arrays.items() for part in "ab"}
    store.save(
        step,
        tensors={"policy": arrays, "optimizer": moments},
        documents={"state": {"update": step}},
        info={"utility": None},
    )
    store.prune(Rules(keep_last=2))


def flips_vtrain(count: int) -> Counter[str]:
    """Flip bits of a checkpoint's files."""
    one, found, chance = model(), Counter[str](), random.Random(1)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        store = CheckpointStore(Path(folder) / "checkpoints")
        save(store, one, 1)
        (checkpoint,) = store.checkpoints()
        files = sorted(checkpoint.path.iterdir())
        sizes = [path.stat().st_size for path in files]
        for _ in range(count):
            path = chance.choices(files, sizes)[0]
            whole = path.read_bytes()
            data = bytearray(whole)
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path.write_bytes(data)
            try:
                noticed = bool(checkpoint.problems())
            except CheckpointError:
                noticed = True
            found["noticed" if noticed else "other"] += 1
            path.write_bytes(whole)
    return found


def saves_sb3(folder: str) -> None:
    """Save to one name again and again, as `model.save` and a `latest` file are used."""
    one = model()
    while True:
        one.save(Path(folder) / "latest.zip")


def saves_callback(folder: str) -> None:
    """Train with stable-baselines3's callback, which saves at every step to a new name."""
    one = model()
    callback = CheckpointCallback(save_freq=1, save_path=folder)
    one.learn(10**9, callback=callback)


def saves_vtrain(folder: str) -> None:
    """Save checkpoint after checkpoint."""
    one, store, step = model(), CheckpointStore(Path(folder) / "checkpoints"), 0
    while True:
        step += 1
        save(store, one, step)


def kills(saving: Any, count: int) -> Counter[str]:
    """Kill a process that saves, and try to load."""
    found, chance = Counter[str](), random.Random(2)  # noqa: S311
    context = multiprocessing.get_context("spawn")
    for _ in range(count):
        with tempfile.TemporaryDirectory() as folder:
            process = context.Process(target=saving, args=(folder,))
            process.start()
            while not any(Path(folder).rglob("*.zip")) and not any(
                Path(folder).rglob("latest.json")
            ):
                time.sleep(0.01)
            time.sleep(chance.uniform(0.2, 0.6))
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            found[loads(Path(folder))] += 1
    return found


def loads(folder: Path) -> str:
    """Whether the newest that was saved can be loaded, an earlier one, or none."""
    if (folder / "checkpoints").exists():
        store = CheckpointStore(folder / "checkpoints")
        newest = store.checkpoints()[-1]
        try:
            found = store.resolve("latest")
            store.load(found)
        except CheckpointError:
            return "none"
        return "newest" if found.name == newest.name and not store.damaged() else "earlier"
    files = sorted(folder.glob("*.zip"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in files:
        try:
            PPO.load(path, device="cpu")
        except Exception:  # noqa: BLE001, S112 - whatever it raises, it cannot be loaded
            continue
        return "newest" if path == files[0] else "earlier"
    return "none"


if __name__ == "__main__":
    main()
