"""Loops over the points of `vtrain.tracing.contours`, compiled: the same results to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from vtrain.compiled import exact


@exact
def smooth_steps(  # noqa: PLR0917 - numba takes no keyword-only ones
    corners: Any, sides: Any, scale: int, weights: Any, few: int, size: Any, smoothed: Any
) -> None:
    """The middles of steps, weighted with their neighbours; see `contours._smoothed_plainly`.

    Args:
        corners: Of all outlines, one after another; shape (n, 2).
        sides: Corners of each outline.
        scale: Units of the coordinates in a pixel.
        weights: Of neighbouring steps.
        few: Outlines of no more steps are not smoothed.
        size: Steps of each outline.
        smoothed: Becomes the points, times twice the sum of the weights; shape (m, 2).
    """
    reach, total = len(weights) // 2, weights.sum()
    twice = np.empty((size.max(), 2), np.int64)
    corner = point = 0
    for outline in range(len(sides)):
        steps = 0
        for side in range(sides[outline]):
            here = corner + side
            after = corner + (side + 1) % sides[outline]
            step_x = corners[after, 0] - corners[here, 0]
            step_y = corners[after, 1] - corners[here, 1]
            count = max(max(abs(step_x), abs(step_y)) // scale, 1)
            one_x, one_y = step_x // count, step_y // count
            for within in range(count):
                twice[steps, 0] = 2 * corners[here, 0] + one_x * (2 * within + 1)
                twice[steps, 1] = 2 * corners[here, 1] + one_y * (2 * within + 1)
                steps += 1
        for step in range(steps):
            for axis in range(2):
                value = (total if steps <= few else weights[reach]) * twice[step, axis]
                if steps > few:
                    for away in range(1, reach + 1):
                        on, back = (step + away) % steps, (step - away) % steps
                        value += weights[reach + away] * (twice[on, axis] + twice[back, axis])
                smoothed[point + step, axis] = value
        corner += sides[outline]
        point += steps


@exact
def interpolate(  # noqa: PLR0917 - as above
    place: Any,
    outline: Any,
    start: Any,
    length: Any,
    first: Any,
    closed_place: Any,
    closed_points: Any,
    found: Any,
) -> None:
    """Points so far along outlines; see `contours.Contours.at`, whose result `found` becomes.

    Args:
        place: How far along, shape (n,).
        outline: Which outline, shape (n,).
        start: Of each outline.
        length: Of each outline.
        first: Number of the first closed point of each outline, and of all there are.
        closed_place: How far along each closed point is.
        closed_points: Where it is, shape (m, 2).
        found: Shape (n, 2).
    """
    hint, last = 0, len(closed_place) - 1
    for number in range(len(place)):
        own = outline[number]
        offset = place[number] - start[own]
        if offset < 0 or offset >= length[own]:
            offset = np.fmod(offset, length[own])
            if offset < 0:
                offset += length[own]
        wanted = start[own] + offset
        low, high = first[own], first[own + 1]
        # Places are mostly asked for in their order.
        if low <= hint < high and closed_place[hint] <= wanted:
            low = hint
            if hint + 2 < high and wanted < closed_place[hint + 2]:
                high = hint + 2
        hint = low = _last_before(closed_place, wanted, low, high)
        if low == last or closed_place[low] == wanted:
            found[number, 0], found[number, 1] = closed_points[low]
            continue
        leap, beyond = closed_place[low + 1] - closed_place[low], wanted - closed_place[low]
        for axis in range(2):
            slope = (closed_points[low + 1, axis] - closed_points[low, axis]) / leap
            found[number, axis] = slope * beyond + closed_points[low, axis]


@exact
def _last_before(rising: Any, wanted: float, low: int, high: int) -> int:
    """The last place from `low` on, before `high`, that is not beyond what is wanted."""
    while high - low > 1:
        middle = (low + high) // 2
        if rising[middle] <= wanted:
            low = middle
        else:
            high = middle
    return low


@exact
def keep_apart(  # noqa: PLR0917 - as above
    number: Any, owner: Any, first: Any, size: Any, reach: Any, hidden: Any, found: Any
) -> int:
    """Points that no earlier one is close to; see `vertices._apart_plainly`.

    Args:
        number: Of points, the most wanted first.
        owner: Their outlines.
        first: Number of the first point of each outline.
        size: Points of each outline.
        reach: How many points are close, by outline.
        hidden: Whether each point is close to one that was found; nothing is at first.
        found: Becomes those that are kept.

    Returns:
        How many are kept.
    """
    count = 0
    for one in range(len(number)):
        here, outline = number[one], owner[one]
        if hidden[here]:
            continue
        found[count] = here
        count += 1
        for step in range(-reach[outline], reach[outline] + 1):
            hidden[first[outline] + (here - first[outline] + step) % size[outline]] = True
    return count
