"""How long a training stands still for its checkpoints, and whether compressing them would pay.

    python scripts/bench_checkpoints.py RUN [--updates 12]

RUN is a run directory with prepared data. Trains some updates in a copy of it, saving after each,
once beside the training and once in its way.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.config.load import load_config
from vtrain.rundir import RunDirectory
from vtrain.training.saving import Saving
from vtrain.training.train import train


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--updates", type=int, default=12)
    arguments = parser.parse_args()
    print(
        "| written | updates | time in the way of training (ms a checkpoint) | share of the time |"
    )
    print("| --- | --- | --- | --- |")
    for background in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            copy = RunDirectory(Path(folder) / "run")
            shutil.copytree(arguments.run / "data_cache", copy.data_cache)
            checkpoint = measure(copy, arguments.updates, background=background)
            if not background:
                print()
                compress(checkpoint)


def measure(run: RunDirectory, updates: int, *, background: bool) -> Checkpoint:
    """Train, and print what saving cost; the last checkpoint."""
    plain = load_config((), ()).config
    traces = plain.ppo.n_envs * plain.ppo.n_steps * updates
    settings = (
        f"ppo.total_traces={traces}",
        "checkpoints.every_updates=1",
        f"checkpoints.background={str(background).lower()}",
        f"validation.every_updates={updates + 1}",
    )
    spent: list[float] = []
    original = Saving.save

    def save(self: Saving, *values: Any, **options: Any) -> None:
        start = time.perf_counter()
        original(self, *values, **options)
        spent.append(time.perf_counter() - start)

    Saving.save = save  # type: ignore[method-assign]  # timed
    try:
        result = train(load_config((), settings).config, run)
    finally:
        Saving.save = original  # type: ignore[method-assign]  # as it was
    where = "beside it" if background else "in its way"
    share = sum(spent) / result.seconds
    print(
        f"| {where} | {updates} | {1000 * sum(spent) / len(spent):.1f} | {share:.2%} |", flush=True
    )
    store = CheckpointStore(run.checkpoints)
    return store.resolve("latest")


def compress(checkpoint: Checkpoint) -> None:
    """Print what zlib makes of each file."""
    print("| file | bytes | zlib 6 | time (ms) |")
    print("| --- | --- | --- | --- |")
    for name in checkpoint.manifest.files:
        data = checkpoint.manifest.read_file(checkpoint.path, name)
        start = time.perf_counter()
        packed = len(zlib.compress(data, 6))
        took = 1000 * (time.perf_counter() - start)
        print(f"| {name} | {len(data)} | {packed / len(data):.0%} | {took:.1f} |")


if __name__ == "__main__":
    main()
