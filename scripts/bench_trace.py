"""``vtrain trace`` as a whole process against a minimal script, and a folder against bare traces.

    python -m scripts.bench_trace [FOLDER] [--logos 8] [--images 200] [--rounds 5] [--prefer TASTE]

FOLDER holds logos of any kind and size, which are drawn at 256 px; without one, procedural logos
are. Prints

- what starting Python and loading each library costs, for every process that needs it,
- one trace of one logo: ``vtrain trace`` against a script that reads the file, calls VTracer with
  its defaults and precision 2, and writes the drawing; and against the same script with the pixels
  and settings that vtrain traced in the end,
- a folder with two workers, against two processes that trace the same prepared pixels with the same
  settings and do nothing else.

CPU is user and system time of a process and all that it started, whoever waits for them. Compared
programs take turns; each figure is the least of all rounds. Compare ratios, not seconds.
Linux only.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from vtrain.agent import TraceAgent
from vtrain.data.samples.write import write_samples
from vtrain.environment.features import features
from vtrain.errors import ImageRefused
from vtrain.images import encode_png, read, reduce
from vtrain.tracing.parameters import decode_action
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.vtracer_backend import BORDER, encode, vtracer_arguments

SIDE = 256
PROCESSES = 2
SEED = 5
MINIMAL = """
import sys, vtracer
svg = vtracer.convert_raw_image_to_svg(
    open(sys.argv[1], "rb").read(), img_format="png", path_precision=2)
open(sys.argv[2], "w").write(svg)
"""
BARE = """
import json, sys, vtracer
for line in open(sys.argv[1]):
    task = json.loads(line)
    svg = vtracer.convert_raw_image_to_svg(
        open(task["image"], "rb").read(), img_format="png", **task["settings"])
    open(task["output"], "w").write(svg)
"""
ONE_THREAD = "import os; os.environ['OPENBLAS_NUM_THREADS'] = '1'; "
LOADS = {
    "Python": "pass",
    "vtracer": "import vtracer",
    "numpy": "import numpy",
    "numpy, told to use one thread": ONE_THREAD + "import numpy",
    "the same and OpenCV": ONE_THREAD + "import cv2",
    "the same and Pillow": ONE_THREAD + "import cv2, PIL.Image, PIL.PngImagePlugin",
    "numpy, OpenCV and its first conversion to Lab": ONE_THREAD
    + "import cv2, numpy; cv2.cvtColor(numpy.zeros((1, 1, 3), 'f'), cv2.COLOR_RGB2Lab)",
    "numba": ONE_THREAD + "import numba",
    "Typer and pydantic": "import typer, pydantic",
}
_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Time of a run (s): of all its processes on the cores, and on the clock."""

    cpu: float
    wall: float

    def least(self, other: Spent) -> Spent:
        """The lesser of each."""
        return Spent(min(self.cpu, other.cpu), min(self.wall, other.wall))


