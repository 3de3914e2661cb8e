"""The vertices of a traced drawing: where its outlines turn, and how sharply."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PATH = re.compile(
    rb'<path d="([^"]*)" fill="[^"]*"(?: transform="translate\((-?[0-9.]+),(-?[0-9.]+)\)")?/>'
)
_VIEW = re.compile(rb'viewBox="(-?[0-9.]+) (-?[0-9.]+) ([0-9.]+) ([0-9.]+)"')


@dataclass(frozen=True, slots=True)
class Vertices:
    """Points where two segments of an outline meet.

    Attributes:
        places: Column and row, as a share of the drawing's width and height; shape (n, 2).
        turns: Change of direction (degrees, 0 to 180), shape (n,).
        reach: Length of the shorter of the two segments, as a share of the drawing's width.
    """

    places: NDArray[np.float32]
    turns: NDArray[np.float32]
    reach: NDArray[np.float32]


def vertices_of(svg: str) -> Vertices:
    """Of a drawing written by `vtrain.tracing.svg.tidy`."""
    from vtrain.scoring.outline_kernels import find_vertices  # noqa: PLC0415 - brings numba in

    data = svg.encode()
    view = _VIEW.search(data)
    left, top, width, height = (float(part) for part in view.groups()) if view else (0, 0, 1, 1)
    paths = list(_PATH.finditer(data))
    bounds = np.array([match.span(1) for match in paths], np.int64).reshape(-1, 2)
    moves = [(float(match[2] or 0) - left, float(match[3] or 0) - top) for match in paths]
    # A segment takes two characters at least, and each path closes one outline more at most.
    room = len(data) // 2 + len(paths) + 1
    found = np.empty((room, 4), np.float32)
    count = find_vertices(
        np.frombuffer(data, np.uint8),
        bounds,
        np.array(moves, np.float32).reshape(-1, 2),
        np.empty((int(np.diff(bounds).max(initial=0)) // 2 + 2, 8), np.float32),
        found,
    )
    found = found[:count]
    return Vertices(
        np.asarray(found[:, :2] / np.array((width, height)), np.float32),
        found[:, 2],
        found[:, 3] / np.float32(width),
    )
