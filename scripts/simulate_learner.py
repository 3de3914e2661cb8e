"""How fast a learner learns, in a made-up world that is like the real one, in a minute each.

    python -m scripts.simulate_learner --run RUN [--traces 54272] [--seeds 2]
        [--way 'NAME:KEY=VALUE;KEY=VALUE' ...] [--set KEY=VALUE ...]

RUN holds a training, whose measurements the world is made of: a network is fitted to appearance and
cost by the image's features and the action, and what it leaves is put back as chance. Each image
has its own likings for each level and for each action, as strong as the measurements say (their
variogram, fitted by non-negative least squares). So part of what is best for an image can be seen,
and part cannot, as in truth. The whole of training runs on it as it is, only nothing is traced.

Each `--way` is trained anew with each seed. Prints the gain of the likeliest choice over the best
fixed setting on validation images and on training images, after each fifth of the traces. Ways
compare; what they would reach on real logos is told by a real training alone.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls

from vtrain import RunDirectory
from vtrain.config.load import load_config
from vtrain.config.schema import Config
from vtrain.config.section import CATEGORIES
from vtrain.environment.engine import Engine, Group
from vtrain.environment.measurement import Measurement, Request, failed
from vtrain.environment.observation import observe
from vtrain.scoring.utility import cost
from vtrain.tracing.parameters import ACTION_LEVELS, canonical
from vtrain.training.averaging import WeightAverage
from vtrain.training.curriculum import Curriculum
from vtrain.training.model import (
    load_policy_weights,
    make_model,
    policy_weights,
    start,
    updates,
)
from vtrain.training.problem import Problem, load_problem, new_table
from vtrain.training.vec_env import TraceVecEnv
from vtrain.training.warm_start import fit_table
from vtrain.validation.table import MeasuredTable

Array = NDArray[np.float64]
HIDDEN, EPOCHS, BATCH = 128, 25, 512
RATE, DECAY, NOISE, DROPPED = 2e-3, 1e-3, 0.1, 0.1
JUDGED = 40
"""Images of each category that are judged (count)."""
TASTES = (0.15, 0.45, 1.2, 2.0, 3.0)


def main() -> None:
    """Make the world, and train in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--traces", type=int, default=54_272)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--way", action="append", default=[], metavar="NAME:KEY=VALUE;…")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    run = RunDirectory.open(arguments.run)
    common = ("curriculum.enabled=false", *arguments.set, f"ppo.total_traces={arguments.traces}")
    problem = load_problem(run, load_config((), common).config)
    world = World(problem, Records.read(run, problem))
    for text in arguments.way or ["defaults:"]:
        name, _, more = text.partition(":")
        for seed in range(arguments.seeds):
            # A list's commas are its own.
            own = [part for part in more.split(";") if part]
            config = load_config((), (*common, *own, f"seed={seed}")).config
            curve = trained(config, run, world)
            shown = "  ".join(f"{unseen:.3f}/{seen:.3f}" for unseen, seen in curve)
            print(f"{name}, seed {seed}: {shown}", flush=True)


@dataclass(frozen=True, slots=True)
class Records:
    """What was measured on training images.

    Attributes:
        images: Of each row.
        actions: Shape (n, rows of the parameter table).
        outcomes: Appearance and cost; shape (n, 2).
    """

    images: list[str]
    actions: NDArray[np.int64]
    outcomes: Array

    @classmethod
    def read(cls, run: RunDirectory, problem: Problem) -> Records:
        """The measurements of a run against references, without those that failed."""
        scoring, train = problem.rules.scoring, {entry.id for entry in problem.train}
        images, actions, outcomes = [], [], []
        connection = sqlite3.connect(f"file:{run.measurements}?mode=ro", uri=True)
        for key, value in connection.execute("SELECT key, value FROM entry"):
            _, image, action, flags = key.split(":")
            row = json.loads(value)
            if image not in train or flags[1] != "0" or row["failure"]:
                continue
            images.append(image)
            actions.append([int(level) for level in action.split(".")])
            price = cost(row["segments"], row["bytes"], row["pixels"], scoring)
            outcomes.append((row["appearance"], price))
        connection.close()
        return cls(images, np.array(actions), np.array(outcomes))


