"""Following a run's files as they grow, with a bounded memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from vtrain.errors import DataError
from vtrain.monitoring.alerts import KIND, Figure
from vtrain.rundir import RunDirectory

_RECENT_S = 600.0
"""Time that restarts are counted over (s)."""
_SPEED_S = 10.0
"""Shortest time that a speed is measured over (s)."""
_SPEEDS = 200
"""Updates of a stage that its usual speed comes from (count)."""
_FEWEST = 5
"""Fewest of them (count)."""
_BEGINNINGS = ("warm-start", "resumed", "forked")


@dataclass(slots=True)
class JsonlTail:
    """Reads what was appended to a JSONL file since the last time.

    A file that was replaced, as a resumed run does, is read from its start again.

    Args:
        path: The file; it need not exist yet.
    """

    path: Path
    _inode: int = field(init=False, default=-1)
    _offset: int = field(init=False, default=0)
    replaced: bool = field(init=False, default=False)

    def read(self) -> list[dict[str, Any]]:
        """The new records; lines that are torn or damaged are left out.

        Raises:
            DataError: The file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                stat = self.path.stat()
                self.replaced = self._inode not in (-1, stat.st_ino) or stat.st_size < self._offset
                if self.replaced:
                    self._offset = 0
                self._inode = stat.st_ino
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}.") from error
        whole, newline, _ = data.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        return list(_records(whole))


@dataclass(frozen=True, slots=True)
class _Lap:
    """Speed of one update."""

    seconds: float
    steps: int
    measured: int


@dataclass(slots=True)
class RunFollower:
    """The figures of learning that alerts look at, from a run's files as they grow.

    Args:
        run: The run directory.
        since: When it began to be followed (s since 1970).
    """

    run: RunDirectory
    since: float
    _metrics: JsonlTail = field(init=False)
    _events: JsonlTail = field(init=False)
    _laps: deque[_Lap] = field(init=False)
    _restarts: deque[float] = field(init=False, default_factory=deque)
    _stage: str = field(init=False, default="")
    _traces: int | None = field(init=False, default=None)
    _entropy: float | None = field(init=False, default=None)
    _bad: str = field(init=False, default="")
    _beat: float = field(init=False)

    def __post_init__(self) -> None:
        self._metrics, self._events = JsonlTail(self.run.metrics), JsonlTail(self.run.events)
        self._laps = deque(maxlen=_SPEEDS)
        self._beat = self.since
        # What was learned before only says where the entropy and the speed began.
        list(self._learned())
        self._bad = ""

    def figures(self, now: float) -> list[Figure]:
        """Figures of all updates since the last call, and of the run as it is now.

        Args:
            now: Seconds since 1970.

        Raises:
            DataError: A file of the run cannot be read.
        """
        self._happened()
        return [*self._learned(), *self._present(now)]

    def _happened(self) -> None:
        for event in self._events.read():
            kind, time = event.get("kind"), _seconds(event.get("time"))
            if kind != KIND and time is not None:
                self._beat = max(self._beat, time)
            if kind == "worker_restarted" and time is not None and time >= self.since - 1.0:
                self._restarts.append(time)
            elif kind == "non-finite" and time is not None and time >= self.since - 1.0:
                self._bad = str(event.get("what"))
            elif kind in _BEGINNINGS:
                self._bad = ""

    def _present(self, now: float) -> Iterator[Figure]:
        while self._restarts and self._restarts[0] < now - _RECENT_S:
            self._restarts.popleft()
        count = len(self._restarts)
        yield Figure("worker_restarts", count, f"workers: {count} replaced in ten minutes", at=now)
        bad = f"{self._bad} is not finite" if self._bad else "every value is finite"
        yield Figure("non_finite", float(bool(self._bad)), f"training: {bad}", at=now)
        silent = max(0.0, now - max(self._beat, *self._written()))
        yield Figure("heartbeat", silent, f"training: nothing written for {silent:.0f} s", at=now)

    def _written(self) -> Iterator[float]:
        measured = self.run.measurements
        yield 0.0
        for path in (
            self.run.metrics,
            measured,
            measured.with_name(measured.name + "-wal"),
            self.run.checkpoints,
            self.run.validation,
        ):
            try:
                yield path.stat().st_mtime
            except FileNotFoundError:
                continue

    def _learned(self) -> Iterator[Figure]:
        records = self._metrics.read()
        if self._metrics.replaced:
            self._laps.clear()
            self._traces = self._entropy = None
        for record in records:
            update = record.get("update")
            if isinstance(update, int):
                self._bad = ""
                yield from self._of_update(record, float(update))

    def _of_update(self, record: Mapping[str, Any], update: float) -> Iterator[Figure]:
        for name, words in (
            ("approx_kl", "approximate KL divergence"),
            ("explained_variance", "explained variance"),
        ):
            value = record.get(name)
            if isinstance(value, (int, float)):
                text = f"learning: {words} {value:.3g} in update {update:.0f}"
                if name == "approx_kl":
                    yield Figure("approx_kl", value, text, at=update)
                else:
                    yield Figure("explained_variance", value, text, at=update)
        entropy = record.get("entropy")
        if isinstance(entropy, (int, float)):
            self._entropy = entropy if self._entropy is None else self._entropy
            if self._entropy > 0:
                share = entropy / self._entropy
                text = f"learning: entropy {entropy:.3g}, {share:.0%} of that of the first update"
                yield Figure("entropy", share, text, at=update)
        speed = self._speed(record)
        if speed is not None:
            text = f"training: {speed:.0%} of the stage's usual speed"
            yield Figure("throughput", speed, text, at=update)

    def _speed(self, record: Mapping[str, Any]) -> float | None:
        """Speed over the stage's usual one; None while there is too little to compare.

        More answers from the cache mean more steps and fewer traces per second, and new images
        the other way round. So slow is only what is slow by both measures.
        """
        wall, traces = record.get("wall"), record.get("traces")
        before, self._traces = self._traces, traces if isinstance(traces, int) else None
        if record.get("stage") != self._stage:
            self._stage = str(record.get("stage"))
            self._laps.clear()
        if not isinstance(wall, Mapping) or before is None or self._traces is None:
            return None
        seconds, measured = wall.get("seconds"), wall.get("traces_measured")
        # The time of an update with a check is mostly the check's.
        checked = record.get("validation_utility") is not None
        if not isinstance(seconds, (int, float)) or not isinstance(measured, int) or checked:
            return None
        if seconds <= 0 or self._traces <= before:
            return None
        self._laps.append(_Lap(float(seconds), self._traces - before, measured))
        return _relative_speed(list(self._laps))


def _relative_speed(laps: list[_Lap]) -> float | None:
    recent: list[_Lap] = []
    while laps and sum(lap.seconds for lap in recent) < _SPEED_S:
        recent.append(laps.pop())
    seconds = sum(lap.seconds for lap in recent)
    if len(laps) < _FEWEST or seconds < _SPEED_S:
        return None
    ratios = []
    for now, usual in (
        (sum(lap.steps for lap in recent), [lap.steps / lap.seconds for lap in laps]),
        (sum(lap.measured for lap in recent), [lap.measured / lap.seconds for lap in laps]),
    ):
        if median(usual) > 0:
            ratios.append(now / seconds / median(usual))
    return max(ratios, default=None)


def _records(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.split(b"\n"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue  # a line torn by a crash
        if isinstance(record, dict):
            yield record


def _seconds(time: Any) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, TypeError):
        return None
