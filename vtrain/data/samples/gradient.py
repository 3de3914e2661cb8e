"""Gradient logos: linear and radial ramps on marks, application icons, spheres and text."""

from __future__ import annotations

from vtrain.data.samples.canvas import Sketch, polar, polygon, sector, shade
from vtrain.data.samples.simple import mark


def draw_gradient(sketch: Sketch, index: int) -> None:
    """Draw the design number `index`, which go round."""
    designs = (_icon, _sphere, _petals, _word, _overlap, _ribbon, _hexagon, _rings)
    designs[index % len(designs)](sketch)


def _ramp(sketch: Sketch, first: int = 0) -> str:
    colours = sketch.colours
    stops = [colours[first % 5], colours[(first + 1) % 5]]
    if sketch.chance(0.3):
        stops.append(colours[(first + 2) % 5])
    return sketch.gradient(stops, angle=sketch.between(0, 180))


def _icon(sketch: Sketch) -> None:
    ground = _ramp(sketch)
    sketch.add("rect", x=4, y=4, width=92, height=92, rx=22, fill=ground)
    if sketch.chance(0.5):
        paints = ["#ffffff", shade(sketch.colours[0], 0.7)]
        mark(sketch, paints=paints, cx=50, cy=50, radius=26)
    else:
        sketch.text(
            sketch.brand[0], box=(26, 26, 48, 48), fill="#ffffff",
            face=int(sketch.rng.integers(7)),
        )  # fmt: skip


def _sphere(sketch: Sketch) -> None:
    base = sketch.colours[0]
    ball = sketch.gradient([shade(base, 0.75), base, shade(base, -0.5)], radial=True)
    sketch.add("circle", cx=50, cy=50, r=44, fill=ball)
    shine = sketch.gradient(["#ffffff", shade(base, 0.35)], angle=90)
    sketch.add("ellipse", cx=40, cy=26, rx=20, ry=11, fill=shine, opacity=0.7)
    if sketch.chance(0.5):
        band = sketch.gradient([sketch.colours[1], shade(sketch.colours[1], 0.5)], angle=0)
        sketch.add(
            "path", d="M2 62C30 84 74 78 98 40C80 96 22 104 2 62Z", fill=band,
        )  # fmt: skip


def _petals(sketch: Sketch) -> None:
    count = int(sketch.rng.integers(4, 9))
    for part in range(count):
        colour = sketch.colours[part % 3]
        paint = sketch.gradient([shade(colour, 0.45), colour], angle=90)
        sketch.add(
            "ellipse", cx=50, cy=27, rx=min(15, 58 / count), ry=23, fill=paint,
            opacity=sketch.pick("1", ".88"), transform=f"rotate({360 * part / count:.2f} 50 50)",
        )  # fmt: skip


def _word(sketch: Sketch) -> None:
    sketch.width, sketch.height = 240, 70
    paint = sketch.gradient(sketch.colours[:3], angle=sketch.between(-20, 20))
    face = int(sketch.rng.integers(7))
    sketch.text(sketch.brand, box=(70, 14, 162, 42), fill=paint, face=face)
    mark(sketch, paints=[_ramp(sketch), _ramp(sketch, 1)], cx=34, cy=35, radius=27)


def _overlap(sketch: Sketch) -> None:
    count = int(sketch.rng.integers(2, 4))
    for part in range(count):
        x, y = polar(50, 50, 18, 360 * part / count - 90)
        paint = _ramp(sketch, part)
        sketch.add("circle", cx=x, cy=y, r=29, fill=paint, opacity=0.82)


def _ribbon(sketch: Sketch) -> None:
    lift = sketch.between(-10, 10)
    for part in range(3):
        paint = _ramp(sketch, part)
        y = 22 + 22 * part
        sketch.add(
            "path", fill=paint,
            d=f"M6 {y + 12}C30 {y - 22 + lift:.1f} 60 {y + 40 - lift:.1f} 94 {y}"
            f"V{y + 15}C62 {y + 54 - lift:.1f} 32 {y - 4 + lift:.1f} 6 {y + 27}Z",
        )  # fmt: skip


def _hexagon(sketch: Sketch) -> None:
    """A cube: three faces, each with its ramp."""
    cx, cy, radius = 50.0, 50.0, 46.0
    for part in range(3):
        colour = shade(sketch.colours[0], (0.35, -0.05, -0.4)[part])
        paint = sketch.gradient([colour, sketch.colours[1]], angle=60 * part + 30)
        corners = [polar(cx, cy, radius, -150 + 120 * part + turn) for turn in (0, 60, 120)]
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in [*corners, (cx, cy)])
        sketch.add("polygon", points=points, fill=paint)
    if sketch.chance(0.5):
        sketch.add("polygon", points=polygon(cx, cy, 17, 6), fill="#ffffff")


def _rings(sketch: Sketch) -> None:
    start = sketch.between(0, 360)
    for part in range(3):
        outer = 46 - 14 * part
        path = sector(50, 50, outer, outer - 10, start=start, end=start + sketch.between(200, 330))
        sketch.add("path", d=path, fill=_ramp(sketch, part))
    glow = sketch.gradient([shade(sketch.colours[1], 0.6), sketch.colours[1]], radial=True)
    sketch.add("circle", cx=50, cy=50, r=6, fill=glow)
