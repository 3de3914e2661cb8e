"""A training that is struck goes on exactly; VTRAIN_FAULTS=10 makes the full counts."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.trainings import child, figures, finish
from tests.training.conftest import tiny
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import dump_yaml
from vtrain.rundir import read_jsonl, write_text

pytestmark = pytest.mark.faults

TIMES = int(os.environ.get("VTRAIN_FAULTS", "1"))
KILLS = 12 if TIMES == 1 else 20 * TIMES
PHASES = {"rollout": (3, 7), "update": (5, 13), "validation": (1, 2), "save": (9, 14)}
"""Calls at which each phase is struck by a kill."""
CALLS = {"rollout": 8, "update": 19, "validation": 3, "save": 30}
"""Calls that each phase has at least in an undisturbed training."""
SETTINGS = [(1, 1), (2, 3)] if TIMES == 1 else [(1, 1), (2, 3), (1, 3), (2, 1)]
"""Workers, and traces an episode."""


@pytest.fixture(scope="module")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Undisturbed runs with one trace and three traces an episode."""
    runs = {}
    for traces in (1, 3):
        runs[traces] = tmp_path_factory.mktemp("whole") / f"run{traces}"
        shutil.copytree(prepared, runs[traces])
        assert finish(child(runs[traces], settings_of(1, traces))) == 0
    return runs


def settings_of(workers: int, traces: int) -> list[str]:
    return [f"resources.workers={workers}", f"environment.traces={traces}"]


@pytest.mark.parametrize(("workers", "traces"), SETTINGS)
@pytest.mark.parametrize("phase", PHASES)
def test_a_kill_at_any_boundary_changes_nothing(  # noqa: PLR0917 - fixtures and cases
    whole: dict[int, Path], prepared: Path, tmp_path: Path, phase: str, traces: int, workers: int
) -> None:
    run = tmp_path / "run"
    shutil.copytree(prepared, run)
    settings = settings_of(workers, traces)
    moment = PHASES[phase][workers - 1]

    killed = finish(child(run, settings, phase, moment, int(signal.SIGKILL)))
    ended = finish(child(run, settings))

    assert (killed, ended) == (-signal.SIGKILL, 0)
    assert figures(run) == figures(whole[traces])


def test_kills_at_random_moments_change_nothing(
    whole: dict[int, Path], prepared: Path, tmp_path: Path
) -> None:
    """Each run is killed twice, the second time in what goes on from the first."""
    expected = figures(whole[1])
    shutil.copytree(prepared, tmp_path / "timed")
    began = time.monotonic()
    assert finish(child(tmp_path / "timed", settings_of(1, 1))) == 0
    length = time.monotonic() - began
    moments = random.Random(3)  # noqa: S311 - moments, not secrets
    for number in range(KILLS // 2):
        run = tmp_path / f"run{number}"
        shutil.copytree(prepared, run)
        for _ in range(2):
            process = child(run, settings_of(1, 1))
            try:
                process.wait(moments.uniform(0.3, 1.0) * length)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

        assert finish(child(run, settings_of(1, 1))) == 0
        assert figures(run) == expected
        shutil.rmtree(run)


@pytest.mark.parametrize("phase", PHASES)
def test_a_stop_in_any_phase_saves_and_ends_with_143(
    whole: dict[int, Path], prepared: Path, tmp_path: Path, phase: str
) -> None:
    for number in range(TIMES):
        run = tmp_path / f"run{number}"
        shutil.copytree(prepared, run)
        moment = (PHASES[phase][0] + number - 1) % CALLS[phase] + 1

        stopped = finish(child(run, settings_of(1, 1), phase, moment, int(signal.SIGTERM)))

        assert stopped == 143
        assert finish(child(run, settings_of(1, 1))) == 0
        assert figures(run) == figures(whole[1])


def test_a_stop_during_a_stuck_trace_does_not_wait_for_it(
    whole: dict[int, Path], prepared: Path, tmp_path: Path
) -> None:
    """The tracing processes stand still, and a trace may take an hour."""
    for number in range(TIMES):
        run = tmp_path / f"run{number}"
        shutil.copytree(prepared, run)
        settings = [*settings_of(1, 1), "tracing.time_limit=3600"]

        stopped = finish(child(run, settings, "stuck", 3 + number % 5, int(signal.SIGTERM)))

        assert stopped == 143
        assert CheckpointStore(run / "checkpoints").checkpoints()
        assert finish(child(run, settings)) == 0
        assert figures(run) == figures(whole[1])


def test_a_second_signal_ends_at_once_and_the_run_goes_on(
    whole: dict[int, Path], prepared: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(prepared, run)
    process = child(run, settings_of(1, 1))
    while process.poll() is None and not (run / "checkpoints" / "latest.json").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)

    assert finish(process) in (143, -signal.SIGTERM)
    assert finish(child(run, settings_of(1, 1))) == 0
    assert figures(run) == figures(whole[1])


def test_of_two_trainers_one_wins(prepared: Path, tmp_path: Path) -> None:
    for number in range(5 * TIMES):
        run = tmp_path / f"run{number}"
        shutil.copytree(prepared, run)
        write_text(run / "config.yaml", dump_yaml(tiny("ppo.total_traces=16")))
        command = [sys.executable, "-m", "vtrain.cli.main", "train", "--run", str(run)]
        both = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for _ in range(2)
        ]

        words = [process.communicate(timeout=300)[1] for process in both]

        codes = sorted(process.returncode for process in both)
        # The slower one may come when the other is done, and finds its checkpoints.
        assert codes in ([0, 5], [0, 2]), words
        rows = read_jsonl(run / "metrics.jsonl")
        assert [row["update"] for row in rows] == [1]


