"""Enlarging gives Pillow's pixels, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vtrain.images.lanczos import can_enlarge, enlarge, premultiplied, straight


@pytest.mark.parametrize(
    ("height", "width", "factor"),
    [(7, 7, 2), (8, 40, 3), (64, 31, 2), (100, 256, 3), (50, 50, 1), (33, 9, 5), (61, 47, 1.37)],
)
def test_enlarging_equals_pillow(height: int, width: int, factor: float) -> None:
    random = np.random.default_rng(height)
    size = round(width * factor), round(height * factor)
    edges = random.choice(np.array([0, 255], np.uint8), (height, width, 4))
    noise = random.integers(0, 256, (height, width, 4), dtype=np.uint8)
    for samples in (edges, noise):
        # Pillow would weigh the colours of four channels by the last.
        planes = [
            np.asarray(Image.fromarray(samples[..., c]).resize(size, Image.Resampling.LANCZOS))
            for c in range(4)
        ]

        found = enlarge(samples, *size)

        np.testing.assert_array_equal(found, np.stack(planes, axis=2))


def test_alpha_goes_in_and_out_as_pillow_has_it() -> None:
    level, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    every = np.stack([level, level[::-1], 255 - level, alpha], axis=2)
    scaled = Image.fromarray(every).convert("RGBa")

    np.testing.assert_array_equal(premultiplied(every), np.asarray(scaled))
    # Levels above their alpha come about when Lanczos overshoots.
    odd = Image.frombuffer("RGBa", (256, 256), every.tobytes(), "raw", "RGBa", 0, 1)
    np.testing.assert_array_equal(straight(every), np.asarray(odd.convert("RGBA")))


def test_what_gets_smaller_or_is_tiny_is_left_to_others() -> None:
    assert can_enlarge((7, 7, 4), 7, 8)
    assert not can_enlarge((6, 7, 4), 12, 14)
    assert not can_enlarge((9, 9, 4), 8, 18)
