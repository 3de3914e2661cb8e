"""The measuring engine against the bare tracer and against the naive pipeline, in one run.

    python scripts/bench_engine.py [--run RUN] [--images 32] [--rounds 3] [--parts | --rates]
        [--flame FILE.svg]

RUN is a run directory with prepared data; without one, procedural logos are drawn. Every image is
measured with four settings, from VTracer's default to three times the size. Prints

- the time of each part of a measurement as a share of the bare trace, by size of the image,
- measurements a second of bare traces and of the engine, with one process and with two: images that
  nobody has seen, images that were traced before with other settings (as in training), and
  measurements that are known, in memory or in the file of an engine before,
- what handing a measurement to another process and back takes,
- the naive pipeline (files, cairosvg, scikit-image) on the same images and settings, and training
  steps a second beside stable-baselines3's SubprocVecEnv around it.

Compare ratios, not seconds. ``--flame`` records where the time goes with py-spy. The naive pipeline
needs the extra `bench` and the system's cairo.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import cv2
import gymnasium
import numpy as np
import vtracer
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import structural_similarity
from threadpoolctl import threadpool_limits

from vtrain import RunDirectory
from vtrain.config.data import DataConfig
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.data.prepare import prepare
from vtrain.data.store import ImageStore
from vtrain.environment.engine import Engine, open_engine
from vtrain.environment.measurement import Measurement, Request, failed
from vtrain.images import over, resize
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score, warm_up
from vtrain.tracing.parameters import PRESETS, Settings, canonical, encode_settings
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.trace import trace_prepared
from vtrain.tracing.vtracer_backend import encode, run_vtracer, vtracer_arguments
from vtrain.tracing.workers import Workers

Result = TypeVar("Result")
Rgba = NDArray[np.uint8]
RECIPE = PRESETS["recipe"]
SETTINGS = {
    "VTracer's default": PRESETS["default"],
    "prepared, 1x, spline": replace(RECIPE, upscale=1, mode="spline"),
    "recipe (2x, polygon)": RECIPE,
    "prepared, 3x, polygon": replace(RECIPE, upscale=3),
}
PARTS = ("trace", "encode", "prepare", "render", "score")
SECONDS = 12.0
"""Time for each count of training steps (s)."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="run directory with prepared data")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3, help="of measurements a second")
    parser.add_argument("--parts", action="store_true", help="only the parts of a measurement")
    parser.add_argument("--rates", action="store_true", help="only measurements a second")
    parser.add_argument("--flame", type=Path, help="record a flame graph here instead")
    arguments = parser.parse_args()
    if arguments.flame:
        sys.exit(flame(arguments))
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        run = arguments.run and RunDirectory.open(arguments.run)
        run = run or drawn(Path(folder), arguments.images)
        # By id, which says nothing of the content: a fair sample.
        entries = sorted(Catalog.load(run.catalog).entries, key=lambda entry: entry.id)
        images = [entry.id for entry in entries[: arguments.images]]
        warm_up()
        if not arguments.rates:
            print_parts(ImageStore(run.images), images)
        if arguments.parts:
            return
        rates = print_rates(run, images, arguments.rounds)
        if arguments.rates:
            return
        print_naive(run, images, rates, Path(folder))


def flame(arguments: argparse.Namespace) -> int:
    """Run this script again under py-spy; its exit status."""
    program = [sys.executable, __file__, "--images", str(arguments.images)]
    if arguments.run:
        program += ["--run", str(arguments.run)]
    record = ["py-spy", "record", "--subprocesses", "--native", "-o", str(arguments.flame), "--"]
    return subprocess.run([*record, *program], check=False).returncode


def drawn(folder: Path, count: int) -> RunDirectory:
    """A run of procedural logos."""
    run = RunDirectory.create(folder / "run", name="benchmark")
    prepare([], run=run, config=DataConfig(sample_count=count))
    return run


