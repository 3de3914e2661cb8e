"""Zip and tar archives, read member by member: nothing is ever unpacked to disk.

Limits hold before and while bytes come out: members, bytes in all, bytes of one, and the ratio of
unpacked to packed. What goes beyond is refused with a reason, and what came before it is used.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from vtrain.config.data import DataConfig
from vtrain.data.records import Rejected
from vtrain.errors import ImageRefused

_TARS: dict[str, str] = {
    ".tar": "",
    ".tar.gz": "gz",
    ".tgz": "gz",
    ".tar.bz2": "bz2",
    ".tbz2": "bz2",
    ".tar.xz": "xz",
    ".txz": "xz",
}
_GRACE = 10_000_000
"""Bytes unpacked before the ratio counts: a small archive may be all zeros."""
_BROKEN = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,  # a compression that the zip module lacks
    RuntimeError,  # an encrypted member
    ValueError,
    UnicodeError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        name: Its path inside, with forward slashes.
        size: Its size as the archive states it (bytes).
    """

    name: str
    size: int


Read = Callable[[], bytes]


class _TooMuch(Exception):
    """An archive unpacks to more than the limits allow."""


def is_archive(path: Path) -> bool:
    """Whether the file's name ends like an archive's."""
    return path.name.lower().endswith((".zip", *_TARS))


def list_members(path: Path, name: str, config: DataConfig) -> Iterator[Member | Rejected]:
    """The files in an archive, each name once, and what of it is refused.

    Args:
        path: The archive.
        name: What to call it in what is refused.
        config: Its limits.
    """
    seen: set[str] = set()
    for item in _walk(path, name, config):
        if isinstance(item, Rejected):
            yield item
            continue
        member, _ = item
        if member.name in seen:
            yield Rejected(f"{name}/{member.name}", "repeated", "the archive holds the name twice")
            continue
        seen.add(member.name)
        yield member


def read_members(
    path: Path, wanted: Collection[str], config: DataConfig
) -> Iterator[tuple[str, bytes | ImageRefused]]:
    """Bytes of some members, in the archive's order; each at most once.

    Args:
        path: The archive.
        wanted: Names of members.
        config: Its limits.

    Yields:
        A member's name, and its bytes or why they cannot be had.
    """
    missing = set(wanted)
    for item in _walk(path, path.name, config):
        if isinstance(item, Rejected):
            continue  # told by `list_members`
        member, read = item
        if member.name not in missing:
            continue
        missing.remove(member.name)
        try:
            yield member.name, read()
        except ImageRefused as error:
            yield member.name, error
        except _TooMuch:
            missing.add(member.name)
            break
        except _BROKEN as error:
            yield member.name, ImageRefused(member.name, "damaged-archive", _words(error))
        if not missing:
            return
    for name in sorted(missing):
        yield name, ImageRefused(name, "missing", "the archive gives it no more")


def _walk(path: Path, name: str, config: DataConfig) -> Iterator[tuple[Member, Read] | Rejected]:
    members = _zip(path, config) if path.suffix.lower() == ".zip" else _tar(path, config)
    limits = config.archives
    count = total = 0
    try:
        for item in members:
            if isinstance(item, Rejected):
                yield Rejected(f"{name}/{item.name}", item.reason, item.detail)
                continue
            member, _ = item
            count += 1
            total += min(member.size, config.max_file_bytes)
            if count > limits.max_members:
                yield Rejected(
                    name, "archive-limit", f"it holds more than {limits.max_members:,} members"
                )
                return
            if total > limits.max_bytes:
                yield _bomb(name, config)
                return
            yield item
    except _TooMuch:
        yield _bomb(name, config)
    except _BROKEN as error:
        yield Rejected(name, "damaged-archive", _words(error))


def _bomb(name: str, config: DataConfig) -> Rejected:
    limits = config.archives
    detail = (
        f"it unpacks to more than {limits.max_bytes:,} bytes, or {limits.max_ratio} times its size"
    )
    return Rejected(name, "archive-bomb", detail)


