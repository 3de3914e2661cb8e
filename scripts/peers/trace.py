"""Trace a folder of PNG files with tracers that have a Python package: see `scripts.bench_peers`.

    PYTHON scripts/peers/trace.py FOLDER

PYTHON is an interpreter of its own, with VTracer's pre-release and potracer, and without vtrain.
Beside each `NAME.png` it writes `NAME.TRACER.svg`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import potrace
import vtracer
from PIL import Image

VTRACER = {"vtracer-1.0": {}, "vtracer-1.0-simplify": {"simplify": 1}}
SAME = 30.0
"""Pixels this close to the median colour are of that colour (RGB levels)."""
MOSTLY = 0.98


def main(folder: Path) -> None:
    """Trace each file with everything."""
    for path in sorted(folder.glob("*.png")):
        data = path.read_bytes()
        for name, options in VTRACER.items():
            svg = vtracer.convert_bytes(data, vtracer.Config(**options))
            path.with_suffix(f".{name}.svg").write_text(svg, "utf-8")
        svg = one_colour(np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")))
        if svg:
            path.with_suffix(".potrace.svg").write_text(svg, "utf-8")


def one_colour(rgba: Any) -> str:
    """Potrace's drawing of a logo of one colour; nothing for another logo, which it cannot draw."""
    shape = rgba[..., 3] >= 128
    if shape.all() or not shape.any():
        return ""
    colours = rgba[shape][:, :3].astype(np.float64)
    colour = np.median(colours, axis=0)
    if (np.linalg.norm(colours - colour, axis=1) <= SAME).mean() < MOSTLY:
        return ""
    height, width = shape.shape
    parts = []
    # It takes the dark for the shape.
    for curve in potrace.Bitmap(~shape).trace():
        parts.append(f"M{point(curve.start_point)}")
        for segment in curve.segments:
            if segment.is_corner:
                parts.append(f"L{point(segment.c)}L{point(segment.end_point)}")
            else:
                points = (segment.c1, segment.c2, segment.end_point)
                parts.append("C" + " ".join(point(one) for one in points))
        parts.append("Z")
    fill = "#{:02x}{:02x}{:02x}".format(*(round(level) for level in colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<path d="{"".join(parts)}" fill="{fill}" fill-rule="evenodd"/></svg>\n'
    )


def point(place: Any) -> str:
    """Coordinates with two digits, as the other tracers have them."""
    return f"{place.x:.2f} {place.y:.2f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
