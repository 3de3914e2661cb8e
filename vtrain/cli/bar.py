"""A plain progress bar for work that counts up."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vtrain.cli.output import console, say

_FORCED = {"FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
"""Variables by which Rich takes another stream for a terminal."""
OnProgress = Callable[[int, int], None]
"""Takes units done and wanted."""


@contextmanager
def bar(title: str) -> Iterator[OnProgress | None]:
    """A function that takes units done and wanted; None where there is no terminal to draw on."""
    with bar_and_lines(title) as (on_progress, _):
        yield on_progress


@contextmanager
def bar_and_lines(title: str) -> Iterator[tuple[OnProgress | None, Callable[[str], None]]]:
    """As `bar`, with a function that prints a line for people above it."""
    if not (sys.stderr.isatty() or _FORCED & os.environ.keys()):
        yield None, say  # as Rich would find, which takes long to load
        return
    screen = console()
    if not screen.is_terminal:
        yield None, say
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress("{task.description}", *columns, console=screen, transient=True) as shown:
        task = shown.add_task(title, total=None)
        yield (
            lambda done, total: shown.update(task, completed=done, total=total),
            lambda text: screen.print(text, soft_wrap=True),
        )
