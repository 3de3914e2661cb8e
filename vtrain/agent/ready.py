"""Imported by the process that the workers of a large batch are copies of: all they need, loaded.

Machine code is loaded when a compiled loop is first called, so each is called once, on import.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import vtrain.agent.batch  # noqa: F401 - what workers import
from vtrain.environment.features import features
from vtrain.images.loops import compile_loops
from vtrain.tracing.parameters import PRESETS
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.svg import empty
from vtrain.tracing.svg import warm_up as warm_up_curves


def warm_up() -> None:
    """Prepare a small picture in a way that takes every loop, and render a drawing."""
    compile_loops()
    picture = np.zeros((16, 16, 4), np.uint8)
    for row in range(16):
        picture[row] = (40 * (row % 7), 90 * (row % 3), 15 * row, 17 * row)
    picture[:, :8] = (200, 30, 60, 255)
    features(picture)
    Preparation(picture).apply(replace(PRESETS["recipe"], edge_snap=True))
    warm_up_curves()
    render(empty(16, 16, (0, 0, 16, 16))[0], 16, 16)


warm_up()
