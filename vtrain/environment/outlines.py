"""What a tracer will meet in an image: how well few colours do, and the outlines they leave.

Which palette, curve fitting and enlargement a picture needs shows in its outlines: straight or
round, and how many there are. They are looked at in eight colours with edges snapped, as some of
the settings have an image traced.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.images.distinct import Distinct
from vtrain.images.lab import lab_of_unit
from vtrain.images.loops import loops
from vtrain.tracing.palette import find_palettes
from vtrain.tracing.parameters import Settings
from vtrain.tracing.preparation import Preparation

Plane = NDArray[np.float32]
Points = NDArray[np.float32]

PALETTES = (4, 8, 16, 32)
"""Sizes of the palettes that are tried (colours)."""
OFF = (3, 8, 16)
"""Edges of the shares of pixels that are further from a palette (dE)."""
TOLERANCES = (0.6, 1.0, 1.7, 3.0)
"""Of the polygons that outlines are simplified to (px)."""
TURNS = (0, 4, 9, 16, 28, 45, 70, 181)
"""Edges of the histogram of turns along outlines (degrees)."""
_FURTHEST = 25.0
"""A colour further off than this is as wrong (dE)."""
_DRAWN = 8
"""Colours of the image whose outlines are followed (count)."""
_STRAIGHT = (1, 2)
"""Tolerances at which straight parts are measured, by place."""
_LONG = (10, 30)
"""Sides of polygons that count as straight are longer (px)."""
_SHORTEST = 10
"""Outlines of fewer pixels are specks (px)."""
_REACH = 4
"""Turns are measured between points so far apart (px)."""


def palette_names() -> tuple[str, ...]:
    """Names of what `palette_features` gives."""
    return tuple(
        f"palette_{count}_{what}"
        for count in PALETTES
        for what in ("error", *(f"over_{edge}" for edge in OFF))
    )


def outline_names() -> tuple[str, ...]:
    """Names of what `outline_features` gives."""
    return (
        *(f"log_corners_{tolerance:g}" for tolerance in TOLERANCES),
        *(f"corners_{tolerance:g}" for tolerance in TOLERANCES),
        *(f"straight_{TOLERANCES[place]:g}_{side}" for place in _STRAIGHT for side in _LONG),
        *(f"turns_{low}" for low in TURNS[:-1]),
        "log_outlines",
        "log_specks",
        "log_outline_length",
        "log_outline_share",
    )


def palettes_of(rgba: NDArray[np.uint8]) -> dict[int, NDArray[np.uint8]]:
    """Palettes of an image, shape (h, w, 4), by their size; RGB, shape (k, 3) each."""
    return find_palettes(rgba, PALETTES)


def palette_features(distinct: Distinct, palettes: dict[int, NDArray[np.uint8]]) -> Plane:
    """How far the image is from each palette; shape (len(palette_names()),).

    Args:
        distinct: Its colours.
        palettes: As `palettes_of` gives them.
    """
    weights = np.bincount(distinct.numbers.ravel(), minlength=len(distinct.colours))
    weights = np.where(distinct.colours[:, 3] >= 128, weights, 0).astype(np.float64)
    total = weights.sum()
    if not total:
        return np.zeros(len(palette_names()), np.float32)
    drawn = weights > 0
    share, own = weights[drawn] / total, _lab(distinct.colours[drawn, :3])
    planes = np.ascontiguousarray(own.T)
    values: list[float] = []
    for count in PALETTES:
        nearest = loops().least_gaps(planes, _lab(palettes[count]))
        error = np.minimum(np.sqrt(nearest), _FURTHEST)
        values += [share @ error / 5, *(share[error > edge].sum() for edge in OFF)]
    return np.array(values, np.float32)


def _lab(rgb: NDArray[np.uint8]) -> Plane:
    lab: Plane = lab_of_unit(rgb[None].astype(np.float32) / np.float32(255))[0]
    return lab


def outline_features(rgba: NDArray[np.uint8], palettes: dict[int, NDArray[np.uint8]]) -> Plane:
    """Number, length and shape of the outlines; shape (len(outline_names()),).

    Args:
        rgba: Shape (h, w, 4), straight alpha.
        palettes: As `palettes_of` gives them.
    """
    settings = Settings(alpha="cut", colours=_DRAWN, edge_snap=True)
    picture = Distinct.of(Preparation(rgba, palettes=dict(palettes)).apply(settings).rgba)
    outlines, specks = _outlines(picture)
    length = sum(len(outline) for outline in outlines)
    polygons = [
        [_simplified(outline, tolerance) for outline in outlines] for tolerance in TOLERANCES
    ]
    corners = np.array([sum(len(one) for one in found) for found in polygons], np.float64)
    straight = [
        float(sides[sides > long].sum())
        for sides in (_sides(polygons[place]) for place in _STRAIGHT)
        for long in _LONG
    ]
    drawn = int(np.count_nonzero(picture.colours[picture.numbers, 3]))
    whole = max(length, 1)
    sizes = [len(outlines), specks, length, length / math.sqrt(max(drawn, 1))]
    return np.concatenate(
        [
            np.log2(1 + corners) / 4,
            corners / whole * 10,
            np.array(straight) / whole,
            _turns(outlines),
            np.log2(1 + np.array(sizes)) / 4,
        ]
    ).astype(np.float32)


def _outlines(picture: Distinct) -> tuple[list[NDArray[np.int32]], int]:
    """Of every patch of one colour, holes too; and how many more are too short to follow.

    What is clear is a patch as others are, so the frame of the picture is an outline as well.
    """
    outlines: list[NDArray[np.int32]] = []
    specks = 0
    for number in range(len(picture.colours)):
        mask = (picture.numbers == number).astype(np.uint8)
        found, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        followed = [np.asarray(one, np.int32) for one in found if len(one) >= _SHORTEST]
        specks += len(found) - len(followed)
        outlines += followed
    return outlines, specks


def _simplified(outline: NDArray[np.int32], tolerance: float) -> NDArray[np.int32]:
    """The corners of a polygon no further from an outline than so many pixels; shape (n, 2)."""
    return np.asarray(cv2.approxPolyDP(outline, tolerance, closed=True), np.int32)[:, 0]


def _sides(polygons: list[NDArray[np.int32]]) -> NDArray[np.float64]:
    """Lengths of all sides of closed polygons (px)."""
    if not polygons:
        return np.zeros(0)
    points = np.concatenate(polygons).astype(np.float64)
    before = points[_neighbours([len(one) for one in polygons], -1)]
    lengths: NDArray[np.float64] = np.hypot(*(points - before).T)
    return lengths


def _turns(outlines: list[NDArray[np.int32]]) -> NDArray[np.float64]:
    """Shares of the points of the outlines at which they turn by so much."""
    if not outlines:
        return np.zeros(len(TURNS) - 1)
    lengths = [len(one) for one in outlines]
    pixels = np.concatenate(outlines)[:, 0].astype(np.float32)
    left, right = (pixels[_neighbours(lengths, step)] for step in (-1, 1))
    points = (left + 2 * pixels + right) / 4  # the staircase of pixels is none of their turns
    came = points - points[_neighbours(lengths, -_REACH)]
    goes = points[_neighbours(lengths, _REACH)] - points
    across = came[:, 0] * goes[:, 1] - came[:, 1] * goes[:, 0]
    turns = np.abs(np.degrees(np.arctan2(across, (came * goes).sum(axis=1))))
    return np.histogram(turns, TURNS)[0] / len(turns)


def _neighbours(lengths: list[int], step: int) -> NDArray[np.intp]:
    """Where the point so many steps along its closed outline is, outlines one after another."""
    sizes = np.array(lengths)
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.arange(len(first)) - first
    return np.asarray(first + (place + step) % np.repeat(sizes, sizes), np.intp)
