"""A reference as plain notes and arrays, and back: what processes share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from vtrain.scoring.contour import Contours
from vtrain.scoring.reference import Backdrop, Reference

Array = NDArray[Any]
_ARRAYS_OF_BACKDROP = 9


def pack(reference: Reference) -> tuple[dict[str, Any], list[Array]]:
    """Notes (JSON values) and arrays that `unpack` makes an equal reference of."""
    arrays: list[Array] = [reference.rgba, reference.indices, reference.corners]
    backdrops = []
    for item in reference.backdrops:
        edges = item.contours
        arrays += [item.lab, edges.segments, *edges.fine, *edges.coarse, edges.near]
        own = (edges.own_precision, edges.own_recall, edges.own_truth)
        sums = (item.allowance, edges.total, edges.visible, *own)
        backdrops.append({"colour": item.colour, "sums": sums})
    notes = {
        "ground": reference.ground,
        "view": [(part.start, part.stop) for part in reference.view],
        "area": reference.area,
        "outline": reference.outline,
        "backdrops": backdrops,
    }
    return notes, arrays


def unpack(notes: dict[str, Any], arrays: Sequence[Array]) -> Reference:
    """The reference that was packed."""
    rgba, indices, corners, *rest = arrays
    backdrops = []
    for number, item in enumerate(notes["backdrops"]):
        first = number * _ARRAYS_OF_BACKDROP
        lab, segments, *planes = rest[first : first + _ARRAYS_OF_BACKDROP]
        f1, f2, f3, c1, c2, c3, near = planes
        allowance, *sums = item["sums"]
        contours = Contours(segments, (f1, f2, f3), (c1, c2, c3), near, *sums)
        red, green, blue = item["colour"]
        backdrops.append(Backdrop((red, green, blue), lab, contours, allowance))
    rows, columns = (slice(*part) for part in notes["view"])
    ground = notes["ground"]
    return Reference(
        rgba,
        None if ground is None else (ground[0], ground[1], ground[2]),
        (rows, columns),
        notes["area"],
        indices,
        corners,
        notes["outline"],
        tuple(backdrops),
    )
