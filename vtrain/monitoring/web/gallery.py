"""Pictures of the newest validation: source, drawing and difference of some logos.

A run keeps actions, not drawings, so a drawing is made again when somebody looks at it: in one
process of its own that gives way to everything else, within limits, and only what a page shows.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vtrain.data.store import ImageStore
from vtrain.errors import DataError
from vtrain.images import encode_png
from vtrain.images.pixels import over
from vtrain.monitoring.web.runs import RunView
from vtrain.monitoring.web.views import validation_rows
from vtrain.tracing.parameters import PARAMETERS, decode_action, describe
from vtrain.tracing.render import render
from vtrain.tracing.trace import trace
from vtrain.tracing.workers import Workers
from vtrain.validation.results import folders

Kind = Literal["source", "drawing", "difference"]
KINDS: tuple[Kind, ...] = ("source", "drawing", "difference")

_EACH = 4
"""Logos with the least gain, with the most, and in between (count, each)."""
_KEPT = 256
"""Pictures kept in memory (count)."""
_LARGEST_SVG = 200_000
"""A larger drawing is shown as pixels (bytes)."""
_TIME_S = 20.0
_MEMORY_MIB = 1024
_HEX = set("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Task:
    """A picture to make.

    Attributes:
        images: Folder of prepared images.
        image: Image id.
        action: How to trace it.
        kind: Which picture.
    """

    images: Path
    image: str
    action: tuple[int, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture: its file and its media type."""

    data: bytes
    media: str


def choose(view: RunView) -> dict[str, Any] | None:
    """The logos to show: where the policy gained least and most, and evenly between.

    Returns:
        ``folder`` of the validation, ``taste``, and ``logos``; None without a validation.

    Raises:
        DataError: The rows cannot be read.
    """
    found = _newest(view)
    if found is None:
        return None
    folder, taste, rows = found
    ordered = sorted(rows, key=lambda row: (float(row.get("gain") or 0.0), str(row["image"])))
    return {
        "folder": folder.name,
        "taste": taste,
        "logos": [_logo(row) for row in _spread(ordered)],
    }


class Studio:
    """Makes pictures one after another and remembers the newest 256.

    It starts its process with the first picture. Close it to end the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Task, Shown] = OrderedDict()
        self._workers: Workers[Task, Shown] | None = None
        self._stack = ExitStack()

    def picture(self, view: RunView, image: str, kind: Kind) -> Shown | None:
        """One picture of a logo that `choose` lists; None for another.

        Raises:
            DataError: The prepared image is missing or damaged.
            TraceError: The trace fails, as it may have in the validation.
        """
        found = _newest(view)
        rows = found[2] if found else []
        row = next((row for row in rows if row["image"] == image), None)
        if row is None:
            return None
        task = Task(view.run.images.resolve(), image, tuple(row["action"]), kind)
        with self._lock:
            if task in self._kept:
                self._kept.move_to_end(task)
                return self._kept[task]
            shown = self._make(task)
            self._kept[task] = shown
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return shown

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stack.close()
            self._workers = None

    def _make(self, task: Task) -> Shown:
        if self._workers is None:
            self._workers = Workers(
                draw, count=1, memory_limit=_MEMORY_MIB, setup=_give_way, setup_arguments=()
            )
            self._stack.callback(self._workers.close)
        outcome = next(iter(self._workers.run([task], time_limits=[_TIME_S])))
        if outcome.error is not None:
            raise outcome.error
        if outcome.result is None:
            raise DataError(f"{task.image} gave no picture.")
        return outcome.result


def draw(task: Task) -> Shown:
    """Make a picture, here.

    Raises:
        DataError: The prepared image is missing or damaged.
        TraceError: The trace fails.
    """
    store = ImageStore(task.images)
    if task.kind == "source":
        return Shown(encode_png(store.reference(task.image)), "image/png")
    drawing = trace(store.input(task.image), decode_action(task.action))
    if task.kind == "drawing" and len(drawing.svg.encode()) <= _LARGEST_SVG:
        return Shown(drawing.svg.encode(), "image/svg+xml")
    reference = store.reference(task.image)
    pixels = render(drawing.svg, reference.shape[1], reference.shape[0])
    if task.kind == "drawing":
        return Shown(encode_png(pixels), "image/png")
    return Shown(encode_png(difference(pixels, reference)), "image/png")


def difference(drawing: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Where a drawing differs: from white (equal) to black (the largest difference).

    Both are laid over white and over black, as a difference of alpha shows on one of them only.

    Args:
        drawing: Straight alpha, shape (h, w, 4).
        reference: Straight alpha, the same shape.

    Returns:
        The picture, shape (h, w, 4).
    """
    gaps = []
    for backdrop in ((255, 255, 255), (0, 0, 0)):
        one, other = (over(picture, backdrop).astype(np.int16) for picture in (drawing, reference))
        gaps.append(np.abs(one - other).max(axis=2))
    grey = (255 - np.maximum(*gaps)).astype(np.uint8)
    return np.dstack((grey, grey, grey, np.full_like(grey, 255)))


def _newest(view: RunView) -> tuple[Path, str, list[dict[str, Any]]] | None:
    """The newest validation, the taste shown, and the policy's usable rows at it."""
    found = folders(view.run)
    if not found:
        return None
    with view.lock:
        known = view.kept.get("gallery")
        if known is None or known[0] != found[0]:
            rows = [row for row in validation_rows(found[0]) if _is_usable(row)]
            tastes = list(dict.fromkeys(str(row.get("taste")) for row in rows))
            taste = "balanced" if "balanced" in tastes else next(iter(tastes), "")
            known = (found[0], (taste, [row for row in rows if row.get("taste") == taste]))
            view.kept["gallery"] = known
    taste, rows = known[1]
    return found[0], taste, rows


def _is_usable(row: Mapping[str, Any]) -> bool:
    """Whether a row names an image by an id, not by a path, and an action of this table."""
    image, action = row.get("image"), row.get("action")
    return (
        isinstance(image, str)
        and 0 < len(image) <= 64
        and set(image) <= _HEX
        and isinstance(action, list)
        and len(action) == len(PARAMETERS)
        and all(
            isinstance(index, int) and 0 <= index < len(parameter.levels)
            for index, parameter in zip(action, PARAMETERS, strict=True)
        )
    )


def _spread(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows from both ends and from between, in their order."""
    count = len(rows)
    if count <= 3 * _EACH:
        return list(rows)
    between = np.linspace(_EACH, count - _EACH - 1, _EACH).round().astype(int).tolist()
    picked = sorted({*range(_EACH), *between, *range(count - _EACH, count)})
    return [rows[index] for index in picked]


def _logo(row: Mapping[str, Any]) -> dict[str, Any]:
    measurement = row.get("measurement")
    figures = measurement if isinstance(measurement, Mapping) else {}
    return {
        "image": row["image"],
        "name": str(row.get("name") or ""),
        "category": str(row.get("category") or ""),
        "gain": row.get("gain"),
        "bytes": figures.get("bytes"),
        "segments": figures.get("segments"),
        "failure": figures.get("failure"),
        "settings": describe(decode_action(row["action"])),
    }


def _give_way() -> None:
    """Leave the cores to whoever trains."""
    os.nice(19)