def print_parts(store: ImageStore, images: list[str]) -> None:
    """Mean processor time of each part of a measurement, as a share of the bare trace."""
    print(f"{len(images)} images; each part over the bare trace (encoding included)\n")
    print(f"| px | settings | trace (ms) | {' | '.join(PARTS[1:])} | reference | all |")
    print(f"| --- | --- | --- | {' | '.join('---' for _ in PARTS)} | --- |")
    for side in (128, 256, 512):
        sums = dict.fromkeys((*PARTS, "reference"), 0.0)
        for name, settings in SETTINGS.items():
            spent = parts(store, images, side, settings)
            for part, value in spent.items():
                sums[part] += value
            print_row(side, name, spent, len(images))
        print_row(side, "all four", sums, len(images) * len(SETTINGS))


def print_row(side: int, name: str, spent: dict[str, float], count: int) -> None:
    """One row of the table of parts."""
    trace = spent["trace"]
    shares = [spent[part] / trace for part in (*PARTS[1:], "reference")]
    # Encoding is part of the trace, and what depends on the reference alone is done once an image.
    cells = " | ".join(f"{share:.2f}" for share in (*shares, 1 + sum(shares[1:-1])))
    print(f"| {side} | {name} | {1e3 * trace / count:.1f} | {cells} |", flush=True)


def parts(store: ImageStore, images: list[str], side: int, settings: Settings) -> dict[str, float]:
    """Processor time spent on each part (s)."""
    spent = dict.fromkeys((*PARTS, "reference"), 0.0)
    for image in images:
        rgba, picture = sized(store.input(image), side), sized(store.reference(image), 2 * side)
        reference = timed(spent, "reference", partial(Reference.of, picture))
        preparation = Preparation(rgba)
        prepared = timed(spent, "prepare", partial(preparation.apply, settings))
        timed(spent, "encode", partial(encode, prepared.rgba))
        timed(spent, "trace", partial(run_vtracer, prepared.rgba, settings, keyed=prepared.keyed))
        # Whatever its size: a limit is not what is measured here.
        svg = trace_prepared(preparation, settings, output_limit=10**9).svg
        drawing = timed(spent, "render", partial(render, svg, reference.width, reference.height))
        timed(spent, "score", partial(score, reference, drawing, svg))
    return spent


def sized(rgba: Rgba, side: int) -> Rgba:
    """A picture whose longer side has so many pixels."""
    height, width = rgba.shape[:2]
    if max(height, width) == side:
        return rgba
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return resize(rgba, *size, kind="area" if scale < 1 else "lanczos")


