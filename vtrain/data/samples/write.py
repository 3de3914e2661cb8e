"""Make sample logos and write them as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vtrain.config.section import CATEGORIES, Category
from vtrain.data.samples.canvas import Sketch
from vtrain.data.samples.complex import draw_complex
from vtrain.data.samples.gradient import draw_gradient
from vtrain.data.samples.simple import draw_simple
from vtrain.data.samples.text import draw_text
from vtrain.rundir import write_text

_DRAW = {
    "simple": draw_simple,
    "text": draw_text,
    "gradient": draw_gradient,
    "complex": draw_complex,
}


def sample_svg(category: Category, index: int, seed: int = 0) -> tuple[str, str]:
    """Draw one logo.

    Args:
        category: What kind of logo.
        index: Which one, from 0.
        seed: Another seed gives other logos.

    Returns:
        The invented brand's name and the SVG.
    """
    rng = np.random.default_rng([seed, CATEGORIES.index(category), index])
    sketch = Sketch(rng)
    # Designs take turns, so that a few logos already show all of them.
    _DRAW[category](sketch, index)
    return sketch.brand, sketch.svg()


def write_samples(
    folder: Path,
    count: int,
    seed: int = 0,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write `count` logos, evenly over the categories, as ``CATEGORY/sample-NNNN-BRAND.svg``.

    Args:
        folder: Where; made when missing. Other files in it stay.
        count: How many in all.
        seed: Another seed gives other logos.
        on_progress: Called with the logos made and wanted.

    Returns:
        The files, in the order in which they were made.

    Raises:
        StorageError: A file cannot be written.
    """
    paths = []
    for number in range(count):
        category = CATEGORIES[number % len(CATEGORIES)]
        index = number // len(CATEGORIES)
        brand, svg = sample_svg(category, index, seed)
        path = folder / category / f"sample-{index:04d}-{brand.lower()}.svg"
        write_text(path, svg, flush=False)  # it can be made again
        paths.append(path)
        if on_progress is not None:
            on_progress(number + 1, count)
    return paths
