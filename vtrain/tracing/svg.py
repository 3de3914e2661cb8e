"""Tidying the tracer's SVG and measuring its size."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from html import escape

from vtrain.errors import TraceError

_PATH = re.compile(
    r'<path d="([MLCZ0-9 .,-]*)" fill="(#[0-9A-F]{6})" '
    r'transform="translate\((-?[0-9.]+),(-?[0-9.]+)\)"/>'
)
_NOT_XML = "[^ -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""XML 1.0, section 2.2, without line ends and tabs, which an attribute would not keep. Compiled
when it is needed: that takes longer than all the rest of this module."""


@dataclass(frozen=True, slots=True)
class SvgFacts:
    """Size of an SVG drawing.

    Attributes:
        segments: Line and curve segments over all paths (count).
        paths: Path elements (count).
        colours: Distinct fills (count).
        bytes: Length as UTF-8 (bytes).
        gzip_bytes: Length after gzip at level 6 (bytes); None unless asked for.
    """

    segments: int
    paths: int
    colours: int
    bytes: int
    gzip_bytes: int | None


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


def svg_facts(svg: str, *, compressed: bool = False) -> SvgFacts:
    """Counts and sizes of an SVG written by `tidy`.

    Args:
        svg: The document.
        compressed: Whether the size after gzip is wanted, which takes as long as a small trace.
    """
    data = svg.encode()
    fills = re.findall(r' fill="(#[0-9A-Fa-f]{3,6})"', svg)
    outlines = re.findall(r' d="([^"]*)"', svg)
    return SvgFacts(
        segments=sum(outline.count("L") + outline.count("C") for outline in outlines),
        paths=len(outlines),
        colours=len(set(fills)),
        bytes=len(data),
        gzip_bytes=len(gzip.compress(data, 6, mtime=0)) if compressed else None,
    )


def empty(width: int, height: int, view: tuple[int, int, int, int]) -> str:
    """A drawing with nothing in it."""
    return _header(width, height, view) + "</svg>\n"


def tidy(svg: str, *, width: int, height: int, view: tuple[int, int, int, int], digits: int) -> str:
    """VTracer's output as a document to keep: `viewBox`, own size, no prolog, short numbers.

    Args:
        svg: What VTracer returned: one path element per line.
        width: Width of the document (px).
        height: Height of the document (px).
        view: x, y, width and height of the traced image in the path's coordinates.
        digits: Decimals of a translation.

    Raises:
        TraceError: The output has an element or attribute that VTracer never writes.
    """
    lines = [_header(width, height, view)]
    for line in svg.splitlines():
        if not line.startswith("<path"):
            if line.startswith(("<?xml", "<!--", "<svg", "</svg")) or not line.strip():
                continue
            raise TraceError("invalid-svg", f"VTracer wrote an unexpected line: {line[:60]!r}")
        match = _PATH.fullmatch(line)
        if match is None:
            raise TraceError("invalid-svg", f"VTracer wrote an unexpected path: {line[:60]!r}")
        outline, fill, x, y = match.groups()
        x, y = _short(float(x), digits), _short(float(y), digits)
        moved = "" if x == y == "0" else f' transform="translate({x},{y})"'
        lines.append(f'<path d="{outline.strip()}" fill="{fill}"{moved}/>\n')
    lines.append("</svg>\n")
    return "".join(lines)


def _header(width: int, height: int, view: tuple[int, int, int, int]) -> str:
    box = " ".join(str(value) for value in view)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="{box}">\n'
    )


def _short(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return "0" if text in ("-0", "") else text
