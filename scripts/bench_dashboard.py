"""What the dashboard takes: to show a long run, and to serve many slow clients.

The commands are those of `scripts/bench_monitoring.py`: `load` and `clients`. By itself,

    python -m scripts.bench_dashboard RUN ADDRESS COUNT

follows a run that is served at an address with so many clients, each reading a byte a second, at
the lowest priority, until it is killed. It prints a line when all are connected.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

import psutil

from tests.monitoring.browser import Browser
from vtrain.files import JsonlWriter, write_json, write_jsonl, write_text
from vtrain.monitoring.summary import SAMPLES
from vtrain.monitoring.web.runs import run_id
from vtrain.rundir import RunDirectory

COMMAND = "from vtrain.cli.main import main; main()"
CATEGORIES = ("simple", "text", "gradient", "complex")
GIB = 2**30
WATCH = """
window.vtrainBench = { frames: [], long: 0, ready: 0 };
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.vtrainBench.long += task.duration;
}).observe({ type: "longtask", buffered: true });
(function look(before) {
  requestAnimationFrame((now) => {
    const bench = window.vtrainBench;
    bench.frames.push(now - before);
    const connection = document.getElementById("connection");
    if (!bench.ready && connection && connection.textContent === "Live"
        && document.querySelectorAll("canvas").length >= CHARTS) bench.ready = performance.now();
    look(now);
  });
})(performance.now());
"""
CHARTS = 11
"""Charts that a run without a GPU has (count)."""


def load(points: int, rounds: int) -> None:
    """Print how long the page of a run takes to be drawn and live, and how smooth it stays."""
    with tempfile.TemporaryDirectory() as folder:
        run = long_run(Path(folder) / "run", points)
        print(f"{points} updates, {run.metrics.stat().st_size / 1e6:.0f} MB")
        for turn in range(rounds):
            with serving(run) as server, Browser(profile(Path(folder), turn)) as browser:
                browser.call(
                    "Page.addScriptToEvaluateOnNewDocument",
                    source=WATCH.replace("CHARTS", str(CHARTS)),
                )
                browser.size(1280, 900)
                show(run, server, browser, f"round {turn + 1}, server just started")
                show(run, server, browser, f"round {turn + 1}, again")
                if turn == rounds - 1:
                    follow(run, browser, points)


def show(run: RunDirectory, server: Server, browser: Browser, name: str) -> None:
    """Open the page of a run and print what it takes."""
    before, busy = Spent.of(server.process, browser), psutil.cpu_times()
    browser.open(f"{server.address}run/{run_id(run.root)}")
    browser.until("window.vtrainBench.ready")
    spent, now = Spent.of(server.process, browser), psutil.cpu_times()
    ready = browser.value("window.vtrainBench.ready") / 1000.0
    ours = spent.server - before.server + spent.browser - before.browser
    rest = (now.user + now.system + now.nice - busy.user - busy.system - busy.nice - ours) / ready
    print(
        f"{name}: drawn and live after {ready:.2f} s; CPU time of the server "
        f"{spent.server - before.server:.2f} s, of Chromium "
        f"{spent.browser - before.browser:.2f} s; others kept {max(0.0, rest):.1f} cores busy"
    )


def follow(run: RunDirectory, browser: Browser, points: int) -> None:
    """Print how even the frames are while records come in and the pointer moves."""
    browser.value("window.vtrainBench.frames.length = 0; window.vtrainBench.long = 0; 0")
    box = browser.value(
        "(({ x, y, width, height }) => [x, y, width, height])"
        "(document.querySelector('.u-over').getBoundingClientRect())"
    )
    # `made` opens with the update after the last one.
    with JsonlWriter(run.metrics) as writer:
        for turn in range(100):
            writer.write(update(points + 1 + turn, random.Random(turn)))  # noqa: S311
            browser.call(
                "Input.dispatchMouseEvent",
                type="mouseMoved",
                x=box[0] + box[2] * turn / 100.0,
                y=box[1] + box[3] / 2.0,
            )
            time.sleep(0.1)
    frames = sorted(browser.value("window.vtrainBench.frames"))
    long = browser.value("window.vtrainBench.long")
    print(
        f"with ten records a second and the pointer moving: {len(frames)} frames, median "
        f"{median(frames):.0f} ms, 95 % within {frames[int(0.95 * len(frames))]:.0f} ms, the "
        f"longest {frames[-1]:.0f} ms; tasks over 50 ms: {long:.0f} ms in all"
    )


def clients(count: int, seconds: float) -> None:
    """Print what clients that read one byte a second take of the server of a run that goes on."""
    with tempfile.TemporaryDirectory() as folder:
        run = long_run(Path(folder) / "run", 2000)
        with serving(run) as server:
            go_on(run, server, [], 5.0, first=2001)  # what it reads and imports at first
            print(f"nobody connected: {go_on(run, server, [], seconds, first=3001)}")
            start, number = "0-00000000.0-00000000.0-00000000", 4001
            for name, begin in (("from now on", ""), ("from the start of the files", start)):
                with contextlib.ExitStack() as stack:
                    slow = [stack.enter_context(connect(run, server, begin)) for _ in range(count)]
                    for turn in range(2):
                        told = go_on(run, server, slow, seconds, first=number)
                        print(f"{count} clients {name}, part {turn + 1}: {told}")
                        number += 1000


def connect(run: RunDirectory, server: Server, begin: str) -> socket.socket:
    """A client of the stream of a run, from some place in its files; empty for now."""
    api = f"{server.address}api/runs/{run_id(run.root)}"
    if not begin:
        told = [
            json.load(urllib.request.urlopen(address))  # noqa: S310 - it is our own
            for address in (f"{api}/curves", api)
        ]
        begin = f"{told[0]['metrics']}.{told[1]['place']}.{told[0]['samples']}"
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.connect(("127.0.0.1", server.port))
    path = f"/api/runs/{run_id(run.root)}/stream?from={begin}"
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    client.settimeout(0.0)
    return client


def go_on(
    run: RunDirectory, server: Server, slow: list[socket.socket], seconds: float, *, first: int
) -> str:
    """Let a run go on, with an update and a sample a second, and tell what the server takes."""
    source = random.Random(first)  # noqa: S311
    before, began, number = cpu(server.process), time.monotonic(), first
    with (
        JsonlWriter(run.metrics) as metrics,
        JsonlWriter(run.resource_monitoring / SAMPLES) as samples,
    ):
        while time.monotonic() < began + seconds:
            metrics.write(update(number, source))
            samples.write(sample(number, source))
            for client in slow:
                with contextlib.suppress(BlockingIOError, ConnectionResetError):
                    client.recv(1)
            number += 1
            time.sleep(max(0.0, began + number - first - time.monotonic()))
    share = (cpu(server.process) - before) / (time.monotonic() - began)
    served = [item.status for item in server.process.net_connections("tcp")].count("ESTABLISHED")
    memory = server.process.memory_info().rss / 2**20
    return f"{share:.2%} of a core, {memory:.0f} MiB resident, {served} still connected"


@dataclass(frozen=True, slots=True)
class Server:
    """A running `vtrain monitor serve`."""

    process: psutil.Process
    address: str

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rsplit(":", 1)[1].strip("/"))


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU time of the server and of the browser so far (s)."""

    server: float
    browser: float

    @classmethod
    def of(cls, server: psutil.Process, browser: Browser) -> Spent:
        """What the processes have used until now."""
        return cls(cpu(server), sum(cpu(process) for process in browser.processes()))


