"""Where more workers stop helping: measured service times, played through for 1 to 1024 workers.

    python -m scripts.model_scaling [--run RUN] [--images 24]

Measures every image with four settings in this process, and with one and two workers, which tells
what handing a measurement out costs. Then simulates training: rollouts of `ppo.n_envs` traces at a
time, each given to the worker that is free first, longest first as the engine does, and an update
after `ppo.n_steps` of them. Prints measurements a second by the number of workers, the share of the
time that a worker works, and what the model says of the two workers that were measured.
"""

from __future__ import annotations

import argparse
import heapq
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv
from threadpoolctl import threadpool_limits

from scripts.bench_engine import actions, drawn
from vtrain import RunDirectory
from vtrain.config.schema import Config, PPOConfig
from vtrain.data.catalog import Catalog
from vtrain.data.store import ImageStore
from vtrain.environment.engine import open_engine
from vtrain.environment.env import action_space
from vtrain.environment.measurement import Bench, Request
from vtrain.environment.observation import OBSERVATION_SIZE
from vtrain.scoring.score import warm_up
from vtrain.training.model import network_shape

WORKERS = tuple(2**power for power in range(11))


@dataclass(frozen=True, slots=True)
class Service:
    """What was measured.

    Attributes:
        times: Seconds of each measurement, shape (n,).
        hand_out: Seconds that the main process spends on handing one out.
        learning: Seconds of a PPO update and of choosing the actions of its rollout.
    """

    times: NDArray[np.float64]
    hand_out: float
    learning: float


class Still(gymnasium.Env[NDArray[np.float32], NDArray[np.int64]]):
    """An environment of the task's shape that does nothing, to time learning alone."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (OBSERVATION_SIZE,), np.float32)
    action_space = action_space()

    def reset(self, **_options: Any) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Zeros."""
        return np.zeros(OBSERVATION_SIZE, np.float32), {}

    def step(
        self, _action: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Nothing happens."""
        return self.reset()[0], 0.0, True, False, {}


def learning_time(config: PPOConfig, updates: int = 4) -> float:
    """Seconds of a PPO update over environments that do nothing."""
    torch.set_num_threads(1)
    model = PPO(
        "MlpPolicy",
        DummyVecEnv([Still] * config.n_envs),
        n_steps=config.n_steps,
        batch_size=config.batch_size,
        n_epochs=config.n_epochs,
        policy_kwargs=network_shape(config.hidden),
        device="cpu",
    )
    together = config.n_envs * config.n_steps
    model.learn(together)
    start = time.perf_counter()
    model.learn(updates * together)
    return (time.perf_counter() - start) / updates


def main() -> None:
    """Measure, simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="run directory with prepared data")
    parser.add_argument("--images", type=int, default=24)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        run = arguments.run and RunDirectory.open(arguments.run)
        run = run or drawn(Path(folder), arguments.images)
        entries = sorted(Catalog.load(run.catalog).entries, key=lambda entry: entry.id)
        wanted = [Request(entry.id, action) for entry in entries for action in actions()]
        wanted = wanted[: len(actions()) * arguments.images]
        times = service_times(run, wanted)
        rates = {count: engine_rate(run, wanted, count) for count in (1, 2)}
    hand_out = max(0.0, 1 / rates[1] - float(times.mean()))
    service = Service(times, hand_out, learning_time(Config().ppo))
    print(f"{len(times)} measurements: mean {1e3 * times.mean():.1f} ms, longest", end=" ")
    print(f"{1e3 * times.max():.1f} ms, handing one out {1e3 * hand_out:.2f} ms;", end=" ")
    print(f"a PPO update {1e3 * service.learning:.0f} ms\n")
    print(f"Two workers, all at once: measured {rates[2]:.1f} a second,", end=" ")
    order = -np.sort(-times)
    print(f"by the model {len(times) / makespan(order, 2, hand_out):.1f}\n")
    print_scaling(service, Config())


def service_times(run: RunDirectory, wanted: list[Request]) -> NDArray[np.float64]:
    """Seconds of each measurement in this process, images read as they come."""
    warm_up()
    bench = Bench(ImageStore(run.images), output_limit=Config().tracing.output_limit)
    times = []
    for request in wanted:
        start = time.perf_counter()
        bench.measure(request)
        times.append(time.perf_counter() - start)
    return np.array(times)


def engine_rate(run: RunDirectory, wanted: list[Request], workers: int) -> float:
    """Measurements per second of the engine."""
    with open_engine(run.images, workers=workers, tracing=Config().tracing, cache=None) as engine:
        engine.measure([Request(wanted[0].image, action, full=True) for action in actions()])
        start = time.perf_counter()
        engine.measure(wanted)
        return len(wanted) / (time.perf_counter() - start)


def makespan(times: NDArray[np.float64], workers: int, hand_out: float) -> float:
    """Time until all is done when the first free worker takes the next (s).

    Args:
        times: Seconds of each, in the order in which they are given out.
        workers: How many there are.
        hand_out: Seconds between one that is given out and the next, of one process.
    """
    free = [0.0] * workers
    end = 0.0
    for number, seconds in enumerate(times):
        given = (number + 1) * hand_out
        done = max(heapq.heappop(free), given) + float(seconds)
        heapq.heappush(free, done)
        end = max(end, done)
    return end


def print_scaling(service: Service, config: Config) -> None:
    """The table of the simulation."""
    chance = np.random.default_rng(0)
    together, steps = config.ppo.n_envs, config.ppo.n_steps
    print("| workers | a second | over one | a worker works | learning's share |")
    print("| --- | --- | --- | --- | --- |")
    first = 0.0
    for workers in WORKERS:
        rollout, busy = 0.0, 0.0
        for _ in range(20 * steps):
            times = -np.sort(-chance.choice(service.times, together))
            rollout += makespan(times, workers, service.hand_out)
            busy += float(times.sum())
        total = rollout + 20 * service.learning
        rate = 20 * steps * together / total
        first = first or rate
        cells = f"{rate:.0f} | {rate / first:.1f} | {busy / (workers * total):.0%}"
        print(f"| {workers} | {cells} | {20 * service.learning / total:.0%} |", flush=True)
    least = together * service.hand_out
    print(
        f"\nA step of {together} traces takes at least {1e3 * least:.0f} ms to hand out,", end=" "
    )
    print(
        f"and as long as its longest trace ({1e3 * service.times.max():.0f} ms at worst);", end=" "
    )
    print(f"more than {together} workers have nothing to do.")


if __name__ == "__main__":
    main()
