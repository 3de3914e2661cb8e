import re
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.errors import TraceError, UsageError
from vtrain.images import over
from vtrain.images.loops import compile_loops
from vtrain.tracing import vtracer_backend
from vtrain.tracing.parameters import (
    ACTION_LEVELS,
    PRESETS,
    Settings,
    canonical,
    decode_action,
)
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import RENDERER, render, render_resvg
from vtrain.tracing.svg import tidy
from vtrain.tracing.trace import trace, trace_prepared

RECIPE = PRESETS["recipe"]
actions = st.tuples(*(st.integers(0, levels - 1) for levels in ACTION_LEVELS))


def test_the_document_has_a_view_box_and_the_size_of_the_source(ring: NDArray[np.uint8]) -> None:
    drawn = trace(ring, RECIPE)

    assert drawn.svg.startswith("<svg ")
    assert 'width="64" height="64" viewBox="1 1 128 128"' in drawn.svg
    assert drawn.pixels == 128 * 128


@pytest.mark.parametrize("hierarchical", ["stacked", "cutout"])
@pytest.mark.parametrize("upscale", [1, 2, 3])
def test_a_hole_stays_a_hole_on_any_page(
    ring: NDArray[np.uint8], hierarchical: Literal["stacked", "cutout"], upscale: int
) -> None:
    chosen = replace(RECIPE, hierarchical=hierarchical, upscale=upscale)

    picture = render(trace(ring, chosen).svg, 64, 64)

    assert picture[32, 32, 3] == 0
    assert picture[0, 0, 3] == 0
    assert picture[32, 12].tolist() == [220, 30, 30, 255]
    assert over(picture, (0, 255, 0))[32, 32].tolist() == [0, 255, 0]


@pytest.mark.parametrize("layer_difference", [0, 2, 4, 8, 16, 32, 48, 64, 128])
@pytest.mark.parametrize("mode", ["spline", "polygon"])
def test_cutout_never_paints_what_is_clear(
    ring: NDArray[np.uint8], mode: Literal["spline", "polygon"], layer_difference: int
) -> None:
    for colours, speckle, bits in ((0, 4, 4), (4, 0, 8), (32, 12, 6)):
        chosen = Settings(
            alpha="cut",
            colours=colours,
            mode=mode,
            hierarchical="cutout",
            filter_speckle=speckle,
            color_precision=bits,
            layer_difference=layer_difference,
        )

        picture = render(trace(ring, chosen).svg, 64, 64)

        assert picture[0, 0, 3] == 0
        assert picture[32, 32, 3] == 0
        assert picture[32, 12, 3] == 255


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions)
def test_what_is_clear_stays_clear_whatever_the_action(
    ring: NDArray[np.uint8], action: tuple[int, ...]
) -> None:
    chosen = replace(decode_action(canonical(action)), alpha="cut")

    picture = render(trace(ring, chosen).svg, 64, 64)

    assert picture[0, 0, 3] == 0
    assert picture[32, 32, 3] == 0


def test_a_tiny_hole_in_a_full_image_is_kept() -> None:
    # Too few clear pixels for VTracer's own keying to start.
    rgba = np.full((64, 64, 4), 255, np.uint8)
    rgba[..., :3] = (200, 30, 30)
    rgba[30:34, 30:34] = 0

    picture = render(trace(rgba, replace(PRESETS["flattened"], filter_speckle=0)).svg, 64, 64)

    assert picture[32, 32, 3] == 0
    assert picture[10, 10, 3] == 255


def test_an_opaque_image_stays_opaque(two_colours: NDArray[np.uint8]) -> None:
    picture = render(trace(two_colours, RECIPE).svg, 64, 64)

    assert (picture[..., 3] == 255).all()


def test_a_clear_image_gives_an_empty_drawing() -> None:
    drawn = trace(np.zeros((16, 16, 4), np.uint8), PRESETS["flattened"])

    assert drawn.facts.paths == 0
    assert not render(drawn.svg, 16, 16).any()


def test_numbers_are_no_longer_than_asked(ring: NDArray[np.uint8]) -> None:
    for digits in (0, 1, 2):
        drawn = trace(ring, replace(RECIPE, mode="spline", path_precision=digits))

        fractions = re.findall(r"\.(\d+)", drawn.svg)
        assert max(len(part) for part in fractions or [""]) <= max(digits, 1)
        if not digits:  # only where a path begins
            assert len(fractions) <= 2 * drawn.facts.paths


def test_tracing_twice_gives_the_same_text(ring: NDArray[np.uint8]) -> None:
    assert trace(ring, RECIPE).svg == trace(ring, RECIPE).svg