@pytest.fixture
def small_disk(tmp_path: Path, prepared: Path) -> Iterator[Path]:
    """A file system with room for a prepared run and a few checkpoints."""
    folder = tmp_path / "small"
    folder.mkdir()
    used = sum(path.stat().st_size + 4096 for path in prepared.rglob("*")) >> 10
    command = ["mount", "-t", "tmpfs", "-o", f"size={used + 4000}k", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_in_training_ends_it_with_6_and_loses_nothing(
    prepared: Path, small_disk: Path, tmp_path: Path
) -> None:
    settings = ["ppo.total_traces=320", "checkpoints.keep_last=2", "validation.every_updates=50"]
    whole, run, rescue = tmp_path / "whole", small_disk / "run", tmp_path / "rescue"
    shutil.copytree(prepared, whole)
    shutil.copytree(prepared, run)
    rescue.mkdir()
    assert finish(child(whole, settings)) == 0

    process = child(run, settings, temporary=rescue)
    while process.poll() is None and not list(run.glob("checkpoints/step-*48")):
        time.sleep(0.002)
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    _, words = process.communicate(timeout=300)

    assert process.returncode == 6, words.decode()
    assert b"All that was learned" in words, words.decode()
    (small_disk / "filler").unlink(missing_ok=True)
    for saved in rescue.glob("vtrain-rescue-*/checkpoints/step-*"):
        shutil.move(saved, run / "checkpoints" / saved.name)
    assert finish(child(run, settings)) == 0
    assert figures(run) == figures(whole)


def test_a_folder_that_turns_read_only_ends_training_with_6_and_loses_nothing(
    prepared: Path, tmp_path: Path
) -> None:
    settings = ["ppo.total_traces=320", "checkpoints.keep_last=2", "validation.every_updates=50"]
    whole, run, rescue = tmp_path / "whole", tmp_path / "run", tmp_path / "rescue"
    shutil.copytree(prepared, whole)
    shutil.copytree(prepared, run)
    rescue.mkdir()
    assert finish(child(whole, settings)) == 0

    # The process stops itself in the sixth update, and goes on when the folder is read-only.
    process = child(run, settings, "rollout", 12, int(signal.SIGSTOP), temporary=rescue)
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.005)
    with read_only(run / "checkpoints") as allowed:
        if not allowed:
            process.kill()
        process.send_signal(signal.SIGCONT)
        _, words = process.communicate(timeout=300)
    if not allowed:
        pytest.skip("making a folder read-only is not allowed here")

    assert process.returncode == 6, words.decode()
    assert b"All that was learned" in words, words.decode()
    (saved,) = rescue.glob("vtrain-rescue-*/checkpoints/step-*")
    shutil.move(saved, run / "checkpoints" / saved.name)
    assert finish(child(run, settings)) == 0
    assert figures(run) == figures(whole)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[bool]:
    """Let every write below a folder fail with EROFS; whether that is allowed here."""
    bind = ["mount", "--bind", str(folder), str(folder)]
    if sys.platform != "linux" or subprocess.run(bind, check=False).returncode:
        yield False
        return
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield True
    finally:
        subprocess.run(["umount", str(folder)], check=True)
