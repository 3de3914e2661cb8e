"""Outlines of pixels become few lines and curves that lie where the edge was."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.scoring.outlines import vertices_of
from vtrain.tracing import contours as contours_module
from vtrain.tracing import cubics, segments, vertices
from vtrain.tracing.contours import Contours
from vtrain.tracing.cubic_kernels import fit_pieces
from vtrain.tracing.curves import curved
from vtrain.tracing.parameters import PRESETS, Settings
from vtrain.tracing.path_data import shorten
from vtrain.tracing.render import render
from vtrain.tracing.segments import CUBIC, LINE, MOVE, QUADRATIC, Segments, read_outlines
from vtrain.tracing.trace import trace
from vtrain.tracing.vertices import Unit

SCALE = 10
SIDE = 300
Mask = NDArray[np.bool_]


def outlines_of(mask: Mask) -> list[NDArray[np.int64]]:
    """Corner by corner round the pixels of each part, holes the other way round, in tenths."""
    # Pixels doubled: contours of cells instead of pixels' middles.
    doubled = np.kron(np.pad(mask, 1), np.ones((2, 2), np.uint8)).astype(np.uint8)
    found, _ = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    walked = []
    for contour in found:
        cells = contour[:, 0].astype(np.int64)
        # A ring of half cells lies on one side of the edge; its whole pixels' corners are the edge.
        corners = (cells + 1) // 2 - 1
        moved = (corners != np.roll(corners, 1, axis=0)).any(axis=1)
        corners = corners[moved]
        into, out = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
        walked.append(SCALE * corners[into[:, 0] * out[:, 1] != into[:, 1] * out[:, 0]])
    return walked


def fitted(
    mask: Mask, *, tolerance: float = 0.5, corner: float = 45, upscale: int = 1, grid: int = 1
) -> Segments:
    outlines = outlines_of(mask)
    unit = Unit(SCALE, upscale * SCALE)
    return curved(
        outlines,
        np.arange(len(outlines)),
        unit,
        tolerance=tolerance * unit.source,
        corner=corner,
        grid=grid,
    )


def document(segments: Segments) -> str:
    one = replace(segments, path=np.zeros_like(segments.path))
    data, _ = shorten(one, 1)
    paths = "".join(f'<path d="{text}" fill="#000"/>\n' for text in data.values())
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}">\n{paths}</svg>\n'


def disc(radius: float, middle: float = SIDE / 2) -> Mask:
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    return np.asarray((x - middle) ** 2 + (y - middle) ** 2 < radius**2)


def polygon(corners: list[tuple[float, float]]) -> Mask:
    """The pixels whose middles lie in a convex polygon, corners clockwise as seen."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    mask = np.ones((SIDE, SIDE), np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        mask &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0
    return mask


@pytest.mark.parametrize("radius", [20, 60, 120])
def test_a_disc_is_a_few_curves_that_are_round(radius: int) -> None:
    found = fitted(disc(radius), upscale=3)

    drawn = ~found.is_move
    assert set(found.kind[drawn]) <= {QUADRATIC, CUBIC}
    assert drawn.sum() <= 8
    off = np.hypot(*(found.end / SCALE - SIDE / 2).T) - radius
    assert np.abs(off).max() < 0.8
    assert vertices_of(document(found)).turns.max() < 3
    area = np.count_nonzero(render(document(found), 4 * SIDE, 4 * SIDE)[..., 3] > 127) / 16
    assert abs(area - math.pi * radius**2) < 0.15 * 2 * math.pi * radius  # px off, on the mean


@pytest.mark.parametrize("radius", [130, 140, 145])
@pytest.mark.parametrize("tolerance", [0.2, 0.6])
def test_a_large_disc_has_no_flat_sides(radius: int, tolerance: float) -> None:
    found = fitted(disc(radius), upscale=3, tolerance=tolerance)

    assert not found.is_line.any()


@pytest.mark.parametrize("diameter", [4, 6, 8])
@pytest.mark.parametrize("upscale", [2, 3])
def test_a_small_disc_is_round(diameter: int, upscale: int) -> None:
    found = fitted(disc(diameter * upscale / 2), upscale=upscale, tolerance=0.2)

    assert not found.is_line.any()
    assert (~found.is_move).sum() <= 4


