"""What commands print: what was asked for on standard output, all other words on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vtrain.files import to_json

if TYPE_CHECKING:
    from rich.console import Console


_WIDEST = 10_000
"""Width of a table that no terminal shows (characters)."""


def console(*, answer: bool = False) -> Console:
    """A console that takes text literally.

    Args:
        answer: Whether it is for what was asked for, and writes to standard output; else it is for
            what is told besides, and writes to standard error.
    """
    from rich.console import Console

    return Console(stderr=not answer, markup=False, highlight=False)


def say(text: str) -> None:
    """Print a line for people."""
    # Not by Typer, which takes longer to load than a logo to trace.
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def answer(text: str) -> None:
    """Print lines that were asked for."""
    sys.stdout.write(text + "\n")


def print_json(obj: Mapping[str, Any], *, schema: int = 1) -> None:
    """Print one JSON object, with its schema version, alone on standard output."""
    sys.stdout.write(to_json({"schema": schema, **obj}, indent=2) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table for people; numbers should come formatted, with their unit in the column."""
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    screen = console(answer=True)
    # Piped on, a row is a line: nobody's screen has to hold it.
    screen.print(table, width=None if screen.is_terminal else _WIDEST)
