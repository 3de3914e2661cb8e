"""Drawings to look at: a page that shows each image, VTracer's default, and what was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vtrain.agent.agent import TraceResult
from vtrain.errors import DataError
from vtrain.html import Markup, element, image, page
from vtrain.images import encode_png, read, reduce
from vtrain.tracing.parameters import describe
from vtrain.tracing.render import render

_LARGEST_SVG = 200_000
"""A larger drawing is shown as pixels, to keep the page light (bytes)."""
_SOURCE_SIDE = 256
"""Longest side of the image as it is shown (px)."""
_PIXELS = 768
"""Longest side of such pixels (px)."""

_STYLE = """
body { max-width: none; }
.logo { border-top: 1px solid var(--line); padding-top: .6rem; overflow-wrap: anywhere; }
figure { flex: 0 0 260px; max-width: none; }
figure .paper { height: 260px; padding: 0; }
figure .paper + .dark { border-top: 0; }
figure .paper img { width: 90%; height: 90%; }
#large:checked ~ .logo figure { flex-basis: 640px; }
#large:checked ~ .logo .paper { height: 640px; }
#large:checked ~ .logo .paper img { height: 90%; }
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A drawing that was there before, which nothing more is known of.

    Attributes:
        svg: The document.
        source: The image, reduced, as a PNG file.
        width: Its width (px of the source).
        height: Its height (px of the source).
    """

    svg: str
    source: bytes
    width: int
    height: int


Exhibit = TraceResult | Kept
"""What a row of the page shows."""


def kept(image: Path, drawing: Path) -> Kept:
    """A drawing that is left as it is, rendered once: what cannot be shown is no exhibit.

    Args:
        image: Its source.
        drawing: The SVG file.

    Raises:
        ImageRefused: The image cannot be decoded.
        DataError: The drawing cannot be read.
        TraceError: It cannot be rendered.
    """
    rgba = read(image, svg_side=4 * _SOURCE_SIDE).rgba
    try:
        svg = drawing.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"The drawing {drawing} cannot be read: {error}.", hint="Trace it again."
        ) from error
    height, width = rgba.shape[:2]
    render(svg, min(width, _SOURCE_SIDE), min(height, _SOURCE_SIDE))
    return Kept(svg, encode_png(reduce(rgba, _SOURCE_SIDE)), width, height)


def gallery(exhibits: Sequence[tuple[str, Exhibit]], *, policy: str, prefer: str) -> str:
    """The page; it loads nothing, and text in it is only ever text.

    Args:
        exhibits: Names of images and their drawings; those of now with their comparison.
        policy: Name of the policy.
        prefer: The taste.
    """
    title = f"{len(exhibits)} drawing{'' if len(exhibits) == 1 else 's'}"
    told = (
        f"By {policy}, taste {prefer}. Each image as it came, as VTracer's default draws it "
        "at the size that policies trace, and as it was drawn; transparent ones on a light and on "
        "a dark page."
    )
    if any(isinstance(shown, Kept) for _, shown in exhibits):
        told += (
            " Drawings that were there already may be of another policy and taste; their default "
            "was not drawn."
        )
    return page(
        title,
        element("h1", title),
        element("p", told, kind="quiet"),
        element(
            "div",
            # A switch without script: the style sheet asks whether it is on.
            element("input", type="checkbox", id="large"),
            Markup('<label for="large"> Show them large</label>'),
            *(_row(name, result) for name, result in exhibits),
        ),
        style=_STYLE,
    )


def _row(name: str, shown: Exhibit) -> Markup:
    figures = _kept_figures(shown) if isinstance(shown, Kept) else _figures(shown)
    return element(
        "div",
        element("b", name),
        element("div", *figures, kind="pictures"),
        kind="logo",
    )


def _kept_figures(shown: Kept) -> list[Markup]:
    dark = _is_transparent(shown.source)
    size = f"{shown.width} x {shown.height} px"
    text = f"{len(shown.svg.encode()):,} bytes; it was there already"
    return [
        _figure("source", size, (shown.source, "image/png"), dark=dark),
        _figure("drawn before", text, _drawing(shown.svg, shown), dark=dark),
    ]


def _figures(result: TraceResult) -> list[Markup]:
    found = result.comparison
    if found is None:
        msg = "a drawing without its comparison cannot be shown"
        raise ValueError(msg)
    dark = _is_transparent(found.source)
    size = f"{result.width} x {result.height} px"
    figures = [_figure("source", size, (found.source, "image/png"), dark=dark)]
    if found.default is None or found.default_svg is None:
        figures.append(element("figure", element("div", "it failed", kind="paper")))
    else:
        text = f"{found.default.bytes:,} bytes"
        picture = _drawing(found.default_svg, result)
        figures.append(_figure("VTracer's default", text, picture, dark=dark))
    text = f"{found.chosen.bytes:,} bytes; {describe(result.settings)}"
    figures.append(_figure("drawn", text, _drawing(result.svg, result), dark=dark))
    return figures


def _figure(title: str, text: str, picture: tuple[bytes, str], *, dark: bool) -> Markup:
    shown = image(*picture, title, lazy=True)
    papers = [element("div", shown, kind="paper")]
    if dark:
        papers.append(element("div", shown, kind="paper dark"))
    caption = element("figcaption", element("b", title), f" {text}")
    return element("figure", *papers, caption)


def _drawing(svg: str, result: Exhibit) -> tuple[bytes, str]:
    """A drawing's file, or its pixels when that is large, and the media type."""
    data = svg.encode()
    if len(data) <= _LARGEST_SVG:
        return data, "image/svg+xml"
    scale = _PIXELS / max(result.width, result.height)
    width, height = (max(1, round(side * scale)) for side in (result.width, result.height))
    return encode_png(render(svg, width, height)), "image/png"


def _is_transparent(png: bytes) -> bool:
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    return pixels is not None and pixels.ndim == 3 and pixels.shape[2] == 4
