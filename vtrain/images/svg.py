"""SVG sources: judged by `vtrain.images.svgcheck`, then rendered by resvg."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from vtrain.errors import ImageRefused
from vtrain.images.svgcheck import check_svg
from vtrain.images.types import DEFAULT_LIMITS, Limits, Picture

_CHILD = Path(__file__).with_name("svgchild.py")
_CHILD_REFUSED = 3
_TIME_LIMIT = 20.0  # seconds; the check before allows about six of work
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?svg[\s>/]")


def looks_like_svg(data: bytes) -> bool:
    """Say whether `data` opens like markup and names an ``svg`` element early on."""
    # Editors put long comments and metadata first; 64 KiB is more than any seen.
    text = _text(data[:65536], errors="ignore").lstrip()
    return text.startswith("<") and _ROOT.search(text) is not None


def decode_svg(
    data: bytes,
    side: int,
    *,
    name: str,
    limits: Limits = DEFAULT_LIMITS,
    isolated: bool = True,
) -> Picture:
    """Check and render an SVG file.

    Args:
        data: The whole file, UTF-8 or UTF-16.
        side: Longest side of the render (px).
        name: For messages.
        limits: `max_pixels` bounds the render and the images that the SVG embeds.
        isolated: Whether the renderer runs in a process of its own, which it can end or fill
            without harm; False saves some 50 ms, for a caller that is such a process itself.

    Returns:
        The render, on a transparent ground.

    Raises:
        ImageRefused: ``invalid-svg``, ``unsafe-svg``, ``external-resource``, ``too-costly``,
            ``too-large``, ``time-limit``, ``renderer-panic`` or ``renderer-failed``.
    """
    if side * side > limits.max_pixels:
        raise ImageRefused(
            name, "too-large", f"a render of {side} px would exceed {limits.max_pixels:,} px"
        )
    try:
        text = _text(data, errors="strict")
    except UnicodeError as error:
        raise ImageRefused(name, "invalid-svg", "it is neither UTF-8 nor UTF-16") from error
    facts = check_svg(text, side, name=name, limits=limits)
    rgba = _render(text, side, name=name, fonts=facts.has_text, isolated=isolated)
    return Picture(rgba, "SVG", facts.notes, mode="SVG")


def render_svg(svg: str | bytes, side: int, *, name: str = "svg") -> NDArray[np.uint8]:
    """Render an SVG so that its longest side has `side` px.

    The same checks as for a file apply: no external resources, bounded cost.

    Args:
        svg: The document.
        side: Longest side of the result (px).
        name: For messages.

    Returns:
        Shape (h, w, 4), straight alpha, transparent ground; the document's aspect ratio.

    Raises:
        ImageRefused: As `decode_svg`.
    """
    data = svg.encode("utf-8", "surrogatepass") if isinstance(svg, str) else svg
    return decode_svg(data, side, name=name).rgba


def _text(data: bytes, *, errors: str) -> str:
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    return data.decode(encoding, errors)


def _render(text: str, side: int, *, name: str, fonts: bool, isolated: bool) -> NDArray[np.uint8]:
    # resvg takes text only as UTF-8, whatever encoding the declaration states.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    options = {
        "width": side,
        "height": side,
        "dpi": 96,
        "skip_system_fonts": True,  # a render must not depend on the machine's fonts
        "font_files": list(_font_files()) if fonts else None,
        "font_family": "DejaVu Sans",
        "serif_family": "DejaVu Serif",
        "sans_serif_family": "DejaVu Sans",
        "monospace_family": "DejaVu Sans Mono",
    }
    png = _render_apart(text, options, name) if isolated else _render_here(text, options, name)
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        return np.array(image.convert("RGBA"))


def _render_apart(text: str, options: dict[str, Any], name: str) -> bytes:
    command = [sys.executable, "-P", str(_CHILD)]
    try:
        done = subprocess.run(  # noqa: S603 - our own script, and the SVG comes by standard input
            command,
            input=json.dumps(options).encode() + b"\n" + text.encode(),
            capture_output=True,
            timeout=_TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageRefused(
            name, "time-limit", f"rendering it took longer than {_TIME_LIMIT:g} s"
        ) from error
    except OSError as error:
        raise ImageRefused(
            name, "renderer-failed", f"the renderer cannot be started: {error.strerror}"
        ) from error
    if done.returncode == _CHILD_REFUSED:
        raise _refused_by_renderer(name, done.stderr.decode(errors="replace"))
    if done.returncode != 0:
        raise _panic(name)
    return done.stdout


def _render_here(text: str, options: dict[str, Any], name: str) -> bytes:
    try:
        return resvg_py.svg_to_bytes(svg_string=text, **options)
    except ValueError as error:
        raise _refused_by_renderer(name, str(error)) from error
    except BaseException as error:
        # A Rust panic is a BaseException of a class that cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise _panic(name) from error


def _refused_by_renderer(name: str, words: str) -> ImageRefused:
    return ImageRefused(name, "invalid-svg", f"the renderer refuses it: {words.strip()[:160]}")


def _panic(name: str) -> ImageRefused:
    return ImageRefused(name, "renderer-panic", "the renderer failed on it")


@cache
def _font_files() -> tuple[str, ...]:
    import matplotlib as mpl  # noqa: PLC0415 - a tenth of a second, and few logos hold live text

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return tuple(
        str(folder / f"DejaVu{face}.ttf")
        for face in ("Sans", "Sans-Bold", "Sans-Oblique", "SansMono", "Serif", "Serif-Bold")
    )
