"""When checkpoints are written, which becomes the best, and what happens when they cannot be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import tiny
from vtrain.checkpoints.request import ask, requested
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.schema import CheckpointsConfig, ValidationConfig
from vtrain.errors import CheckpointError, StorageError
from vtrain.rundir import RunDirectory, read_jsonl
from vtrain.training.best import Best, is_better
from vtrain.training.check import Check
from vtrain.training.due import CheckDue, Due
from vtrain.training.events import TrainingEvent
from vtrain.training.replay import replay
from vtrain.training.train import train

NewRun = Callable[[str], RunDirectory]


def check(*values: float) -> Check:
    return Check(sum(values) / len(values), 0.0, 0.0, len(values), values=values)


def best(*values: float) -> Best:
    return Best(sum(values) / len(values), 7, values)


@pytest.mark.parametrize(
    ("new", "old", "better"),
    [
        (check(1.0), None, True),
        (check(1.1, 1.2, 1.0, 1.3), best(1.0, 1.1, 0.9, 1.2), True),  # each a little better
        (check(4.0, -1.0, 1.0, 1.0), best(1.0, 1.0, 1.0, 1.0), False),  # one lucky image
        (check(0.9, 1.0), best(1.0, 1.0), False),
        (check(1.2), best(1.0), True),  # one image says nothing about noise
        (check(1.2, 1.2), Best(1.0, 7), True),  # of an earlier version, without its images
    ],
)
def test_the_best_is_replaced_only_beyond_noise(
    new: Check,
    old: Best | None,
    better: bool,  # noqa: FBT001 - a case
) -> None:
    assert is_better(new, old, 0.9) is better


def test_without_confidence_any_larger_mean_is_better() -> None:
    assert is_better(check(4.0, -1.0, 1.0, 1.0), best(1.0, 1.0, 1.0, 1.0), 0.5)


def test_best_survives_its_document() -> None:
    assert Best.from_document(best(1.0, 2.0).to_document()) == best(1.0, 2.0)
    assert Best.from_document([1.5, 3]) == Best(1.5, 3)
    assert Best.from_document(None) is None


def test_checkpoints_are_due_by_updates_traces_minutes_and_stages() -> None:
    now = [0.0]

    def due(**settings: Any) -> Due:
        return Due(
            CheckpointsConfig(**{"every_updates": 0, "at_stage_ends": False, **settings}),
            clock=lambda: now[0],
        )

    assert due(every_updates=3).now(6, 0, stage_ended=False)
    assert not due(every_updates=3).now(7, 0, stage_ended=False)
    by_traces = due(every_traces=100)
    assert not by_traces.now(1, 99, stage_ended=False)
    assert by_traces.now(1, 100, stage_ended=False)
    by_traces.saved(100)
    assert not by_traces.now(2, 150, stage_ended=False)
    by_time = due(every_minutes=2.0)
    now[0] = 119.0
    assert not by_time.now(1, 0, stage_ended=False)
    now[0] = 120.0
    assert by_time.now(1, 0, stage_ended=False)
    assert due(at_stage_ends=True).now(1, 0, stage_ended=True)
    assert not due().now(1, 10**9, stage_ended=True)


def test_checks_are_due_by_updates_and_by_minutes() -> None:
    now = [0.0]

    def due(**settings: Any) -> CheckDue:
        return CheckDue(
            ValidationConfig(**{"every_updates": 100, **settings}), clock=lambda: now[0]
        )

    assert due(every_updates=3).now(6)
    assert not due(every_updates=3).now(7)
    by_time, never = due(every_minutes=2.0), due()
    now[0] = 119.0
    assert not by_time.now(1)
    now[0] = 120.0
    assert by_time.now(1)
    by_time.checked()
    assert not by_time.now(2)
    assert by_time.now(100)
    now[0] = 10.0**6
    assert not never.now(1)
    assert never.state() is None


def test_the_time_since_the_last_check_survives_a_resume() -> None:
    now = [0.0]
    settings = ValidationConfig(every_updates=100, every_minutes=2.0)
    before = CheckDue(settings, clock=lambda: now[0])
    now[0] = 90.0
    state = json.loads(json.dumps(before.state()))
    now[0] = 5000.0  # nothing was learned meanwhile
    after = CheckDue(settings, clock=lambda: now[0])
    after.restore(state)

    now[0] = 5029.0
    assert not after.now(1)
    now[0] = 5030.0
    assert after.now(1)
    after.restore(None)  # of a checkpoint that was saved while time decided nothing
    assert not after.now(1)


@pytest.mark.parametrize("background", ["true", "false"])
def test_writing_beside_training_changes_nothing(new_run: NewRun, background: str) -> None:
    run = new_run("run")

    train(tiny(f"checkpoints.background={background}"), run)

    found = CheckpointStore(run.checkpoints).checkpoints()
    assert [item.update for item in found] == [0, 1, 2, 3, 4]
    events = [event["name"] for event in read_jsonl(run.events) if event["kind"] == "checkpoint"]
    assert events == [item.name for item in found]


def failing(monkeypatch: pytest.MonkeyPatch, fails: Callable[[int], bool]) -> None:
    """Let the saves fail that `fails` names by their number, from 1."""
    count = 0
    original = CheckpointStore.save

    def save(self: CheckpointStore, *arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if fails(count):
            raise StorageError("No space is left.", hint="Free some.")
        return original(self, *arguments, **options)

    monkeypatch.setattr(CheckpointStore, "save", save)


def test_a_write_that_fails_once_is_told_and_training_goes_on(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = new_run("run")
    failing(monkeypatch, lambda number: number == 3)

    result = train(tiny(), run)

    assert result.updates == 4
    assert [item.update for item in CheckpointStore(run.checkpoints).checkpoints()] == [0, 1, 3, 4]
    assert "checkpoint-failed" in {event["kind"] for event in read_jsonl(run.events)}
    assert "could not be written" in caplog.text


@pytest.mark.slow
def test_writes_that_keep_failing_end_training_with_6(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    failing(monkeypatch, lambda number: number > 2)

    with pytest.raises(CheckpointError, match=r"2 times in a row.*No space is left") as caught:
        train(tiny("checkpoints.failures_allowed=2", "ppo.total_traces=160"), run)

    assert caught.value.exit_code == 6
    assert CheckpointStore(run.checkpoints).resolve("latest").update == 1
    monkeypatch.undo()
    assert train(tiny("ppo.total_traces=160"), run, resume=True).updates == 10


def test_a_last_write_that_fails_is_not_passed_over(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    # Whatever else is saved once the last update is done: a slow machine may be due by the clock.
    failing(monkeypatch, lambda number: number >= 5)

    with pytest.raises(CheckpointError, match="could not be written"):
        train(tiny(), run)


def test_too_little_space_is_told_before_anything_is_learned(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")

    class Usage:
        free = 1000

    monkeypatch.setattr("vtrain.training.saving.shutil.disk_usage", lambda _path: Usage)

    with pytest.raises(CheckpointError, match="free"):
        train(tiny(), run)
    assert not run.checkpoints.exists()


def test_a_checkpoint_can_be_asked_for_from_outside(new_run: NewRun) -> None:
    run = new_run("run")
    answers: list[str | None] = []
    asked = threading.Thread(target=lambda: answers.append(ask(run, 60.0)))

    def on_event(event: TrainingEvent) -> None:
        if event.kind == "update" and event.data["update"] == 2:
            asked.start()
            while not requested(run):
                asked.join(0.01)

    train(
        tiny(
            "checkpoints.every_updates=0",
            "checkpoints.at_stage_ends=false",
            "validation.every_updates=100",
        ),
        run,
        on_event=on_event,
    )
    asked.join(60)

    updates = [item.update for item in CheckpointStore(run.checkpoints).checkpoints()]
    assert updates == [0, 2, 4]
    assert answers
    assert answers[0] in {item.name for item in CheckpointStore(run.checkpoints).checkpoints()}


def test_asking_where_nobody_trains_is_an_error(new_run: NewRun) -> None:
    with pytest.raises(CheckpointError, match="Nobody trains"):
        ask(new_run("run"))


def test_a_resume_is_proved_exact_by_making_an_update_twice(new_run: NewRun) -> None:
    run = new_run("run")
    train(tiny(), run)
    before = sorted(path.name for path in run.checkpoints.iterdir())

    for which in ("16", "latest"):
        result = replay(run, tiny(), CheckpointStore(run.checkpoints).resolve(which))
        assert result.exact

    assert sorted(path.name for path in run.checkpoints.iterdir()) == before


def test_a_resume_under_other_conditions_is_refused_and_leaves_the_run(new_run: NewRun) -> None:
    run = new_run("run")
    train(tiny("ppo.total_traces=16"), run)
    before = run.config.read_bytes()

    with pytest.raises(CheckpointError, match=r"ppo\.gamma +was 1\.0 +is 0\.5"):
        train(tiny("ppo.gamma=0.5", "ppo.total_traces=32"), run, resume=True)

    assert run.config.read_bytes() == before
    result = train(
        tiny("ppo.gamma=0.5", "ppo.total_traces=32"), run, resume=True, accept_changes=True
    )
    assert result.updates == 2
    resumed = [event for event in read_jsonl(run.events) if event["kind"] == "resumed"][-1]
    assert {change["what"] for change in resumed["changes"]} == {"ppo.gamma", "ppo.total_traces"}


@pytest.mark.slow
def test_what_was_learned_is_saved_elsewhere_when_the_run_cannot_be_written(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder of the checkpoints is lost in the middle of a training."""
    whole, run = new_run("whole"), new_run("run")
    settings = (
        "checkpoints.failures_allowed=1",
        "checkpoints.background=false",
        "ppo.total_traces=160",
    )
    train(tiny(*settings), whole)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def lose(event: TrainingEvent) -> None:
        if event.kind == "update" and event.data["update"] == 5:
            run.checkpoints.rename(tmp_path / "lost")
            run.checkpoints.write_text("a file where the folder was")

    with pytest.raises(CheckpointError, match=r"All that was learned.*vtrain-rescue") as caught:
        train(tiny(*settings), run, on_event=lose)

    assert caught.value.exit_code == 6
    run.checkpoints.unlink()
    (tmp_path / "lost").rename(run.checkpoints)
    (rescued,) = tmp_path.glob("vtrain-rescue-*/checkpoints/step-*")
    # It may be there already: the folder is whole, and only was away.
    rescued.rename(run.checkpoints / f"{rescued.name}-r9")
    assert train(tiny(*settings), run, resume=True).updates == 10
    ends = [CheckpointStore(one.checkpoints).resolve("latest").load() for one in (whole, run)]
    assert ends[0].documents["state"] == ends[1].documents["state"]
