from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import tiny
from vtrain.agent import TraceAgent
from vtrain.checkpoints.store import CheckpointStore, Loaded
from vtrain.config.dump import dump_yaml
from vtrain.data.catalog import Catalog
from vtrain.data.prepare import prepare
from vtrain.data.store import ImageStore
from vtrain.errors import CheckpointError, DataError, RunLocked, Stopped, UsageError
from vtrain.rundir import RunDirectory, read_jsonl, write_text
from vtrain.training.events import TrainingEvent
from vtrain.training.train import train, train_async

NewRun = Callable[[str], RunDirectory]


def records(run: RunDirectory) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "wall"} for row in read_jsonl(run.metrics)]


def newest(run: RunDirectory) -> Loaded:
    store = CheckpointStore(run.checkpoints)
    return store.load(store.resolve("latest"))


def assert_same_state(one: Loaded, other: Loaded) -> None:
    assert one.documents["state"] == other.documents["state"]  # the config tells the workers
    assert one.tensors.keys() == other.tensors.keys()
    for group, arrays in one.tensors.items():
        for name, array in arrays.items():
            assert np.array_equal(array, other.tensors[group][name]), (group, name)


def test_training_writes_metrics_checkpoints_and_a_usable_policy(new_run: NewRun) -> None:
    run = new_run("run")
    events: list[TrainingEvent] = []

    result = train(tiny(), run, on_event=events.append)

    assert (result.updates, result.traces, result.stopped) == (4, 64, "done")
    assert [row["update"] for row in records(run)] == [1, 2, 3, 4]
    assert [row["traces"] for row in records(run)] == [16, 32, 48, 64]
    assert records(run)[1]["validation_utility"] is not None
    assert {"phase", "progress", "update", "check", "checkpoint", "end"} <= {
        event.kind for event in events
    }
    assert result.best_utility == max(
        event.data["utility"] for event in events if event.kind == "check"
    )
    image = ImageStore(run.images).input(Catalog.load(run.catalog).entries[0].id)
    drawn = TraceAgent.from_run(run.root).trace(image, traces=2)
    assert drawn.svg.startswith("<svg")


def test_one_worker_or_two_give_the_same_run(new_run: NewRun) -> None:
    one, two = new_run("one"), new_run("two")

    train(tiny(), one)
    train(tiny("resources.workers=2"), two)

    assert records(one) == records(two)
    assert_same_state(newest(one), newest(two))


def test_checks_by_minutes_are_made_beside_those_by_updates(new_run: NewRun) -> None:
    run = new_run("run")
    often = ("validation.every_updates=100", "curriculum.enabled=false")
    timed = tiny(*often, "validation.every_minutes=1e-6")  # any update takes longer

    train(timed, run)

    assert [row["validation_utility"] is not None for row in records(run)] == [True] * 4
    assert newest(run).documents["state"]["since_check"]["seconds"] >= 0
    assert train(tiny(*often, "ppo.total_traces=96"), run, resume=True, accept_changes=True)
    assert [row["validation_utility"] is not None for row in records(run)][4:] == [False] * 2
    assert "since_check" not in newest(run).documents["state"]