def test_a_large_image_is_traced_at_a_multiple_of_the_base_and_keeps_its_size(
    ring: NDArray[np.uint8],
) -> None:
    preparation = Preparation(ring, 32)

    drawn = trace_prepared(preparation, RECIPE, size=(64, 64))

    assert drawn.pixels == 64 * 64
    assert (drawn.width, drawn.height) == (64, 64)
    picture = render(drawn.svg, 64, 64)
    assert picture[32, 12, 3] == 255


def test_an_output_over_the_limit_is_a_typed_error(ring: NDArray[np.uint8]) -> None:
    with pytest.raises(TraceError, match="output-limit"):
        trace(ring, RECIPE, output_limit=100)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.float32),
        np.zeros((0, 8, 4), np.uint8),
    ],
)
def test_an_array_that_is_no_image_is_refused(image: NDArray[np.uint8]) -> None:
    with pytest.raises(UsageError, match="An image is"):
        trace(image, RECIPE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("color_precision", 0),
        ("length_threshold", float("nan")),
        ("mode", "none"),
        ("upscale", True),
        ("path_precision", 2.0),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(
    ring: NDArray[np.uint8], name: str, value: object
) -> None:
    chosen = replace(RECIPE, **{name: value})  # type: ignore[arg-type]

    with pytest.raises(UsageError, match=f"{name} = "):
        trace(ring, chosen)


def test_a_panic_of_the_tracer_is_a_typed_error(
    ring: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]
) -> None:
    hostile = replace(Settings(), color_precision=0)

    with pytest.raises(TraceError, match="panic"):
        vtracer_backend.run_vtracer(ring, hostile, keyed=False)

    capfd.readouterr()


def test_output_that_the_tracer_never_writes_is_refused() -> None:
    for line in ('<script src="x"/>', '<path d="M0 0" onclick="x" fill="#000000"/>'):
        with pytest.raises(TraceError, match="invalid-svg"):
            tidy(line, Settings(), width=1, height=1, view=(0, 0, 1, 1))


@settings(max_examples=60, deadline=None)
@given(actions, st.integers(0, 3))
def test_every_action_traces_every_image_or_fails_with_a_type(
    action: tuple[int, ...], kind: int
) -> None:
    generator = np.random.default_rng(kind)
    rgba = generator.integers(0, 256, (24, 20, 4)).astype(np.uint8)
    if kind == 1:
        rgba[..., 3] = 255
    elif kind == 2:
        rgba[:] = (9, 9, 9, 255)
    elif kind == 3:
        rgba = rgba[:1, :1]

    drawn = trace(rgba, decode_action(action))

    height, width = rgba.shape[:2]
    assert render(drawn.svg, width, height).shape == (height, width, 4)


@settings(max_examples=60, deadline=None)
@given(actions)
def test_rows_that_are_inert_change_nothing(action: tuple[int, ...]) -> None:
    generator = np.random.default_rng(1)
    rgba = np.kron(generator.integers(0, 256, (4, 5, 4)), np.ones((8, 8, 1))).astype(np.uint8)
    rgba[..., 3] = np.where(rgba[..., 3] > 90, 255, 0)

    assert (
        trace(rgba, decode_action(action)).svg == trace(rgba, decode_action(canonical(action))).svg
    )


@pytest.mark.parametrize("mode", ["spline", "polygon"])
def test_two_independent_renderers_agree(
    ring: NDArray[np.uint8], mode: Literal["spline", "polygon"]
) -> None:
    svg = trace(ring, replace(RECIPE, mode=mode)).svg

    one = over(render(svg, 128, 128), (255, 255, 255)).astype(np.int16)
    other = over(render_resvg(svg, 128, 128), (255, 255, 255)).astype(np.int16)

    difference = np.abs(one - other)
    assert difference.mean() < 0.5
    assert (difference > 48).mean() < 0.002


def test_a_drawing_is_measured() -> None:
    path = '<path d="M0 0 C3 0 3 0 3 3 L1 1 Z " fill="#{}" transform="translate(2,0)"/>\n'
    raw = "".join(path.format(fill) for fill in ("FF0000", "FF0000", "00FF00", "FF0000"))

    svg, facts = tidy(raw, Settings(), width=4, height=4, view=(0, 0, 4, 4))

    assert (facts.segments, facts.paths, facts.colours) == (4 * 3, 3, 2)
    assert facts.bytes == len(svg)


@pytest.mark.skipif(RENDERER != "pylunasvg", reason="there is no wheel for this machine")
def test_a_process_with_numba_renders_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    stops = (
        '<stop offset="0" stop-color="#f31" stop-opacity="0"/><stop offset="1" stop-color="#3af"/>'
    )
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
        f'<linearGradient id="g">{stops}</linearGradient>'
        '<circle cx="4" cy="4" r="3" fill="url(#g)"/></svg>'
    )
    compile_loops()
    found = render(svg, 300, 200)
    monkeypatch.setattr("vtrain.tracing.render.are_compiled", lambda: False)
    expected = render(svg, 300, 200)

    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found[..., 3])) > 100
