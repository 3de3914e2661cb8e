"""Reading a JSONL file on from where a reader stopped, across restarts of the reader.

A place in a file is a byte offset and the CRC-32 of the bytes just before it. A file that was
replaced (a resumed run drops what came after its checkpoint; samples are rotated) has other bytes
there, so a reader that comes back can tell and begin again instead of missing or repeating records.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vtrain.errors import DataError

_BEFORE = 64
"""Bytes before a place that say whether it is still the same file (bytes)."""
_BLOCK = 2**18
_WRITTEN = re.compile(r"([0-9]{1,18})-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file, at the start of a line.

    Attributes:
        offset: From the start of the file (bytes).
        check: CRC-32 of up to 64 bytes before it.
    """

    offset: int = 0
    check: int = 0

    def __str__(self) -> str:
        return f"{self.offset}-{self.check:08x}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """The place that `str` wrote; None for other text."""
        found = _WRITTEN.fullmatch(text)
        return cls(int(found[1]), int(found[2], 16)) if found else None


@dataclass(frozen=True, slots=True)
class Piece:
    """What a file holds after a place.

    Attributes:
        lines: Whole lines, without their ends.
        place: Where the next reading begins.
        again: Whether the file was replaced, so that reading began at its start.
        more: Whether there is more to read at once.
    """

    lines: list[bytes]
    place: Place
    again: bool
    more: bool


def read_on(path: Path, place: Place, *, limit: int = _BLOCK) -> Piece:
    """Read whole lines from a place on.

    Args:
        path: The file; a missing one is empty.
        place: Where to begin.
        limit: About how much to read (bytes); a longer line is read whole.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            again = not _is_there(file, place)
            begin = 0 if again else place.offset
            file.seek(begin)
            data = file.read(limit)
            while b"\n" not in data[-limit:] and (block := file.read(limit)):
                data += block
            whole = data[: data.rfind(b"\n") + 1]
            end = begin + len(whole)
            reached = Place(end, _check(file, end))
            more = file.seek(0, 2) > begin + len(data)
    except FileNotFoundError:
        return Piece([], Place(), again=place.offset > 0, more=False)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    lines = whole.split(b"\n")[:-1]
    return Piece(lines, reached, again, more=more and bool(lines))


def is_at(path: Path, place: Place) -> bool:
    """Whether a place is one of a file as it is now: the bytes before it are the same.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _is_there(file, place)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _is_there(file: BinaryIO, place: Place) -> bool:
    return place.offset <= file.seek(0, 2) and _check(file, place.offset) == place.check


def _check(file: BinaryIO, offset: int) -> int:
    begin = max(0, offset - _BEFORE)
    file.seek(begin)
    return zlib.crc32(file.read(offset - begin))
