"""Simple logos: one geometric mark in one to three flat colours."""

from __future__ import annotations

from vtrain.data.samples.canvas import Sketch, polar, polygon, sector, star


def draw_simple(sketch: Sketch, index: int) -> None:
    """Draw the design number `index`, which go round."""
    designs = (
        _petals,
        _monogram,
        _bars,
        _orbit,
        _arcs,
        _chevrons,
        _split_disc,
        _star,
        _tiles,
        _leaf,
    )
    if sketch.chance(0.12):
        sketch.add("rect", width=100, height=100, fill=sketch.pick("#ffffff", "#f4f1ea", "#101820"))
    designs[index % len(designs)](sketch)


def mark(sketch: Sketch, *, paints: list[str], cx: float, cy: float, radius: float) -> None:
    """Draw a small mark of up to two paints round a centre, for wordmarks and icons."""
    kind = sketch.pick("petals", "ring", "hexagon", "arcs", "star", "bars")
    if kind == "petals":
        count = int(sketch.rng.integers(3, 8))
        for part in range(count):
            x, y = polar(cx, cy, radius * 0.55, 360 * part / count - 90)
            sketch.add("circle", cx=x, cy=y, r=radius * 0.42, fill=paints[part % 2])
    elif kind == "ring":
        sketch.add(
            "path", d=sector(cx, cy, radius, radius * 0.6, start=30, end=330), fill=paints[0]
        )
        sketch.add("circle", cx=cx, cy=cy, r=radius * 0.32, fill=paints[1])
    elif kind == "hexagon":
        sketch.add("polygon", points=polygon(cx, cy, radius, 6), fill=paints[0])
        sketch.add("polygon", points=polygon(cx, cy, radius * 0.5, 6), fill=paints[1])
    elif kind == "arcs":
        for part in range(3):
            outer = radius * (1 - 0.3 * part)
            path = sector(cx, cy, outer, outer - radius * 0.18, start=180, end=360 - 40 * part)
            sketch.add("path", d=path, fill=paints[part % 2])
        sketch.add("circle", cx=cx, cy=cy + radius * 0.45, r=radius * 0.25, fill=paints[1])
    elif kind == "star":
        tips = int(sketch.rng.integers(4, 9))
        sketch.add("polygon", points=star(cx, cy, radius, radius * 0.5, tips), fill=paints[0])
        sketch.add("circle", cx=cx, cy=cy, r=radius * 0.22, fill=paints[1])
    else:
        for part in range(3):
            high = radius * (0.8 + 0.6 * part)
            x = cx - radius * 0.9 + part * radius * 0.65
            sketch.add(
                "rect", x=x, y=cy + radius - high, width=radius * 0.5, height=high,
                rx=radius * 0.12, fill=paints[part % 2],
            )  # fmt: skip


def _petals(sketch: Sketch) -> None:
    count = int(sketch.rng.integers(3, 9))
    wide = min(17.0, 62.0 / count)
    for part in range(count):
        turn = 360 * part / count
        sketch.add(
            "ellipse", cx=50, cy=26, rx=wide, ry=22, fill=sketch.colours[part % 2],
            transform=f"rotate({turn:.2f} 50 50)",
        )  # fmt: skip


def _monogram(sketch: Sketch) -> None:
    shape = sketch.pick("circle", "square", "hexagon", "shield")
    ground = sketch.colours[0]
    if shape == "circle":
        sketch.add("circle", cx=50, cy=50, r=46, fill=ground)
    elif shape == "square":
        sketch.add("rect", x=5, y=5, width=90, height=90, rx=sketch.between(0, 30), fill=ground)
    elif shape == "hexagon":
        sketch.add("polygon", points=polygon(50, 50, 48, 6), fill=ground)
    else:
        sketch.add("path", d="M50 3L92 17V50C92 74 74 90 50 97C26 90 8 74 8 50V17Z", fill=ground)
    letters = sketch.brand[: int(sketch.rng.integers(1, 3))]
    face = int(sketch.rng.integers(7))
    sketch.text(letters, box=(24, 28, 52, 44), fill="#ffffff", face=face)


