"""Facets are turns that can be seen where the reference is smooth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.scoring.facets import facets
from vtrain.scoring.outlines import vertices_of
from vtrain.scoring.reference import Reference
from vtrain.tracing.render import render

SIDE = 256
BOX = f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" '


def document(*outlines: str, moved: str = "") -> str:
    paths = "".join(f'<path d="{one}" fill="#C81E28"{moved}/>\n' for one in outlines)
    return f'{BOX}viewBox="0 0 {SIDE} {SIDE}">\n{paths}</svg>\n'


def polygon(corners: int, radius: float = 90) -> str:
    """Regular, round the middle."""
    points = []
    for number in range(corners):
        angle = 2 * math.pi * (number + 0.5) / corners
        points.append(f"{128 + radius * math.cos(angle):.2f} {128 + radius * math.sin(angle):.2f}")
    return f"M{points[0]} L{' L'.join(points[1:])} Z"


def circle() -> str:
    """Of four curves that meet smoothly."""
    r, k = 90, 90 * 0.5523
    return (
        f"M{128 + r} 128 C{128 + r} {128 + k:.2f} {128 + k:.2f} {128 + r} 128 {128 + r} "
        f"C{128 - k:.2f} {128 + r} {128 - r} {128 + k:.2f} {128 - r} 128 "
        f"C{128 - r} {128 - k:.2f} {128 - k:.2f} {128 - r} 128 {128 - r} "
        f"C{128 + k:.2f} {128 - r} {128 + r} {128 - k:.2f} {128 + r} 128 Z"
    )


def picture(svg: str) -> NDArray[np.uint8]:
    return render(svg, 2 * SIDE, 2 * SIDE)


@pytest.fixture(scope="module")
def disc() -> Reference:
    return Reference.of(picture(document(circle())))


@pytest.mark.parametrize("corners", [3, 8, 40])
def test_a_polygon_turns_by_a_share_of_the_full_circle(corners: int) -> None:
    found = vertices_of(document(polygon(corners)))

    assert len(found.turns) == corners
    np.testing.assert_allclose(found.turns, 360 / corners, atol=0.1)
    np.testing.assert_allclose(found.reach, 2 * 90 * math.sin(math.pi / corners) / SIDE, rtol=1e-3)


def test_curves_that_meet_smoothly_do_not_turn() -> None:
    found = vertices_of(document(circle()))

    assert len(found.turns) == 4
    assert found.turns.max() < 0.1


def test_places_are_shares_of_the_view_wherever_a_path_is_moved() -> None:
    svg = document("M0 0 L64 0 L64 64 Z", moved=' transform="translate(32,-8.5)"')

    found = vertices_of(svg)

    expected = np.array([[96, -8.5], [96, 55.5], [32, -8.5]]) / SIDE
    np.testing.assert_allclose(np.sort(found.places, axis=0), np.sort(expected, axis=0))


def test_a_curve_whose_handles_lie_on_its_ends_is_a_line() -> None:
    curved = vertices_of(document("M0 0 C0 0 64 0 64 0 C64 0 64 64 64 64 Z"))
    straight = vertices_of(document("M0 0 L64 0 L64 64 Z"))

    np.testing.assert_allclose(curved.turns, straight.turns, atol=1e-3)


@pytest.mark.parametrize("text", ["", "Z", "M1 2", "M1 2 Z", "M1 2 L1 2 Z", "M5 5 C5 5 5 5 5 5 Z"])
def test_outlines_without_length_have_no_vertices(text: str) -> None:
    assert len(vertices_of(document(text)).turns) == 0


def test_a_drawing_without_paths_has_no_facets(disc: Reference) -> None:
    assert facets(disc, document()) == 0


def test_fewer_and_longer_pieces_of_a_circle_are_worse(disc: Reference) -> None:
    round_, fine, rough = (
        facets(disc, document(one)) for one in (circle(), polygon(72), polygon(16))
    )

    assert round_ == 0
    assert fine == 0  # five degrees at a time: nobody sees them
    assert rough > 0.5


def test_vertices_at_corners_of_the_reference_are_right() -> None:
    svg = document(polygon(9))

    own = facets(Reference.of(picture(svg)), svg)
    foreign = facets(Reference.of(picture(document(circle()))), svg)

    assert own < 0.9 * foreign


def test_sharp_turns_are_corners_and_no_facets(disc: Reference) -> None:
    assert facets(disc, document(polygon(5))) == 0
