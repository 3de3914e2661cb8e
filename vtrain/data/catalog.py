"""The catalog: every prepared image, as one SQLite file that is written whole or not at all.

`Catalog` holds what learning and validation need, in memory. What was measured of each image stays
in the file and is read row by row with `read_details`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vtrain.data.metadata import Metadata
from vtrain.data.records import SPLITS, Alike, Detail, Entry, Rejected, Split
from vtrain.errors import DataError, StorageError
from vtrain.files import make_folder, storage_error, sync_folder

_SCHEMA = 2
_AGAIN = "Make it again with 'vtrain data prepare SOURCE... --run DIR'."
_ENTRY = tuple(field.name for field in fields(Entry))
_METADATA = tuple(field.name for field in fields(Metadata))
_DIGEST = ("id", "category", "brand", "split")


@dataclass(frozen=True, slots=True)
class Catalog:
    """All prepared images of a run, in a stable order (by name, then id).

    Args:
        entries: The images.
        rejected: The files that were left out, with reasons.
        digest: SHA-256 over what learning depends on: ids, categories, brands and splits.
    """

    entries: tuple[Entry, ...]
    rejected: tuple[Rejected, ...]
    digest: str

    @classmethod
    def of(cls, entries: Sequence[Entry], rejected: Sequence[Rejected] = ()) -> Catalog:
        """Order the entries and compute the digest."""
        ordered = tuple(sorted(entries, key=lambda entry: (entry.name, entry.variant, entry.id)))
        told = sorted(tuple(getattr(entry, name) for name in _DIGEST) for entry in ordered)
        return cls(ordered, tuple(rejected), digest_of(told))

    def split(self, name: str) -> tuple[Entry, ...]:
        """The entries of the split `name`.

        Raises:
            DataError: There is no split of that name.
        """
        if name not in SPLITS:
            raise DataError(f"There is no split {name!r}.", hint=f"Choose {', '.join(SPLITS)}.")
        return tuple(entry for entry in self.entries if entry.split == name)

    def save(self, path: Path) -> None:
        """Write the catalog atomically, without measurements.

        Raises:
            StorageError: The file cannot be written.
        """
        with closing(CatalogWriter(path)) as writer:
            for entry in self.entries:
                writer.add(entry, None)
            for item in self.rejected:
                writer.reject(item)
            writer.finish("")

    @classmethod
    def load(cls, path: Path) -> Catalog:
        """Read a catalog and check that it is whole.

        Raises:
            DataError: The file is missing, damaged, of another schema or was edited.
        """
        with _reading(path) as connection:
            entries = tuple(_entries(connection))
            rejected = tuple(
                Rejected(*row)
                for row in connection.execute(
                    "SELECT name, reason, detail FROM rejected ORDER BY position"
                )
            )
            known = _digest(connection)
            stored = _meta(connection, "digest")
        if known != stored:
            raise DataError(f"{path} does not match its own digest.", hint=_AGAIN)
        return cls(entries, rejected, known)


def digest_of(told: Iterable[Sequence[str]]) -> str:
    """SHA-256 of a JSON array of (id, category, brand, split), given in order."""
    digest = hashlib.sha256(b"[")
    for number, row in enumerate(told):
        digest.update((", " if number else "").encode() + json.dumps(list(row)).encode())
    digest.update(b"]")
    return digest.hexdigest()


def read_details(path: Path) -> Iterator[Detail]:
    """Each image, but for damaged copies, with what was measured of it; one at a time.

    Raises:
        DataError: As `Catalog.load`.
    """
    columns = ", ".join((*_ENTRY, *_METADATA))
    with _reading(path) as connection:
        rows = connection.execute(
            f"SELECT {columns} FROM image WHERE variant = 0 ORDER BY position"  # noqa: S608 - our own names
        )
        for row in rows:
            yield Detail(_entry(row[: len(_ENTRY)]), Metadata(*row[len(_ENTRY) :]))


def read_alike(path: Path) -> list[Alike]:
    """Pairs of images that show the same thing, enough to join each group of them.

    Raises:
        DataError: As `Catalog.load`.
    """
    with _reading(path) as connection:
        rows = connection.execute("SELECT first, second, correlation, distance FROM alike")
        return [Alike(*row) for row in rows]


def read_splits(path: Path) -> tuple[str, dict[str, Split], dict[str, Split]]:
    """What was recorded of the splits: the settings, and the split of each image and each brand.

    Images and brands that are gone are remembered, so that they come back to the same side.

    Raises:
        DataError: As `Catalog.load`.
    """
    with _reading(path) as connection:
        images = dict(connection.execute("SELECT key, split FROM memory WHERE kind='image'"))
        brands = dict(connection.execute("SELECT key, split FROM memory WHERE kind='brand'"))
        return _meta(connection, "split_settings"), images, brands


class CatalogWriter:
    """Writes a catalog row by row, beside its goal; `finish` puts it in its place.

    Args:
        path: Where the catalog will be.

    Raises:
        StorageError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.tmp")
        make_folder(path.parent)
        try:
            self._temporary.unlink(missing_ok=True)
            self._connection = sqlite3.connect(self._temporary, isolation_level=None)
            self._connection.executescript(_tables())
            self._connection.execute("BEGIN")
        except (OSError, sqlite3.Error) as error:
            raise _cannot_write(error, path) from error
        self._images = self._rejected = 0

    def add(self, entry: Entry, metadata: Metadata | None) -> None:
        """Add an image; a damaged copy has no metadata of its own."""
        values = [getattr(entry, name) for name in _ENTRY]
        values += (
            [getattr(metadata, name) for name in _METADATA] if metadata else [None] * len(_METADATA)
        )
        marks = ",".join("?" * (len(values) + 1))
        self._write(f"INSERT INTO image VALUES ({marks})", (self._images, *values))  # noqa: S608 - only marks
        self._images += 1

    def reject(self, item: Rejected) -> None:
        """Add a file that was left out."""
        self._write(
            "INSERT INTO rejected VALUES (?,?,?,?)",
            (self._rejected, item.name, item.reason, item.detail),
        )
        self._rejected += 1

    def add_alike(self, pair: Alike) -> None:
        """Add two images that show the same thing."""
        self._write(
            "INSERT INTO alike VALUES (?,?,?,?)",
            (pair.first, pair.second, pair.correlation, pair.distance),
        )

    def remember(self, kind: str, splits: Iterable[tuple[str, Split]]) -> None:
        """Record the splits of images or brands; see `read_splits`."""
        for key, split in splits:
            self._write("INSERT OR REPLACE INTO memory VALUES (?,?,?)", (kind, key, split))

    def finish(self, split_settings: str) -> str:
        """Complete the file and put it in its place; gives the digest.

        Raises:
            StorageError: It cannot be written. The catalog that was there is still there.
        """
        digest = _digest(self._connection)
        self._write("INSERT INTO meta VALUES ('digest', ?)", (digest,))
        self._write("INSERT INTO meta VALUES ('split_settings', ?)", (split_settings,))
        try:
            self._connection.execute("COMMIT")
            self._connection.close()
            handle = os.open(self._temporary, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            self._temporary.replace(self._path)
            sync_folder(self._path.parent)
        except (OSError, sqlite3.Error) as error:
            raise _cannot_write(error, self._path) from error
        return digest

    def close(self) -> None:
        """Drop what was written, unless it was finished."""
        self._connection.close()
        self._temporary.unlink(missing_ok=True)

    def _write(self, statement: str, values: Sequence[Any]) -> None:
        try:
            self._connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise _cannot_write(error, self._path) from error


def _tables() -> str:
    types = {"int": "INTEGER", "bool": "INTEGER", "float": "REAL"}
    columns = ", ".join(
        f"{field.name} {types.get(str(field.type), 'TEXT')}"
        for kind in (Entry, Metadata)
        for field in fields(kind)
    )
    return f"""
        PRAGMA journal_mode=OFF;
        PRAGMA synchronous=OFF;
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
        CREATE TABLE image (position INTEGER PRIMARY KEY, {columns});
        CREATE TABLE rejected (position INTEGER PRIMARY KEY, name TEXT, reason TEXT, detail TEXT);
        CREATE TABLE alike (first TEXT, second TEXT, correlation REAL, distance INTEGER);
        CREATE TABLE memory (kind TEXT, key TEXT, split TEXT, PRIMARY KEY (kind, key))
            WITHOUT ROWID;
        PRAGMA user_version={_SCHEMA};
    """


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise DataError(f"There is no catalog at {path}: no images were prepared.", hint=_AGAIN)
    if not os.access(path, os.R_OK):
        raise DataError(
            f"{path} cannot be read: no permission.", hint="Change the file's permissions."
        )
    try:
        # A catalog is never changed in place: no lock is needed, nor a folder that can be written.
        address = f"file:{_quoted(path)}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            (schema,) = connection.execute("PRAGMA user_version").fetchone()
            if schema != _SCHEMA:
                raise DataError(
                    f"{path} has schema {schema}; this version reads {_SCHEMA}.", hint=_AGAIN
                )
            yield connection
    except sqlite3.DatabaseError as error:
        raise DataError(f"{path} is damaged: {error}.", hint=_AGAIN) from error


def _quoted(path: Path) -> str:
    return quote(os.fsencode(path.absolute()))


def _entries(connection: sqlite3.Connection) -> Iterator[Entry]:
    columns = ", ".join(_ENTRY)
    rows = connection.execute(f"SELECT {columns} FROM image ORDER BY name, variant, id")  # noqa: S608 - our own names
    return (_entry(row) for row in rows)


def _entry(row: Sequence[Any]) -> Entry:
    values = dict(zip(_ENTRY, row, strict=True))
    values["transparent"] = bool(values["transparent"])
    return Entry(**values)


def _digest(connection: sqlite3.Connection) -> str:
    columns = ", ".join(_DIGEST)
    # Names are stored as UTF-8, which SQLite sorts as Python sorts text.
    return digest_of(connection.execute(f"SELECT {columns} FROM image ORDER BY {columns}"))  # noqa: S608 - our own names


def _meta(connection: sqlite3.Connection, key: str) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
    return "" if row is None else str(row[0])


def _cannot_write(error: Exception, path: Path) -> Exception:
    if isinstance(error, OSError):
        return storage_error(error, path)
    return StorageError(
        f"The catalog {path} cannot be written: {error}.",
        hint="Check the folder's permissions and free space.",
    )
