"""The loops that need no numba do what the compiled ones do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from vtrain.images import kernels, pixels, plain, resize
from vtrain.images.loops import are_compiled, compile_loops, loops

# Few different words, so that runs and repeats come up, and some of every alpha.
words = arrays(
    np.uint32,
    st.integers(1, 60),
    elements=st.one_of(
        st.sampled_from([0, 0xFF0000FF, 0x800000FF, 0x7F0000FF, 0x01000000]),
        st.integers(0, 2**32 - 1),
    ),
)


def numbered(module: Any, given_words: NDArray[np.uint32], room: int) -> tuple[Any, ...]:
    indices = np.zeros(given_words.size, np.int32)
    colours = np.zeros(room, np.uint32)
    count = module.number_colours(given_words, indices, colours, np.zeros(2 * room, np.uint64))
    return (count,) if count < 0 else (count, indices.tolist(), colours[:count].tolist())


@settings(deadline=None)
@given(words, st.sampled_from([2, 64]))
def test_colours_get_the_same_numbers(given_words: NDArray[np.uint32], room: int) -> None:
    expected = numbered(kernels, given_words, room)

    assert numbered(plain, given_words, room) == expected


@settings(deadline=None)
@given(words)
def test_alpha_is_cut_alike(given_words: NDArray[np.uint32]) -> None:
    ours, theirs = np.ones_like(given_words), np.ones_like(given_words)

    assert plain.cut_alpha(given_words, ours) == kernels.cut_alpha(given_words, theirs)
    np.testing.assert_array_equal(ours, theirs)


@settings(deadline=None)
@given(words, st.integers(0, 2**32 - 1))
def test_pixels_are_recoloured_alike(given_words: NDArray[np.uint32], seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, given_words.size, 50).astype(np.int32)
    ours, theirs = np.ones(50, np.uint32), np.ones(50, np.uint32)

    plain.recolour(numbers, given_words, ours)
    kernels.recolour(numbers, given_words, theirs)

    np.testing.assert_array_equal(ours, theirs)


# Few levels, so that distances are often equal.
@pytest.mark.parametrize(("count", "levels"), [(1, 3), (7, 2), (40, 4), (900, 100)])
def test_colours_are_clustered_alike(count: int, levels: int) -> None:
    random = np.random.default_rng(count)
    planes = random.integers(0, levels, (3, count)).astype(np.float32) / np.float32(7)
    weights = random.integers(0, 9, count).astype(np.float32)
    products = random.integers(0, levels, (5, count)).astype(np.float32) / np.float32(3)
    offsets = random.integers(0, levels, 5).astype(np.float32)
    found = []
    for module in (plain, kernels):
        chosen, rows = np.zeros(16, np.int32), np.zeros(count, np.int32)
        sums = np.zeros((3, 5))
        number = module.far_apart(planes, weights, chosen)
        module.least_rows(products, offsets, rows)
        module.sum_groups(rows, planes, sums)
        gaps = module.least_gaps(planes, np.ascontiguousarray(planes[:, :9].T))
        found.append([item.tolist() for item in (chosen[:number], rows, sums, gaps)])

    assert found[0] == found[1]
    assert len(set(found[0][0])) == len(found[0][0])


@pytest.mark.parametrize("ends", [0, 1, 2, 12])
def test_colours_are_as_far_from_the_lines(ends: int) -> None:
    random = np.random.default_rng(ends)
    colours = random.integers(0, 256, (300, 3)).astype(np.float32)
    corners = random.integers(0, 256, (ends, 3)).astype(np.float32)

    ours, theirs = plain.from_lines(colours, corners), kernels.from_lines(colours, corners)

    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("opaque", [False, True])
def test_enlarging_without_numba_gives_the_same_pixels(
    monkeypatch: pytest.MonkeyPatch, *, opaque: bool
) -> None:
    rgba = np.random.default_rng(1).integers(0, 256, (40, 31, 4), dtype=np.uint8)
    if opaque:
        rgba[..., 3] = 255
    expected = resize(rgba, 93, 120, kind="lanczos")

    monkeypatch.setattr(pixels, "are_compiled", lambda: False)

    np.testing.assert_array_equal(resize(rgba, 93, 120, kind="lanczos"), expected)


def test_a_process_that_has_numba_uses_it() -> None:
    compile_loops()

    assert are_compiled()
    assert loops() is kernels


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 24), st.integers(1, 24))
def test_mixtures_take_the_same_colours(seed: int, scale: int, height: int, width: int) -> None:
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (height * width, 4)).astype(np.uint8)
    where = np.flatnonzero(generator.random(height * width) < 0.7)
    shape = (-(-height // scale), -(-width // scale))
    palette = generator.integers(0, 256, (5, 3)).astype(np.uint8)
    near = generator.integers(0, 5, shape).astype(np.uint8)
    certain = generator.random(shape) < 0.6
    labels = generator.integers(0, 5, height * width).astype(np.uint8)

    ours, theirs = labels.copy(), labels.copy()
    for module, result in ((plain, ours), (kernels, theirs)):
        module.relabel(pixels, where, width, scale, near, certain, palette, 2, 14, result)

    assert np.array_equal(ours, theirs)
    assert np.array_equal(np.delete(ours, where), np.delete(labels, where))
