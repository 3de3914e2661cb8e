"""Speed of a measurement (prepare, trace, render, score) on procedural logos.

    python scripts/benchmark.py [--count 24]

Prints the median time of each part as a share of the bare trace, in one process and one thread,
and the measurements per second with one worker and with one per core, all from one run: compare
ratios, not seconds. Quality is measured by ``vtrain run SOURCES``; see docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import cv2
from threadpoolctl import threadpool_limits

from vtrain import RunDirectory
from vtrain.config.data import DataConfig
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.data.prepare import prepare
from vtrain.data.store import ImageStore
from vtrain.environment.engine import open_engine
from vtrain.environment.measurement import Request
from vtrain.resources import usable_cores
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score
from vtrain.tracing.parameters import PRESETS, Settings, canonical, encode_settings
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.trace import trace_prepared
from vtrain.tracing.vtracer_backend import run_vtracer

Result = TypeVar("Result")
RECIPE = PRESETS["recipe"]
SETTINGS = {
    "VTracer's default": PRESETS["default"],
    "prepared, 1x, spline": replace(RECIPE, upscale=1, mode="spline"),
    "recipe (2x, polygon)": RECIPE,
    "prepared, 3x, polygon": replace(RECIPE, upscale=3),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=24)
    count = parser.parse_args().count
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory.create(Path(folder) / "run", name="benchmark")
        prepare([], run=run, config=DataConfig(sample_count=count))
        entries = Catalog.load(run.catalog).entries
        images = [entry.id for entry in entries]
        print(f"{len(images)} procedural logos, 256 px, judged at 512 px\n")
        print(f"{'settings':24} {'trace':>9} {'prepare':>8} {'render':>8} {'score':>8} {'all':>8}")
        with threadpool_limits(1):
            for name, settings in SETTINGS.items():
                print(parts(ImageStore(run.images), images, name, settings))
        print()
        rates = {workers: rate(run, images, workers) for workers in (1, usable_cores())}
        for workers, value in rates.items():
            print(f"{workers} worker(s): {value:.1f} measurements/s, x{value / rates[1]:.2f}")


def parts(store: ImageStore, images: list[str], name: str, settings: Settings) -> str:
    """A row: the bare trace in milliseconds, the rest as a share of it."""
    times: dict[str, list[float]] = {part: [] for part in ("trace", "prepare", "render", "score")}
    for image in images:
        preparation = Preparation(store.input(image))
        reference = Reference.of(store.reference(image))
        prepared = timed(times["prepare"], partial(preparation.apply, settings))
        timed(
            times["trace"],
            partial(run_vtracer, prepared.rgba, settings, keyed=prepared.keyed),
        )
        svg = trace_prepared(preparation, settings).svg
        picture = timed(times["render"], partial(render, svg, reference.width, reference.height))
        timed(times["score"], partial(score, reference, picture))
    middle = {part: median(values) for part, values in times.items()}
    shares = [middle[part] / middle["trace"] for part in ("prepare", "render", "score")]
    cells = " ".join(f"{value:7.2f}x" for value in (*shares, 1 + sum(shares)))
    return f"{name:24} {1e3 * middle['trace']:6.1f} ms {cells}"


def rate(run: RunDirectory, images: list[str], workers: int) -> float:
    """Measurements per second of the engine, without a cache."""
    actions = [canonical(encode_settings(settings)) for settings in SETTINGS.values()]
    requests = [Request(image, action) for image in images for action in actions]
    tracing = Config().tracing
    with open_engine(run.images, workers=workers, tracing=tracing, cache=None) as engine:
        engine.measure([Request(images[0], action, full=True) for action in actions])
        start = time.perf_counter()
        engine.measure(requests)
        return len(requests) / (time.perf_counter() - start)


def timed(times: list[float], work: Callable[[], Result]) -> Result:
    """Do work and note how long it took (s)."""
    start = time.perf_counter()
    result = work()
    times.append(time.perf_counter() - start)
    return result


if __name__ == "__main__":
    main()