def _words(error: Exception) -> str:
    return f"the archive cannot be read: {str(error).strip()[:160] or type(error).__name__}"


def _name_problem(name: str) -> Rejected | None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        shown = name.encode("utf-8", "backslashreplace").decode()
        return Rejected(shown, "unsafe-name", "the member's name leads out of the archive")
    return None


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _clean(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def _zip(path: Path, config: DataConfig) -> Iterator[tuple[Member, Read] | Rejected]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            problem = _name_problem(info.filename)
            if info.is_dir() or (problem is None and _hidden(info.filename)):
                continue
            if problem is None and stat.S_ISLNK(info.external_attr >> 16):
                problem = Rejected(info.filename, "not-a-file", "it is a link")
            if problem is None and info.flag_bits & 1:
                problem = Rejected(info.filename, "encrypted", "it is encrypted")
            if problem is None and _suspicious(info.file_size, info.compress_size, config):
                problem = Rejected(
                    info.filename,
                    "archive-bomb",
                    f"it unpacks to {info.file_size:,} bytes from {info.compress_size:,}",
                )
            if problem is not None:
                yield problem
                continue
            yield (
                Member(_clean(info.filename), info.file_size),
                lambda info=info: _limited(archive.open(info), info.filename, config),  # type: ignore[misc]  # bound now
            )


def _suspicious(size: int, packed: int, config: DataConfig) -> bool:
    return size > _GRACE and size > packed * config.archives.max_ratio


def _tar(path: Path, config: DataConfig) -> Iterator[tuple[Member, Read] | Rejected]:
    lowered = path.name.lower()
    kind = next(kind for suffix, kind in _TARS.items() if lowered.endswith(suffix))
    with path.open("rb") as raw:
        unpacked: IO[bytes] = {
            "": lambda: cast("IO[bytes]", raw),
            "gz": lambda: cast("IO[bytes]", gzip.GzipFile(fileobj=raw)),
            "bz2": lambda: cast("IO[bytes]", bz2.BZ2File(raw)),
            "xz": lambda: cast("IO[bytes]", lzma.LZMAFile(raw)),  # noqa: SIM115 - closed with `raw`
        }[kind]()
        counted = _Counted(unpacked, raw, config)
        with tarfile.open(fileobj=cast("IO[bytes]", counted), mode="r|") as archive:
            while (info := archive.next()) is not None:
                # tarfile remembers every member; a long archive must not fill the memory.
                cast("Any", archive).members = []
                problem = _name_problem(info.name)
                if info.isdir() or (problem is None and _hidden(info.name)):
                    continue
                if problem is None and not info.isreg():
                    problem = Rejected(_clean(info.name), "not-a-file", "it is a link or a device")
                if problem is not None:
                    yield problem
                    continue
                yield (
                    Member(_clean(info.name), info.size),
                    lambda info=info: _limited(  # type: ignore[misc]  # bound now
                        cast("IO[bytes]", archive.extractfile(info)), info.name, config
                    ),
                )


def _limited(file: IO[bytes], name: str, config: DataConfig) -> bytes:
    with file:
        data = file.read(config.max_file_bytes + 1)
    if len(data) > config.max_file_bytes:
        raise ImageRefused(
            name,
            "file-too-large",
            f"it has more than {config.max_file_bytes:,} bytes, which data.max_file_bytes allows",
        )
    return data


class _Counted:
    """An unpacked stream that stops when it gives too much, or too much for what was packed."""

    def __init__(self, unpacked: IO[bytes], raw: IO[bytes], config: DataConfig) -> None:
        self._unpacked = unpacked
        self._raw = raw
        self._limits = config.archives
        self._given = 0

    def read(self, size: int = -1) -> bytes:
        """As of a file; raises when a limit is passed."""
        data = self._unpacked.read(size)
        self._given += len(data)
        if self._given > self._limits.max_bytes:
            raise _TooMuch
        if self._given > _GRACE and self._given > self._limits.max_ratio * max(1, self._raw.tell()):
            raise _TooMuch
        return data
