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
    keys, slots = np.zeros(2 * room, np.uint32), np.full(2 * room, -1, np.int32)
    count = module.number_colours(given_words, indices, colours, keys, slots)
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
    random = np.random.default_rng(seed)
    labels = random.integers(0, 5, given_words.size).astype(np.uint8)
    palette = random.integers(0, 2**24, 5).astype(np.uint32)
    ours, theirs = np.ones_like(given_words), np.ones_like(given_words)

    plain.recolour(given_words, labels, palette, ours)
    kernels.recolour(given_words, labels, palette, theirs)

    np.testing.assert_array_equal(ours, theirs)


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
