"""What the tables of a report are made of: finished text in rows and columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vtrain.validation.statistics import Interval


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report: cells are finished text, the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def interval(found: Interval, digits: int = 2) -> str:
    """Such as ``+3.21 [+3.02, +3.40]``; an end that is not bounded is a question mark."""
    low, high = (
        f"{end:+.{digits}f}" if math.isfinite(end) else "?" for end in (found.low, found.high)
    )
    return f"{found.value:+.{digits}f} [{low}, {high}]"


def ratio(value: float | None) -> str:
    """Such as ``1.33x``."""
    return "?x" if value is None else f"{value:.2f}x"


def number(value: float | None, digits: int) -> str:
    """A number with so many decimals; a dash when there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def share(found: Interval | None) -> str:
    """Such as ``93% [88%, 96%]``; a dash when there is none."""
    if found is None:
        return "-"
    return f"{found.value:.0%} [{found.low:.0%}, {found.high:.0%}]"


def positive(found: Interval) -> str:
    """As `interval` with three decimals, of what has no sign: ``0.231 [0.180, 0.297]``."""
    return interval(found, 3).replace("+", "")


def aligned(table: Table) -> list[str]:
    """The lines of a table in plain text, without its title."""
    lines: Sequence[tuple[str, ...]] = (table.columns, *table.rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return [texts[0], "  ".join("-" * width for width in widths), *texts[1:]]
