"""Curves fitted to pixels, beside VTracer's own splines and polygons of the same prepared images.

    python -m scripts.bench_curves --run RUN [--images 10] [--rounds 3]

RUN holds prepared images; the first of each category of its test split are prepared alike and drawn
in several ways. Prints for each the mean appearance against the reference, bytes and sides of
outlines (geometric means), and what VTracer and our part of it take (means over images of the least
of the rounds).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from scripts.bench_agent import chosen_entries
from scripts.bench_size import timed
from vtrain import RunDirectory
from vtrain.data.store import ImageStore
from vtrain.images.loops import compile_loops
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score
from vtrain.tracing.parameters import Settings
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render

_PREPARED = Settings(
    alpha="cut", upscale=3, colours=32, edge_snap=True, color_precision=8, layer_difference=8
)
_POLYGON = replace(_PREPARED, mode="polygon")
_CURVES = replace(_POLYGON, smooth=45, path_precision=1)
WAYS: dict[str, Settings] = {
    "VTracer's splines": _PREPARED,
    "VTracer's splines, whole pixels": replace(_PREPARED, path_precision=0),
    "VTracer's polygons": _POLYGON,
    "the same, within 0.4 px": replace(_POLYGON, simplify=0.4),
    "curves within 0.2 px": replace(_CURVES, simplify=0.2),
    "curves within 0.4 px": replace(_CURVES, simplify=0.4),
    "curves within 1 px": replace(_CURVES, simplify=1.0),
    "curves within 0.4 px, whole pixels": replace(_CURVES, simplify=0.4, path_precision=0),
    "curves within 0.4 px, one decimal": replace(_CURVES, simplify=0.4, path_precision=2),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawing.

    Attributes:
        looks: Its appearance.
        bytes: Its size.
        sides: Lines and curves (count).
        traced: What VTracer took (s).
        ours: What the rest took (s).
    """

    looks: float
    bytes: int
    sides: int
    traced: float
    ours: float


def main() -> None:
    """Draw, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--images", type=int, default=10, help="of each category")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    compile_loops()
    run = RunDirectory.open(arguments.run)
    store = ImageStore(run.images)
    images = [
        (Preparation(store.input(entry.id)), Reference.of(store.reference(entry.id)))
        for entry in chosen_entries(run, arguments.images)
    ]
    print("| way | appearance | bytes | sides | VTracer | ours |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, settings in WAYS.items():
        rows = [drawn(*image, settings, arguments.rounds) for image in images]
        sizes = [
            np.exp2(np.mean(np.log2([getattr(row, key) for row in rows])))
            for key in ("bytes", "sides")
        ]
        traced, ours = (
            1000 * np.mean([getattr(r, key) for r in rows]) for key in ("traced", "ours")
        )
        print(
            f"| {name} | {np.mean([row.looks for row in rows]):.2f} | {sizes[0]:.0f} | "
            f"{sizes[1]:.0f} | {traced:.1f} ms | {ours:.1f} ms |"
        )


def drawn(image: Preparation, reference: Reference, settings: Settings, rounds: int) -> Drawn:
    """Draw an image, and judge it."""
    made = timed(image, settings, rounds)
    picture = render(made.svg, reference.width, reference.height)
    looks = score(reference, picture, made.svg).appearance
    sides = max(made.facts.segments, 1)
    return Drawn(looks, made.facts.bytes, sides, made.traced, made.rewritten)


if __name__ == "__main__":
    main()
