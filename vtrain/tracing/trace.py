"""One trace: pixels and settings in, a finished SVG document out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.errors import TraceError, UsageError
from vtrain.tracing.parameters import Settings, check_settings, is_curved, is_fitted
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.svg import SvgFacts, empty, tidy
from vtrain.tracing.vtracer_backend import BORDER, run_vtracer

Writer = Callable[..., tuple[str, SvgFacts]]
"""Takes and gives what `tidy` does."""

_EDGE = 2
"""Clear pixels this close to an edge may be painted: curves do not follow pixels (px)."""
_CORNERS = 3
"""Corners of curves are no further beyond what is rounded off (px of the traced image)."""
_FILLED = 16
"""Painted clear pixels beyond which a trace is made again (count)."""
_SEEN = 13
"""Alpha from which a pixel is seen (levels)."""
_BY_PIXEL = 2
"""The limit of outlines pixel by pixel: they take twice as much as polygons (times)."""
OUTPUT_LIMIT = 4_000_000
"""Largest output of VTracer accepted when the caller names no limit (bytes)."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A finished trace.

    Attributes:
        svg: The document, with `viewBox`.
        facts: Its size.
        width: Width of the document (px of the source).
        height: Height of the document (px of the source).
        pixels: Pixels that the tracer was given (count).
    """

    svg: str
    facts: SvgFacts
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
        output_limit: Largest output of VTracer accepted, twice that where curves are fitted to its
            pixels; what is made of it is smaller (bytes).

    Raises:
        UsageError: A setting is out of its range, or the image is of another shape or type.
        TraceError: VTracer panicked, or its output is too large or not what it should be.
    """
    if rgba.dtype != np.uint8 or rgba.ndim != 3 or rgba.shape[2] != 4 or not rgba.size:
        raise UsageError(
            f"An image is (h, w, 4) of uint8, straight alpha, not {rgba.shape} of {rgba.dtype}.",
            hint="vtrain.images.read gives one.",
        )
    return trace_prepared(Preparation(rgba), settings, output_limit=output_limit)


def trace_prepared(
    preparation: Preparation,
    settings: Settings,
    *,
    size: tuple[int, int] | None = None,
    output_limit: int = OUTPUT_LIMIT,
    write: Writer = tidy,
) -> Trace:
    """Trace an image whose preparations are shared by several traces.

    Args:
        preparation: The image.
        settings: How.
        size: Width and height of the document (px); None for the image's own.
        output_limit: Largest output of VTracer accepted, twice that where curves are fitted to its
            pixels; what is made of it is smaller (bytes).
        write: Makes the document of VTracer's output.

    Raises:
        UsageError: As `trace`.
        TraceError: As `trace`.
    """
    check_settings(settings)
    prepared = preparation.apply(settings)
    height, width = prepared.rgba.shape[:2]
    own_width, own_height = size or preparation.size(1)
    border = BORDER if prepared.keyed else 0
    view = (border, border, width, height)
    if not prepared.rgba[..., 3].any():
        svg, facts = empty(own_width, own_height, view)
        return Trace(svg, facts, own_width, own_height, width * height)

    def draw(chosen: Settings) -> tuple[str, SvgFacts]:
        raw = run_vtracer(prepared.rgba, chosen, keyed=prepared.keyed)
        limit = output_limit * (_BY_PIXEL if is_curved(chosen) else 1)
        if len(raw) > limit:
            raise TraceError(
                "output-limit", f"The SVG has {len(raw):,} bytes, over the limit of {limit:,}"
            )
        return write(raw, chosen, width=own_width, height=own_height, view=view)

    svg, facts = draw(settings)
    if prepared.keyed and settings.hierarchical == "cutout":
        # VTracer's cutout can take the colour it keys with for one of the drawing's and fill what
        # is clear; stacking never does.
        reach = _reach(settings)
        if _paints(render(svg, width, height), prepared.rgba[..., 3] == 0, reach):
            svg, facts = draw(replace(settings, hierarchical="stacked", simplify=0.0, smooth=0))
    return Trace(svg, facts, own_width, own_height, width * height)


def has_background(svg: str, rgba: NDArray[np.uint8], settings: Settings) -> bool:
    """Whether a drawing paints areas in which its source shows nothing.

    Settings that leave alpha to the tracer can do that: `Settings.alpha` ``cut`` never does.

    Args:
        svg: The drawing.
        rgba: What was traced, shape (h, w, 4).
        settings: How.

    Raises:
        TraceError: The drawing cannot be rendered.
    """
    unseen = rgba[..., 3] < _SEEN
    if not unseen.any():
        return False
    picture = render(svg, rgba.shape[1], rgba.shape[0])
    return _paints(picture, unseen, _reach(settings))


def _reach(settings: Settings) -> int:
    """How far from its pixels a drawing may paint (px of the traced image)."""
    fitted = settings.simplify * settings.upscale if is_fitted(settings) else 0
    corners = max(_CORNERS, settings.upscale) if is_curved(settings) else 0
    return settings.filter_speckle // 2 + _EDGE + math.ceil(2 * fitted) + corners


def _paints(picture: NDArray[np.uint8], clear: NDArray[np.bool_], reach: int) -> bool:
    """Whether a picture, shape (h, w, 4), paints parts of a mask that are wider than `reach` px."""
    height, width = clear.shape
    side = 2 * reach + 1
    padded = np.pad(clear.astype(np.uint8), reach, constant_values=1)
    inner = np.asarray(cv2.erode(padded, np.ones((side, side), np.uint8)))[
        reach : reach + height, reach : reach + width
    ]
    return int(np.count_nonzero((picture[..., 3] > 127) & (inner > 0))) > _FILLED
