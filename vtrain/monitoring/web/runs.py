"""The runs that a dashboard shows, under ids that say nothing about where they lie."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vtrain.monitoring.summary import SAMPLES
from vtrain.monitoring.web.charts import metrics_figures, samples_figures
from vtrain.monitoring.web.columns import Columns
from vtrain.rundir import RunDirectory

MOST_RUNS = 50
"""Runs shown, the newest ones (count)."""
FILES = ("metrics", "events", "samples")
"""The files that are followed, in the order in which places in them are written."""
ENDS = ("warm-start", "resumed", "forked", "end", "non-finite")
"""Kinds of events that tell whether training has ended."""
_LOOK_S = 2.0
"""Time between two looks for new runs (s)."""


@dataclass(slots=True)
class RunView:
    """What the dashboard knows of one run; shared by all clients.

    Args:
        id: Opaque, the same after a restart.
        run: The run directory.

    Attributes:
        lock: Held by whoever refreshes or reads the columns.
        kept: Answers that are costly to make, each with what it was made from.
    """

    id: str
    run: RunDirectory
    lock: threading.RLock = field(default_factory=threading.RLock)
    metrics: Columns = field(init=False)
    events: Columns = field(init=False)
    samples: Columns = field(init=False)
    kept: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        paths = self.paths()
        self.metrics = Columns(paths["metrics"], metrics_figures(), _is_check)
        self.events = Columns(paths["events"], {}, _is_told)
        self.samples = Columns(paths["samples"], samples_figures())

    def paths(self) -> dict[str, Path]:
        """The files that are followed, in the order of `FILES`."""
        run = self.run
        return {
            "metrics": run.metrics,
            "events": run.events,
            "samples": run.resource_monitoring / SAMPLES,
        }

    def refresh(self) -> None:
        """Read what is new in all files. The caller holds the lock.

        Raises:
            DataError: A file cannot be read.
        """
        for columns in (self.metrics, self.events, self.samples):
            columns.refresh()


class Runs:
    """Finds runs by id.

    Args:
        folders: Run directories that are always shown.
        root: A folder whose subfolders are shown as far as they are runs; None for none.
    """

    def __init__(self, folders: Sequence[Path], root: Path | None = None) -> None:
        self._folders = tuple(folders)
        self._root = root
        self._views: dict[str, RunView] = {}
        self._looked = -_LOOK_S
        self._lock = threading.Lock()

    def views(self) -> list[RunView]:
        """The runs to show, those started last first; at most 50."""
        with self._lock:
            if time.monotonic() - self._looked >= _LOOK_S:
                found = {run_id(path): path for path in self._find()}
                # Who is no longer shown is forgotten, and with it what was read of it.
                self._views = {
                    id_: self._views.get(id_) or RunView(id_, RunDirectory(path))
                    for id_, path in found.items()
                }
                self._looked = time.monotonic()
            return list(self._views.values())

    def get(self, id_: str) -> RunView | None:
        """The run with an id; None when none is shown under it."""
        return next((view for view in self.views() if view.id == id_), None)

    def _find(self) -> list[Path]:
        paths = {path.resolve(): path for path in self._folders}
        if self._root is not None and self._root.is_dir():
            for path in sorted(self._root.iterdir()):
                if path.is_dir() and RunDirectory(path).started is not None:
                    paths.setdefault(path.resolve(), path)
        dated = [(RunDirectory(path).started or 0.0, path) for path in paths.values()]
        return [path for _, path in sorted(dated, reverse=True)[:MOST_RUNS]]


def run_id(path: Path) -> str:
    """The id of a run directory: 16 hexadecimal digits."""
    return hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]


def _is_check(record: Mapping[str, Any]) -> bool:
    return isinstance(record.get("validation_utility"), (int, float))


def _is_told(record: Mapping[str, Any]) -> bool:
    kind = record.get("kind")
    return kind in ENDS or is_alert(record)


def is_alert(record: Mapping[str, Any]) -> bool:
    """Whether an event is an alert, or the end of one."""
    return str(record.get("kind") or "").startswith("alert")
