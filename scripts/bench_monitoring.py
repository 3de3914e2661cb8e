"""What the monitoring costs, and whether its advice keeps its promises.

    python -m scripts.bench_monitoring overhead [--seconds 60] [--interval 1]
    python -m scripts.bench_monitoring training [--rounds 3] [--interval 1]
    python -m scripts.bench_monitoring advice
    python -m scripts.bench_monitoring load [--points 100000] [--rounds 3]
    python -m scripts.bench_monitoring clients [--clients 200] [--seconds 60]
    python -m scripts.bench_monitoring beside [--clients 200] [--rounds 4]

`overhead` lets two processes compute under a sampler and prints the sampler's CPU time as a share
of one core, without its start. `training` trains on sample logos with a sampler and without, in
turn, and prints the ratio of their speeds. `advice` trains in situations that are made to be bad,
follows the advice that comes first, trains again, and prints the gain that was promised beside the
one that came of it. `load` opens the dashboard of a run of many updates in a headless Chromium, and
`clients` connects slow clients to it; both are in `scripts/bench_dashboard.py`. `beside` trains
alone, beside a dashboard with slow clients, and beside one that is killed half-way, in turn, and
prints the ratios of the speeds.

Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from statistics import median

import psutil

from scripts import bench_dashboard
from vtrain.config.load import load_config
from vtrain.data.prepare import prepare
from vtrain.monitoring.report import report
from vtrain.monitoring.supervise import start_sampler
from vtrain.rundir import RunDirectory, read_jsonl
from vtrain.training.train import train

_Company = Callable[[RunDirectory], AbstractContextManager[object]]

COMMON = (
    "data.input_size=64",
    "data.sample_count=160",
    "ppo.n_envs=32",
    "ppo.n_steps=2",
    "ppo.batch_size=32",
    "ppo.total_traces=768",
    "ppo.warm_start.enabled=false",
    "curriculum.enabled=false",
    "validation.images=12",
    "validation.every_updates=100",
    "checkpoints.every_updates=100",
)
"""Twelve updates of 64 traces."""
SITUATIONS = {
    "one worker on several cores": ("resources.workers=1",),
    "a check after each update": (
        "validation.every_updates=1",
        "validation.images=24",
        "ppo.n_envs=8",
        "ppo.batch_size=16",
        "ppo.total_traces=192",
    ),
}
SPIN = "import sys\nwhile True: sum(range(10_000))"


def overhead(seconds: float, interval: float) -> None:
    """Print the sampler's CPU time as a share of one core."""
    with tempfile.TemporaryDirectory() as folder:
        busy = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(2)]
        try:
            with start_sampler(RunDirectory(Path(folder)), interval):
                sampler = sampler_of(psutil.Process())
                time.sleep(5.0)  # its imports are over
                before, began = sampler.cpu_times(), time.monotonic()
                time.sleep(seconds)
                after, elapsed = sampler.cpu_times(), time.monotonic() - began
        finally:
            for process in busy:
                process.kill()
                process.wait()
    spent = after.user + after.system - before.user - before.system
    print(f"sampler: {spent:.3f} s of CPU time in {elapsed:.1f} s: {spent / elapsed:.2%} of a core")


def sampler_of(process: psutil.Process) -> psutil.Process:
    """The sampler among a process's children."""
    return next(
        child for child in process.children() if "vtrain.monitoring.sampler" in child.cmdline()
    )


def training(rounds: int, interval: float) -> None:
    """Print the speed of training with a sampler over that without."""
    speeds: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        prepared = make(Path(folder) / "prepared")
        for turn in range(2 * rounds):
            sampled = turn % 2 == 0
            speed = trained(prepared, (), interval if sampled else None)[0]
            speeds[sampled].append(speed)
            print(f"{'with' if sampled else 'without'} a sampler: {speed:.1f} traces/s")
    ratio = median(speeds[True]) / median(speeds[False])
    print(f"speed with a sampler over that without: {ratio:.3f}")


