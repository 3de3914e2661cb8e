"""Time and memory of the data stage: a first pass, a second one, and how each step grows.

    python scripts/bench_data.py pass FOLDER [--counts 1000 10000]
    python scripts/bench_data.py steps FOLDER [--rows 1000 3000 10000 30000]

FOLDER is a working folder; sample logos are made there when missing. `pass` compares
``vtrain data prepare`` with the plain decode of the same files by as many processes. `steps` times
what follows the decoding on made-up rows: fingerprints of the samples, changed at random.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from vtrain.config.data import DataConfig
from vtrain.config.section import CATEGORIES
from vtrain.data.catalog import Catalog, CatalogWriter, read_details
from vtrain.data.describe import dataset_info
from vtrain.data.duplicates import Groups, Resemblance
from vtrain.data.families import Image, Looks, Memory, place
from vtrain.data.records import Alike
from vtrain.data.splits import check_no_leak
from vtrain.images import decode
from vtrain.resources import usable_cores
from vtrain.rundir import RunDirectory


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("pass", "steps"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 3000, 10000, 30000])
    arguments = parser.parse_args()
    if arguments.what == "pass":
        measure_passes(arguments.folder, arguments.counts)
    else:
        measure_steps(arguments.folder, arguments.rows)


def samples(folder: Path, count: int) -> Path:
    """A folder of that many sample logos."""
    logos = folder / f"logos-{count}"
    if not logos.is_dir():
        run_vtrain("data", "sample", str(logos), "--count", str(count), "--seed", "3")
    return logos


def run_vtrain(*words: str) -> tuple[float, int]:
    """Seconds that a command takes, and the peak memory of all its processes (MiB)."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([sys.executable, "-m", "vtrain.cli.main", *words], stderr=output)
        peak = _watch(process)
        if process.returncode:
            output.seek(0)
            sys.exit(output.read().decode())
    return time.perf_counter() - start, peak


def _watch(process: subprocess.Popen[bytes]) -> int:
    """Highest sum of the private memory of a process and its children, sampled (MiB)."""
    peak: int = 0
    done = threading.Event()

    def sample() -> None:
        nonlocal peak
        parent = psutil.Process(process.pid)
        while not done.wait(0.1):
            total = 0
            try:
                for one in (parent, *parent.children(recursive=True)):
                    total += int(one.memory_full_info().uss)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            peak = max(peak, total)

    watcher = threading.Thread(target=sample)
    watcher.start()
    process.wait()
    done.set()
    watcher.join()
    return peak >> 20


def _decode(path: Path) -> int:
    return decode(path.read_bytes(), name=path.name, svg_side=512, isolated=False).rgba.size


def plain_decode(logos: Path) -> float:
    """Seconds that reading and decoding all files takes, by one process for each core."""
    files = sorted(logos.rglob("*.svg"))
    start = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with context.Pool(usable_cores(), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for _ in pool.imap(_decode, files, chunksize=8):
            pass
    return time.perf_counter() - start


def measure_passes(folder: Path, counts: list[int]) -> None:
    """Print a line for each corpus size."""
    print(
        "| images | plain decode (s) | first pass (s) | ratio | images/s | peak MiB | "
        "second pass (s) | times faster | peak MiB |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for count in counts:
        logos = samples(folder, count)
        run = folder / f"run-{count}"
        shutil.rmtree(run, ignore_errors=True)
        decoding = plain_decode(logos)
        first, peak = run_vtrain("data", "prepare", str(logos), "--run", str(run))
        second, again = run_vtrain("data", "prepare", str(logos), "--run", str(run))
        print(
            f"| {count} | {decoding:.1f} | {first:.1f} | {first / decoding:.2f} | "
            f"{count / first:.1f} | {peak} | {second:.2f} | {first / second:.0f} | {again} |",
            flush=True,
        )


def measure_steps(folder: Path, rows: list[int]) -> None:
    """Print seconds of each step, a column for each number of rows."""
    run = folder / "run-1000"
    if not run.is_dir():
        run_vtrain("data", "prepare", str(samples(folder, 1000)), "--run", str(run))
    known = list(read_details(RunDirectory.open(run).catalog))
    table: dict[str, list[str]] = {}
    for count in rows:
        for name, value in _steps(folder, known, count):
            table.setdefault(name, []).append(value)
    print("| step | " + " | ".join(f"{count:,}" for count in rows) + " |")
    print("| --- |" + " --- |" * len(rows))
    for name, values in table.items():
        print(f"| {name} | " + " | ".join(values) + " |")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


def _steps(folder: Path, known: list[Any], count: int) -> list[tuple[str, str]]:
    generator = np.random.default_rng(count)
    base = np.stack(
        [np.frombuffer(bytes.fromhex(one.metadata.likeness), np.uint8) for one in known]
    )
    picked = generator.integers(0, len(known), count)
    # Mixing two fingerprints gives one that is like neither.
    prints = (base[picked] // 2 + base[generator.permutation(picked)] // 2).astype(np.uint8)
    aspects = generator.uniform(-1.5, 2.5, count).astype(np.float32)
    # One in twenty is a copy of another with a little noise.
    copies = generator.choice(count, count // 20, replace=False)
    originals = generator.integers(0, count, len(copies))
    noise = generator.integers(0, 6, (len(copies), prints.shape[1]), np.uint8)
    prints[copies] = np.minimum(prints[originals], 249) + noise
    aspects[copies] = aspects[originals]
    images = [
        Image(f"{random.getrandbits(64):016x}", f"brand{n // 2}", CATEGORIES[n % 4])
        for n in range(count)
    ]
    config = DataConfig()
    results: list[tuple[str, str]] = []

    def timed(name: str, step: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        value = step()
        results.append((name + " (s)", f"{time.perf_counter() - start:.2f}"))
        return value

    groups = Groups(count)
    resemblance = Resemblance(prints, aspects, config.duplicates)
    pairs = timed("look-alikes", lambda: resemblance.join(groups))
    root = [groups.find(index) for index in range(count)]
    found = np.mean([root[a] == root[b] for a, b in zip(copies, originals, strict=True)])
    results.append(("planted copies found", f"{found:.1%}"))
    looks = Looks(pairs, resemblance.among)
    places, _ = timed(
        "families and splits", lambda: place(images, looks, Memory({}, {}), config.split, 0)
    )
    path = folder / "steps.sqlite"
    entries = [
        replace(
            known[n % len(known)].entry,
            id=image.id,
            name=f"folder{n % 100}/logo-{n}.svg",
            brand=image.brand,
            category=image.category,
            split=where.split or "train",
            family=where.family,
        )
        for n, (image, where) in enumerate(zip(images, places, strict=True))
    ]

    def write() -> None:
        with closing(CatalogWriter(path)) as writer:
            for n, entry in enumerate(entries):
                writer.add(entry, known[n % len(known)].metadata)
            for pair in pairs:
                writer.add_alike(
                    Alike(images[pair.first].id, images[pair.second].id, pair.correlation, 0)
                )
            writer.remember("image", ((entry.id, entry.split) for entry in entries))
            writer.remember("brand", ((entry.brand, entry.split) for entry in entries))
            writer.finish("")

    timed("writing the catalog", write)
    timed("loading the catalog", lambda: Catalog.load(path))
    timed("leak check", lambda: check_no_leak(entries))
    timed("statistics", lambda: dataset_info(path))
    results.append(("catalog (bytes a row)", f"{path.stat().st_size / count:.0f}"))
    return results


if __name__ == "__main__":
    main()
