"""Progress of training in the terminal, or as plain lines where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vtrain.cli.output import console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from vtrain.training.events import TrainingCallback, TrainingEvent

_LINE_EVERY_S = 30.0
"""Time between lines where the output is not a terminal (s)."""


@contextmanager
def training_progress() -> Iterator[TrainingCallback]:
    """A callback that shows training: bar, ETA, traces/s, reward, utility over the default."""
    screen = console()
    if not screen.is_terminal:
        yield _Lines()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
        console=screen,
    ) as bar:
        yield _Bar(bar)


def figures(event: TrainingEvent) -> str:
    """The figures of an update that a person follows."""
    data = event.data
    wall = data.get("wall", {})
    gain = data.get("utility_gain_default")
    parts = [
        f"{data['stage']}",
        f"{wall.get('traces_per_second') or 0:.0f} traces/s",
        f"reward {data['reward_mean']:+.2f}",
    ]
    if gain is not None:
        parts.append(f"over default {gain:+.2f}")
    if data.get("validation_utility") is not None:
        parts.append(f"check {data['validation_utility']:+.3f}")
    return ", ".join(parts)


class _Bar:
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._name = ""

    def __call__(self, event: TrainingEvent, /) -> None:
        if event.kind in ("progress", "update"):
            if self._task is None or self._name != event.message:
                self._name = event.message
                self._task = self._bar.add_task(event.message, total=event.total, figures="")
            shown = figures(event) if event.kind == "update" else ""
            self._bar.update(self._task, completed=event.done, total=event.total, figures=shown)
        elif event.kind in ("stage", "warning"):
            self._bar.console.print(event.message)


class _Lines:
    def __init__(self) -> None:
        self._screen = console()
        self._last = time.monotonic()

    def __call__(self, event: TrainingEvent, /) -> None:
        now = time.monotonic()
        if event.kind == "update" and now - self._last >= _LINE_EVERY_S:
            self._last = now
            line = f"{event.done}/{event.total} traces: {figures(event)}"
            self._screen.print(line, soft_wrap=True)
        elif event.kind in ("phase", "stage", "warning"):
            self._screen.print(event.message, soft_wrap=True)