@dataclass(frozen=True, slots=True)
class Logo:
    """A logo, and a task for `BARE` that traces what vtrain would trace of it."""

    image: Path
    task: Path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="logos; procedural ones without it")
    parser.add_argument("--logos", type=int, default=8, help="logos traced one by one")
    parser.add_argument("--images", type=int, default=200, help="logos traced as a folder")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each program")
    parser.add_argument("--prefer", default="balanced", help="the taste")
    options = parser.parse_args()
    if ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0):
        sys.exit("bench_trace: the time of orphaned processes cannot be counted here")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        logos = prepare(options.folder, place, count=options.images, prefer=options.prefer)
        print_loads(options.rounds)
        print_single(logos[:: max(1, len(logos) // options.logos)][: options.logos], place, options)
        print_folder(logos, place, options)


def prepare(source: Path | None, place: Path, *, count: int, prefer: str) -> list[Logo]:
    """Draw logos, and what is traced of each in the end, under `place`."""
    if source is None:
        source = place / "samples"
        write_samples(source, count=count, seed=SEED)
    files = sorted(path for path in source.rglob("*") if path.is_file())
    random.Random(SEED).shuffle(files)  # noqa: S311 - a choice that can be made again
    agent = TraceAgent.shipped()
    folders = [place / name for name in ("logos", "prepared", "bare")]
    for folder in folders:
        folder.mkdir()
    logos: list[Logo] = []
    for path in files:
        try:
            rgba = reduce(read(path, svg_side=SIDE, isolated=False).rgba, SIDE)
        except ImageRefused as error:
            print(error, file=sys.stderr)
            continue
        image, prepared, output = (folder / f"{len(logos):04d}" for folder in folders)
        image = image.with_suffix(".png")
        image.write_bytes(encode_png(rgba))
        (action,) = agent.choose(features(rgba), agent.taste(prefer))
        settings = decode_action(action)
        found = Preparation(rgba, SIDE).apply(settings)
        pad = BORDER if found.keyed else 0
        prepared.write_bytes(encode(np.pad(found.rgba, ((pad, pad), (pad, pad), (0, 0)))))
        task = {
            "image": str(prepared),
            "settings": vtracer_arguments(settings),
            "output": str(output.with_suffix(".svg")),
        }
        prepared.with_suffix(".json").write_text(json.dumps(task) + "\n", encoding="utf-8")
        logos.append(Logo(image, prepared.with_suffix(".json")))
        if len(logos) == count:
            break
    return logos


def print_loads(rounds: int) -> None:
    """What loading costs."""
    commands = {name: [[sys.executable, "-c", code]] for name, code in LOADS.items()}
    print("\n| loaded by a process | CPU | wall |\n| --- | --- | --- |")
    for name, spent in in_turn(commands, rounds).items():
        print(f"| {name} | {1000 * spent.cpu:.0f} ms | {1000 * spent.wall:.0f} ms |")


def print_single(logos: Sequence[Logo], place: Path, options: argparse.Namespace) -> None:
    """One logo, one process."""
    rows: dict[str, list[Spent]] = {}
    output = str(place / "one.svg")
    for logo in logos:
        commands = {
            "minimal script": [[sys.executable, "-c", MINIMAL, str(logo.image), output]],
            "the same pixels and settings": [[sys.executable, "-c", BARE, str(logo.task)]],
            "vtrain trace": [vtrain(str(logo.image), output, options.prefer)],
        }
        for name, spent in in_turn(commands, options.rounds).items():
            rows.setdefault(name, []).append(spent)
    print_rows(f"one logo, mean of {len(logos)}", rows)


def print_folder(logos: Sequence[Logo], place: Path, options: argparse.Namespace) -> None:
    """A folder, in two processes."""
    shares = []
    for number in range(PROCESSES):
        share = place / f"share-{number}"
        lines = [logo.task.read_text("utf-8") for logo in logos[number::PROCESSES]]
        share.write_text("".join(lines), encoding="utf-8")
        shares.append([sys.executable, "-c", BARE, str(share)])
    folder = vtrain(str(logos[0].image.parent), str(place / "out"), options.prefer)
    commands = {
        "bare traces": shares,
        "vtrain trace": [[*folder, "--workers", str(PROCESSES)]],
    }
    spent = in_turn(commands, options.rounds)
    print_rows(f"{len(logos)} logos, {PROCESSES} processes", {n: [s] for n, s in spent.items()})


def vtrain(image: str, output: str, prefer: str) -> list[str]:
    """The command that traces with the policy that comes with the program."""
    policy = Path(sys.modules[TraceAgent.__module__].__file__ or "").with_name("shipped")
    words = ["trace", image, "-o", output, "--prefer", prefer]
    return [sys.executable, "-m", "vtrain", *words, "--policy", str(policy / "policy.safetensors")]


def print_rows(title: str, rows: Mapping[str, Sequence[Spent]]) -> None:
    """Times, and the last row's over each."""
    *_, last = rows.values()
    print(f"\n| {title} | CPU | wall | vtrain's CPU over it | wall over it |")
    print("| --- | --- | --- | --- | --- |")
    for name, row in rows.items():
        cpu, wall = mean(one.cpu for one in row), mean(one.wall for one in row)
        over = mean(one.cpu for one in last) / cpu, mean(one.wall for one in last) / wall
        times = f"{1000 * cpu:.0f} ms | {1000 * wall:.0f} ms"
        print(f"| {name} | {times} | {over[0]:.2f} | {over[1]:.2f} |", flush=True)


def in_turn(commands: Mapping[str, Sequence[list[str]]], rounds: int) -> dict[str, Spent]:
    """The least that each program takes, over rounds in which they alternate.

    Args:
        commands: For each program, the processes that it consists of, which run at once.
        rounds: After one that does not count, in which files are read and compiled.
    """
    found: dict[str, Spent] = {}
    for number in range(rounds + 1):
        for name, processes in commands.items():
            spent = run(processes)
            if number:
                found[name] = found[name].least(spent) if name in found else spent
    return found


def run(processes: Sequence[list[str]]) -> Spent:
    """Run processes at once; ends the benchmark when one fails."""
    # With the compiled modules of Python that every installation has.
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before, since = cpu_of_children(), time.perf_counter()
    started = [
        subprocess.Popen(one, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for one in processes
    ]
    for process in started:
        _, errors = process.communicate()
        if process.returncode:
            sys.exit(f"bench_trace: {process.args!r} failed:\n{errors.decode(errors='replace')}")
    wall = time.perf_counter() - since
    while True:  # those that outlive whoever started them come to this process
        try:
            os.wait()
        except ChildProcessError:
            return Spent(cpu_of_children() - before, wall)


def cpu_of_children() -> float:
    """User and system time of all children that have ended (s)."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
