"""A plain progress bar for work that counts up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vtrain.cli.output import console


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """A function that takes units done and wanted; None where there is no terminal to draw on."""
    screen = console()
    if not screen.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress("{task.description}", *columns, console=screen, transient=True) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
