"""CIE Lab as OpenCV has it, without the tables that OpenCV makes on its first use.

`cv2.cvtColor` with ``COLOR_RGB2Lab`` looks floats up in a grid of 33 colours a channel, and blends
between its nodes. Making the grid takes it a tenth of a second, many times what one image takes.
Here only the nodes that are needed are made, by the same formulas in the same precision: the
results are equal, bit for bit.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.images.loops import are_compiled

Colours = NDArray[np.float32]
Codes = NDArray[np.int32]

_NODES = 33
"""Nodes of the grid along each channel (count)."""
_ONE = np.float32(1 << 14)
"""What stands for 1 in whole numbers."""
_STEPS = 16
"""Steps from a node to the next (count)."""
_DARK = np.float32(216) / np.float32(24389)
"""CIE's limit between the line and the cube root: (6/29)^3."""
_SLOPE, _START = np.float32(841) / np.float32(108), np.float32(16) / np.float32(116)
_LIGHTNESS = np.float32(24389) / np.float32(27)
_SCALE, _OFFSET = np.array([100, 256, 256], np.float32), np.array([0, 128, 128], np.float32)

_PRIMARIES = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
"""sRGB to XYZ, in rows."""
_WHITE = np.array([[0.950456], [1.0], [1.088754]])
"""XYZ of the white point D65."""
_ABOVE = (
    45.2548339756803022511987494,
    192.2798368355061050458134625,
    119.1654824285581628956914143,
    13.43250139086239872172837314,
    0.1636161226585754240958355063,
)
_BELOW = (
    14.80884093219134573786480845,
    151.9714051044435648658557668,
    168.5254414101568283957668343,
    33.9905941350215598754191872,
    1.0,
)
"""Turkowski, "Computing the cube root", 1998: from 1/8 to 1, to 24 bits."""


def lab_of_unit(rgb: Colours) -> Colours:
    """CIE Lab (D65) of sRGB colours.

    Args:
        rgb: Shape (n, 3) or (h, w, 3), contiguous, 0 to 1.

    Returns:
        The same shape. L* from 0 to 100.
    """
    if are_compiled():  # many images: the tables are worth their time
        lab = np.asarray(cv2.cvtColor(rgb.reshape(1, -1, 3), cv2.COLOR_RGB2Lab), np.float32)
        return lab.reshape(rgb.shape)
    return few_lab_of_unit(rgb.reshape(-1, 3)).reshape(rgb.shape)


def few_lab_of_unit(rgb: Colours) -> Colours:
    """As `lab_of_unit`, without OpenCV's tables: a fifth of a microsecond for each colour.

    Args:
        rgb: Shape (n, 3), 0 to 1.
    """
    steps = np.rint(np.clip(rgb, 0, 1).T * _ONE).astype(np.int32) >> 5
    low, part = steps // _STEPS, steps % _STEPS
    high = np.minimum(low + 1, _NODES - 1)
    # Eight corners of a cell, blue in the first place.
    codes, weights = [np.zeros_like(low[0])], [np.ones_like(low[0])]
    for channel in (2, 1, 0):
        codes = [_NODES * code + end[channel] for code in codes for end in (low, high)]
        shares = (_STEPS - part[channel], part[channel])
        weights = [weight * share for weight in weights for share in shares]
    corners, amounts = np.stack(codes), np.stack(weights)
    blended = [(plane * amounts).sum(axis=0) for plane in _nodes(corners)]
    whole = (np.stack(blended, axis=1) + _STEPS**3 // 2) // _STEPS**3
    return whole.astype(np.float32) / _ONE * _SCALE - _OFFSET


def _nodes(codes: Codes) -> list[Codes]:
    """L*, a* and b* of nodes of the grid, as whole numbers; each of the shape of `codes`.

    Args:
        codes: Red plus 33 times green plus 33 times 33 times blue.
    """
    if codes.size > _NODES**3:
        return [plane[codes] for plane in _nodes(np.arange(_NODES**3, dtype=np.int32))]
    unit = np.arange(_NODES) / (_NODES - 1)
    light = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    light = light.astype(np.float32)
    blue, green, red = (light[codes // _NODES**place % _NODES] for place in (2, 1, 0))
    rows = (_PRIMARIES * (1 / _WHITE)).astype(np.float32)
    # In OpenCV's order, for each sum is rounded.
    x, y, z = (blue * row[2] + green * row[1] + red * row[0] for row in rows)
    fx, fy, fz = _curve(x), _curve(y), _curve(z)
    lightness = np.where(y > _DARK, np.float32(116) * fy - np.float32(16), _LIGHTNESS * y)
    a, b = np.float32(500) * (fx - fy), np.float32(200) * (fy - fz)
    scaled = [
        _ONE * (plane + offset) / scale
        for plane, scale, offset in zip((lightness, a, b), _SCALE, _OFFSET, strict=True)
    ]
    return [np.rint(plane).astype(np.int32) for plane in scaled]


def _curve(value: Colours) -> Colours:
    """CIE's f: the cube root, and a line in the dark."""
    # A product of two floats has the digits of a double: one rounding, as in a fused sum.
    line = (value * np.float64(_SLOPE) + np.float64(_START)).astype(np.float32)
    return np.where(value > _DARK, _cube_root(value), line)


def _cube_root(value: Colours) -> Colours:
    """As OpenCV computes it, and like there rounded down; `value` is not negative."""
    mantissa, exponent = np.frexp(value.astype(np.float64))
    third = -(-exponent // 3)
    part = np.ldexp(mantissa, exponent - 3 * third)
    root = np.ldexp(_polynomial(_ABOVE, part) / _polynomial(_BELOW, part), third)
    near = root.astype(np.float32)
    down: Colours = np.where(near > root, np.nextafter(near, np.float32(0)), near)
    return down


def _polynomial(weights: tuple[float, ...], value: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.full_like(value, weights[0])
    for weight in weights[1:]:
        total = total * value + weight
    return total
