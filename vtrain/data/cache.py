"""What is known of files that were looked at before: one SQLite file, safe against a kill.

`file` says which bytes (SHA-256) a path held when it had a certain stamp: size, times and inode.
`outcome` says what came of those bytes under certain settings. An unchanged file is not even
opened; a renamed or copied one is read, and not decoded.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vtrain.config.data import DataConfig
from vtrain.data import metadata
from vtrain.data.metadata import Metadata
from vtrain.data.records import Rejected
from vtrain.data.scan import Stamp
from vtrain.data.store import Stored
from vtrain.errors import ImageRefused, StorageError

_LOG = logging.getLogger(__name__)
_SCHEMA = 1
_BUSY_TIMEOUT_S = 30.0
_COMMIT_S = 1.0
"""How long what is known may be unsaved: a kill costs no more work (s)."""
# What may not happen a second time is not remembered.
_PASSING = frozenset({"missing", "unreadable", "not-a-file", "changing", "time-limit"}) | {
    "decoder-died"
}


@dataclass(frozen=True, slots=True)
class Made:
    """An image that was prepared, measured and stored.

    Attributes:
        stored: Where its pixels are.
        reference_scale: As of `Entry`.
        metadata: What was measured.
    """

    stored: Stored
    reference_scale: float
    metadata: Metadata


Outcome = Made | ImageRefused


def recipe(config: DataConfig) -> str:
    """Digest of all that an outcome depends on besides the file's bytes."""
    parts = (
        config.input_size,
        config.reference_scale,
        config.max_pixels,
        config.max_file_bytes,
        metadata.VERSION,
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


class DataCache:
    """The cache of one run directory.

    Args:
        path: The SQLite file; made when missing, set aside when it is no database of this kind.

    Raises:
        StorageError: It cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = self._open()
        except (OSError, sqlite3.OperationalError) as error:
            raise StorageError(
                f"The data cache {path} cannot be opened: {error}.",
                hint="Check the folder's permissions and free space.",
            ) from error
        except sqlite3.DatabaseError as error:
            set_aside(path, error)
            self.connection = self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA temp_store=FILE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _SCHEMA):
            connection.close()
            msg = f"schema {version}"
            raise sqlite3.DatabaseError(msg)
        connection.executescript(
            f"""
            CREATE TABLE IF NOT EXISTS file (
                path BLOB, member TEXT, size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER,
                sha TEXT, PRIMARY KEY (path, member)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS archive (
                path BLOB PRIMARY KEY, size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER,
                rejected TEXT) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS outcome (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
            PRAGMA user_version={_SCHEMA};
            """
        )
        return connection

    def sha(self, path: bytes, member: str, stamp: Stamp) -> str | None:
        """SHA-256 of the bytes of a file with this stamp; None when it is new or changed."""
        row = self.connection.execute(
            "SELECT sha FROM file WHERE path=? AND member=? AND size=? AND mtime=? AND ctime=?"
            " AND inode=?",
            (path, member, stamp.size, stamp.mtime, stamp.ctime, stamp.inode),
        ).fetchone()
        return None if row is None else str(row[0])

    def known(self, path: bytes, member: str) -> bool:
        """Whether a file of that name was looked at before, changed or not."""
        row = self.connection.execute(
            "SELECT 1 FROM file WHERE path=? AND member=?", (path, member)
        ).fetchone()
        return row is not None

    def remember_file(self, path: bytes, member: str, stamp: Stamp, sha: str) -> None:
        """Record which bytes a file holds, unless it was changed only just now."""
        if not stamp.settled:
            return
        self.connection.execute(
            "INSERT OR REPLACE INTO file VALUES (?,?,?,?,?,?,?)",
            (path, member, stamp.size, stamp.mtime, stamp.ctime, stamp.inode, sha),
        )

    def members(
        self, path: bytes, stamp: Stamp, limits: str
    ) -> tuple[list[str], list[Rejected]] | None:
        """Members of an archive with this stamp, and what was refused of it under these limits.

        None when it is unknown, has changed, or was listed under other limits.
        """
        row = self.connection.execute(
            "SELECT rejected FROM archive WHERE path=? AND size=? AND mtime=? AND ctime=?"
            " AND inode=?",
            (path, stamp.size, stamp.mtime, stamp.ctime, stamp.inode),
        ).fetchone()
        if row is None:
            return None
        listed = json.loads(row[0])
        if listed.get("limits") != limits:
            return None
        return listed["members"], [Rejected(**item) for item in listed["rejected"]]

    def remember_archive(
        self,
        path: bytes,
        stamp: Stamp,
        limits: str,
        members: Sequence[str],
        rejected: Sequence[Rejected],
    ) -> None:
        """Record what an archive holds."""
        if not stamp.settled:
            return
        refused = [asdict(item) for item in rejected]
        value = json.dumps({"limits": limits, "members": members, "rejected": refused})
        self.connection.execute(
            "INSERT OR REPLACE INTO archive VALUES (?,?,?,?,?,?)",
            (path, stamp.size, stamp.mtime, stamp.ctime, stamp.inode, value),
        )

    def outcome(self, sha: str, settings: str) -> Outcome | None:
        """What came of some bytes; None when unknown or damaged."""
        value = self.value(f"{settings}:{sha}")
        if value is None:
            return None
        try:
            return _read(value)
        except (ValueError, KeyError, TypeError) as error:
            _LOG.debug("the data cache %s holds a damaged entry: %r", self._path, error)
            return None

    def remember_outcome(self, sha: str, settings: str, outcome: Outcome) -> bool:
        """Record what came of some bytes, unless another try may give something else; whether."""
        if isinstance(outcome, ImageRefused) and outcome.reason in _PASSING:
            return False
        self.remember_value(f"{settings}:{sha}", _plain(outcome))
        return True

    def value(self, key: str) -> dict[str, Any] | None:
        """What was recorded under a key; None when unknown or damaged."""
        row = self.connection.execute("SELECT value FROM outcome WHERE key=?", (key,)).fetchone()
        try:
            return None if row is None else dict(json.loads(row[0]))
        except (ValueError, TypeError) as error:
            _LOG.warning("the data cache %s holds a damaged entry: %s", self._path, error)
            return None

    def remember_value(self, key: str, value: dict[str, Any]) -> None:
        """Record a value, and save from time to time.

        Raises:
            StorageError: It cannot be written.
        """
        try:
            self.connection.execute(
                "INSERT OR REPLACE INTO outcome VALUES (?,?)", (key, json.dumps(value))
            )
        except sqlite3.OperationalError as error:
            raise self._cannot_write(error) from error
        if time.monotonic() - self._saved > _COMMIT_S:
            self.save()

    def save(self) -> None:
        """Commit.

        Raises:
            StorageError: The file cannot be written.
        """
        try:
            self.connection.commit()
        except sqlite3.OperationalError as error:
            raise self._cannot_write(error) from error
        self._saved = time.monotonic()

    def forget_missing(self, seen: str) -> int:
        """Drop files that the table `seen` (path, member) lacks; gives how many."""
        done = self.connection.execute(
            f"DELETE FROM file WHERE NOT EXISTS (SELECT 1 FROM {seen} AS s"  # noqa: S608 - our own name
            " WHERE s.path = file.path AND s.member = file.member)"
        )
        return done.rowcount

    def _cannot_write(self, error: sqlite3.OperationalError) -> StorageError:
        return StorageError(
            f"The data cache {self._path} cannot be written: {error}.",
            hint="Check the folder's permissions and free space.",
        )

    def close(self) -> None:
        """Commit and close."""
        self.save()
        self.connection.close()


def set_aside(path: Path, error: Exception) -> None:
    """Keep a damaged cache as ``NAME.bad``, so that a new one can be started.

    Raises:
        StorageError: It cannot be moved.
    """
    aside = path.with_name(path.name + ".bad")
    try:
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as again:
        raise StorageError(
            f"The data cache {path} is damaged and cannot be moved: {again}.",
            hint="Check the folder's permissions, or delete the file.",
        ) from again
    _LOG.warning("the data cache %s cannot be used (%s); kept as %s", path, error, aside)


def _plain(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, ImageRefused):
        return {"refused": [outcome.reason, outcome.detail]}
    return asdict(outcome)


def _read(value: dict[str, Any]) -> Outcome:
    if "refused" in value:
        reason, detail = value["refused"]
        return ImageRefused("", reason, detail)
    return Made(
        Stored(**value["stored"]), value["reference_scale"], Metadata.from_dict(value["metadata"])
    )