def _bars(sketch: Sketch) -> None:
    count = int(sketch.rng.integers(3, 6))
    wide = 84 / (count + (count - 1) * 0.35)
    rx = wide / 2 if sketch.chance(0.5) else 0.0
    for part in range(count):
        high = sketch.between(28, 84)
        y = 92 - high if sketch.chance(0.8) else 50 - high / 2
        sketch.add(
            "rect", x=8 + part * wide * 1.35, y=y, width=wide, height=high, rx=rx,
            fill=sketch.colours[part % 3],
        )  # fmt: skip


def _orbit(sketch: Sketch) -> None:
    wide = sketch.between(4, 9)
    for part in range(3):
        sketch.add(
            "ellipse", cx=50, cy=50, rx=44, ry=16, fill="none", stroke=sketch.colours[0],
            stroke_width=wide, transform=f"rotate({60 * part} 50 50)",
        )  # fmt: skip
    sketch.add("circle", cx=50, cy=50, r=10, fill=sketch.colours[1])


def _arcs(sketch: Sketch) -> None:
    count = int(sketch.rng.integers(2, 5))
    step = 44 / count
    for part in range(count):
        outer = 46 - part * step
        start = sketch.between(0, 360)
        end = start + sketch.between(150, 320)
        path = sector(50, 50, outer, outer - step * 0.68, start=start, end=end)
        sketch.add("path", d=path, fill=sketch.colours[part % 3])


def _chevrons(sketch: Sketch) -> None:
    count, wide = int(sketch.rng.integers(2, 4)), sketch.between(12, 18)
    for part in range(count):
        y = 50 - 14 * count + part * 28
        sketch.add(
            "path", d=f"M14 {y + 30:.1f}L50 {y:.1f}L86 {y + 30:.1f}", fill="none",
            stroke=sketch.colours[part % 3], stroke_width=wide,
            stroke_linejoin=sketch.pick("round", "miter"),
            stroke_linecap=sketch.pick("round", "butt"),
        )  # fmt: skip


def _split_disc(sketch: Sketch) -> None:
    turn = sketch.between(0, 180)
    gap = sketch.between(2, 8)
    for half in range(2):
        start = turn + 180 * half
        dx, dy = polar(0, 0, gap, start + 90)
        (ax, ay), (bx, by) = (
            polar(50 + dx, 50 + dy, 40, start),
            polar(50 + dx, 50 + dy, 40, start + 180),
        )
        sketch.add(
            "path",
            d=f"M{ax:.2f} {ay:.2f}A40 40 0 0 1 {bx:.2f} {by:.2f}Z",
            fill=sketch.colours[half],
        )
    sketch.add("circle", cx=50, cy=50, r=sketch.between(8, 16), fill=sketch.colours[2])


def _star(sketch: Sketch) -> None:
    tips = int(sketch.rng.integers(4, 12))
    inner = sketch.between(18, 34)
    sketch.add("polygon", points=star(50, 50, 48, inner, tips), fill=sketch.colours[0])
    hole = polygon(50, 50, inner * 0.55, int(sketch.rng.integers(3, 8)))
    sketch.add("polygon", points=hole, fill=sketch.pick(sketch.colours[1], "#ffffff"))


def _tiles(sketch: Sketch) -> None:
    grid = int(sketch.rng.integers(2, 4))
    step = 88 / grid
    for row in range(grid):
        for column in range(grid):
            rx = step * 0.43 if sketch.chance(0.35) else step * 0.08
            if grid == 3 and sketch.chance(0.2):
                continue
            sketch.add(
                "rect", x=6 + column * step, y=6 + row * step, width=step * 0.88,
                height=step * 0.88, rx=rx, fill=sketch.colours[(row + column) % 3],
            )  # fmt: skip


def _leaf(sketch: Sketch) -> None:
    bend = sketch.between(20, 45)
    sketch.add(
        "path",
        d=f"M10 90C{10 - bend / 4:.1f} {40 - bend / 2:.1f} 40 8 92 8"
        f"C92 60 60 {90 + bend / 6:.1f} 10 90Z",
        fill=sketch.colours[0],
    )  # fmt: skip
    sketch.add(
        "path", d=f"M12 88C30 {60 - bend / 4:.1f} 50 40 74 27", fill="none", stroke="#ffffff",
        stroke_width=sketch.between(2, 5), stroke_linecap="round",
    )  # fmt: skip
    if sketch.chance(0.5):
        sketch.add("circle", cx=76, cy=76, r=14, fill=sketch.colours[1])
