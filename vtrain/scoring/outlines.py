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
    places, turns, reach = [], [], []
    for match in _PATH.finditer(data):
        outline = np.frombuffer(match[1], np.uint8)
        # A segment takes two characters at least.
        room = len(outline) // 2 + 2
        found = np.empty((room, 4), np.float32)
        count = find_vertices(outline, np.empty((room, 6), np.float32), found)
        moved = (float(match[2] or 0) - left, float(match[3] or 0) - top)
        places.append(found[:count, :2] + np.array(moved, np.float32))
        turns.append(found[:count, 2])
        reach.append(found[:count, 3])
    if not places:
        none = np.zeros(0, np.float32)
        return Vertices(np.zeros((0, 2), np.float32), none, none)
    return Vertices(
        np.asarray(np.concatenate(places) / np.array((width, height)), np.float32),
        np.concatenate(turns),
        np.concatenate(reach) / np.float32(width),
    )
