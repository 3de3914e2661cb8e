"""What the designs draw with: a canvas of SVG elements, palettes, invented names, outlined text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

# Hues as brands use them: strong ones first, then a light and a dark companion.
_PALETTES: tuple[tuple[str, ...], ...] = (
    ("#e63946", "#1d3557", "#a8dadc", "#f1faee", "#457b9d"),
    ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51"),
    ("#5f0f40", "#fb8b24", "#9a031e", "#e36414", "#0f4c5c"),
    ("#3a0ca3", "#f72585", "#4cc9f0", "#7209b7", "#4361ee"),
    ("#0b7a75", "#19535f", "#d7c9aa", "#7b2d26", "#f0a202"),
    ("#0077b6", "#00b4d8", "#03045e", "#90e0ef", "#ff8500"),
    ("#2d6a4f", "#95d5b2", "#1b4332", "#d8f3dc", "#ffb703"),
    ("#111827", "#ef4444", "#f59e0b", "#9ca3af", "#3b82f6"),
    ("#6d28d9", "#ec4899", "#f97316", "#fde68a", "#1e1b4b"),
    ("#ff6b35", "#004e89", "#1a659e", "#f7c59f", "#efefd0"),
    ("#14213d", "#fca311", "#e5e5e5", "#00916e", "#d1495b"),
    ("#b5179e", "#560bad", "#480ca8", "#4895ef", "#ffd166"),
)
_FACES = (
    "DejaVuSans-Bold",
    "DejaVuSans",
    "DejaVuSans-BoldOblique",
    "DejaVuSerif-Bold",
    "DejaVuSansMono-Bold",
    "DejaVuSerif",
    "STIXGeneralBol",
)
_ONSETS = (
    *("b", "br", "c", "cl", "d", "f", "fl", "g", "gr", "h", "j", "k", "kr", "l", "m", "n"),
    *("p", "pl", "qu", "r", "s", "sk", "sol", "st", "t", "tr", "v", "vel", "w", "x", "z"),
)
_NUCLEI = ("a", "e", "i", "o", "u", "ai", "ea", "io", "oo")
_CODAS = ("", "", "n", "r", "x", "l", "m", "ra", "ta", "via", "lio", "nt", "ck")


class Sketch:
    """One logo in the making, on a canvas of `width` by `height` units.

    Args:
        rng: The source of every choice.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.width = 100.0
        self.height = 100.0
        palette = list(_PALETTES[int(rng.integers(len(_PALETTES)))])
        keep = palette[:3]
        rng.shuffle(keep)
        self.colours = [*keep, *palette[3:]]
        self.brand = self._name()
        self._defs: list[str] = []
        self._body: list[str] = []

    def _name(self) -> str:
        parts = [
            str(self.rng.choice(_ONSETS)) + str(self.rng.choice(_NUCLEI))
            for _ in range(int(self.rng.integers(1, 3)))
        ]
        return ("".join(parts) + str(self.rng.choice(_CODAS))).capitalize()

    def pick(self, *options: str) -> str:
        """One of `options`."""
        return options[int(self.rng.integers(len(options)))]

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True with probability `share`."""
        return bool(self.rng.random() < share)

    def add(self, tag: str, **attributes: float | str) -> None:
        """Add an element; underscores in names become hyphens, numbers are rounded."""
        self._body.append(_element(tag, attributes))

    def open(self, **attributes: float | str) -> None:
        """Open a group; `close` ends it."""
        self._body.append(_element("g", attributes).replace("/>", ">"))

    def close(self) -> None:
        """Close the innermost group."""
        self._body.append("</g>")

    def gradient(self, stops: Sequence[str], *, angle: float = 45.0, radial: bool = False) -> str:
        """Define a gradient over the bounding box; gives the paint, ``url(#...)``."""
        name = f"g{len(self._defs)}"
        inner = "".join(
            _element("stop", {"offset": index / (len(stops) - 1), "stop-color": colour})
            for index, colour in enumerate(stops)
        )
        if radial:
            self._defs.append(
                f'<radialGradient id="{name}" cx=".35" cy=".3" r=".8">{inner}</radialGradient>'
            )
        else:
            turn = math.radians(angle)
            x, y = math.cos(turn) / 2, math.sin(turn) / 2
            ends = {"x1": 0.5 - x, "y1": 0.5 - y, "x2": 0.5 + x, "y2": 0.5 + y}
            opening = _element("linearGradient", {"id": name, **ends}).replace("/>", ">")
            self._defs.append(f"{opening}{inner}</linearGradient>")
        return f"url(#{name})"

    def text(
        self,
        text: str,
        *,
        box: tuple[float, float, float, float],
        fill: str,
        face: int,
        second: str | None = None,
    ) -> None:
        """Draw `text` as outlines, fitted into a box and centred in it.

        Args:
            text: The word or words.
            box: Left, top, width and height.
            fill: The paint.
            face: One of the fonts, by number.
            second: Paint of the latter half of the letters, on the same baseline.
        """
        _, (left, bottom, right, top) = outline(text, face % len(_FACES))
        x, y, width, height = box
        size = min(width / max(right - left, 1e-6), height / max(top - bottom, 1e-6))
        dx = x + width / 2 - size * (left + right) / 2
        dy = y + height / 2 + size * (bottom + top) / 2
        cut = len(text) if second is None else (len(text) + 1) // 2
        first, _ = outline(text[:cut], face % len(_FACES))
        self.add("path", d=transformed(first, size, dx, dy), fill=fill)
        if second is not None:
            rest, (_, _, end, _) = outline(text[cut:], face % len(_FACES))
            self.add("path", d=transformed(rest, size, dx + size * (right - end), dy), fill=second)

    def glyph(
        self, letter: str, *, x: float, y: float, size: float, turn: float, fill: str
    ) -> None:
        """Draw one letter centred on (x, y), `size` units high, turned by `turn` degrees."""
        path, (left, _, right, top) = outline(letter, 0)
        scale = size / max(top, 1e-6)
        d = transformed(path, scale, -scale * (left + right) / 2, size / 2)
        self.add("path", d=d, fill=fill, transform=f"translate({x:.2f} {y:.2f}) rotate({turn:.2f})")

    def svg(self) -> str:
        """The document."""
        defs = f"<defs>{''.join(self._defs)}</defs>" if self._defs else ""
        box = f"{_number(self.width)} {_number(self.height)}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box}">'
            f"{defs}{''.join(self._body)}</svg>\n"
        )