@pytest.mark.parametrize("upscale", [1, 2, 3])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_strokes_keep_their_ends(upscale: int, width: int) -> None:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[100 : 100 + width * upscale, 50 : 50 + 40 * upscale] = True

    found = fitted(mask, upscale=upscale, tolerance=0.2)

    picture = render(document(found), 4 * SIDE, 4 * SIDE)[..., 3] > 127
    exact = np.kron(mask, np.ones((4, 4), np.bool_))
    assert (picture & exact).sum() > 0.95 * (picture | exact).sum()


def test_a_comb_of_equal_turns_is_drawn_where_it_is() -> None:
    comb = np.zeros((SIDE, SIDE), np.bool_)
    comb[100:104] = True
    comb[104:107, ::2] = True

    found = fitted(comb)

    picture = render(document(found), SIDE, SIDE)[..., 3] > 127
    assert picture[101:103, 5:-5].all()
    assert not picture[110:].any()


def test_a_square_is_four_lines_where_it_was() -> None:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[40:200, 60:250] = True

    found = fitted(mask)

    assert found.kind.tolist() == [MOVE, LINE, LINE, LINE, LINE]
    corners = {(600, 400), (2500, 400), (600, 2000), (2500, 2000)}
    assert {tuple(point) for point in found.end.tolist()} == corners


def test_corners_of_a_slanted_square_are_where_its_sides_meet() -> None:
    corners = [(150.0, 30.0), (270.0, 140.0), (160.0, 260.0), (40.0, 150.0)]

    found = fitted(polygon(corners), upscale=3)

    assert found.kind.tolist() == [MOVE, LINE, LINE, LINE, LINE]
    ends = found.end[1:] / SCALE
    for corner in corners:
        assert np.hypot(*(ends - corner).T).min() < 1


def test_sides_between_round_corners_stay_straight() -> None:
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    outside = np.hypot(np.maximum(np.abs(x - 150) - 80, 0), np.maximum(np.abs(y - 150) - 50, 0))

    found = fitted(outside < 30, upscale=3, tolerance=0.3)

    lines = np.flatnonzero(found.is_line)
    assert len(lines) == 4
    for number in lines:
        side = found.end[number] - found.end[number - 1]
        assert np.abs(side).min() <= SCALE // 2
        assert np.abs(side).max() > 90 * SCALE


def test_holes_stay_open() -> None:
    found = fitted(disc(100) & ~disc(60), upscale=3)

    picture = render(document(found), SIDE, SIDE)[..., 3]
    assert picture[150, 150] == 0
    assert picture[150, 70] == 255


def test_directions_go_on_at_the_joints_of_curves() -> None:
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    wave = np.abs(y - 150 - 40 * np.sin(x / 25)) < 30

    found = fitted(wave & (x > 20) & (x < 280), upscale=3)

    vertices = vertices_of(document(found))
    turns = np.sort(vertices.turns)[::-1]
    assert turns[3] > 30  # the ends of the wave
    assert turns[4] < 3


def test_next_to_no_area_stays_as_its_pixels_are() -> None:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[10, 10] = mask[50, 40:44] = True

    found = fitted(mask, tolerance=2.5)

    assert found.kind.tolist() == [MOVE, LINE, LINE, LINE] * 2
    assert (render(document(found), SIDE, SIDE)[..., 3] > 127).sum() == 5


def test_every_outline_keeps_its_path_and_its_place() -> None:
    mask = disc(20, 40) | disc(30, 200)
    mask[100, 10] = True

    found = fitted(mask)

    assert found.path[found.is_move].tolist() == [0, 1, 2]
    assert (np.diff(found.path) >= 0).all()
    for number, outline in enumerate(outlines_of(mask)):
        ends = found.end[found.path == number]
        assert (ends >= outline.min(axis=0) - 8).all()
        assert (ends <= outline.max(axis=0) + 8).all()


