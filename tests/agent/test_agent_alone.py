"""A process that traces one image, and one that traces many, draw the same."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.agent import TraceAgent
from vtrain.config.section import CATEGORIES, Category
from vtrain.data.samples.write import sample_svg
from vtrain.environment.features import features
from vtrain.images import decode, lab, loops, pixels, reduce
from vtrain.tracing.parameters import PRESETS, Settings
from vtrain.tracing.preparation import Preparation

SIDE = 96
SETTINGS = (
    PRESETS["recipe"],
    Settings(alpha="cut", upscale=3, colours=16, edge_snap=True),
    Settings(alpha="cut", colours=64, edge_snap=True),
)


def logo(category: Category, number: int) -> NDArray[np.uint8]:
    _, svg = sample_svg(category, number)
    rgba = reduce(decode(svg.encode(), name="a logo", svg_side=2 * SIDE, isolated=False).rgba, SIDE)
    if number == 2:  # as a photograph of it: thousands of colours
        noise = np.random.default_rng(number).integers(0, 12, rgba.shape[:2])[..., None]
        rgba = np.concatenate([rgba[..., :3] // 2 + noise, rgba[..., 3:]], axis=2).astype(np.uint8)
    return rgba


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("category", CATEGORIES)
def test_both_see_choose_and_prepare_the_same(
    monkeypatch: pytest.MonkeyPatch, category: Category, number: int
) -> None:
    rgba = logo(category, number)
    loops.compile_loops()
    agent = TraceAgent.shipped()

    def result() -> tuple[bytes, list[bytes], str]:
        prepared = [Preparation(rgba).apply(one).rgba.tobytes() for one in SETTINGS]
        return features(rgba).tobytes(), prepared, agent.trace(rgba).svg

    many = result()
    for module in (lab, loops, pixels):
        monkeypatch.setattr(module, "are_compiled", lambda: False)

    assert result() == many
