"""Complex logos: emblems, mandalas, faces, skylines and networks of many small parts."""

from __future__ import annotations

from vtrain.data.samples.canvas import Sketch, polar, polygon, sector, shade, star


def draw_complex(sketch: Sketch, index: int) -> None:
    """Draw the design number `index`, which go round."""
    designs = (_emblem, _face, _mandala, _landscape, _network, _skyline, _crest)
    designs[index % len(designs)](sketch)


def _circular_text(sketch: Sketch, text: str, *, radius: float, size: float, fill: str) -> None:
    step = 250 / max(len(text), 8)
    first = -90 - step * (len(text) - 1) / 2
    for place, letter in enumerate(text):
        if letter != " ":
            angle = first + step * place
            x, y = polar(50, 50, radius, angle)
            sketch.glyph(letter, x=x, y=y, size=size, turn=angle + 90, fill=fill)


def _emblem(sketch: Sketch) -> None:
    ink, second = sketch.colours[0], sketch.colours[1]
    sketch.add("circle", cx=50, cy=50, r=48, fill=ink)
    sketch.add("circle", cx=50, cy=50, r=45.5, fill="none", stroke="#ffffff", stroke_width=0.9)
    sketch.add("circle", cx=50, cy=50, r=30, fill="#ffffff")
    sketch.add("circle", cx=50, cy=50, r=28, fill="none", stroke=second, stroke_width=1.2)
    _circular_text(sketch, f"{sketch.brand} COMPANY".upper(), radius=37.5, size=7, fill="#ffffff")
    for angle in (60, 90, 120):
        x, y = polar(50, 50, 37.5, angle)
        sketch.add("polygon", points=star(x, y, 3.2, 1.4, 5), fill=second)
    rays = int(sketch.rng.integers(12, 25))
    for ray in range(rays):
        (ax, ay), (bx, by) = (
            polar(50, 50, 14, 360 * ray / rays),
            polar(50, 50, 24, 360 * ray / rays),
        )
        sketch.add("line", x1=ax, y1=ay, x2=bx, y2=by, stroke=ink, stroke_width=0.9)
    sketch.add(
        "polygon", points=star(50, 50, 12.5, 5.5, int(sketch.rng.integers(5, 9))), fill=second
    )
    sketch.add("circle", cx=50, cy=50, r=3, fill="#ffffff")


def _face(sketch: Sketch) -> None:
    """A mascot: ears, head, eyes with highlights, a beak or a nose, thin whiskers or brows."""
    coat, inner = sketch.colours[0], shade(sketch.colours[0], 0.55)
    dark = shade(sketch.colours[0], -0.65)
    pointed = sketch.chance(0.5)
    for side in (-1, 1):
        if pointed:
            ear = f"M{50 + side * 12} 26L{50 + side * 40} 4L{50 + side * 42} 46Z"
            hollow = f"M{50 + side * 20} 24L{50 + side * 36} 12L{50 + side * 37} 38Z"
            sketch.add("path", d=ear, fill=coat)
            sketch.add("path", d=hollow, fill=sketch.colours[1])
        else:
            sketch.add("circle", cx=50 + side * 32, cy=22, r=16, fill=coat)
            sketch.add("circle", cx=50 + side * 32, cy=22, r=9, fill=sketch.colours[1])
    sketch.add("ellipse", cx=50, cy=56, rx=43, ry=39, fill=coat)
    sketch.add("ellipse", cx=50, cy=70, rx=25, ry=21, fill=inner)
    for side in (-1, 1):
        sketch.add("ellipse", cx=50 + side * 18, cy=47, rx=10, ry=12, fill="#ffffff")
        sketch.add("circle", cx=50 + side * 16, cy=49, r=6, fill=dark)
        sketch.add("circle", cx=50 + side * 16 + 2, cy=46.5, r=2, fill="#ffffff")
        for hair in range(3):
            y = 66 + 5 * hair
            sketch.add(
                "line", x1=50 + side * 20, y1=y, x2=50 + side * 46, y2=y - 6 + 5 * hair,
                stroke=dark, stroke_width=0.8, stroke_linecap="round",
            )  # fmt: skip
    sketch.add("path", d="M44 62H56L50 69Z", fill=dark)
    sketch.add(
        "path", d="M50 69V75M50 75C46 81 40 80 38 76M50 75C54 81 60 80 62 76", fill="none",
        stroke=dark, stroke_width=1.6, stroke_linecap="round",
    )  # fmt: skip