@given(st.integers(0, 10_000), st.sampled_from([1, 2, 3]), st.sampled_from([0.0, 0.4, 1.5]))
def test_any_outline_is_drawn_about_where_it_was(seed: int, upscale: int, tolerance: float) -> None:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random((SIDE, SIDE)), (0, 0), 12)
    mask = noise > np.quantile(noise, 0.6)

    found = fitted(mask, upscale=upscale, tolerance=tolerance)

    picture = render(document(found), SIDE, SIDE)[..., 3] > 127
    reach = math.ceil(2 * tolerance * upscale) + 4
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    grown = cv2.dilate(mask.astype(np.uint8), around) > 0
    shrunk = cv2.erode(mask.astype(np.uint8), around, borderValue=0) > 0
    assert not (picture & ~grown).any()
    assert not (shrunk & ~picture).any()


def test_points_lie_along_a_slanted_edge_on_no_side_of_it() -> None:
    corners = [(20.0, 20.0), (280.0, 97.0), (280.0, 280.0), (20.0, 280.0)]
    contours = Contours.of(outlines_of(polygon(corners)), SCALE, 3)

    x, y = contours.points.T / SCALE
    along = (x > 30) & (x < 270) & (y < 110)
    off = y[along] - (20 + (x[along] - 20) * 77 / 260)

    assert along.sum() > 200
    assert abs(off.mean()) < 0.15
    assert np.abs(off).max() < 0.6


def test_places_go_round_and_round() -> None:
    contours = Contours.of(outlines_of(disc(20, 40) | disc(30, 200)), SCALE, 1)
    one = np.array([0, 1])

    here = contours.at(contours.start[one] + 3, one)

    for turns in (-1, 1, 2):
        there = contours.at(contours.start[one] + 3 + turns * contours.length[one], one)
        np.testing.assert_allclose(there, here, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 300])
def test_compiled_curves_are_equal_to_the_bit(count: int) -> None:
    random = np.random.default_rng(count)
    starts, ends = random.normal(size=(2, count, 2)) * 100
    share = cubics.SHARES[None, :, None]
    points = starts[:, None] * (1 - share) + ends[:, None] * share
    points += 4 * share * (1 - share) * random.normal(size=(count, 1, 2)) * 30
    points += random.normal(size=points.shape)
    ways = random.normal(size=(count, 2, 2))
    ways /= np.hypot(ways[..., 0], ways[..., 1])[..., None]
    ways[random.random((count, 2)) < 0.5] = np.nan

    plain = cubics.fit_plainly(starts, ends, points, ways, 8.0)
    handles, error = np.empty((count, 2, 2)), np.empty(count)
    single, worst = np.empty(count, np.bool_), np.empty(count, np.int64)
    fit_pieces(starts, ends, points, ways, 8.0, handles, single, error, worst)

    assert np.isfinite(plain.handles).all()
    assert np.array_equal(plain.handles, handles)
    assert np.array_equal(plain.error, error)
    assert np.array_equal(plain.single, single)
    assert np.array_equal(plain.worst, worst)
    if count > 2:
        assert 0 < single.sum() < count


def test_a_curve_is_found_again() -> None:
    share = cubics.SHARES[:, None]
    handles = np.array([[0.0, 0.0], [10.0, 40.0], [60.0, 50.0], [100.0, 0.0]])
    weights = np.hstack(
        [(1 - share) ** 3, 3 * share * (1 - share) ** 2, 3 * share**2 * (1 - share), share**3]
    )
    ways = np.full((1, 2, 2), np.nan)

    found = cubics.fit(handles[:1], handles[3:], (weights @ handles)[None], ways, 0.01)

    np.testing.assert_allclose(found.handles[0], handles[1:3], atol=0.5)
    assert found.error[0] < 0.1
    assert not found.single[0]


