"""Tidying the tracer's SVG and measuring its size."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from html import escape

from vtrain.errors import TraceError
from vtrain.tracing.curves import curved
from vtrain.tracing.fitting import polygons, simplified
from vtrain.tracing.parameters import Settings, is_curved, is_fitted
from vtrain.tracing.path_data import shorten
from vtrain.tracing.segments import Segments, read_outlines
from vtrain.tracing.vertices import Unit

_PATH = re.compile(
    r'<path d="([MLCZ0-9 .,-]*)" fill="(#[0-9A-F]{6})" '
    r'transform="translate\((-?[0-9.]+),(-?[0-9.]+)\)"/>'
)
_PLACED = 1
"""VTracer rounds the points of a path, not where the path is: that needs a decimal (digits)."""
_GRIDS = (1, 2)
"""Parts of a pixel that curves are rounded to, by `path_precision`; further ones, to a decimal."""
_NOT_XML = "[^ -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""XML 1.0, section 2.2, without line ends and tabs, which an attribute would not keep. Compiled
when it is needed: that takes longer than all the rest of this module."""


@dataclass(frozen=True, slots=True)
class SvgFacts:
    """Size of an SVG drawing.

    Attributes:
        segments: Sides of all outlines: lines and curves (count).
        paths: Path elements (count).
        colours: Distinct fills (count).
        bytes: Length as UTF-8 (bytes).
    """

    segments: int
    paths: int
    colours: int
    bytes: int


def warm_up() -> None:
    """Have the loops of curves ready, where they are compiled: a drawing that takes all of them."""
    outline = "M0 0 L9 0 L9 3 L8 3 L8 5 L7 5 L7 6 L6 6 L6 7 L5 7 L5 8 L3 8 L3 9 L0 9 Z "
    path = f'<path d="{outline}" fill="#000000" transform="translate(1,1)"/>'
    tidy(path, Settings(mode="polygon", smooth=60), width=9, height=9, view=(0, 0, 11, 11))


def titled(svg: str, title: str) -> str:
    """A drawing with a name, which browsers show and screen readers say.

    The name is an attribute as well, so that several drawings in one page need no ids.

    Args:
        svg: A document written by `tidy`.
        title: Any text; what XML cannot hold is replaced.
    """
    text = escape(re.sub(_NOT_XML, "\N{REPLACEMENT CHARACTER}", title))
    head, end, rest = svg.partition(">\n")
    return f'{head} role="img" aria-label="{text}"{end}<title>{text}</title>\n{rest}'


def gzip_bytes(svg: str) -> int:
    """Size of a drawing after gzip at level 6 (bytes); it takes as long as a small trace."""
    return len(gzip.compress(svg.encode(), 6, mtime=0))


def empty(width: int, height: int, view: tuple[int, int, int, int]) -> tuple[str, SvgFacts]:
    """A drawing with nothing in it, and its size."""
    svg = _header(width, height, view) + "</svg>\n"
    return svg, SvgFacts(segments=0, paths=0, colours=0, bytes=len(svg))


def framed(svg: str, *, width: int, height: int, view: tuple[int, int, int, int]) -> str:
    """VTracer's own paths, unchanged, in a document with `viewBox`; the arguments are `tidy`'s."""
    return re.sub("^.*?<svg [^>]*>\n?", _header(width, height, view), svg, count=1, flags=re.DOTALL)


def tidy(
    svg: str, settings: Settings, *, width: int, height: int, view: tuple[int, int, int, int]
) -> tuple[str, SvgFacts]:
    """VTracer's output as a document to keep: `viewBox`, own size, no prolog, short paths.

    Shapes of one colour that follow on each other are one path: nothing lies between them.

    Args:
        svg: What VTracer returned: one path element per line.
        settings: How it was traced. Where a path begins has one decimal at least.
        width: Width of the document (px).
        height: Height of the document (px).
        view: x, y, width and height of the traced image in the path's coordinates.

    Returns:
        The document, and its size.

    Raises:
        TraceError: The output has an element or attribute that VTracer never writes.
    """
    outlines, moves, paths, fills = [], [], [], list[str]()
    for line in svg.splitlines():
        if not line.startswith("<path"):
            if line.startswith(("<?xml", "<!--", "<svg", "</svg")) or not line.strip():
                continue
            raise TraceError("invalid-svg", f"VTracer wrote an unexpected line: {line[:60]!r}")
        match = _PATH.fullmatch(line)
        if match is None:
            raise TraceError("invalid-svg", f"VTracer wrote an unexpected path: {line[:60]!r}")
        outline, fill, x, y = match.groups()
        if not fills or fills[-1] != fill:
            fills.append(fill)
        outlines.append(outline)
        moves.append((float(x), float(y)))
        paths.append(len(fills) - 1)
    data: dict[int, str] = {}
    sides = 0
    if outlines:
        # Polygons have whole pixels, and parts of them where they are curves.
        digits = _PLACED if settings.mode == "polygon" else max(settings.path_precision, _PLACED)
        segments = read_outlines(outlines, moves, paths, digits)
        data, sides = shorten(_fitted(segments, settings, 10**digits), digits)
    lines = [f'<path d="{text}" fill="{_short(fills[path])}"/>\n' for path, text in data.items()]
    document = "".join([_header(width, height, view), *lines, "</svg>\n"])
    colours = len({fills[path] for path in data})
    return document, SvgFacts(sides, len(lines), colours, len(document))


def _fitted(segments: Segments, settings: Settings, scale: int) -> Segments:
    """Outlines as simple and as smooth as the settings want them; `scale` units are a pixel."""
    if not is_fitted(settings) or not len(segments.end):
        return segments
    source = settings.upscale * scale
    tolerance = settings.simplify * source
    if is_curved(settings):
        digits = settings.path_precision
        parts = _GRIDS[digits] if digits < len(_GRIDS) else scale
        return curved(
            polygons(segments),
            segments.path[segments.is_move],
            Unit(scale, source),
            tolerance=tolerance,
            corner=settings.smooth,
            grid=scale // parts,
        )
    return simplified(segments, tolerance) if tolerance else segments


def _header(width: int, height: int, view: tuple[int, int, int, int]) -> str:
    box = " ".join(str(value) for value in view)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="{box}">\n'
    )


def _short(fill: str) -> str:
    """The same colour with three digits, where that can be."""
    return f"#{fill[1::2]}" if fill[1::2] == fill[2::2] else fill
