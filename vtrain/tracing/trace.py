"""One trace: pixels and settings in, a finished SVG document out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.errors import TraceError
from vtrain.tracing.parameters import Settings
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.svg import empty, tidy
from vtrain.tracing.vtracer_backend import BORDER, run_vtracer

OUTPUT_LIMIT = 4_000_000
"""Largest SVG accepted when the caller names no limit (bytes)."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A finished trace.

    Attributes:
        svg: The document, with `viewBox`.
        width: Width of the document (px of the source).
        height: Height of the document (px of the source).
        pixels: Pixels that the tracer was given (count).
    """

    svg: str
    width: int
    height: int
    pixels: int


def trace(
    rgba: NDArray[np.uint8], settings: Settings, *, output_limit: int = OUTPUT_LIMIT
) -> Trace:
    """Trace an image at its own size.

    Args:
        rgba: Straight alpha, shape (h, w, 4).
        settings: How.
        output_limit: Largest SVG accepted (bytes).

    Raises:
        TraceError: VTracer panicked, or its output is too large or not what it should be.
    """
    return trace_prepared(Preparation(rgba), settings, output_limit=output_limit)


def trace_prepared(
    preparation: Preparation,
    settings: Settings,
    *,
    size: tuple[int, int] | None = None,
    output_limit: int = OUTPUT_LIMIT,
) -> Trace:
    """Trace an image whose preparations are shared by several traces.

    Args:
        preparation: The image.
        settings: How.
        size: Width and height of the document (px); None for the image's own.
        output_limit: Largest SVG accepted (bytes).

    Raises:
        TraceError: As `trace`.
    """
    prepared = preparation.apply(settings)
    height, width = prepared.rgba.shape[:2]
    own_width, own_height = size or preparation.size(1)
    border = BORDER if prepared.keyed else 0
    view = (border, border, width, height)
    if not prepared.rgba[..., 3].any():
        svg = empty(own_width, own_height, view)
        return Trace(svg, own_width, own_height, width * height)
    raw = run_vtracer(prepared.rgba, settings, keyed=prepared.keyed)
    if len(raw) > output_limit:
        raise TraceError(
            "output-limit", f"The SVG has {len(raw):,} bytes, over the limit of {output_limit:,}"
        )
    svg = tidy(raw, width=own_width, height=own_height, view=view, digits=settings.path_precision)
    return Trace(svg, own_width, own_height, width * height)