@pytest.mark.parametrize("traces", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_resumed_run_equals_an_undisturbed_one(new_run: NewRun, traces: int) -> None:
    more = (f"environment.traces={traces}",)
    whole, parts = new_run("whole"), new_run("parts")
    train(tiny(*more), whole)

    def stop_after_second(event: TrainingEvent) -> None:
        if event.kind == "update" and event.data["update"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny(*more), parts, on_event=stop_after_second)
    result = train(tiny(*more), parts, resume=True)

    assert result.updates == 4
    assert records(parts) == records(whole)
    assert_same_state(newest(parts), newest(whole))


def test_resuming_a_finished_run_adds_nothing(new_run: NewRun) -> None:
    run = new_run("run")
    train(tiny("ppo.total_traces=16"), run)
    before = sorted(item.name for item in run.checkpoints.iterdir())

    result = train(tiny("ppo.total_traces=16"), run, resume=True)

    assert result.traces == 16
    assert before == sorted(item.name for item in run.checkpoints.iterdir())


def test_a_callback_can_end_training_with_everything_saved(new_run: NewRun) -> None:
    run = new_run("run")

    def enough(event: TrainingEvent) -> None:
        if event.kind == "update" and event.data["update"] == 3:
            raise Stopped("That is enough.")

    with pytest.raises(Stopped, match="enough"):
        train(tiny("checkpoints.every_updates=100"), run, on_event=enough)

    assert newest(run).documents["state"]["update"] >= 2
    assert train(tiny("checkpoints.every_updates=100"), run, resume=True).updates == 4
    assert [row["update"] for row in records(run)] == [1, 2, 3, 4]


@pytest.mark.parametrize("change", ["ppo.n_envs=4", "ppo.hidden=[8]"])
def test_a_resume_that_does_not_fit_says_what_differs(new_run: NewRun, change: str) -> None:
    run = new_run("run")
    train(tiny("ppo.total_traces=16"), run)

    with pytest.raises(CheckpointError, match=change.split("=", maxsplit=1)[0]):
        train(tiny(change), run, resume=True)


def test_a_resume_on_other_images_is_refused(new_run: NewRun) -> None:
    run = new_run("run")
    train(tiny("ppo.total_traces=16"), run)
    prepare([], run=run, config=tiny("data.sample_count=20").data, workers=0)

    with pytest.raises(CheckpointError, match="dataset"):
        train(tiny(), run, resume=True)


def test_an_updates_figures_count_its_own_traces(new_run: NewRun) -> None:
    run = new_run("run")
    train(tiny("validation.every_updates=100", "curriculum.enabled=false"), run)

    for row in read_jsonl(run.metrics):
        wall = row["wall"]
        assert wall["traces_measured"] <= 16
        assert wall["traces_measured"] + wall["cache_hits"] <= wall["requests"] == 32


def test_damaged_measurements_are_told_once_and_made_again(
    new_run: NewRun, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = new_run("first"), new_run("second")
    train(tiny(), first)
    shutil.copy(first.measurements, second.measurements)
    with closing(sqlite3.connect(second.measurements)) as cache, cache:
        (entries,) = cache.execute("SELECT count(*) FROM entry").fetchone()
        cache.execute("UPDATE entry SET sum = sum + 1")

    with caplog.at_level(logging.WARNING):
        train(tiny(), second)

    (event,) = [row for row in read_jsonl(second.events) if row["kind"] == "cache-damaged"]
    assert event["file"] == str(second.measurements)
    assert 0 < event["entries"] <= entries
    told = [text for text in caplog.messages if "measurement cache" in text]
    assert len(told) == 1
    assert "nothing needs to be done" in told[0]
    assert records(second) == records(first)


def test_measuring_can_be_broken_off_part_of_the_way(new_run: NewRun) -> None:
    run = new_run("run")
    done: list[int] = []

    result = train(
        tiny(),
        run,
        on_event=lambda event: done.append(event.done) if event.kind == "progress" else None,
        cancelled=lambda: any(0 < count < 24 for count in done[-1:]),
    )

    assert (result.updates, result.stopped) == (0, "cancelled")
    assert not run.checkpoints.exists()


def test_a_fork_starts_from_the_other_runs_policy_and_records_it(new_run: NewRun) -> None:
    parent, child = new_run("parent"), new_run("child")
    train(tiny("ppo.total_traces=16"), parent)

    train(tiny("ppo.total_traces=16"), child, fork=f"{parent.root}@latest")

    lineage = json.loads(child.identity.read_text())["lineage"]
    assert lineage["kind"] == "forked"
    assert lineage["run"] == str(parent.root)
    train(tiny("ppo.total_traces=32"), child, resume=True)
    assert json.loads(child.identity.read_text())["forked_from"] == lineage
    first = CheckpointStore(child.checkpoints).checkpoints()[0]
    weights = CheckpointStore(child.checkpoints).load(first).tensors["policy"]
    expected = newest(parent).tensors["policy"]
    assert all(np.array_equal(weights[name], expected[name]) for name in expected)


def test_a_time_limit_ends_training_with_everything_saved(new_run: NewRun) -> None:
    run = new_run("run")
    train(tiny("ppo.total_traces=16"), run)

    result = train(tiny("ppo.total_traces=100000"), run, resume=True, time_limit=0.1)

    assert result.stopped == "time-limit"
    assert newest(run).documents["state"]["traces"] == result.traces


def test_a_second_trainer_is_refused_by_name(new_run: NewRun) -> None:
    run = new_run("run")

    with run.lock("train"), pytest.raises(RunLocked, match=str(os.getpid())):
        train(tiny(), run)


def test_checkpoints_are_not_trained_over(new_run: NewRun) -> None:
    run = new_run("run")
    train(tiny("ppo.total_traces=16"), run)

    with pytest.raises(UsageError, match="--resume"):
        train(tiny(), run)


def test_a_run_without_data_says_how_to_prepare_it(tmp_path: Any) -> None:
    run = RunDirectory.create(tmp_path / "empty", name="empty")

    with pytest.raises(DataError, match="data prepare"):
        train(tiny(), run)


def test_training_can_be_awaited_and_cancelled(new_run: NewRun) -> None:
    run = new_run("run")
    seen: list[str] = []

    async def go() -> None:
        reached = asyncio.Event()

        def on_event(event: TrainingEvent) -> None:
            seen.append(event.kind)
            if event.kind == "update":
                reached.set()

        task = asyncio.create_task(
            train_async(tiny("ppo.total_traces=100000"), run, on_event=on_event)
        )
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())

    assert "update" in seen
    assert newest(run).documents["state"]["update"] >= 1


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_and_ends_with_its_code(
    new_run: NewRun, number: signal.Signals, code: int
) -> None:
    run = new_run("run")
    write_text(run.config, dump_yaml(tiny("ppo.total_traces=100000", "monitoring.enabled=false")))
    command = [sys.executable, "-m", "vtrain.cli.main", "train", "--run", str(run.root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not read_jsonl_when_there(run):
            time.sleep(0.05)  # the training has two cores at most
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == code
    assert f"Stopped by {number.name} after saving" in errors
    assert "--resume" in errors
    assert newest(run).documents["state"]["update"] >= 1


def read_jsonl_when_there(run: RunDirectory) -> list[dict[str, Any]]:
    return read_jsonl(run.metrics) if run.metrics.exists() else []