def cpu(process: psutil.Process) -> float:
    """CPU time of a process (s)."""
    times = process.cpu_times()
    return float(times.user + times.system)


@contextlib.contextmanager
def serving(run: RunDirectory) -> Iterator[Server]:
    """The dashboard of a run, as users start it."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "monitor", "serve", str(run.root), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = process.stdout.readline().strip() if process.stdout else ""
        yield Server(psutil.Process(process.pid), address)
    finally:
        process.kill()
        process.communicate()


def long_run(folder: Path, points: int) -> RunDirectory:
    """A run of many updates whose records are as long as real ones."""
    run, source = RunDirectory(folder), random.Random(1)  # noqa: S311
    write_json(run.identity, {"name": "long", "created": "2026-11-26T16:00:00", "seed": 1})
    write_text(run.config, f"ppo:\n  total_traces: {points * 1024}\n")
    write_jsonl(run.metrics, (update(number, source) for number in range(1, points + 1)))
    samples = run.resource_monitoring / SAMPLES
    write_jsonl(samples, (sample(number, source) for number in range(2400)))
    run.record_event("stage", stage="all")
    return run


def update(number: int, source: random.Random) -> dict[str, Any]:
    """A record of `metrics.jsonl`."""
    checked = number % 20 == 0
    figures = (
        "reward_mean",
        "reward_std",
        "gain_mean",
        "utility_gain_default",
        "success_share",
        "entropy",
        "approx_kl",
        "clip_fraction",
        "policy_loss",
        "value_loss",
        "explained_variance",
        "learning_rate",
        "loss",
    )
    checks = ("validation_utility", "validation_gain_default", "validation_better")
    by_category = {name: source.gauss(1.0, 0.2) for name in CATEGORIES}
    return {
        "update": number,
        "traces": number * 512,
        "stage": "all",
        "episodes": 512,
        "failures": 0,
        **{name: source.gauss(1.0, 0.2) for name in figures},
        **{name: source.gauss(1.0, 0.2) if checked else None for name in checks},
        "validation_by_category": by_category if checked else None,
        "wall": {
            "time": "2026-11-26T16:16:27+00:00",
            "seconds": 4.123,
            "traces_measured": 417,
            "cache_hits": 95,
            "traces_per_second": round(source.gauss(100.0, 9.0), 2),
            "measure_seconds": 3.1,
            "rollout_seconds": 3.4,
            "learn_seconds": 0.6,
            "check_seconds": 0.0,
            "save_seconds": 0.0,
        },
    }


def sample(number: int, source: random.Random) -> dict[str, Any]:
    """A record of `samples.jsonl`."""
    return {
        "time": 1.7e9 + 5.0 * number,
        "pid": 100,
        "cpu_percent": source.gauss(190.0, 5.0),
        "rss": GIB + source.randrange(GIB),
        "threads": 9,
        "processes": 3,
        "open_files": 40,
        "memory_left": 4 * GIB,
        "disk_free": 80 * GIB,
        "system_cpu_percent": 97.0,
        "by_process": [
            {"pid": 100 + place, "name": "python", "cpu_percent": 60.0, "rss": GIB // 3}
            for place in range(3)
        ],
        "gpus": [],
    }


def follow_slowly(run: RunDirectory, server: Server, count: int) -> NoReturn:
    """Be so many slow clients, as if on other machines: everything else goes first."""
    os.nice(19)
    slow = [connect(run, server, "") for _ in range(count)]
    print("connected", flush=True)
    while True:
        for client in slow:
            with contextlib.suppress(BlockingIOError, ConnectionResetError):
                client.recv(1)
        time.sleep(1.0)


def profile(folder: Path, turn: int) -> Path:
    """An empty folder for a browser's profile."""
    path = folder / f"profile-{turn}"
    path.mkdir()
    return path


if __name__ == "__main__":
    follow_slowly(
        RunDirectory(Path(sys.argv[1])),
        Server(psutil.Process(), sys.argv[2]),
        int(sys.argv[3]),
    )