def _mandala(sketch: Sketch) -> None:
    count = int(sketch.rng.integers(8, 17))
    for ring, (radius, wide, high) in enumerate(((38, 5.5, 9), (26, 4.5, 8), (15, 3, 6))):
        for part in range(count):
            sketch.add(
                "ellipse", cx=50, cy=50 - radius, rx=min(wide, 150 * wide / (count * 5)), ry=high,
                fill=sketch.colours[(ring + part) % 3] if ring == 1 else sketch.colours[ring],
                transform=f"rotate({360 * part / count + 9 * ring:.2f} 50 50)",
            )  # fmt: skip
            x, y = polar(50, 50, radius - 7, 360 * (part + 0.5) / count)
            sketch.add("circle", cx=x, cy=y, r=1.1, fill=sketch.colours[4])
    sketch.add("circle", cx=50, cy=50, r=7, fill=sketch.colours[0])
    sketch.add("circle", cx=50, cy=50, r=4, fill="none", stroke="#ffffff", stroke_width=0.8)


def _landscape(sketch: Sketch) -> None:
    """A badge with sun, mountains, snow, trees and water, clipped by construction."""
    night = sketch.chance(0.5)
    sky = shade(sketch.colours[1], 0.6 if not night else -0.6)
    sketch.add("circle", cx=50, cy=50, r=47, fill=sky)
    sun_x = sketch.between(34, 66)
    sketch.add("circle", cx=sun_x, cy=32, r=10, fill="#ffd166")
    for ray in range(12):
        (ax, ay), (bx, by) = polar(sun_x, 32, 12, 30 * ray), polar(sun_x, 32, 15.5, 30 * ray)
        sketch.add("line", x1=ax, y1=ay, x2=bx, y2=by, stroke="#ffd166", stroke_width=0.9)
    for x, top, colour in ((34, 38, sketch.colours[0]), (62, 30, shade(sketch.colours[0], -0.25))):
        sketch.add("polygon", points=f"{x},{top} {x + 26},72 {x - 26},72", fill=colour)
        sketch.add(
            "polygon", fill="#ffffff",
            points=f"{x},{top} {x + 6.5},{top + 9.5} {x + 2},{top + 7} {x - 1.5},{top + 10.5} "
            f"{x - 6},{top + 9}",
        )  # fmt: skip
    water = shade(sketch.colours[2], -0.1)
    sketch.add("path", d=sector(50, 50, 47, 0.01, start=28, end=152), fill=water)
    sketch.add("rect", x=8.6, y=71, width=82.8, height=2.2, fill=water)
    for tree in range(5):
        x = 16 + 17 * tree
        for layer in range(3):
            y, wide = 60 + 4.6 * layer, 2.6 + 1.2 * layer
            points = f"{x},{y - 5} {x + wide:.1f},{y + 3} {x - wide:.1f},{y + 3}"
            sketch.add("polygon", points=points, fill="#1b4332")
        sketch.add("rect", x=x - 0.7, y=71.5, width=1.4, height=4, fill="#5c4033")
    for wave in range(3):
        y = 79 + 5 * wave
        sketch.add(
            "path", d=f"M{24 + 5 * wave} {y}q4 -2.4 8 0t8 0t8 0t8 0", fill="none",
            stroke="#ffffff", stroke_width=0.9, stroke_linecap="round",
        )  # fmt: skip
    sketch.add(
        "circle", cx=50, cy=50, r=47, fill="none", stroke=sketch.colours[0], stroke_width=3.2
    )


