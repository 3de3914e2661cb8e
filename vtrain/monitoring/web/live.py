"""Server-sent events: what is new in a run's files, from any place on.

Each message carries whole lines of one file and, as its id, the places reached in all of them. A
browser that comes back, also to a server started anew, names the last id, and goes on from there
without a gap and without a repetition.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic_core import from_json
from starlette.types import Receive, Scope, Send

from vtrain.errors import DataError
from vtrain.monitoring.web.follow import Piece, Place, is_at, read_on
from vtrain.monitoring.web.runs import FILES, RunView

_LOOK_S = 1.0
"""Time between two looks at the files (s)."""
_BEAT = 15
"""Looks without news until a comment shows that the connection lives (count)."""
_RETRY_MS = 2000
_PIECE = 128 * 1024
"""About the most that one message carries (bytes)."""
_KEPT = 64
Mark = tuple[int, int, int]
"""Inode, size (bytes) and time of the last change (ns) of a file: what changes when it does."""
_NO_FILE: Mark = (0, 0, 0)


def parse_places(text: str) -> dict[str, Place] | None:
    """The places in an id; None for what is no id of ours."""
    places = [Place.parse(part) for part in text.split(".")]
    if len(places) != len(FILES):
        return None
    found = {name: place for name, place in zip(FILES, places, strict=True) if place is not None}
    return found if len(found) == len(FILES) else None


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a file as it was at a look, and its records as the lines of a message."""

    piece: Piece
    data: bytes
    mark: Mark


@dataclass(slots=True)
class Parts:
    """What was read of files for streams: many clients at one place share it.

    It keeps the newest 64, of about 128 KiB each.
    """

    _kept: OrderedDict[tuple[Path, Place], _Part] = field(default_factory=OrderedDict)

    def read(self, path: Path, place: Place, mark: Mark) -> _Part:
        """What a file holds after a place.

        Args:
            path: The file.
            place: Where to begin.
            mark: The file's at this look.

        Raises:
            DataError: The file cannot be read.
        """
        key = path, place
        part = self._kept.get(key)
        if part is not None and part.mark == mark:
            return part
        # The same bytes at both ends: what was read is what stands there still.
        if part is not None and is_at(path, place) and is_at(path, part.piece.place):
            part = replace(part, mark=mark)
        else:
            piece = read_on(path, place, limit=_PIECE)
            # A bare carriage return would end a line of the stream; JSON means nothing by it.
            records = (line.replace(b"\r", b"") for line in piece.lines if _is_record(line))
            part = _Part(piece, b"".join(b"data: " + line + b"\n" for line in records), mark)
        if part.piece.lines and not part.piece.again:
            self._kept[key] = part
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return part


class Live:
    """The stream of one client, as an ASGI response.

    Args:
        view: The run.
        places: Where the client is in each file; None when it does not know, and has to load
            everything again.
        parts: What was read for other streams.
        closing: Whether the server is about to end.
        on_end: Called when the stream has ended, however.
    """

    def __init__(
        self,
        view: RunView,
        places: dict[str, Place] | None,
        *,
        parts: Parts,
        closing: Callable[[], bool],
        on_end: Callable[[], None],
    ) -> None:
        self._paths = view.paths()
        self._parts = parts
        self._lost = places is None
        self._places = dict(places or dict.fromkeys(FILES, Place()))
        self._marks: dict[str, Mark] = {}
        self._closing = closing
        self._on_end = on_end

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client goes, the server ends, or the client has to load again."""
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [
                        (b"content-type", b"text/event-stream; charset=utf-8"),
                        (b"x-accel-buffering", b"no"),
                    ],
                }
            )
            await _send(send, b"retry: %d\n\n" % _RETRY_MS)
            quiet = 0
            while not (gone.done() or self._closing()):
                quiet += 1
                for message in self._news():
                    quiet = 0
                    await _send(send, message)
                    if gone.done():
                        return
                if self._lost:  # the client loads everything and opens another stream
                    await _send(send, b"event: reset\ndata: load again\n\n")
                    break
                if quiet >= _BEAT:
                    quiet = 0
                    await _send(send, b": here\n\n")
                await asyncio.wait({gone}, timeout=_LOOK_S)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._on_end()

    def _news(self) -> Iterator[bytes]:
        """Messages of what is new, piece by piece; sets `_lost` when a file was replaced."""
        for name, path in self._paths.items():
            mark = _mark(path)
            if self._lost or self._marks.get(name) == mark:
                continue
            more = True
            while more:
                try:
                    part = self._parts.read(path, self._places[name], mark)
                except DataError:  # the network file system may be back at the next look
                    mark = _NO_FILE
                    break
                if part.piece.again:
                    self._lost = True
                    return
                self._places[name] = part.piece.place
                # Not `piece.more`: a part that was kept may end before what has come since.
                more = bool(part.piece.lines) and part.piece.place.offset < mark[1]
                if part.data:
                    yield self._message(name, part.data)
            self._marks[name] = mark

    def _message(self, name: str, data: bytes) -> bytes:
        id_ = ".".join(str(self._places[file]) for file in FILES)
        return f"id: {id_}\nevent: {name}\n".encode() + data + b"\n"


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _mark(path: Path) -> Mark:
    """What changes when a file grows or is replaced; looking costs microseconds."""
    try:
        status = path.stat()
    except OSError:
        return _NO_FILE
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _is_record(line: bytes) -> bool:
    try:
        line.decode()
        return isinstance(from_json(line), dict)
    except ValueError:  # torn by a crash
        return False
