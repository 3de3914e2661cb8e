"""Find the files of a corpus: folders (with all below them), globs and single files."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtrain.data.catalog import Rejected
from vtrain.errors import DataError

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may hold an image.

    Args:
        path: Where it is.
        name: Its path below the source, with forward slashes.
        folders: Names of the folders that it lies in, the nearest first, the source's own last.
    """

    path: Path
    name: str
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """What the sources hold.

    Args:
        found: Regular files, in the order of the sources and then by name, each once.
        rejected: Links that leave their source, FIFOs, devices and unreadable folders.
    """

    found: tuple[Found, ...]
    rejected: tuple[Rejected, ...]


def scan(sources: Sequence[str | Path]) -> Scan:
    """List the files of `sources`.

    Hidden files and folders are passed over. A source itself may be a link; inside a folder,
    links are followed only to files that lie in the same source.

    Raises:
        DataError: A source does not exist or cannot be read, or a glob matches nothing.
    """
    found: dict[Path, Found] = {}
    rejected: dict[Path, Rejected] = {}
    for source in sources:
        for root, path in _candidates(source):
            for item in _walk(root, path):
                if isinstance(item, Found):
                    found.setdefault(item.path.absolute(), item)
                else:
                    rejected.setdefault(path / item.name, item)
    return Scan(tuple(found.values()), tuple(rejected.values()))


def _candidates(source: str | Path) -> Iterator[tuple[Path, Path]]:
    """Pairs of the source's root and a file or folder at or below it."""
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


def _walk(root: Path, path: Path) -> Iterator[Found | Rejected]:
    if not path.is_dir():
        yield _judge(root, path, named=True)
        return
    errors: list[OSError] = []
    for folder, folders, files in os.walk(path, onerror=errors.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in [name for name in folders if (Path(folder) / name).is_symlink()]:
            yield Rejected(
                _name(root, Path(folder) / name), "folder-link", "links to folders are not followed"
            )
        for name in sorted(files):
            if not name.startswith("."):
                yield _judge(root, Path(folder) / name, named=False)
    for error in errors:
        if Path(error.filename) == path:
            raise DataError(
                f"The folder {path} cannot be read: {error.strerror}.",
                hint="Check its permissions.",
            ) from error
        yield Rejected(
            _name(root, Path(error.filename)), "unreadable", f"the folder: {error.strerror}"
        )


def _judge(root: Path, path: Path, *, named: bool) -> Found | Rejected:
    name = _name(root, path)
    try:
        if path.is_symlink() and not named and not path.resolve().is_relative_to(root.resolve()):
            return Rejected(name, "outside-link", "the link leaves its source")
        mode = path.stat().st_mode
    except FileNotFoundError:
        return Rejected(name, "missing", "the link leads nowhere")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        return Rejected(name, "unreadable", f"it cannot be looked at: {error}")
    if not stat.S_ISREG(mode):
        return Rejected(name, "not-a-file", "it is a FIFO, a socket or a device")
    below = path.parent.relative_to(root).parts
    return Found(path, name, (*reversed(below), root.resolve().name))


def _name(root: Path, path: Path) -> str:
    # A name that is not UTF-8 could not be written as JSON.
    name = path.relative_to(root).as_posix()
    return name.encode("utf-8", "backslashreplace").decode()
