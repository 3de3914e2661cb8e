"""How much of the gap could be foreseen: the best of a search on a logo's mirror image, used on it.

    python -m scripts.bench_foresight --run RUN [--images 40]

After `bench_agent`, whose measurements of RUN it starts from: what was looked at of each logo of
the test split is measured once more on its mirror image. VTracer does not draw a mirror image the
same way, so what is best on one need not be on the other. A policy that had as much from the image
as a whole search on its twin would close the share of the gap that is printed; what is missing to
one is luck, which nothing foresees.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.bench_agent import chosen_entries, grid
from vtrain import RunDirectory
from vtrain.config.load import read_config
from vtrain.config.schema import Config
from vtrain.data.store import ImageStore
from vtrain.environment.features import features
from vtrain.environment.measurement import Bench, Measurement, Request
from vtrain.environment.versions import measurement_version
from vtrain.resources import usable_cores
from vtrain.tracing.parameters import Action
from vtrain.validation.table import MeasuredTable
from vtrain.validation.validate import measured_settings

BEST = (1, 4)
"""How many of the best on the one are tried on the other (count)."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Images and references of a store, left and right exchanged."""

    store: ImageStore

    def input(self, image: str) -> NDArray[np.uint8]:
        """As `ImageSource.input`."""
        return np.ascontiguousarray(self.store.input(image)[:, ::-1])

    def reference(self, image: str) -> NDArray[np.uint8]:
        """As `ImageSource.reference`."""
        return np.ascontiguousarray(self.store.reference(image)[:, ::-1])


def main() -> None:
    """Measure the mirror images, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--images", type=int, default=40, help="of each category")
    arguments = parser.parse_args()
    run = RunDirectory.open(arguments.run)
    config = read_config(run.config)
    images = [entry.id for entry in chosen_entries(run, arguments.images)]
    known = looked_at(run, images)
    with ProcessPoolExecutor(config.resources.workers or usable_cores()) as pool:
        work = partial(mirrored, run.images, config.tracing.output_limit)
        found = pool.map(work, images, [list(known[image]) for image in images], chunksize=4)
        mirror = {
            image: dict(zip(known[image], row, strict=True))
            for image, row in zip(images, found, strict=True)
        }
    print(
        f"{len(images)} images, {np.mean([len(row) for row in known.values()]):.0f} settings each"
    )
    store = ImageStore(run.images)
    measured = measured_settings(run, lambda one: features(store.input(one)), damaged=False)
    if measured is None:
        parser.error(f"{run.root} has no table of measured settings")
    show(config, measured.table, known, mirror)


def looked_at(run: RunDirectory, images: list[str]) -> dict[str, dict[Action, Measurement]]:
    """What was measured of each image against its reference, in the order of the actions."""
    found: dict[str, dict[Action, Measurement]] = {image: {} for image in images}
    connection = sqlite3.connect(f"file:{run.measurements}?mode=ro", uri=True)
    for key, value in connection.execute("SELECT key, value FROM entry ORDER BY key"):
        version, image, levels, flags = key.split(":")
        if version == measurement_version() and image in found and flags[1] == "0":
            action = tuple(int(level) for level in levels.split("."))
            found[image][action] = Measurement(**json.loads(value))
    connection.close()
    return found


def mirrored(
    store: Path, output_limit: int, image: str, actions: list[Action]
) -> list[Measurement]:
    """Measurements of the mirror image; in a process of its own, whose memory nothing limits."""
    cv2.setNumThreads(1)
    bench = Bench(Mirrored(ImageStore(store)), output_limit=output_limit)
    return [bench.measure(Request(image, action)) for action in actions]


def show(
    config: Config,
    table: MeasuredTable,
    known: dict[str, dict[Action, Measurement]],
    mirror: dict[str, dict[Action, Measurement]],
) -> None:
    """A line for each lambda: the gap on the mirror images, and what the twin's best closes."""
    totals = np.zeros(1 + len(BEST))
    for taste in grid(config):
        fixed = table.best_fixed(taste)
        rows = []
        for image, own in known.items():
            here = {action: one.utility(taste, config.scoring) for action, one in own.items()}
            there = {a: one.utility(taste, config.scoring) for a, one in mirror[image].items()}
            order = sorted(here, key=here.__getitem__, reverse=True)
            tried = [max(there[action] for action in order[:count]) for count in BEST]
            rows.append(np.array([max(there.values()), *tried]) - there[fixed])
        mean = np.mean(rows, axis=0)
        totals += mean
        print(f"lambda {taste:g}: gap {mean[0]:.2f}, {shares(mean)}")
    print(f"all: {shares(totals)}")


def shares(values: NDArray[np.float64]) -> str:
    """Shares of the first value, in words."""
    parts = zip(BEST, values[1:] / values[0], strict=True)
    return ", ".join(f"{share:.3f} by the twin's best {count}" for count, share in parts)


if __name__ == "__main__":
    main()