def test_a_trace_is_shorter_and_smoother(ring: NDArray[np.uint8]) -> None:
    plain = trace(ring, PRESETS["recipe"])
    smooth = trace(ring, replace(PRESETS["recipe"], simplify=0.4, smooth=60))

    assert smooth.facts.bytes < plain.facts.bytes
    assert smooth.facts.segments < plain.facts.segments
    assert (vertices_of(smooth.svg).turns > 10).sum() < (vertices_of(plain.svg).turns > 10).sum()
    difference = render(smooth.svg, 128, 128).astype(int) - render(plain.svg, 128, 128)
    assert (np.abs(difference[..., 3]) > 128).mean() < 0.01


@pytest.mark.parametrize("precision", [0, 1, 2])
def test_coordinates_are_as_fine_as_the_settings_say(
    ring: NDArray[np.uint8], precision: int
) -> None:
    settings = Settings(
        alpha="cut", upscale=2, mode="polygon", simplify=0.4, smooth=60, path_precision=precision
    )

    svg = trace(ring, settings).svg

    fractions = {part[0] for part in svg.split('d="', 1)[1].split(".")[1:]}
    assert (fractions == set()) is (precision == 0)
    if precision == 1:
        assert fractions == {"5"}


def scribble(seed: int) -> NDArray[np.uint8]:
    """Discs, strokes and letters over each other, some of one pixel, and specks."""
    generator = np.random.default_rng(seed)
    rgba = np.zeros((96, 128, 4), np.uint8)
    colours = [(200, 30, 60, 255), (20, 40, 200, 255), (250, 220, 40, 255), (0, 0, 0, 255)]
    for number in range(14):
        x, y = (int(value) for value in generator.integers(0, 96, 2))
        colour = colours[number % len(colours)]
        if number % 3 == 0:
            cv2.circle(rgba, (x, y), int(generator.integers(1, 24)), colour, -1, cv2.LINE_AA)
        elif number % 3 == 1:
            end = tuple(int(value) for value in generator.integers(0, 96, 2))
            cv2.line(rgba, (x, y), end, colour, int(generator.integers(1, 6)), cv2.LINE_AA)
        else:
            cv2.putText(rgba, "gS8", (x, y), cv2.FONT_HERSHEY_DUPLEX, 0.8, colour, 1)
    return rgba


@pytest.mark.parametrize("seed", range(8))
def test_drawings_are_the_same_with_and_without_machine_code(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        alpha="cut",
        upscale=1 + seed % 3,
        colours=8,
        edge_snap=bool(seed % 2),
        mode="polygon",
        simplify=(0.2, 0.6, 1.5)[seed % 3],
        smooth=(45, 80)[seed % 2],
        path_precision=seed % 3,
    )
    compiled = trace(scribble(seed), settings)
    for module in (contours_module, cubics, segments, vertices):
        monkeypatch.setattr(module, "are_compiled", lambda: False)

    plain = trace(scribble(seed), settings)

    assert compiled.facts.segments > 20
    assert plain.svg == compiled.svg


def test_numbers_with_more_decimals_than_are_kept_are_rounded() -> None:
    outline = "M0.26 -1 L12.04 0.5 L-3.96 7.25 Z "

    read = read_outlines([outline], [(0.5, -2.0)], [0], 1)

    assert read.end.tolist() == [[8, -30], [125, -15], [-35, 52]]


@pytest.mark.parametrize(
    "warm_up", ["from vtrain.scoring.score import warm_up; warm_up()", "import vtrain.agent.ready"]
)
def test_warming_up_leaves_nothing_to_compile(warm_up: str) -> None:
    # What is compiled later counts for the time that a trace may take.
    program = f"""
{warm_up}
from vtrain.tracing import contour_kernels, cubic_kernels, segment_kernels
used = [contour_kernels.smooth_steps, contour_kernels.interpolate, contour_kernels.keep_apart]
used += [segment_kernels.read_numbers, cubic_kernels.fit_pieces]
print([len(loop.signatures) for loop in used])
from tests.tracing.test_tracing_curves import scribble
from vtrain.tracing.parameters import Settings
from vtrain.tracing.trace import trace
trace(scribble(0), Settings(alpha="cut", mode="polygon", simplify=0.4, smooth=60))
print([len(loop.signatures) for loop in used])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    before, after = done.stdout.splitlines()
    assert before == after == "[1, 1, 1, 1, 1]"
