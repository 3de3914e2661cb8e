"""A real training against the engine's own time for its traces, and a validation asked again.

    python -m scripts.bench_training --run RUN [--updates 24] [--workers 2]
    python -m scripts.bench_training --run RUN --checkpoint latest [--workers 2]

RUN is a run directory with prepared data; a copy of it is trained on, from nothing. Every call of
the engine is recorded from the first update to the end, checks included. Then a new engine without
any cache measures the same requests: call by call, and all of them at once. Prints the training's
time over both. After that the run is validated twice, each time with an engine of its own: first
without measurements, then with those of the first. With --checkpoint nothing is trained, and that
checkpoint of RUN is validated.

Compare ratios, not seconds.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from threadpoolctl import threadpool_limits

from vtrain import RunDirectory
from vtrain.config.load import load_config
from vtrain.environment.engine import Engine, open_engine
from vtrain.environment.measurement import Measurement, Request
from vtrain.training.events import TrainingEvent
from vtrain.training.train import train
from vtrain.validation.validate import validate


class Recorder:
    """Records what is asked of every engine, once learning has begun."""

    def __init__(self) -> None:
        self.calls: list[list[Request]] = []
        self.before: list[Request] = []
        self.began = 0.0
        self.waiting = 0.0
        self._original = original = Engine.measure

        def measure(
            engine: Engine, requests: Sequence[Request], *more: Any, **options: Any
        ) -> list[Measurement]:
            if self.began:
                self.calls.append(list(requests))
            else:
                self.before += requests
            start = time.perf_counter()
            try:
                return original(engine, requests, *more, **options)
            finally:
                self.waiting += (time.perf_counter() - start) if self.began else 0.0

        setattr(Engine, "measure", measure)  # noqa: B010 - a method is exchanged

    def end(self) -> None:
        """Record no more."""
        setattr(Engine, "measure", self._original)  # noqa: B010 - as above

    def __call__(self, event: TrainingEvent) -> None:
        """Take note of the beginning."""
        if event.kind == "phase" and event.message == "Learning":
            self.began = time.perf_counter()


def main() -> None:
    """Train, replay, validate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="run directory with prepared data")
    parser.add_argument("--updates", type=int, default=24)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--checkpoint", help="validate this one of RUN, and train nothing")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        target = Path(folder) / "run"
        if arguments.checkpoint:
            run = copied(arguments.run, target, "measurements*", "validation")
        else:
            trained = ("table.json", "checkpoints", "metrics.jsonl")
            run = copied(arguments.run, target, "measurements*", "validation", *trained)
            print_training(run, arguments.updates, arguments.workers)
        print_validation(run, arguments.checkpoint or "best", arguments.workers)


def copied(source: Path, target: Path, *skipped: str) -> RunDirectory:
    """A copy of a run without some of its files."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*skipped))
    return RunDirectory.open(target)


def print_training(run: RunDirectory, updates: int, workers: int) -> None:
    """The training's time over the engine's."""
    plain = load_config((), ()).config.ppo
    traces = updates * plain.n_envs * plain.n_steps
    settings = (
        f"ppo.total_traces={traces}",
        f"resources.workers={workers}",
        "ppo.warm_start.settings=12",
        "ppo.warm_start.images=24",
    )
    config = load_config((), settings).config
    recorder = Recorder()
    train(config, run, on_event=recorder)
    wall = time.perf_counter() - recorder.began
    waiting = recorder.waiting
    recorder.end()
    calls = recorder.calls
    asked = sum(map(len, calls))
    print(f"{updates} updates, {workers} workers: {wall:.1f} s, {asked} requests,", end=" ")
    print(f"of it {waiting:.1f} s waiting for the engine ({waiting / wall:.1%})\n")
    print("| the engine on the same requests | s | training over it |")
    print("| --- | --- | --- |")
    ways = (
        ("call by call", calls),
        ("all at once", [[request for call in calls for request in call]]),
    )
    for name, work in ways:
        with open_engine(run.images, workers=workers, tracing=config.tracing, cache=None) as engine:
            # What training knew when learning began is known here too; each worker has started.
            engine.measure(recorder.before)
            start = time.perf_counter()
            for call in work:
                engine.measure(call)
            seconds = time.perf_counter() - start
        print(f"| {name} | {seconds:.1f} | {wall / seconds:.3f} |", flush=True)


def print_validation(run: RunDirectory, checkpoint: str, workers: int) -> None:
    """A validation without measurements, and the same again by a new engine."""
    for left in run.data_cache.glob("measurements*"):
        left.unlink()
    config = load_config((), (f"resources.workers={workers}",)).config
    whole, measuring = [], []
    for _ in range(2):
        recorder = Recorder()
        start = recorder.began = time.perf_counter()
        images = validate(run, config, checkpoint=checkpoint).record.images
        whole.append(time.perf_counter() - start)
        measuring.append(recorder.waiting)
        recorder.end()
    print(f"\nA validation ({images} images): {measuring[0]:.2f} s of measuring, again", end=" ")
    print(f"{measuring[1]:.3f} s: {measuring[0] / measuring[1]:.0f} times faster.", end=" ")
    print(
        f"With plots and page: {whole[0]:.1f} s ({whole[0] / measuring[0]:.3f} times the", end=" "
    )
    print(f"measuring), and {whole[1]:.1f} s.")


if __name__ == "__main__":
    main()
