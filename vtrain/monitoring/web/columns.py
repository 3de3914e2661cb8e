"""The figures of a JSONL file as columns that grow with the file, read once each."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from vtrain.monitoring.web.follow import Place, read_on

Figure = str | Callable[[Mapping[str, Any]], Any]
"""Where a value of a record is: under a key, or what a function gives."""
Mark = Callable[[Mapping[str, Any]], bool]

_RECENT = 200
_MARKED = 2000


class Columns:
    """Columns of one file. Not safe for threads: whoever shares one holds a lock.

    Args:
        path: The file; need not exist.
        figures: Where each column's value is in a record; what is no number becomes NaN.
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
        self._keys = {name: key for name, key in figures.items() if isinstance(key, str)}
        self._functions = {name: make for name, make in figures.items() if callable(make)}
        self._mark = mark
        self._begin()

    def _begin(self) -> None:
        self.place = Place()
        self.count = 0
        self.recent: deque[dict[str, Any]] = deque(maxlen=_RECENT)
        self.marked: deque[dict[str, Any]] = deque(maxlen=_MARKED)
        self._columns = {name: array("d") for name in (*self._keys, *self._functions)}

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
            self._take(piece.lines)
            self.place, more = piece.place, piece.more

    def column(self, name: str) -> NDArray[np.float64]:
        """A copy of one column, shape (records,); NaN where a record has no such number."""
        return np.array(self._columns[name], np.float64)

    def _take(self, lines: Sequence[bytes]) -> None:
        # A run has hundreds of thousands of records. So this does per record only what cannot be
        # done for a column at once, and lets go of each record before it makes the next.
        keys = list(self._keys.values())
        values: list[Any] = []
        made: dict[str, list[Any]] = {name: [] for name in self._functions}
        for record in _records(lines):
            self.count += 1
            self.recent.append(record)
            if self._mark(record):
                self.marked.append(record)
            get = record.get
            values += [get(key) for key in keys]
            for name, function in self._functions.items():
                made[name].append(function(record))
        for number, name in enumerate(self._keys):
            self._columns[name].extend(_floats(values[number :: len(keys)]))
        for name, column in made.items():
            self._columns[name].extend(_floats(column))


def inner(outer: str, name: str) -> Figure:
    """The value under a key of the object under another key."""

    def value(record: Mapping[str, Any]) -> Any:
        found = record.get(outer)
        return found.get(name) if isinstance(found, dict) else None

    return value


def _records(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = from_json(line) if line else None
        except ValueError:  # a line torn by a crash: the other readers leave it out, too
            continue
        if isinstance(record, dict):
            yield record


def _floats(values: Sequence[Any]) -> array[float]:
    try:
        return array("d", values)
    except (TypeError, OverflowError):
        return array("d", [math.nan if value is None else _float(value) for value in values])


def _float(value: Any) -> float:
    try:
        return float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:  # a whole number that no float can hold
        return math.nan
