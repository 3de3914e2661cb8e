"""A callback with a state gets it back on a resume, with every update counted once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, get_args

import pytest

from tests.training.conftest import tiny
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.schema import RecordedFigure
from vtrain.rundir import RunDirectory, read_jsonl
from vtrain.training.events import TrainingEvent
from vtrain.training.train import train, train_async

NewRun = Callable[[str], RunDirectory]
UNCHECKED = {"utility", "gain_default", "better"}
"""What a checkpoint without a validation check lacks."""


class Counter:
    """Remembers the updates and checks it was told of; ends a training when asked to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.seen: list[Any] = []
        self._stop_at = stop_at

    def __call__(self, event: TrainingEvent, /) -> None:
        if event.kind == "update":
            self.seen.append(event.data["update"])
            if event.data["update"] == self._stop_at:
                raise KeyboardInterrupt
        elif event.kind == "check":
            self.seen.append("check")

    def state(self) -> Any:
        return self.seen

    def restore(self, state: Any, /) -> None:
        self.seen = list(state)


def test_the_state_of_a_callback_goes_on(new_run: NewRun) -> None:
    whole, run = new_run("whole"), new_run("run")
    undisturbed, first, second = Counter(), Counter(stop_at=3), Counter()
    train(tiny(), whole, on_event=undisturbed)
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), run, on_event=first)

    train(tiny(), run, resume=True, on_event=second)

    assert undisturbed.seen == ["check", 1, "check", 2, 3, "check", 4]
    assert second.seen == undisturbed.seen
    ends = [CheckpointStore(one.checkpoints).resolve("latest").load() for one in (whole, run)]
    assert ends[0].documents["state"]["callback"] == undisturbed.seen
    assert ends[0].documents["state"] == ends[1].documents["state"]


def test_a_state_is_kept_and_given_back_when_training_is_awaited(new_run: NewRun) -> None:
    run = new_run("run")
    first, second = Counter(), Counter()

    async def go() -> None:
        await train_async(tiny("ppo.total_traces=32"), run, on_event=first)
        await train_async(tiny("ppo.total_traces=64"), run, resume=True, on_event=second)

    asyncio.run(go())

    assert first.seen == ["check", 1, "check", 2]
    assert second.seen == ["check", 1, "check", 2, 3, "check", 4]


def test_the_figures_that_choose_the_best_are_those_recorded(new_run: NewRun) -> None:
    run = new_run("run")

    train(tiny("checkpoints.best_metric=entropy", "checkpoints.keep_last=1"), run)

    figures = set(get_args(RecordedFigure))
    checked = [item for item in CheckpointStore(run.checkpoints).checkpoints() if item.update]
    assert all(figures - set(item.metrics) <= UNCHECKED for item in checked)
    entropy = {row["update"]: row["entropy"] for row in read_jsonl(run.metrics)}
    assert max(entropy, key=lambda update: entropy[update]) in {item.update for item in checked}
    assert len(checked) < len(entropy)