class World:
    """A back end that makes measurements up; see the top.

    Args:
        problem: Images and their features.
        records: What it is made of.
    """

    def __init__(self, problem: Problem, records: Records) -> None:
        self.problem = problem
        self._scoring = problem.rules.scoring
        rules = problem.rules
        self._features = {key: rules.normaliser.apply(row) for key, row in rules.features.items()}
        self._mean, self._spread = records.outcomes.mean(axis=0), records.outcomes.std(axis=0)
        generator = np.random.default_rng(0)
        half = {image: bool(generator.integers(2)) for image in sorted(set(records.images))}
        side = np.array([half[image] for image in records.images])
        left = np.zeros_like(records.outcomes)
        for own in (False, True):
            # What a network that never saw an image leaves of it.
            network = self._fitted(records, side != own)
            rows = np.flatnonzero(side == own)
            left[rows] = self._scaled(records.outcomes[rows]) - self._told(network, records, rows)
        self._network = self._fitted(records, np.ones(len(side), np.bool_))
        self._strengths = [strengths(records, left[:, column]) for column in (0, 1)]
        self._likings: dict[str, list[list[Array]]] = {}
        told = ", ".join(f"{values[:-1].sum() + values[-1]:.2f}" for values in self._strengths)
        print(f"{len(side)} measurements; variance within an image left to chance: {told}")

    def run(
        self, groups: Sequence[Group], on_wait: Callable[[], None]
    ) -> Iterator[tuple[int, list[Measurement]]]:
        """As `Backend.run`."""
        on_wait()
        flat = [request for group in groups for request in group]
        outcomes = iter(self.outcomes(flat))
        for index, group in enumerate(groups):
            yield index, [self._measured(next(outcomes)) for _ in group]

    def outcomes(self, requests: Sequence[Request]) -> Array:
        """Appearance and cost; shape (n, 2)."""
        images = [request.image for request in requests]
        actions = np.array([request.action for request in requests])
        records = Records(images, actions, np.zeros((len(images), 2)))
        told = self._told(self._network, records, np.arange(len(images)))
        chance = np.array([self._chance(request) for request in requests])
        return np.asarray((told + chance) * self._spread + self._mean, np.float64)

    def _chance(self, request: Request) -> list[float]:
        image = request.image
        if image not in self._likings:
            generator = np.random.default_rng(zlib.crc32(image.encode()))
            self._likings[image] = [
                [
                    np.sqrt(strength) * generator.standard_normal(count)
                    for strength, count in zip(values[:-1], ACTION_LEVELS, strict=True)
                ]
                for values in self._strengths
            ]
        own = np.random.default_rng(zlib.crc32(f"{image}{request.action}".encode()))
        return [
            sum(float(row[level]) for row, level in zip(rows, request.action, strict=True))
            + float(np.sqrt(values[-1]) * own.standard_normal())
            for rows, values in zip(self._likings[image], self._strengths, strict=True)
        ]

    def _measured(self, outcome: Array) -> Measurement:
        """A measurement with this appearance and cost: all of the cost is put into its size."""
        fields = failed("none").as_dict() | {"failure": None, "segments": 0, "pixels": 1}
        size = 2.0 ** (float(outcome[1]) / self._scoring.bytes_weight)
        return Measurement(**fields | {"appearance": float(outcome[0]), "bytes": max(1, int(size))})

    def _scaled(self, outcomes: Array) -> Array:
        return np.asarray((outcomes - self._mean) / self._spread, np.float64)

    def _inputs(self, records: Records, rows: NDArray[np.intp]) -> torch.Tensor:
        features = np.stack([self._features[records.images[row]] for row in rows])
        return torch.from_numpy(np.hstack([features, one_hot(records.actions[rows])]))

    def _told(self, network: torch.nn.Module, records: Records, rows: NDArray[np.intp]) -> Array:
        with torch.no_grad():
            return np.asarray(network(self._inputs(records, rows)).numpy(), np.float64)

    def _fitted(self, records: Records, used: NDArray[np.bool_]) -> torch.nn.Module:
        """A network from features and levels to appearance and cost, scaled."""
        torch.manual_seed(0)
        inputs = self._inputs(records, np.flatnonzero(used))
        targets = torch.from_numpy(self._scaled(records.outcomes[used]).astype(np.float32))
        width, known = inputs.shape[1], len(next(iter(self._features.values())))
        layers = []
        for size in (width, HIDDEN):
            layers += [torch.nn.Linear(size, HIDDEN), torch.nn.SiLU(), torch.nn.Dropout(DROPPED)]
        network = torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN, 2))
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
        steps = EPOCHS * -(-len(inputs) // BATCH)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
        for _ in range(EPOCHS):
            for rows in torch.split(torch.randperm(len(inputs)), BATCH):
                batch = inputs[rows]
                batch[:, :known] += NOISE * torch.randn(len(rows), known)
                loss = torch.nn.functional.smooth_l1_loss(network(batch), targets[rows])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it bare
                optimizer.step()
                schedule.step()
        return network.eval()


def strengths(records: Records, left: Array) -> Array:
    """Variances of an image's likings: of the levels of each row, and last of a whole action.

    Half the mean squared difference of two actions on an image is the sum of the variances of the
    rows in which they differ, and of the last.
    """
    by_image: dict[str, list[int]] = {}
    for row, image in enumerate(records.images):
        by_image.setdefault(image, []).append(row)
    generator = np.random.default_rng(1)
    pairs = np.array(
        [
            generator.choice(rows, 2, replace=False)
            for rows in by_image.values()
            if len(rows) > 1
            for _ in range(len(rows))
        ]
    )
    differ = records.actions[pairs[:, 0]] != records.actions[pairs[:, 1]]
    halves = (left[pairs[:, 0]] - left[pairs[:, 1]]) ** 2 / 2
    found, _ = nnls(np.hstack([differ, np.ones((len(pairs), 1))]).astype(np.float64), halves)
    return np.asarray(found, np.float64)


def one_hot(actions: NDArray[np.int64]) -> NDArray[np.float32]:
    """Levels as ones among zeros; shape (n, levels of all rows)."""
    found = np.zeros((len(actions), sum(ACTION_LEVELS)), np.float32)
    places = actions + np.cumsum([0, *ACTION_LEVELS[:-1]])
    found[np.arange(len(actions))[:, None], places] = 1
    return found


def trained(config: Config, run: RunDirectory, world: World) -> list[tuple[float, float]]:
    """Train, and judge after each fifth of the traces: gains on unseen and on seen images."""
    problem = load_problem(run, config)
    engine = Engine(world)
    curriculum = Curriculum(config.curriculum)
    env = TraceVecEnv(
        problem.rules,
        problem.sampler,
        engine,
        count=config.ppo.n_envs,
        membership=curriculum.membership,
    )
    model = make_model(env, config.ppo, seed=config.seed)
    table = new_table(config, problem, engine)
    start(model, config.ppo.total_traces)
    fit_table(
        model,
        table,
        problem.rules,
        environment=config.environment,
        config=config.ppo.warm_start,
        seed=config.seed,
    )
    average = WeightAverage(config.ppo.average_updates)
    average.start(policy_weights(model))
    judge = Judge(world, problem, table)
    curve: list[tuple[float, float]] = []
    learning = updates(model, env, config, total=config.ppo.total_traces)
    for update in learning:
        curriculum.after_update([episode.gain for episode in update.episodes])
        newest = policy_weights(model)
        average.add(newest)
        if 5 * model.num_timesteps >= (len(curve) + 1) * config.ppo.total_traces:
            load_policy_weights(model, average.weights)
            policy = model.policy
            curve.append((judge.gain(policy, seen=False), judge.gain(policy, seen=True)))
            load_policy_weights(model, newest)
    return curve


@dataclass(slots=True)
class Judge:
    """Gains of likeliest choices over the best fixed setting.

    Attributes:
        world: Makes the outcomes up.
        problem: Images.
        table: Gives the best fixed settings.
        images: Images that are judged, by whether learning sees them.
    """

    world: World
    problem: Problem
    table: MeasuredTable
    images: dict[bool, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        catalog = self.problem.catalog
        self.images = {
            seen: [
                entry.id
                for category in CATEGORIES
                for entry in [
                    entry
                    for entry in sorted(catalog.split(split), key=lambda entry: entry.id)
                    if entry.category == category and entry.id in self.problem.rules.features
                ][:JUDGED]
            ]
            for seen, split in ((True, "train"), (False, "validation"))
        }

    def gain(self, policy: torch.nn.Module, *, seen: bool) -> float:
        """Mean over images and tastes, each clipped to +-15 (utility)."""
        rules, gains = self.problem.rules, []
        for taste in TASTES:
            images = self.images[seen]
            known = [rules.normaliser.apply(rules.features[image]) for image in images]
            observations = torch.from_numpy(np.stack([observe(row, taste) for row in known]))
            with torch.no_grad():
                chosen, _, _ = policy(observations, deterministic=True)
            fixed = self.table.best_fixed(taste)
            actions = [canonical(row) for row in chosen.numpy()]
            pairs = zip(images, actions, strict=True)
            ours = self.world.outcomes([Request(image, action) for image, action in pairs])
            theirs = self.world.outcomes([Request(image, fixed) for image in images])
            difference = ours - theirs
            gains.append(np.clip(difference[:, 0] - taste * difference[:, 1], -15, 15).mean())
        return float(np.mean(gains))


if __name__ == "__main__":
    main()
