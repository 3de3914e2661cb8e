"""The figures of a JSONL file as columns that grow with the file, read once each."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from vtrain.monitoring.web.follow import Place, read_on

Figure = Callable[[Mapping[str, Any]], Any]
Mark = Callable[[Mapping[str, Any]], bool]

_RECENT = 200
_MARKED = 2000


class Columns:
    """Columns of one file. Not safe for threads: whoever shares one holds a lock.

    Args:
        path: The file; need not exist.
        figures: How to get each column's value from a record; what is no number becomes NaN.
        mark: Which records are kept whole, the newest 2000 of them.

    Attributes:
        place: How far the file is read.
        recent: The newest records, oldest first (200).
        marked: Records that `mark` chose, oldest first.
        count: Records read (count).
    """

    def __init__(
        self,
        path: Path,
        figures: Mapping[str, Figure],
        mark: Mark = lambda _record: False,
    ) -> None:
        self.path = path
        self._figures = dict(figures)
        self._mark = mark
        self._begin()

    def _begin(self) -> None:
        self.place = Place()
        self.count = 0
        self.recent: deque[dict[str, Any]] = deque(maxlen=_RECENT)
        self.marked: deque[dict[str, Any]] = deque(maxlen=_MARKED)
        self._columns = {name: array("d") for name in self._figures}
        self._pairs = [(self._columns[name], figure) for name, figure in self._figures.items()]

    def refresh(self) -> None:
        """Read what is new; all of it again when the file was replaced.

        Raises:
            DataError: The file cannot be read.
        """
        more = True
        while more:
            piece = read_on(self.path, self.place)
            if piece.again:
                self._begin()
            for line in piece.lines:
                self._take(line)
            self.place, more = piece.place, piece.more

    def column(self, name: str) -> NDArray[np.float64]:
        """A copy of one column, shape (records,); NaN where a record has no such number."""
        return np.array(self._columns[name], np.float64)

    def _take(self, line: bytes) -> None:
        try:
            record = from_json(line) if line.strip() else None
        except ValueError:  # a line torn by a crash: the other readers leave it out, too
            record = None
        if not isinstance(record, dict):
            return
        self.count += 1
        self.recent.append(record)
        if self._mark(record):
            self.marked.append(record)
        for column, figure in self._pairs:
            value = figure(record)
            try:
                column.append(value if isinstance(value, (int, float)) else math.nan)
            except OverflowError:  # a whole number that no float can hold
                column.append(math.nan)


def key(name: str, inner: str = "") -> Figure:
    """The value under a key, or under an inner key of the object there."""
    if not inner:
        return lambda record: record.get(name)

    def value(record: Mapping[str, Any]) -> Any:
        found = record.get(name)
        return found.get(inner) if isinstance(found, dict) else None

    return value
