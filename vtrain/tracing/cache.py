"""A persistent store of measurements: tracing is deterministic, so none is made twice.

SQLite in WAL mode: many readers, one writer at a time, safe against a kill at any moment. Keys hold
everything that a measurement depends on; values are JSON with a checksum. An entry that is not what
was written is dropped and counted, never returned; a file that is no database any more is set
aside. The oldest entries go when there are too many.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from vtrain.errors import StorageError

_LOG = logging.getLogger(__name__)
_BUSY_TIMEOUT_S = 30.0
_BATCH = 500
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
MOST_ENTRIES = 4_000_000
"""Entries kept when the caller names no limit (count); some 400 bytes each."""

Result = TypeVar("Result")


class MeasurementCache:
    """A key-value store on disk.

    Args:
        path: The SQLite file; made when missing, set aside when it is no database.
        most: Entries kept (count). The oldest beyond go when it is opened.

    Attributes:
        path: The file.
        dropped: Entries found damaged and dropped (count).

    Raises:
        StorageError: The file cannot be made or opened.
    """

    def __init__(self, path: Path, *, most: int = MOST_ENTRIES) -> None:
        self.path, self._most = path, most
        self.dropped = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            if not _is_broken(error):
                raise self._unusable("opened", error) from error
            self._connection = self._replace(error)
        except OSError as error:
            raise self._unusable("opened", error) from error

    def _open(self, *, whole: bool = False) -> sqlite3.Connection:
        """Open the file; with `whole` a damaged one is an error, wherever the damage is."""
        connection = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S)
        if whole and connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
            connection.close()
            raise sqlite3.DatabaseError
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        with connection:
            # The table of earlier versions, without checksums.
            connection.execute("DROP TABLE IF EXISTS measurement")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT, sum INTEGER)"
            )
            # Row numbers grow with time.
            connection.execute(
                "DELETE FROM entry WHERE rowid <= (SELECT max(rowid) FROM entry) - ?", (self._most,)
            )
        return connection

    def _replace(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Start anew beside a file that is no database; the old one is kept for inspection.

        One process at a time: those that come later find the new file, and use it.
        """
        aside = self.path.with_name(self.path.name + ".bad")
        try:
            with self.path.with_name(self.path.name + ".lock").open("wb") as held:
                fcntl.flock(held, fcntl.LOCK_EX)
                with contextlib.suppress(sqlite3.DatabaseError):
                    return self._open(whole=True)
                self.path.replace(aside)
                for rest in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + rest).unlink(missing_ok=True)
                connection = self._open()
        except (OSError, sqlite3.DatabaseError) as again:
            raise self._unusable("opened", again) from again
        _LOG.warning("measurement cache %s is unreadable (%s); kept as %s", self.path, error, aside)
        return connection

    def _unusable(self, what: str, error: Exception) -> StorageError:
        return StorageError(
            f"The measurement cache {self.path} cannot be {what}: {error}.",
            hint="Check the folder's permissions and free space, or delete the file.",
        )

    def _mended(self, work: Callable[[], Result]) -> Result:
        """Do something with the database; once more with a new one when the old one is broken."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if not _is_broken(error):
                raise
            self._connection.close()
            self._connection = self._replace(error)
            return work()

    def get(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The stored values of the keys that are known.

        Raises:
            StorageError: The file cannot be read.
        """
        wanted = list(keys)
        try:
            return self._mended(lambda: self._get(wanted))
        except sqlite3.OperationalError as error:
            raise self._unusable("read", error) from error

    def _get(self, wanted: list[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        before = self.dropped
        for start in range(0, len(wanted), _BATCH):
            part = wanted[start : start + _BATCH]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(
                f"SELECT key, value, sum FROM entry WHERE key IN ({marks})",  # noqa: S608  only marks
                part,
            )
            for key, value, checksum in rows:
                if _checksum(key, value) == checksum:
                    found[key] = json.loads(value)
                else:
                    self.dropped += 1
        if self.dropped and not before:
            _LOG.warning(
                "%d entries of the measurement cache %s are damaged. They are measured again; "
                "nothing needs to be done.",
                self.dropped,
                self.path,
            )
        return found

    def put(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Store values, replacing older ones.

        Raises:
            StorageError: The file cannot be written.
        """
        texts = [(key, json.dumps(value)) for key, value in values.items()]
        rows = [(key, value, _checksum(key, value)) for key, value in texts]
        try:
            self._mended(lambda: self._put(rows))
        except sqlite3.OperationalError as error:
            raise self._unusable("written", error) from error

    def _put(self, rows: list[tuple[str, str, int]]) -> None:
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _is_broken(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is at fault, and not a lock, a permission or the space."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


def _checksum(key: object, value: object) -> int:
    return zlib.crc32(f"{key} {value}".encode())