def print_rates(run: RunDirectory, images: list[str], count_of_rounds: int) -> dict[int, float]:
    """Measurements per second; those of the engine by the number of workers.

    In rounds, since the machine's own speed moves by a tenth: the medians of each round's ratios.
    """
    rounds = []
    for number in range(count_of_rounds):
        found: dict[tuple[str, int], float] = {}
        for count in (1, 2):
            found["bare traces", count] = bare_rate(run, images, count)
            new, again, stored = engine_rates(run, images, count)
            found["the engine, new images", count] = new
            found["the engine, images seen before", count] = seen_rate(run, images, count)
            found["the engine, asked again", count] = again
            found["a new engine on the same cache file", count] = stored
        rounds.append(found)
        print(f"Round {number + 1} of {count_of_rounds}", flush=True)

    columns = ("", "processes", "a second", "over one", "of what bare traces gain")
    print(f"\n| {' | '.join((*columns, 'bare traces in its time, each process'))} |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, count in rounds[0]:
        rate = median(found[name, count] for found in rounds)
        gains = [found[name, count] / found[name, 1] for found in rounds]
        possible = [found["bare traces", count] / found["bare traces", 1] for found in rounds]
        share = median(one / most for one, most in zip(gains, possible, strict=True))
        bare = median(found["bare traces", count] / found[name, count] for found in rounds)
        print(f"| {name} | {count} | {rate:.1f} | {median(gains):.2f}", end="")
        print(f" | {share:.2f} | {bare:.2f} |", flush=True)
    print(f"\nHanding a measurement out and back: {1e3 * transfer_time():.2f} ms\n")
    made = "the engine, new images"
    return {count: median(found[made, count] for found in rounds) for count in (1, 2)}


def prepared_images(run: RunDirectory, images: list[str]) -> list[tuple[Any, Settings]]:
    """Every image as each of the settings want it traced."""
    store = ImageStore(run.images)
    found = []
    for image in images:
        preparation = Preparation(store.input(image))
        found += [(preparation.apply(settings), settings) for settings in SETTINGS.values()]
    return found


def bare_rate(run: RunDirectory, images: list[str], count: int) -> float:
    """Bare traces per second of independent processes."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(count), context.Queue()
    work = [
        context.Process(target=trace_all, args=(run.root, images, barrier, answers))
        for _ in range(count)
    ]
    for process in work:
        process.start()
    rates = [answers.get() for _ in work]
    for process in work:
        process.join()
    return float(sum(rates))


def trace_all(root: Path, images: list[str], barrier: Any, answers: Any) -> None:
    """Trace everything, and put traces per second."""
    cv2.setNumThreads(1)
    prepared = prepared_images(RunDirectory(root), images)
    barrier.wait()
    start = time.perf_counter()
    for image, settings in prepared:
        run_vtracer(image.rgba, settings, keyed=image.keyed)
    answers.put(len(prepared) / (time.perf_counter() - start))


def engine_rates(run: RunDirectory, images: list[str], workers: int) -> tuple[float, float, float]:
    """Measurements per second of the engine: made, remembered, and found in the file."""
    requests = [Request(image, action) for image in images for action in actions()]
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for rounds in (2, 1):
            with open_engine(
                run.images,
                workers=workers,
                tracing=Config().tracing,
                cache=Path(folder) / "cache.sqlite",
            ) as engine:
                start_workers(engine, images[0], workers)
                for _ in range(rounds):
                    start = time.perf_counter()
                    engine.measure(requests)
                    times.append(time.perf_counter() - start)
    made, again, stored = (len(requests) / seconds for seconds in times)
    return made, again, stored


def seen_rate(run: RunDirectory, images: list[str], workers: int) -> float:
    """Measurements per second on images that were traced before, one setting of each at a time.

    There are more images than a worker keeps to itself.
    """
    first, *rest = actions()
    with open_engine(run.images, workers=workers, tracing=Config().tracing, cache=None) as engine:
        # Always in the same order, so that an image is no longer kept when it comes again: what a
        # process had kept to itself would never be shared.
        for _ in range(3):
            engine.measure([Request(image, first, full=True) for image in images])
            engine.forget()
        start = time.perf_counter()
        for action in (first, *rest):
            engine.measure([Request(image, action) for image in images])
        return len(images) * (1 + len(rest)) / (time.perf_counter() - start)


def start_workers(engine: Engine, image: str, workers: int) -> None:
    """Each worker starts, and compiles or loads its loops."""
    engine.measure([Request(image, action, full=True) for action in actions()] * workers)


def transfer_time(count: int = 400) -> float:
    """Seconds to hand a task of one measurement to a process and back."""
    pool = Workers[tuple[Request, ...], list[Measurement]](
        answer, count=1, memory_limit=1024, setup=nothing, setup_arguments=()
    )
    tasks = [(Request(str(number), actions()[0]),) for number in range(count)]
    with closing(pool):
        list(pool.run(tasks[:1], time_limits=[60.0]))
        start = time.perf_counter()
        list(pool.run(tasks, time_limits=[60.0] * count))
        return (time.perf_counter() - start) / count


def answer(group: tuple[Request, ...]) -> list[Measurement]:
    """A measurement of each, that was not made."""
    return [failed("none") for _ in group]


def nothing() -> None:
    """No set-up."""


def actions() -> list[tuple[int, ...]]:
    """The settings as actions."""
    return [canonical(encode_settings(settings)) for settings in SETTINGS.values()]


class NaiveEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """Files, cairosvg and scikit-image: one step is one trace.

    Args:
        root: Run directory with prepared data.
        images: Ids.
        folder: For its files.
    """

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(len(SETTINGS))

    def __init__(self, root: Path, images: list[str], folder: Path) -> None:
        self._store, self._images = ImageStore(RunDirectory(root).images), images
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self._count = 0

    def reset(self, **_options: Any) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """The next image."""
        self._count += 1
        return np.zeros(1, np.float32), {}

    def step(
        self, action: np.int64
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Trace and score it."""
        image = self._images[self._count % len(self._images)]
        settings = list(SETTINGS.values())[int(action)]
        prepared = Preparation(self._store.input(image)).apply(settings)
        reward = naive(prepared.rgba, settings, self._store.reference(image), self._folder)
        return np.zeros(1, np.float32), reward, True, False, {}


def naive(rgba: Rgba, settings: Settings, reference: Rgba, folder: Path) -> float:
    """SSIM of a trace made through files; preparation is not part of it."""
    import cairosvg  # noqa: PLC0415 - an extra, and a system library

    source, target = folder / "in.png", folder / "out.svg"
    Image.fromarray(rgba).save(source)
    vtracer.convert_image_to_svg_py(str(source), str(target), **vtracer_arguments(settings))
    height, width = reference.shape[:2]
    png = cairosvg.svg2png(url=str(target), output_width=width, output_height=height)
    drawing = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
    white = (255, 255, 255)
    return float(
        structural_similarity(over(reference, white), over(drawing, white), channel_axis=2)  # type: ignore[no-untyped-call]  # scikit-image leaves it bare
    )


def print_naive(
    run: RunDirectory, images: list[str], rates: dict[int, float], folder: Path
) -> None:
    """The naive pipeline, and training steps per second."""
    try:
        import cairosvg  # noqa: F401, PLC0415 - an extra, and a system library
    except (ImportError, OSError) as error:
        print(f"Without the naive pipeline: {error}. It needs the extra `bench` and cairo.")
        return
    store = ImageStore(run.images)
    prepared = prepared_images(run, images)
    references = [store.reference(image) for image in images for _ in SETTINGS]
    start = time.perf_counter()
    for (image, settings), reference in zip(prepared, references, strict=True):
        naive(image.rgba, settings, reference, folder)
    rate = len(prepared) / (time.perf_counter() - start)
    print("| | a second | engine over it |")
    print("| --- | --- | --- |")
    print(f"| naive pipeline, one process | {rate:.1f} | {rates[1] / rate:.2f} |", flush=True)
    ours, theirs = engine_steps(run, images), naive_steps(run, images, folder)
    print(f"| SubprocVecEnv round it, two processes | {theirs:.1f} | {ours / theirs:.2f} |")
    print(f"| the same steps through the engine, two workers | {ours:.1f} | |", flush=True)


def naive_steps(run: RunDirectory, images: list[str], folder: Path) -> float:
    """Steps per second of stable-baselines3's environments in two processes."""
    from stable_baselines3.common.vec_env import SubprocVecEnv  # noqa: PLC0415 - imports torch

    env = SubprocVecEnv(
        [partial(NaiveEnv, run.root, images, folder) for _ in range(2)], start_method="spawn"
    )
    env.reset()
    env.step(np.zeros(2, np.int64))
    steps = 0
    start = time.perf_counter()
    for action in choices(2):
        env.step(action)
        steps += 2
        if time.perf_counter() - start > SECONDS:
            break
    rate = steps / (time.perf_counter() - start)
    env.close()
    return rate


def engine_steps(run: RunDirectory, images: list[str]) -> float:
    """Steps per second of as many random traces through the engine, 64 at a time."""
    steps = 0
    with open_engine(run.images, workers=2, tracing=Config().tracing, cache=None) as engine:
        engine.measure([Request(images[0], action, full=True) for action in actions()] * 2)
        start = time.perf_counter()
        number = 0
        for action in choices(64):
            wanted = []
            for level in action:
                wanted.append(Request(images[number % len(images)], actions()[int(level)]))
                number += 1
            # Every step is a trace: what is known already is forgotten.
            engine.forget()
            engine.measure(wanted)
            steps += len(set(wanted))
            if time.perf_counter() - start > SECONDS:
                break
        return steps / (time.perf_counter() - start)


def choices(count: int) -> Iterator[NDArray[np.int64]]:
    """Random settings for so many environments, for ever."""
    random = np.random.default_rng(1)
    while True:
        yield random.integers(0, len(SETTINGS), count)


def timed(spent: dict[str, float], part: str, work: Callable[[], Result]) -> Result:
    """Do work and note the processor time it took (s), which other work disturbs little."""
    start = time.thread_time()
    result = work()
    spent[part] += time.thread_time() - start
    return result


if __name__ == "__main__":
    main()
