"""Polygons are simplified within a tolerance, and turn in curves where they turn gently."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.scoring.outlines import vertices_of
from vtrain.tracing.fitting import simplified, smoothed
from vtrain.tracing.parameters import PRESETS
from vtrain.tracing.path_data import shorten
from vtrain.tracing.render import render
from vtrain.tracing.segments import LINE, MOVE, QUADRATIC, Segments, read_outlines
from vtrain.tracing.trace import trace

FAR = 1e9
SIDE = 256


def polygons(*outlines: list[tuple[float, float]]) -> Segments:
    """Each in a path of its own, in tenths."""
    texts = ["M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in one) + " Z" for one in outlines]
    return read_outlines(texts, [(0, 0)] * len(texts), range(len(texts)), 1)


def regular(corners: int, radius: float = 90) -> list[tuple[float, float]]:
    turns = [2 * math.pi * number / corners for number in range(corners)]
    return [(128 + radius * math.cos(turn), 128 + radius * math.sin(turn)) for turn in turns]


def document(segments: Segments) -> str:
    data, _ = shorten(segments, 1)
    paths = "".join(f'<path d="{text}" fill="#000"/>\n' for text in data.values())
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}">\n{paths}</svg>\n'


def drawn(segments: Segments) -> NDArray[np.bool_]:
    return np.asarray(render(document(segments), SIDE, SIDE)[..., 3] > 127)


def distances(points: NDArray[np.int64], corners: NDArray[np.int64]) -> NDArray[np.float64]:
    """From each point to the nearest side of a closed polygon."""
    start, side = corners.astype(float), np.roll(corners, -1, axis=0) - corners
    offset = points[:, None] - start
    share = (offset * side).sum(axis=2) / np.maximum((side**2).sum(axis=1), 1e-9)
    foot = start + np.clip(share, 0, 1)[..., None] * side
    return np.asarray(np.hypot(*(points[:, None] - foot).transpose(2, 0, 1)).min(axis=1))


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=3, max_size=40, unique=True
    ),
    st.sampled_from([1.0, 4.0, 25.0]),
)
def test_what_is_left_out_lies_within_about_the_tolerance(
    outline: list[tuple[int, int]], tolerance: float
) -> None:
    segments = polygons([(x, y) for x, y in outline])

    found = simplified(segments, 10 * tolerance)

    assert len(found.end) <= len(segments.end)
    assert {tuple(point) for point in found.end.tolist()} <= {
        tuple(point) for point in segments.end.tolist()
    }
    assert distances(segments.end, found.end).max() <= 1.5 * 10 * tolerance


def test_a_hairline_is_not_lost() -> None:
    found = simplified(polygons([(10, 10), (90, 10), (90, 11), (10, 11)]), 30)

    assert len(found.end) == 4


def test_a_many_sided_polygon_becomes_a_circle_of_few_curves() -> None:
    exact = polygons(regular(180))

    found = smoothed(simplified(exact, 15), 60, grid=5, miss=FAR)

    assert (found.kind[1:] == QUADRATIC).all()
    assert len(found.end) < 40
    difference = drawn(found) ^ drawn(exact)
    assert difference.sum() < 0.02 * drawn(exact).sum()
    assert vertices_of(document(found)).turns.max() < 3


def test_corners_stay_where_they_are() -> None:
    square = polygons([(10, 10), (90, 10), (90, 90), (10, 90)])

    found = smoothed(square, 60, grid=10, miss=FAR)

    assert found.kind.tolist() == [MOVE, LINE, LINE, LINE]
    assert found.end.tolist() == square.end.tolist()


def test_a_turn_far_from_its_curve_stays_a_corner() -> None:
    octagon = polygons(regular(8))  # turns by 45 degrees, with sides of 69 px

    assert (smoothed(octagon, 60, grid=5, miss=10).kind[1:] == LINE).all()
    assert (smoothed(octagon, 60, grid=5, miss=100).kind[1:] == QUADRATIC).all()


def test_curves_and_corners_stand_in_one_outline() -> None:
    # A gentle turn at the top of a square whose first vertex is that turn.
    house = polygons([(50, 8), (90, 20), (90, 90), (10, 90), (10, 20)])

    found = smoothed(house, 60, grid=5, miss=FAR)

    assert found.kind.tolist() == [MOVE, LINE, LINE, LINE, LINE, QUADRATIC]
    assert found.end[0].tolist() == [900, 200]  # the first corner
    assert found.end[-2:].tolist() == [[300, 140], [700, 140]]
    assert found.handles[-1, 0].tolist() == [500, 80]


def test_every_outline_keeps_its_path() -> None:
    three = polygons(regular(40), [(1, 1), (9, 1), (9, 9)], regular(60, 30))

    for found in (simplified(three, 5), smoothed(three, 45, grid=5, miss=FAR)):
        assert sorted(set(found.path.tolist())) == [0, 1, 2]
        assert found.path[found.is_move].tolist() == [0, 1, 2]
        assert (np.diff(found.path) >= 0).all()


def test_a_trace_is_shorter_and_smoother(ring: NDArray[np.uint8]) -> None:
    plain = trace(ring, PRESETS["recipe"])
    fitted = trace(ring, replace(PRESETS["recipe"], simplify=0.4, smooth=60))

    assert fitted.facts.segments < plain.facts.segments
    assert (vertices_of(fitted.svg).turns > 10).sum() < (vertices_of(plain.svg).turns > 10).sum()
    difference = render(fitted.svg, 128, 128).astype(int) - render(plain.svg, 128, 128)
    assert (np.abs(difference[..., 3]) > 128).mean() < 0.01
