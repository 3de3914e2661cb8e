"""Short path data draws what VTracer's draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.errors import TraceError
from vtrain.scoring.outlines import vertices_of
from vtrain.tracing.parameters import PRESETS, Settings
from vtrain.tracing.path_data import shorten
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render, render_resvg
from vtrain.tracing.segments import read_outlines
from vtrain.tracing.svg import SvgFacts, framed
from vtrain.tracing.trace import trace, trace_prepared

SIDE = 64
points = st.tuples(st.integers(0, 6400), st.integers(0, 6400))


def short(*outlines: str, digits: int = 0) -> list[str]:
    moves = [(0.0, 0.0)] * len(outlines)
    segments = read_outlines(outlines, moves, range(len(outlines)), digits)
    found, _ = shorten(segments, digits)
    return [found.get(path, "") for path in range(len(outlines))]


def document(data: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}">\n'
        f'<path d="{data}" fill="#C81E28"/>\n</svg>\n'
    )


@pytest.mark.parametrize(
    ("long", "expected"),
    [
        pytest.param("M1 2 L5 6 L9 2 Z", "m1 2 4 4 4-4z", id="relative, without letters"),
        pytest.param("M1 2 L5 2 L5 8 L1 2 Z", "m1 2h4v6z", id="level, upright, closed by itself"),
        pytest.param("M0 0 L2 2 L5 5 L9 0 Z", "m0 0 5 5 4-5z", id="two in one direction"),
        pytest.param("M0 0 L2 2 L2 2 L5 5 L9 0 Z", "m0 0 5 5 4-5z", id="one without length"),
        pytest.param("M0 0 L5 5 L2 2 L9 0 Z", "m0 0 5 5-3-3 7-2z", id="there and back"),
        pytest.param("M0 0 C1 1 2 2 3 3 L6 0 Z", "m0 0 3 3 3-3z", id="a straight curve"),
        pytest.param("M0 0 C-9 -9 2 2 3 3 L6 0 Z", "m0 0c-9-9 2 2 3 3l3-3z", id="handle beyond"),
        pytest.param("M0 0 C0 3 3 6 6 6 C9 6 9 0 9 0 Z", "m0 0c0 3 3 6 6 6 3 0 3-6 3-6z", id="two"),
        pytest.param("M9 9 L9 9 Z", "", id="nothing"),
        pytest.param("M5 5 L9 5 L9 9 Z M4 3 L6 3 L6 7 Z", "m5 5h4v4zm-1-2h2v4z", id="outlines"),
        pytest.param("M9 9 Z M4 3 L6 3 L6 7 Z", "m4 3h2v4z", id="the first draws nothing"),
    ],
)
def test_what_is_written(long: str, expected: str) -> None:
    assert short(long) == [expected]


def test_fractions_need_neither_nought_nor_space() -> None:
    assert short("M0.5 0.25 L1 0.75 L1.5 -0.5 Z", digits=2) == ["m.5.25.5.5.5-1.25z"]


def test_a_path_is_moved_and_joined() -> None:
    outlines = ["M0 0 L4 0 L4 4 Z", "M0 0 L4 0 L4 4 Z"]

    joined, sides = shorten(read_outlines(outlines, [(10, 20), (30.5, 20)], [0, 0], 1), 1)

    assert joined == {0: "m10 20h4v4zm20.5 0h4v4z"}
    assert sides == 6


@pytest.mark.parametrize("text", ["L1 1 Z", "M1 1 L1 Z", "M1 L2 2 Z", "M0 0 L1 1 Z L2 2 Z"])
def test_data_that_vtracer_never_writes_is_refused(text: str) -> None:
    with pytest.raises(TraceError, match="invalid-svg"):
        short(text)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.booleans(), points, points, points), min_size=2, max_size=7),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 2),
)
def test_any_outlines_draw_the_same(
    outlines: list[list[tuple[bool, tuple[int, int], tuple[int, int], tuple[int, int]]]],
    digits: int,
) -> None:
    def text(point: tuple[int, int]) -> str:
        return f"{point[0] / 100:.{digits}f} {point[1] / 100:.{digits}f}"

    parts = []
    for outline in outlines:
        parts.append(f"M{text(outline[0][1])}")
        for curved, one, two, end in outline:
            parts.append(f"C{text(one)} {text(two)} {text(end)}" if curved else f"L{text(end)}")
        parts.append("Z")
    long = " ".join(parts)

    (data,) = short(long, digits=digits)
    for draw in (render, render_resvg):
        # Renderers round where a curve is cut, and that depends on how it is written.
        difference = draw(document(data), 128, 128).astype(int) - draw(document(long), 128, 128)
        assert (np.abs(difference).max(axis=2) > 24).mean() < 0.002


@pytest.mark.parametrize("mode", ["spline", "polygon"])
@pytest.mark.parametrize("digits", [0, 2])
def test_a_trace_draws_what_vtracer_drew(
    ring: NDArray[np.uint8], mode: Literal["spline", "polygon"], digits: int
) -> None:
    own: list[str] = []

    def unchanged(svg: str, _settings: Settings, **frame: Any) -> tuple[str, SvgFacts]:
        own.append(svg)
        return framed(svg, **frame), SvgFacts(0, 0, 0, 0)

    chosen = replace(PRESETS["recipe"], mode=mode, path_precision=digits)

    svg = trace(ring, chosen).svg
    long = trace_prepared(Preparation(ring), chosen, write=unchanged).svg

    difference = render(svg, 128, 128).astype(int) - render(long, 128, 128)
    assert (np.abs(difference).max(axis=2) > 24).mean() < 0.004
    viewed = own[0].replace("<svg ", '<svg viewBox="1 1 128 128" ', 1)
    assert len(svg) < 0.7 * len(viewed)


@given(st.lists(points, min_size=3, max_size=9))
def test_the_judge_reads_both_alike(corners: list[tuple[int, int]]) -> None:
    long = "M" + " L".join(f"{x / 100:.2f} {y / 100:.2f}" for x, y in corners) + " Z"

    ours, theirs = (vertices_of(document(text)) for text in (*short(long, digits=2), long))

    turning = theirs.turns > 0.01  # what goes straight on is left out
    np.testing.assert_allclose(ours.places[ours.turns > 0.01], theirs.places[turning], atol=1e-5)
    np.testing.assert_allclose(ours.turns[ours.turns > 0.01], theirs.turns[turning], atol=0.05)


def test_the_facts_are_of_the_document(ring: NDArray[np.uint8]) -> None:
    drawn = trace(ring, Settings(mode="polygon", alpha="cut"))

    assert drawn.facts.bytes == len(drawn.svg.encode())
    assert drawn.facts.paths == drawn.svg.count("<path ")
    assert drawn.facts.segments == len(vertices_of(drawn.svg).turns)
