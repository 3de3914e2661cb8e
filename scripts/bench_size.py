"""Size of drawings as they are written, against what VTracer returned for the same trace.

    python -m scripts.bench_size --run RUN [--images 10] [--rounds 3]

RUN holds prepared images; the first of each category of its test split are traced in several ways.
Prints for each way the bytes of what is written over those of VTracer's own document (plain and
after gzip, geometric means), how many pixels differ visibly when both are rendered at twice the
size, and what the rewriting takes, as a share of the trace and in milliseconds (least of the
rounds, mean over images).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from scripts.bench_agent import chosen_entries
from vtrain import RunDirectory
from vtrain.data.store import ImageStore
from vtrain.images.loops import compile_loops
from vtrain.tracing.parameters import PRESETS, Settings
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.svg import SvgFacts, framed, gzip_bytes, tidy
from vtrain.tracing.vtracer_backend import BORDER, run_vtracer

VISIBLE = 32
"""Difference of a channel from which a pixel counts (levels)."""
_RECIPE = replace(PRESETS["recipe"], edge_snap=True)
WAYS: dict[str, Settings] = {
    "VTracer's default": PRESETS["default"],
    "photo": PRESETS["photo"],
    "spline, 2 digits": replace(_RECIPE, mode="spline"),
    "spline, 0 digits": replace(_RECIPE, mode="spline", path_precision=0),
    "polygon": _RECIPE,
}


@dataclass(frozen=True, slots=True)
class Written:
    """One trace, both ways.

    Attributes:
        bytes: Ours over VTracer's.
        gzip: The same, compressed.
        changed: Share of pixels that differ visibly.
        traced: What VTracer took (s).
        rewritten: What the rewriting took (s).
    """

    bytes: float
    gzip: float
    changed: float
    traced: float
    rewritten: float


def main() -> None:
    """Trace, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--images", type=int, default=10, help="of each category")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    compile_loops()
    run = RunDirectory.open(arguments.run)
    store = ImageStore(run.images)
    images = [Preparation(store.input(entry.id)) for entry in chosen_entries(run, arguments.images)]
    print("| way | bytes | after gzip | pixels changed | rewriting |")
    print("| --- | --- | --- | --- | --- |")
    for name, settings in WAYS.items():
        rows = [written(image, settings, arguments.rounds) for image in images]
        ratios = [
            np.exp2(np.mean(np.log2([getattr(row, key) for row in rows])))
            for key in ("bytes", "gzip")
        ]
        changed = np.mean([row.changed for row in rows])
        traced, ours = (np.mean([getattr(r, key) for r in rows]) for key in ("traced", "rewritten"))
        print(
            f"| {name} | {ratios[0]:.2f}x | {ratios[1]:.2f}x | {changed:.1e} | "
            f"{1000 * ours:.1f} ms, {ours / traced:.2f} of the trace |"
        )


@dataclass(frozen=True, slots=True)
class Timed:
    """One trace, and the drawing that is made of it.

    Attributes:
        raw: VTracer's document.
        own: The same in a frame as ours.
        svg: Ours.
        facts: Its size.
        traced: What VTracer took, the least of the rounds (s).
        rewritten: What the rest took, likewise.
    """

    raw: str
    own: str
    svg: str
    facts: SvgFacts
    traced: float
    rewritten: float


def timed(image: Preparation, settings: Settings, rounds: int) -> Timed:
    """Trace an image, and rewrite the drawing."""
    prepared = image.apply(settings)
    height, width = prepared.rgba.shape[:2]
    border = BORDER if prepared.keyed else 0
    own_width, own_height = image.size(1)
    view = (border, border, width, height)
    traced, ours = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        raw = run_vtracer(prepared.rgba, settings, keyed=prepared.keyed)
        traced.append(time.perf_counter() - started)
        started = time.perf_counter()
        svg, facts = tidy(raw, settings, width=own_width, height=own_height, view=view)
        ours.append(time.perf_counter() - started)
    own = framed(raw, width=own_width, height=own_height, view=view)
    return Timed(raw, own, svg, facts, min(traced), min(ours))


def written(image: Preparation, settings: Settings, rounds: int) -> Written:
    """Both ways to write a trace, compared."""
    both = timed(image, settings, rounds)
    width, height = image.size(1)
    size = (2 * width, 2 * height)
    difference = render(both.svg, *size) - render(both.own, *size).astype(np.int16)
    changed = np.abs(difference).max(axis=2) > VISIBLE
    return Written(
        len(both.svg) / len(both.raw),
        gzip_bytes(both.svg) / gzip_bytes(both.raw),
        float(changed.mean()),
        both.traced,
        both.rewritten,
    )


if __name__ == "__main__":
    main()
