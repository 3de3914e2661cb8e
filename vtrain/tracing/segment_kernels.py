"""Loops over the text of `vtrain.tracing.segments`, compiled: the same results to the bit."""

from __future__ import annotations

from typing import Any

from vtrain.compiled import exact

_MINUS, _POINT, _ZERO, _NINE = (ord(sign) for sign in "-.09")
_MOST_DIGITS = 16
"""Of a number that fits in 64 bits, with its point."""


@exact
def read_numbers(data: Any, digits: int, numbers: Any) -> int:
    """Decimal numbers in a text, in units of the last digit.

    Args:
        data: The text, ASCII.
        digits: Decimals.
        numbers: Becomes the numbers; has room for one for each two characters.

    Returns:
        How many there are; -1 if one has more decimals than `digits` or is written otherwise.
    """
    count, place = 0, 0
    while place < len(data):
        sign = -1 if data[place] == _MINUS else 1
        start = place + (sign < 0)
        value, place = _digits(data, start, 0)
        if place == start:
            # Letters, commas and spaces are between numbers; signs and points never are.
            if sign < 0 or data[start] == _POINT:
                return -1
            place += 1
            continue
        decimals = 0
        if place < len(data) and data[place] == _POINT:
            point = place
            value, place = _digits(data, point + 1, value)
            decimals = place - point - 1
        if decimals > digits or place - start > _MOST_DIGITS:
            return -1
        numbers[count] = sign * value * 10 ** (digits - decimals)
        count += 1
    return count


@exact
def _digits(data: Any, place: int, value: int) -> tuple[int, int]:
    """The number that a text goes on with, after digits of such a value; and where it ends."""
    while place < len(data) and _ZERO <= data[place] <= _NINE:
        value = 10 * value + (data[place] - _ZERO)
        place += 1
    return value, place