def advice() -> None:
    """Print what each piece of advice promised and what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = make(Path(folder) / "prepared")
        for name, settings in SITUATIONS.items():
            before, told = trained(prepared, settings, 1.0)
            if not told:
                print(f"{name}: {before:.1f} traces/s, no advice")
                continue
            change, promised = told[0]
            after, _ = trained(prepared, (*settings, change.removeprefix("--set ")), 1.0)
            print(
                f"{name}: {before:.1f} traces/s; {change} promised {promised:.2f}x and gave "
                f"{after / before:.2f}x"
            )


def beside(clients: int, rounds: int) -> None:
    """Print the speed of training beside a dashboard with slow clients over that alone."""
    ways: dict[str, _Company] = {
        "alone": nullcontext,
        f"beside {clients} slow clients": partial(_followed, clients, None),
        f"beside {clients} slow clients of a server that is killed": partial(
            _followed, clients, 5.0
        ),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        prepared = make(Path(folder) / "prepared")
        for turn in range(rounds):
            order = list(ways) if turn % 2 == 0 else list(reversed(ways))
            for name in order:
                speed = trained(prepared, ("ppo.total_traces=4096",), None, ways[name])[0]
                speeds[name].append(speed)
                print(f"round {turn + 1}, {name}: {speed:.1f} traces/s", flush=True)
    alone = speeds.pop("alone")
    for name, found in speeds.items():
        ratio = median(one / other for one, other in zip(found, alone, strict=True))
        print(f"speed {name} over that alone: {ratio:.3f}, median of {rounds} rounds")


@contextmanager
def _followed(clients: int, killed_after: float | None, run: RunDirectory) -> Iterator[None]:
    """A dashboard of the run, with clients that read a byte a second each.

    The clients have a process of their own, which gives way to everything: elsewhere they would
    take nothing of this machine.
    """
    with bench_dashboard.serving(run) as server:
        command = [sys.executable, "-m", "scripts.bench_dashboard", run.root, server.address]
        reader = subprocess.Popen(
            [*map(str, command), str(clients)], stdout=subprocess.PIPE, text=True
        )
        assert reader.stdout is not None  # noqa: S101 - narrows the type
        reader.stdout.readline()  # all are connected
        killer = threading.Timer(killed_after or 0.0, server.process.kill)
        if killed_after is not None:
            killer.start()
        before, began = bench_dashboard.cpu(server.process), time.monotonic()
        try:
            yield
        finally:
            if killed_after is None:
                share = bench_dashboard.cpu(server.process) - before
                share /= time.monotonic() - began
                still = [one.status for one in server.process.net_connections("tcp")]
                print(f"the server took {share:.2%} of a core,", end=" ")
                print(f"{still.count('ESTABLISHED')} clients connected at the end")
            reader.kill()
            reader.communicate()


def make(folder: Path) -> Path:
    """A run directory with prepared sample logos."""
    run = RunDirectory.create(folder, name="bench")
    prepare([], run=run, config=load_config((), COMMON).config.data)
    return folder


def trained(
    prepared: Path,
    settings: Sequence[str],
    interval: float | None,
    company: _Company = nullcontext,
) -> tuple[float, list[tuple[str, float]]]:
    """Steps per second of a training from nothing, and the advice that its report gives.

    Args:
        prepared: A run directory with prepared data; a copy of it is trained on.
        settings: ``KEY=VALUE`` words beyond the common ones.
        interval: Of the sampler (s); None for none.
        company: What goes on beside the training, of its run directory.
    """
    config = load_config((), (*COMMON, *settings)).config
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        run = RunDirectory.open(Path(folder))
        sampled = start_sampler(run, interval) if interval else nullcontext()
        with sampled, company(run):
            train(config, run)
        records = read_jsonl(run.metrics)
        # The first update starts the workers.
        seconds = sum(record["wall"]["seconds"] for record in records[1:])
        steps = records[-1]["traces"] - records[0]["traces"]
        return steps / seconds, [(item.change, item.gain) for item in report(run).advice]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = ("overhead", "training", "advice", "load", "clients", "beside")
    parser.add_argument("what", choices=commands)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.what == "overhead":
        overhead(options.seconds, options.interval)
    elif options.what == "training":
        training(options.rounds, options.interval)
    elif options.what == "load":
        bench_dashboard.load(options.points, options.rounds)
    elif options.what == "clients":
        bench_dashboard.clients(options.clients, options.seconds)
    elif options.what == "beside":
        beside(options.clients, options.rounds)
    else:
        advice()


if __name__ == "__main__":
    main()
