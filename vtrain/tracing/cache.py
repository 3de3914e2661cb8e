"""A persistent store of measurements: tracing is deterministic, so none is made twice.

SQLite in WAL mode: many readers, one writer at a time, safe against a kill at any moment. Keys hold
everything that a measurement depends on; values are JSON. An entry that cannot be read back is
dropped and counted, never returned.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vtrain.errors import StorageError

_LOG = logging.getLogger(__name__)
_BUSY_TIMEOUT_S = 30.0
_BATCH = 500


class MeasurementCache:
    """A key-value store on disk.

    Args:
        path: The SQLite file; made when missing, set aside when it is no database.

    Raises:
        StorageError: The file cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.dropped = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            self._connection = self._replace(error)
        except OSError as error:
            raise StorageError(
                f"The measurement cache {path} cannot be opened: {error}."
            ) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS measurement (key TEXT PRIMARY KEY, value TEXT)"
        )
        return connection

    def _replace(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Start anew beside a file that is no database; the old one is kept for inspection."""
        aside = self._path.with_name(self._path.name + ".bad")
        _LOG.warning(
            "measurement cache %s is unreadable (%s); kept as %s", self._path, error, aside
        )
        try:
            self._path.replace(aside)
            return self._open()
        except (OSError, sqlite3.DatabaseError) as again:
            raise StorageError(
                f"The measurement cache {self._path} cannot be opened: {again}.",
                hint="Check the folder's permissions and free space, or delete the file.",
            ) from again

    def get(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The stored values of the keys that are known."""
        wanted = list(keys)
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(wanted), _BATCH):
            part = wanted[start : start + _BATCH]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(
                f"SELECT key, value FROM measurement WHERE key IN ({marks})",  # noqa: S608  only marks
                part,
            )
            for key, value in rows:
                try:
                    found[key] = json.loads(value)
                except ValueError:
                    self.dropped += 1
                    _LOG.warning(
                        "measurement cache %s: entry %s is damaged; dropped", self._path, key
                    )
        return found

    def put(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Store values, replacing older ones.

        Raises:
            StorageError: The file cannot be written.
        """
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        try:
            with self._connection:
                self._connection.executemany(
                    "INSERT OR REPLACE INTO measurement VALUES (?, ?)", rows
                )
        except sqlite3.OperationalError as error:
            raise StorageError(
                f"The measurement cache {self._path} cannot be written: {error}.",
                hint="Check the folder's permissions and free space.",
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