Outline = tuple[tuple[str, tuple[float, ...]], ...]


@cache
def outline(text: str, face: int) -> tuple[Outline, tuple[float, float, float, float]]:
    """Outlines of `text` at size 1, y upwards, with its box (left, bottom, right, top).

    The fonts are those that matplotlib ships, so the result does not depend on the machine's.
    """
    file = Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{_FACES[face]}.ttf"
    path = TextPath((0, 0), text, size=100, prop=FontProperties(fname=str(file)))
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    segments = tuple(
        (letters[int(code)], tuple(float(value) / 100 for value in points))
        for points, code in path.iter_segments(curves=True, simplify=False)
    )
    box = path.get_extents()
    return segments, (box.x0 / 100, box.y0 / 100, box.x1 / 100, box.y1 / 100)


def transformed(path: Outline, scale: float, dx: float, dy: float) -> str:
    """Path data of an outline, scaled, turned to y downwards and moved."""
    parts = []
    for letter, points in path:
        if letter == "Z":
            parts.append("Z")
            continue
        pairs = (
            f"{_number(dx + scale * x)} {_number(dy - scale * y)}"
            for x, y in zip(points[::2], points[1::2], strict=True)
        )
        parts.append(letter + " ".join(pairs))
    return "".join(parts)


def polygon(cx: float, cy: float, radius: float, corners: int) -> str:
    """Points of a regular polygon with a corner at the top."""
    return " ".join(_point(cx, cy, radius, 360 * index / corners - 90) for index in range(corners))


def star(cx: float, cy: float, outer: float, inner: float, tips: int) -> str:
    """Points of a star that stands on its tips' axis."""
    return " ".join(
        _point(cx, cy, outer if index % 2 == 0 else inner, 180 * index / tips - 90)
        for index in range(2 * tips)
    )


def polar(cx: float, cy: float, radius: float, degrees: float) -> tuple[float, float]:
    """The point at `radius` and `degrees` (clockwise from the right) round (cx, cy)."""
    turn = math.radians(degrees)
    return cx + radius * math.cos(turn), cy + radius * math.sin(turn)


def sector(cx: float, cy: float, outer: float, inner: float, *, start: float, end: float) -> str:
    """Path data of a part of a ring, from `start` to `end` degrees."""
    large = int(end - start > 180)
    (ax, ay), (bx, by) = polar(cx, cy, outer, start), polar(cx, cy, outer, end)
    (px, py), (qx, qy) = polar(cx, cy, inner, end), polar(cx, cy, inner, start)
    return (
        f"M{ax:.2f} {ay:.2f}A{outer:.2f} {outer:.2f} 0 {large} 1 {bx:.2f} {by:.2f}"
        f"L{px:.2f} {py:.2f}A{inner:.2f} {inner:.2f} 0 {large} 0 {qx:.2f} {qy:.2f}Z"
    )


def shade(colour: str, amount: float) -> str:
    """Mix a ``#rrggbb`` colour with white (amount > 0) or black (amount < 0)."""
    goal = 255 if amount > 0 else 0
    parts = (int(colour[index : index + 2], 16) for index in (1, 3, 5))
    mixed = (round(part + (goal - part) * abs(amount)) for part in parts)
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _point(cx: float, cy: float, radius: float, degrees: float) -> str:
    x, y = polar(cx, cy, radius, degrees)
    return f"{_number(x)},{_number(y)}"


def _element(tag: str, attributes: dict[str, float | str]) -> str:
    listed = "".join(
        f' {key.replace("_", "-")}="{value if isinstance(value, str) else _number(value)}"'
        for key, value in attributes.items()
    )
    return f"<{tag}{listed}/>"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
