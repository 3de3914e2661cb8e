"""CIE Lab without OpenCV's tables is OpenCV's, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unwatched import unwatched
from vtrain.images import lab
from vtrain.images.lab import few_lab_of_unit, lab_of_unit

Colours = NDArray[np.float32]


def opencv(rgb: Colours) -> Colours:
    return np.asarray(cv2.cvtColor(rgb[None], cv2.COLOR_RGB2Lab)[0], np.float32)


def test_every_node_of_the_grid_is_equal() -> None:
    levels = np.linspace(0, 1, 33, dtype=np.float32)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)

    np.testing.assert_array_equal(few_lab_of_unit(grid), opencv(grid))


@pytest.mark.parametrize("count", [1, 7, 300, 60_000])
def test_colours_between_the_nodes_are_equal(count: int) -> None:
    random = np.random.default_rng(count)
    rgb = random.uniform(-0.1, 1.1, (count, 3)).astype(np.float32)

    np.testing.assert_array_equal(few_lab_of_unit(rgb), opencv(rgb))


def test_colours_of_eight_bits_are_equal() -> None:
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    others = np.roll(levels, 85), np.roll(levels, 170)
    rgb = np.concatenate([np.stack([levels, *others], axis=1), np.repeat(levels, 3).reshape(-1, 3)])

    np.testing.assert_array_equal(few_lab_of_unit(rgb), opencv(rgb))


@pytest.mark.parametrize("many", [False, True])
def test_one_image_and_many_give_the_same(monkeypatch: pytest.MonkeyPatch, *, many: bool) -> None:
    monkeypatch.setattr(lab, "are_compiled", lambda: many)
    rgb = np.random.default_rng(2).random((40, 3), np.float32)

    np.testing.assert_array_equal(lab_of_unit(rgb), opencv(rgb))


def test_no_colours_are_none() -> None:
    assert few_lab_of_unit(np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_rasters_load_nothing_for_drawings() -> None:
    program = (
        "import sys; from vtrain.images import decode\n"
        "print(*{'resvg_py', 'xml', 'PIL.ImageCms'} & sys.modules.keys())\n"
        "from vtrain.images import render_svg; print('vtrain.images.svg' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env=unwatched(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "\nTrue\n"
