"""The sampler's process: what it writes, and that it lives and dies with its run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.monitoring.waiting import wait_for
from vtrain.monitoring import supervise
from vtrain.monitoring.gpu import Gpus
from vtrain.monitoring.processes import ProcessTree
from vtrain.monitoring.summary import read_samples
from vtrain.monitoring.supervise import start_sampler
from vtrain.rundir import RunDirectory, read_jsonl


def ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def samplers_of(pid: int) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if "vtrain.monitoring.sampler" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_samples_and_a_summary_are_written(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    with start_sampler(run, 0.05):
        assert wait_for(lambda: len(read_samples(run)) >= 3)

    last = read_samples(run)[-1]
    assert last["pid"] == os.getpid()
    assert last["rss"] > 1_000_000
    assert last["disk_free"] > 0
    summary = json.loads((run.resource_monitoring / "summary.json").read_text(encoding="utf-8"))
    assert summary["samples"] == len(read_samples(run))
    assert (run.resource_monitoring / "sampler.log").read_text(encoding="utf-8") == ""


def test_a_short_block_has_a_sample_too(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    with start_sampler(run, 3600.0):
        pass

    assert len(read_samples(run)) == 1


def test_the_sampler_is_gone_after_the_block(tmp_path: Path) -> None:
    with start_sampler(RunDirectory(tmp_path), 0.05):
        assert len(samplers_of(os.getpid())) == 1

    assert samplers_of(os.getpid()) == []


def test_a_killed_sampler_changes_nothing_but_is_told(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    with start_sampler(run, 0.05):
        assert wait_for(lambda: len(samplers_of(os.getpid())) == 1)
        (sampler,) = samplers_of(os.getpid())
        sampler.kill()
        assert wait_for(lambda: ended(sampler))
        done = 1 + 1

    assert done == 2
    assert [event["kind"] for event in read_jsonl(run.events)][-1] == "monitoring_failed"


def test_a_killed_sampler_is_started_again_and_says_nothing_twice(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    with start_sampler(run, 0.05):
        assert wait_for(lambda: len(read_samples(run)) >= 2)
        (first,) = samplers_of(os.getpid())
        first.kill()
        before = len(read_samples(run))
        assert wait_for(lambda: len(read_samples(run)) > before + 2)
        (second,) = samplers_of(os.getpid())

    kinds = [event["kind"] for event in read_jsonl(run.events)]
    assert second.pid != first.pid
    assert kinds.count("monitoring_failed") == 1
    assert kinds.count("gpu_absent") <= 1
    assert samplers_of(os.getpid()) == []


def test_a_sampler_that_dies_while_it_tells_of_an_alert_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(tmp_path)
    spawned = supervise._Supervisor._spawn

    def torn_at_first(
        supervisor: supervise._Supervisor, *, again: bool
    ) -> subprocess.Popen[bytes] | None:
        if again:
            return spawned(supervisor, again=True)
        half = [sys.executable, "-c", "print('{\"name\": \"mem', end='')"]
        return subprocess.Popen(half, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    monkeypatch.setattr(supervise._Supervisor, "_spawn", torn_at_first)

    with start_sampler(run, 0.05):
        assert wait_for(lambda: bool(read_samples(run)))

    told = [row["message"] for row in read_jsonl(run.events) if row["kind"] == "monitoring_failed"]
    assert told == ["the resource sampler ended early with status 0: it is started again"]


def test_a_sampler_that_cannot_start_is_told(tmp_path: Path) -> None:
    (tmp_path / "resource_monitoring").write_text("in the way", encoding="utf-8")
    run = RunDirectory(tmp_path)

    with start_sampler(run, 0.05):
        pass

    (event,) = read_jsonl(run.events)
    assert event["kind"] == "monitoring_failed"
    assert "not sampled" in event["message"]


def test_an_error_in_the_block_comes_through(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), start_sampler(RunDirectory(tmp_path), 0.05):
        raise ValueError("mine")

    assert samplers_of(os.getpid()) == []


def test_the_sampler_ends_when_its_run_is_killed(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from vtrain.monitoring.supervise import start_sampler\n"
        "from vtrain.rundir import RunDirectory\n"
        "with start_sampler(RunDirectory(pathlib.Path(sys.argv[1])), 3600.0):\n"
        "    print('started', flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    ) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == b"started\n"
        (sampler,) = samplers_of(trainer.pid)
        trainer.kill()

    assert wait_for(lambda: ended(sampler))


def test_a_tree_counts_children_but_not_the_one_left_out(tmp_path: Path) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2)
    ]
    try:
        gpus = Gpus(count=0, reason="")
        both = ProcessTree(os.getpid(), tmp_path, gpus)
        one = ProcessTree(os.getpid(), tmp_path, gpus, without=frozenset({children[0].pid}))

        difference = both.read().processes - one.read().processes
    finally:
        for child in children:
            child.communicate(b"\n")

    assert difference == 1


def test_cpu_time_is_measured_between_readings(tmp_path: Path) -> None:
    tree = ProcessTree(os.getpid(), tmp_path, Gpus(count=0, reason=""))
    spent = time.process_time()
    while time.process_time() - spent < 0.2:
        sum(range(10_000))

    assert tree.read().cpu_percent > 0


def test_a_tree_whose_root_has_ended_is_not_alive(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    tree = ProcessTree(child.pid, tmp_path, Gpus(count=0, reason=""))
    child.kill()
    child.communicate()

    assert not tree.alive()
    with pytest.raises(psutil.NoSuchProcess):
        tree.read()
