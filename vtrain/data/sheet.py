"""A contact sheet: many prepared images on one page, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vtrain.config.section import CATEGORIES
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.images import reduce

_CELL = 128  # px, the picture
_LABEL = 18  # px, below it
_GAP = 8


def pick_evenly(entries: Sequence[Entry], count: int) -> list[Entry]:
    """At most `count` entries, in turn from each category, each spread over its whole list."""
    groups = [[entry for entry in entries if entry.category == name] for name in CATEGORIES]
    groups = [group for group in groups if group]
    if not groups:
        return []
    wants = dict.fromkeys(range(len(groups)), 0)
    # One more for each in turn: what a small category lacks goes to the others.
    while sum(wants.values()) < count:
        open_ = [place for place, group in enumerate(groups) if wants[place] < len(group)]
        if not open_:
            break
        share = max(1, (count - sum(wants.values())) // len(open_))
        for place in open_:
            left = count - sum(wants.values())
            wants[place] += min(share, len(groups[place]) - wants[place], left)
    return [
        groups[place][index * len(groups[place]) // want]
        for place, want in wants.items()
        for index in range(want)
    ]


def contact_sheet(
    entries: Sequence[Entry], store: ImageStore, *, columns: int = 12
) -> NDArray[np.uint8]:
    """Draw the inputs of `entries` in rows, each with its category and brand below.

    Transparency shows as a checkerboard.

    Args:
        entries: What to draw, in this order.
        store: Where the pixels are.
        columns: Pictures in a row.

    Returns:
        RGB of shape (h, w, 3).

    Raises:
        DataError: A picture is missing from the store.
    """
    rows = -(-len(entries) // columns)
    wide, high = _CELL + _GAP, _CELL + _LABEL + _GAP
    sheet = Image.new("RGB", (columns * wide + _GAP, max(1, rows) * high + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    board = _checkerboard()
    for place, entry in enumerate(entries):
        left, top = _GAP + place % columns * wide, _GAP + place // columns * high
        sheet.paste(board, (left, top))
        picture = Image.fromarray(reduce(store.input(entry.id), _CELL))
        corner = (left + (_CELL - picture.width) // 2, top + (_CELL - picture.height) // 2)
        sheet.paste(picture, corner, picture)
        label = f"{entry.category}: {entry.brand}".encode("ascii", "replace").decode()
        while label and draw.textlength(label, font=font) > _CELL:
            label = label[:-1]
        draw.text((left, top + _CELL + 2), label, fill="#303030", font=font)
    return np.asarray(sheet)


def _checkerboard() -> Image.Image:
    rows, columns = np.indices((_CELL, _CELL)) // 8
    return Image.fromarray(np.where((rows + columns) % 2 == 0, 255, 236).astype(np.uint8))
