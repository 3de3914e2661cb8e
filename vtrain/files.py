"""Files that appear whole or not at all, and streams of records.

`write_bytes` and its relatives write a temporary sibling, flush it to the disk and rename it.
A JSONL stream is appended to, one system call per record, so that a reader meets at most one torn
line, the last one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import math
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from vtrain.errors import DataError, StorageError

logger = logging.getLogger(__name__)


def now() -> str:
    """The current time in UTC, ISO 8601 to the second: what records and locks are dated with."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def storage_error(error: OSError, path: Path | str) -> StorageError:
    """Turn what the system said about `path` into an error that says what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(
            f"No space is left for {path} ({error.strerror}).",
            hint="Free some space or choose another place with --run, then repeat the command.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(
            f"No permission to write {path} ({error.strerror}).",
            hint="Change the folder's permissions or choose another place.",
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StorageError(
            f"{path} cannot be made: a part of this path is a file, not a folder.",
            hint="Choose another place.",
        )
    return StorageError(
        f"{path} cannot be written: {error.strerror or error}.", hint="Check the path."
    )


def _plain(value: Any) -> Any:
    """`value` in JSON's types; numbers that JSON lacks (NaN, infinities) become null."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (str, Path)):  # a file's name that is not UTF-8 holds lone surrogates
        return str(value).encode(errors="backslashreplace").decode()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy's scalars and arrays, without importing numpy
        return _plain(value.tolist())
    msg = f"a {type(value).__name__} cannot be written as JSON"
    raise TypeError(msg)


def to_json(value: Any, *, indent: int | None = None) -> str:
    """`value` as strict JSON: numpy numbers and paths are understood, NaN becomes null."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def make_folder(path: Path) -> Path:
    """Make `path` and its parents.

    Raises:
        StorageError: The folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error
    return path


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename in it survives a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_new(path: Path, data: bytes, *, flush: bool = True) -> None:
    """Write a new file; not atomic, see `write_bytes`.

    Args:
        path: The file.
        data: Its bytes.
        flush: Whether it is on the disk when this returns.

    Raises:
        OSError: The file exists or cannot be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        if flush:
            os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes, *, flush: bool = True) -> None:
    """Write a file atomically; missing parent folders are made.

    Args:
        path: The file.
        data: Its bytes.
        flush: Whether it survives a power cut once this returns; without, it is many times faster,
            and after a power cut the file may be empty.

    Raises:
        StorageError: It cannot be written. What stood at `path` before still stands.
    """
    write_together({path: data}, flush=flush)


def write_together(files: Mapping[Path, bytes], *, flush: bool = True) -> None:
    """Write files that belong together, each atomically; see `write_bytes`.

    None takes its place before all are written, so that a full disk changes none of them.

    Args:
        files: The bytes of each file.
        flush: As of `write_bytes`.

    Raises:
        StorageError: One cannot be written.
    """
    temporary: dict[Path, Path] = {}
    path = Path()
    try:
        for path, data in files.items():
            # The rename would put a file in the place of a device or a FIFO.
            if path.exists() and not path.is_file() and not path.is_dir():
                raise StorageError(
                    f"{path} cannot be written: it is a device, a FIFO or a socket.",
                    hint="Give the name of a file.",
                )
            make_folder(path.parent)
            name = f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
            temporary[path] = path.with_name(name)
            write_new(temporary[path], data, flush=flush)
        for path, written in temporary.items():
            written.replace(path)
        for path in files if flush else ():
            sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        for written in temporary.values():
            with contextlib.suppress(OSError):  # gone when the rename succeeded
                written.unlink()


def write_text(path: Path, text: str, *, flush: bool = True) -> None:
    """Write UTF-8 text atomically; see `write_bytes`."""
    write_bytes(path, text.encode(), flush=flush)


def write_json(path: Path, obj: Mapping[str, Any], *, schema: int = 1) -> None:
    """Write an object as JSON atomically, with its schema version first; see `write_bytes`."""
    write_bytes(path, json_file(obj, schema=schema))


def json_file(obj: Mapping[str, Any], *, schema: int = 1) -> bytes:
    """What `write_json` writes."""
    return (to_json({"schema": schema, **obj}, indent=2) + "\n").encode()


def read_json(path: Path, *, schema: int = 1) -> dict[str, Any]:
    """Read an object that `write_json` wrote.

    Raises:
        DataError: The file is missing or damaged, or its schema is newer than `schema`.
    """
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: {error}.", hint="Make it again.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} is damaged: it holds no JSON object.", hint="Make it again.")
    found = value.get("schema", 1)
    if not isinstance(found, int) or found > schema:
        raise DataError(
            f"{path} has schema {found}, and this vtrain reads up to {schema}.",
            hint="Update vtrain.",
        )
    return value


class JsonlWriter:
    """Appends records to a JSONL file, each in one system call.

    Args:
        path: The file; made, with its folder, when missing.

    Raises:
        StorageError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise storage_error(error, path) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record.

        Raises:
            StorageError: There is no space; what was written of the record is taken back.
        """
        try:
            self._append(to_json(record).encode() + b"\n")
        except OSError as error:
            raise storage_error(error, self.path) from error

    def sync(self) -> None:
        """Have the disk keep what was written, whatever happens.

        Raises:
            StorageError: It cannot.
        """
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise storage_error(error, self.path) from error

    def _append(self, line: bytes) -> None:
        size = os.fstat(self._handle).st_size
        if size and os.pread(self._handle, 1, size - 1) not in (b"\n", b""):
            line = b"\n" + line  # a line torn by a crash stays alone
        written = os.write(self._handle, line)
        if written < len(line):
            if os.fstat(self._handle).st_size == size + written:
                os.ftruncate(self._handle, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The records of a JSONL file in order, without torn lines; empty when there is no file.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            records.append(record)
        elif number < len(lines):  # the last line may still be growing: nothing to report
            logger.warning("%s, line %d is damaged and left out", path, number)
    return records


def write_jsonl(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Replace a JSONL file atomically, as a resumed run does to drop what came after a save."""
    write_text(path, "".join(to_json(record) + "\n" for record in records))
