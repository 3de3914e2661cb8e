"""Tracing processes that are killed in a training change nothing that it learns."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.trainings import child, figures, finish
from vtrain.rundir import read_jsonl

pytestmark = pytest.mark.faults

TIMES = int(os.environ.get("VTRAIN_FAULTS", "1"))
DEATHS = 6 if TIMES == 1 else 10 * TIMES
HARMS: tuple[signal.Signals | str, ...] = (
    signal.SIGKILL,
    signal.SIGSEGV,
    signal.SIGSTOP,
    signal.SIGABRT,
    "memory",
    "panic",
)
"""What happens to tracing processes, in turn; the words are of `tests.faults.train_child`."""
IDLE = 20
"""Updates after which a process that stands still and is not missed is taken to have no task: the
engine replaces those after seconds, in which this training is over."""
# One that stands still in a task is noticed after the time limit.
SETTINGS = ["resources.workers=2", "tracing.time_limit=2", "checkpoints.keep_last=2"]


def workers_of(trainer: int) -> list[psutil.Process]:
    """Processes that trace."""
    try:
        children = psutil.Process(trainer).children(recursive=True)
        return [one for one in children if any("spawn_main" in word for word in one.cmdline())]
    except psutil.Error:  # it ended between two questions
        return []


def updates_of(run: Path) -> int:
    """Updates that are done."""
    metrics = run / "metrics.jsonl"
    return metrics.read_bytes().count(b"\n") if metrics.exists() else 0


def test_deaths_of_workers_change_nothing(prepared: Path, tmp_path: Path) -> None:
    settings = [*SETTINGS, f"ppo.total_traces={160 * DEATHS}"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    shutil.copytree(prepared, whole)
    shutil.copytree(prepared, run)
    assert finish(child(whole, settings)) == 0
    chance = random.Random(4)  # noqa: S311 - moments, not secrets
    deaths = updates = 0
    harms = tmp_path / "harms"
    harms.mkdir()

    process = child(run, settings, harms=harms)
    struck: psutil.Process | None = None
    under_way = False
    while process.poll() is None and deaths < DEATHS:
        time.sleep(chance.uniform(0.0, 0.2))
        alive = workers_of(process.pid)
        # One at a time: two that meet would make the engine give a request up.
        if under_way:
            if struck and updates_of(run) > updates + IDLE:
                with contextlib.suppress(psutil.NoSuchProcess):
                    struck.kill()
            if not list(harms.iterdir()) and not (struck and struck.is_running()):
                # Counted after it came to harm: the update under way has the second attempt.
                under_way, updates = False, updates_of(run)
        # The one before is replaced, and has worked.
        elif alive and updates_of(run) > updates:
            updates = updates_of(run)
            harm = HARMS[deaths % len(HARMS)]
            struck = None
            if isinstance(harm, str):
                (harms / harm).touch()
            else:
                struck = chance.choice(alive)
                try:
                    struck.send_signal(harm)
                except psutil.Error:
                    continue
            under_way = True
            deaths += 1

    assert finish(process) == 0
    assert deaths == DEATHS
    given_up = [row for row in read_jsonl(run / "events.jsonl") if row["kind"] == "quarantined"]
    assert given_up == []
    assert list(harms.iterdir()) == []
    assert figures(run) == figures(whole)
