"""Find the files of a corpus: folders (with all below them), globs and single files."""

from __future__ import annotations

import glob
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtrain.data.records import Rejected
from vtrain.errors import DataError

_WILD = frozenset("*?[")
_INT64 = 2**63 - 1
_YOUNG_NS = 20_000_000
"""A file changed within this before it was read may change again and keep its stamp (ns)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when a file does.

    Attributes:
        size: Bytes.
        mtime: Time of the last change of its bytes (ns).
        ctime: Time of the last change of its inode (ns).
        inode: Its number on the disk.
    """

    size: int
    mtime: int
    ctime: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp in what `os.stat` gave."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & _INT64)

    @property
    def settled(self) -> bool:
        """Whether the file is old enough for a later change to show in the stamp."""
        return time.time_ns() - max(self.mtime, self.ctime) > _YOUNG_NS


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may hold an image.

    Args:
        path: Where it is.
        name: Its path below the source, with forward slashes.
        folders: Names of the folders that it lies in, the nearest first, the source's own last.
        stamp: Its size, times and inode.
    """

    path: Path
    name: str
    folders: tuple[str, ...]
    stamp: Stamp


def scan(
    sources: Sequence[str | Path], *, without: Path | None = None
) -> Iterator[Found | Rejected]:
    """List the files of `sources` one by one, in the order of the sources and then by name.

    Hidden files and folders are passed over. A source itself may be a link; inside a folder,
    links are followed only to files that lie in the same source. What two sources share comes
    twice.

    Args:
        sources: Folders, globs and files.
        without: A folder that is passed over wherever it lies: a run directory inside its own
            source must not become its own source.

    Yields:
        Regular files, and what cannot be one: links that leave their source, FIFOs, devices and
        unreadable folders.

    Raises:
        DataError: A source does not exist or cannot be read, or a glob matches nothing.
    """
    hidden = without.resolve() if without is not None else None
    for source in sources:
        for root, path in _candidates(source):
            yield from _walk(root, path, hidden)


def _candidates(source: str | Path) -> Iterator[tuple[Path, Path]]:
    """Pairs of the source's root and a file or folder at or below it."""
    if not str(source):
        raise DataError("A source has no name.", hint="Name a folder, a file or a glob.")
    path = Path(source)
    try:
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise DataError(f"The source {source!s} cannot be read: {error}.") from error
    if exists:
        yield (path, path) if path.is_dir() else (path.parent, path)
        return
    if not _WILD & set(str(source)):
        raise DataError(
            f"The source {source!s} does not exist.",
            hint="Name a folder of images, a file, or a glob in quotes.",
        )
    matches = sorted(glob.glob(str(source), recursive=True))  # noqa: PTH207 - takes absolute ones
    if not matches:
        raise DataError(f"The glob {source!s} matches no file.", hint="Check it with 'ls'.")
    parts = Path(source).parts
    fixed = next(index for index, part in enumerate(parts) if _WILD & set(part))
    root = Path(*parts[:fixed])
    for match in matches:
        # "**" matches folders too; their files are matches of their own.
        if not Path(match).is_dir() or "**" not in parts:
            yield root, Path(match)


def _walk(root: Path, path: Path, hidden: Path | None) -> Iterator[Found | Rejected]:
    if hidden is not None and path.resolve().is_relative_to(hidden):
        # What is asked for by name is taken, such as the samples in the run directory.
        hidden = None
    if not path.is_dir():
        yield _judge(root, root.resolve(), path, named=True)
        return
    top = root.resolve()
    errors: list[OSError] = []
    for folder, folders, files in os.walk(path, onerror=errors.append):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not _same(Path(folder) / name, hidden)
        )
        for name in [name for name in folders if (Path(folder) / name).is_symlink()]:
            yield Rejected(
                _name(root, Path(folder) / name), "folder-link", "links to folders are not followed"
            )
        for name in sorted(files):
            if not name.startswith("."):
                yield _judge(root, top, Path(folder) / name, named=False)
    for error in errors:
        if Path(error.filename) == path:
            raise DataError(
                f"The folder {path} cannot be read: {error.strerror}.",
                hint="Check its permissions.",
            ) from error
        yield Rejected(
            _name(root, Path(error.filename)), "unreadable", f"the folder: {error.strerror}"
        )


def _judge(root: Path, top: Path, path: Path, *, named: bool) -> Found | Rejected:
    name = _name(root, path)
    try:
        if path.is_symlink() and not named and not path.resolve().is_relative_to(top):
            return Rejected(name, "outside-link", "the link leaves its source")
        status = path.stat()
    except FileNotFoundError:
        return Rejected(name, "missing", "the link leads nowhere")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        return Rejected(name, "unreadable", f"it cannot be looked at: {error}")
    if not stat.S_ISREG(status.st_mode):
        return Rejected(name, "not-a-file", "it is a FIFO, a socket or a device")
    below = path.parent.relative_to(root).parts
    return Found(path, name, (*reversed(below), top.name), Stamp.of(status))


def _same(path: Path, hidden: Path | None) -> bool:
    return hidden is not None and path.name == hidden.name and path.resolve() == hidden


def _name(root: Path, path: Path) -> str:
    # A name that is not UTF-8 could not be written as JSON.
    name = path.relative_to(root).as_posix()
    return name.encode("utf-8", "backslashreplace").decode()
