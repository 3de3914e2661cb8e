"""What commands print: words for people on standard error, data on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vtrain.files import to_json

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console:
    """A console for people; it writes to standard error and takes text literally."""
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False)


def say(text: str) -> None:
    """Print a line for people."""
    # Not by Typer, which takes longer to load than a logo to trace.
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


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
    console().print(table)
