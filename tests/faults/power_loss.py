"""A disk that forgets what was not flushed, for the saves of a checkpoint.

Every call that changes the disk is logged while a save runs. A power cut at any moment keeps what
was flushed; of the rest it may keep any part: any of the changes of a folder's entries since the
folder was flushed (a rename is one change), and any part of a file's bytes since the file was.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALLS = ("open", "write", "fsync", "close", "mkdir", "rename", "replace", "unlink", "rmdir")


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: its kind, the path, and the second path or the bytes."""

    kind: str
    path: Path
    other: Path | None = None
    data: bytes = b""


@dataclass
class File:
    """A file: its bytes, and those that a power cut leaves for sure."""

    data: bytes = b""
    sure: bytes = b""


@dataclass
class Folder:
    """A folder: its entries, those that were flushed, and the changes since."""

    entries: dict[str, File | Folder] = field(default_factory=dict)
    sure: dict[str, File | Folder] = field(default_factory=dict)
    changes: list[dict[str, File | Folder | None]] = field(default_factory=list)

    def change(self, change: dict[str, File | Folder | None]) -> None:
        """Put entries, or with None take them away, all at once."""
        self.changes.append(change)
        put(self.entries, change)


def put(entries: dict[str, File | Folder], change: dict[str, File | Folder | None]) -> None:
    """Apply a change to entries."""
    for name, node in change.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


class Disk:
    """A folder as it is on a disk.

    Args:
        root: The folder; all that is there counts as flushed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = self._read(root)

    def _read(self, path: Path) -> Folder:
        folder = Folder()
        for child in path.iterdir():
            data = b"" if child.is_dir() else child.read_bytes()
            folder.sure[child.name] = self._read(child) if child.is_dir() else File(data, data)
        folder.entries = dict(folder.sure)
        return folder

    def _find(self, path: Path) -> File | Folder:
        node: File | Folder = self._top
        for name in path.relative_to(self._root).parts:
            assert isinstance(node, Folder)
            node = node.entries[name]
        return node

    def _folder(self, path: Path) -> Folder:
        node = self._find(path)
        assert isinstance(node, Folder)
        return node

    def apply(self, operation: Operation) -> None:
        """Do what a call does."""
        path = operation.path
        if operation.kind in ("write", "flush"):
            self._touch(self._find(path), operation)
            return
        parent = self._folder(path.parent)
        if operation.kind == "mkdir":
            parent.change({path.name: Folder()})
        elif operation.kind == "create":
            parent.change({path.name: File()})
        elif operation.kind == "remove":
            parent.change({path.name: None})
        else:
            assert operation.other is not None
            assert operation.other.parent == path.parent
            parent.change({path.name: None, operation.other.name: self._find(path)})

    def _touch(self, node: File | Folder, operation: Operation) -> None:
        if isinstance(node, Folder):
            node.sure, node.changes = dict(node.entries), []
        elif operation.kind == "write":
            node.data += operation.data
        else:
            node.sure = node.data

    def after_power_cut(self, chance: random.Random | None, target: Path) -> None:
        """Write one state that a power cut may leave; without chance, the barest one."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        self._lay_out(self._top, chance, target)

    def _lay_out(self, folder: Folder, chance: random.Random | None, target: Path) -> None:
        entries = dict(folder.sure)
        for change in folder.changes if chance else ():
            if chance and chance.random() < 0.5:
                put(entries, change)
        for name, node in entries.items():
            if isinstance(node, Folder):
                (target / name).mkdir()
                self._lay_out(node, chance, target / name)
            else:
                (target / name).write_bytes(left_of(node, chance))


def left_of(file: File, chance: random.Random | None) -> bytes:
    """Bytes of a file that a power cut may leave."""
    if chance is None or file.data == file.sure:
        return file.sure
    torn = file.data[: chance.randrange(len(file.data) + 1)]
    return chance.choice((file.sure, file.data, torn, bytes(len(file.data))))


class Log:
    """Logs what the functions of `os` do below a folder.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._handles: dict[int, Path] = {}
        self.original: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in CALLS}
        self.operations: list[Operation] = []

    def _path(self, path: Any, options: dict[str, Any]) -> Path:
        folder = options.get("dir_fd")
        where = Path(os.fspath(path))
        return where if folder is None else self._handles.get(folder, Path()) / where

    def _note(self, kind: str, path: Path, other: Path | None = None, data: bytes = b"") -> None:
        if path.is_relative_to(self._root):
            self.operations.append(Operation(kind, path, other, data))

    def open(self, path: Any, flags: int, *rest: Any, **options: Any) -> int:
        """As `os.open`."""
        where = self._path(path, options)
        fresh = not os.path.lexists(where)
        handle: int = self.original["open"](path, flags, *rest, **options)
        self._handles[handle] = where
        if flags & os.O_CREAT and fresh:
            self._note("create", where)
        return handle

    def write(self, handle: int, data: bytes) -> int:
        """As `os.write`."""
        done: int = self.original["write"](handle, data)
        if handle in self._handles:
            self._note("write", self._handles[handle], data=bytes(data)[:done])
        return done

    def fsync(self, handle: int) -> None:
        """As `os.fsync`."""
        self.original["fsync"](handle)
        self._note("flush", self._handles[handle])

    def close(self, handle: int) -> None:
        """As `os.close`."""
        self._handles.pop(handle, None)
        self.original["close"](handle)

    def mkdir(self, path: Any, *rest: Any, **options: Any) -> None:
        """As `os.mkdir`."""
        self.original["mkdir"](path, *rest, **options)
        self._note("mkdir", self._path(path, options))

    def unlink(self, path: Any, **options: Any) -> None:
        """As `os.unlink`."""
        where = self._path(path, options)
        self.original["unlink"](path, **options)
        self._note("remove", where)

    def rmdir(self, path: Any, **options: Any) -> None:
        """As `os.rmdir`."""
        where = self._path(path, options)
        self.original["rmdir"](path, **options)
        self._note("remove", where)

    def rename(self, old: Any, new: Any, **options: Any) -> None:
        """As `os.rename`."""
        self.original["rename"](old, new, **options)
        self._note("rename", Path(old), Path(new))

    replace = rename


@contextmanager
def logged(root: Path) -> Iterator[list[Operation]]:
    """Log what is done below `root`, in order."""
    log = Log(root)
    for name in CALLS:
        setattr(os, name, getattr(log, name))
    try:
        yield log.operations
    finally:
        for name, function in log.original.items():
            setattr(os, name, function)