def _network(sketch: Sketch) -> None:
    count = int(sketch.rng.integers(9, 15))
    points = [polar(50, 50, sketch.between(14, 42), 360 * part / count) for part in range(count)]
    for first in range(count):
        for second in range(first + 1, count):
            if sketch.chance(0.28) or second == first + 1:
                (ax, ay), (bx, by) = points[first], points[second]
                sketch.add(
                    "line", x1=ax, y1=ay, x2=bx, y2=by, stroke=sketch.colours[1],
                    stroke_width=sketch.between(0.6, 1.6),
                )  # fmt: skip
    for part, (x, y) in enumerate(points):
        radius = sketch.between(2.5, 7)
        sketch.add("circle", cx=x, cy=y, r=radius, fill=sketch.colours[part % 3])
        sketch.add("circle", cx=x, cy=y, r=radius * 0.45, fill="#ffffff")


def _skyline(sketch: Sketch) -> None:
    sketch.width, sketch.height = 140, 100
    x = 6.0
    while x < 122:
        wide, high = sketch.between(11, 19), sketch.between(26, 74)
        colour = sketch.colours[int(sketch.rng.integers(3))]
        sketch.add("rect", x=x, y=82 - high, width=wide, height=high, fill=colour)
        if sketch.chance(0.35):
            middle = x + wide / 2
            sketch.add(
                "polygon",
                points=f"{x},{82 - high} {x + wide},{82 - high} {middle},{73 - high}",
                fill=colour,
            )
            sketch.add(
                "line",
                x1=middle,
                y1=73 - high,
                x2=middle,
                y2=67 - high,
                stroke=colour,
                stroke_width=0.8,
            )
        light = shade(colour, 0.7)
        rows, columns = int((high - 6) // 6), int((wide - 3) // 4)
        for row in range(rows):
            for column in range(columns):
                if sketch.chance(0.75):
                    sketch.add(
                        "rect",
                        x=x + 2 + 4 * column,
                        y=86 - high + 6 * row,
                        width=2.2,
                        height=3,
                        fill=light,
                    )
        x += wide + sketch.between(0.5, 2)
    sketch.add("rect", x=2, y=82, width=136, height=2, fill=sketch.colours[0])
    sketch.text(
        " ".join(sketch.brand.upper()),
        box=(24, 88, 92, 9),
        fill=sketch.colours[0],
        face=0,
    )


def _crest(sketch: Sketch) -> None:
    outline = "M50 3L90 14V48C90 74 74 90 50 97C26 90 10 74 10 48V14Z"
    sketch.add("path", d=outline, fill=sketch.colours[0])
    sketch.add("path", d="M50 8V92C30 86 15 71 15 48V18Z", fill=sketch.colours[1])
    sketch.add("path", d="M15 44H85V50H15Z", fill="#ffffff")
    sketch.add(
        "path", d=outline, fill="none", stroke=shade(sketch.colours[0], -0.4), stroke_width=2.4
    )
    sketch.add("polygon", points=star(32, 28, 9, 4, 5), fill="#ffffff")
    sketch.add("polygon", points=polygon(68, 28, 9, int(sketch.rng.integers(3, 8))), fill="#ffd166")
    sketch.text(sketch.brand[0], box=(57, 56, 20, 22), fill="#ffffff", face=3)
    for stripe in range(4):
        y = 56 + 6 * stripe
        sketch.add(
            "line", x1=22 + 2 * stripe, y1=y, x2=46, y2=y, stroke="#ffffff", stroke_width=1.1
        )
    for dot in range(9):
        sketch.add("circle", cx=22 + 7 * dot, cy=47, r=1.2, fill=sketch.colours[0])
