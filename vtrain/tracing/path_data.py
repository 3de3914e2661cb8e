"""Path data written as short as it can be without changing the picture visibly.

VTracer writes every segment with its letter, in absolute coordinates of a path that is moved by a
transform, and straight pieces of a spline as curves. Here coordinates are relative (SVG 2,
section 9.3), letters stand where the command changes, straight curves are lines, and lines that go
on in the same direction are one. All of it is done on whole numbers of the last decimal, so nothing
is rounded twice.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from vtrain.tracing.segments import LINE, MOVE, QUADRATIC, Flags, Numbers, Segments

_FLAT = 0.05
"""A curve that stays this close to its chord is a line (px of the traced image)."""
_KEPT = 1 << 16
"""Numbers whose text is remembered (count)."""

# What is written: a code for each command, which is also its place in `_LETTERS`.
_M, _L, _H, _V, _Q, _C = range(6)
_LETTERS = "mlhvqc"
_WRITTEN = np.array([2, 2, 1, 1, 4, 6])
"""Numbers of each command (count)."""
_SYMBOLS = -(1 << 60)
"""Tokens from here on stand for a letter; far from any number."""
_END_OUTLINE, _END_PATH = len(_LETTERS), len(_LETTERS) + 1


class _Words(dict[int, str]):
    """The text of each token: of numbers as they are met, with the space before them or without."""

    def __init__(self, digits: int) -> None:
        super().__init__()
        self._digits = digits
        for code, text in enumerate([*_LETTERS, "z", "z\n"]):
            self[_SYMBOLS + code] = text

    def __missing__(self, token: int) -> str:
        value, spaced = token >> 1, token & 1
        whole, part = divmod(abs(value), 10**self._digits)
        text = str(whole) if whole or not part else ""
        if part:
            text += f".{part:0{self._digits}d}".rstrip("0")
        text = ("-" if value < 0 else " " if spaced else "") + text
        if len(self) < _KEPT:
            self[token] = text
        return text


@cache
def _words(digits: int) -> _Words:
    return _Words(digits)


def shorten(segments: Segments, digits: int) -> tuple[dict[int, str], int]:
    """Short path data of a drawing.

    Args:
        segments: Of all its paths, coordinates in units of the last decimal.
        digits: Decimals of a coordinate.

    Returns:
        The data of each path that draws anything, and how many sides all outlines have.
    """
    bent = _bent(segments, _FLAT * 10**digits)
    segments = replace(segments, kind=np.where(bent | segments.is_move, segments.kind, LINE))
    segments = _without_empty(segments.where(~_idle(segments)))
    if not len(segments.end):
        return {}, 0
    # Closing draws a side where the outline has not come home; a line home need not be written.
    closing = segments.is_last & segments.is_home
    sides = int(np.count_nonzero(~segments.is_move) + np.count_nonzero(segments.is_last & ~closing))
    segments = segments.where(~segments.is_line | ~closing)
    text = "".join(map(_words(digits).__getitem__, _tokens(segments, 10**digits).tolist()))
    return dict(zip(dict.fromkeys(segments.path.tolist()), text.split("\n"), strict=False)), sides


def _bent(segments: Segments, flat: float) -> Flags:
    """Which curves are not lines: a handle lies off the chord, or beyond it."""
    start = segments.start
    chord = (segments.end - start).astype(np.float64)
    length = np.hypot(chord[:, 0], chord[:, 1])
    unit = chord / np.maximum(length, 1e-9)[:, None]
    offset = segments.handles - start[:, None]
    along = (offset * unit[:, None]).sum(axis=2)
    aside = offset[..., 0] * unit[:, None, 1] - offset[..., 1] * unit[:, None, 0]
    off = np.abs(np.where(length[:, None] > 0, aside, np.abs(offset).max(axis=2))) > flat
    beyond = (along < -flat) | (along > length[:, None] + flat)
    return np.asarray((segments.kind >= QUADRATIC) & (off | beyond).any(axis=1))


def _idle(segments: Segments) -> Flags:
    """Which lines draw nothing, or go on in the next line."""
    is_line = segments.is_line
    step = segments.end - segments.start
    idle = is_line & (step[:, 0] == 0) & (step[:, 1] == 0)
    # A line of no length between two others hides that they are one: looked at without those.
    order = np.flatnonzero(~idle)
    lines, ahead = is_line[order], step[order]
    same = lines[:-1] & lines[1:]
    same &= ahead[:-1, 0] * ahead[1:, 1] == ahead[:-1, 1] * ahead[1:, 0]
    same &= ahead[:-1, 0] * ahead[1:, 0] + ahead[:-1, 1] * ahead[1:, 1] > 0
    idle[order[:-1][same]] = True
    return np.asarray(idle)


def _without_empty(segments: Segments) -> Segments:
    """Only outlines that have sides."""
    outline = segments.outline
    sides = np.bincount(outline[~segments.is_move], minlength=int(segments.is_move.sum()))
    return segments.where(sides[outline] > 0)


def _tokens(segments: Segments, scale: int) -> Numbers:
    """Letters and numbers in the order in which they are written."""
    is_move, end, path, start = segments.is_move, segments.end, segments.path, segments.start
    kind, handles = segments.kind, segments.handles
    # An outline starts where the one before it in its path did: there its closing ended.
    heads = np.flatnonzero(is_move)
    goes_on = path[heads[1:]] == path[heads[:-1]]
    start[heads[1:]] = np.where(goes_on[:, None], end[heads[:-1]], 0)
    step = end - start
    code = np.where(step[:, 1] == 0, _H, np.where(step[:, 0] == 0, _V, _L))
    code = np.select([kind == LINE, kind == MOVE, kind == QUADRATIC], [code, _M, _Q], _C)
    # Pairs after a move are lines (section 9.3.3), and a command goes on until another one.
    before = np.where(code == _M, _L, code)
    named = np.concatenate([[True], code[1:] != before[:-1]]) | is_move
    ends = segments.is_last
    size = named + _WRITTEN[code] + ends
    first = np.cumsum(size) - size
    total = int(size.sum())
    values, is_number = np.zeros(total, np.int64), np.ones(total, np.bool_)
    number = first + named
    for pair in (_M, _L):
        values[number[code == pair, None] + np.arange(2)] = step[code == pair]
    values[number[code == _H]] = step[code == _H, 0]
    values[number[code == _V]] = step[code == _V, 1]
    for curve, width in ((_Q, 4), (_C, 6)):
        own = code == curve
        bends = np.concatenate([handles[own, : width // 2 - 1], end[own, None]], axis=1)
        bends -= start[own, None]
        values[number[own, None] + np.arange(width)] = bends.reshape(-1, width)
    is_number[first[named]] = is_number[(first + size - 1)[ends]] = False
    # A sign or a letter parts two numbers, and so does a point after one that has a point.
    ahead = np.concatenate([[0], values[:-1]])
    fraction = (np.abs(values) < scale) & (values != 0) & (ahead % scale != 0)
    spaced = is_number & np.concatenate([[False], is_number[:-1]]) & (values >= 0) & ~fraction
    tokens: Numbers = 2 * values + spaced
    tokens[first[named]] = _SYMBOLS + code[named]
    finished = np.append(path[1:] != path[:-1], True)[ends]
    tokens[(first + size - 1)[ends]] = _SYMBOLS + np.where(finished, _END_PATH, _END_OUTLINE)
    return tokens
