"""Text logos: wordmarks alone, with a mark, with a tagline, boxed, or with an accent."""

from __future__ import annotations

from vtrain.data.samples.canvas import Sketch
from vtrain.data.samples.simple import mark

_TAGLINES = ("technologies", "cloud", "labs", "studio", "systems", "coffee", "est. 1987", "works")


def draw_text(sketch: Sketch, index: int) -> None:
    """Draw the design number `index`, which go round."""
    designs = (_plain, _with_mark, _with_tagline, _boxed, _accent, _stacked)
    designs[index % len(designs)](sketch)


def _written(sketch: Sketch) -> str:
    style = sketch.pick("as-is", "upper", "lower")
    name = sketch.brand
    return name.upper() if style == "upper" else name.lower() if style == "lower" else name


def _face(sketch: Sketch) -> int:
    return int(sketch.rng.integers(7))


def _plain(sketch: Sketch) -> None:
    sketch.width, sketch.height = 220, 70
    ink = sketch.pick(sketch.colours[0], "#111111")
    sketch.text(_written(sketch), box=(6, 10, 208, 50), fill=ink, face=_face(sketch))
    if sketch.chance(0.4):
        sketch.add("rect", x=14, y=64, width=192, height=3, fill=sketch.colours[1])


def _with_mark(sketch: Sketch) -> None:
    sketch.width, sketch.height = 260, 70
    mark(sketch, paints=sketch.colours[:2], cx=35, cy=35, radius=28)
    ink = sketch.pick(sketch.colours[0], "#1f2430", "#111111")
    sketch.text(_written(sketch), box=(76, 17, 176, 36), fill=ink, face=_face(sketch))


def _with_tagline(sketch: Sketch) -> None:
    sketch.width, sketch.height = 220, 90
    face = _face(sketch)
    sketch.text(_written(sketch), box=(8, 8, 204, 48), fill=sketch.colours[0], face=face)
    words = " ".join(sketch.pick(*_TAGLINES).upper())
    sketch.text(words, box=(20, 68, 180, 12), fill=sketch.colours[1], face=1)


def _boxed(sketch: Sketch) -> None:
    sketch.width, sketch.height = 220, 80
    rx = sketch.between(0, 38)
    sketch.add("rect", x=2, y=2, width=216, height=76, rx=rx, fill=sketch.colours[0])
    if sketch.chance(0.4):
        sketch.add(
            "rect", x=8, y=8, width=204, height=64, rx=max(0.0, rx - 6), fill="none",
            stroke="#ffffff", stroke_width=2,
        )  # fmt: skip
    sketch.text(_written(sketch), box=(30, 20, 160, 40), fill="#ffffff", face=_face(sketch))


def _accent(sketch: Sketch) -> None:
    """A two-tone word."""
    sketch.width, sketch.height = 240, 70
    first, second = sketch.colours[:2]
    box = (6, 12, 228, 46)
    sketch.text(_written(sketch), box=box, fill=first, face=_face(sketch), second=second)


def _stacked(sketch: Sketch) -> None:
    sketch.width, sketch.height = 120, 120
    mark(sketch, paints=sketch.colours[:2], cx=60, cy=40, radius=34)
    sketch.text(
        _written(sketch),
        box=(6, 86, 108, 26),
        fill=sketch.colours[0],
        face=_face(sketch),
    )
