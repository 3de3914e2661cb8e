"""Sheets to look at, at 4x: source, VTracer's default, the policy's first trace, its best of four.

    python scripts/make_sheet.py RUN SOURCES OUT [--per-category 12] [--seed 0] ...

RUN is a trained run directory, SOURCES the folder its SVG files were prepared from, and OUT gets
one WebP picture per category. Logos are drawn from the test split by seed, not chosen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vtrain import RunDirectory, Settings, TraceAgent, trace
from vtrain.config.section import CATEGORIES
from vtrain.data.catalog import Catalog
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.images import over, render_svg, resize
from vtrain.tracing.parameters import describe
from vtrain.tracing.render import render

SCALE = 4
TRACES = 4
PAGE = (255, 255, 255)
GAP = 24
CAPTION = 40


def main() -> None:
    """Draw and write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("sources", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--per-category", type=int, default=12)
    parser.add_argument("--prefer", default="fidelity")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", default="best")
    arguments = parser.parse_args()
    run = RunDirectory.open(arguments.run)
    agent = TraceAgent.from_run(run, arguments.checkpoint)
    store = ImageStore(run.images)
    entries = Catalog.load(run.catalog).split("test")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for category in CATEGORIES:
        found = sorted((e for e in entries if e.category == category), key=lambda e: e.id)
        order = np.random.default_rng(arguments.seed).permutation(len(found))
        rows = [
            row(found[int(index)], store, agent, arguments.sources, arguments.prefer)
            for index in order[: arguments.per_category]
        ]
        width = max(item.shape[1] for item in rows)
        sheet = np.concatenate([padded(item, width) for item in rows])
        path = arguments.out / f"sheet-{category}.webp"
        Image.fromarray(sheet).save(path, quality=70, method=6)
        print(path, sheet.shape)


def row(
    entry: Entry, store: ImageStore, agent: TraceAgent, sources: Path, prefer: str
) -> NDArray[np.uint8]:
    """One logo: source, default, ours after one trace and after `TRACES`."""
    rgba = store.input(entry.id)
    height, width = rgba.shape[:2]
    size = (SCALE * width, SCALE * height)
    source = resize(render_svg((sources / entry.name).read_bytes(), max(size)), *size, kind="area")
    plain = trace(rgba, Settings()).svg
    ours = [agent.trace(rgba, prefer=prefer, traces=count) for count in (1, TRACES)]
    same = ours[0].svg == ours[1].svg
    captions = ["ours", f"best of {TRACES}, the same" if same else f"best of {TRACES}"]
    cells = [
        cell(source, f"{entry.name}"),
        cell(render(plain, *size), f"default, {len(plain)} bytes"),
        *(
            cell(
                render(drawn.svg, *size),
                f"{caption}, {len(drawn.svg)} bytes: {describe(drawn.settings)}",
            )
            for drawn, caption in zip(ours, captions, strict=True)
        ),
    ]
    return np.concatenate(cells, axis=1)


def cell(rgba: NDArray[np.uint8], caption: str) -> NDArray[np.uint8]:
    """A picture on white under its caption."""
    picture = over(rgba, PAGE)
    framed = np.full((picture.shape[0] + CAPTION + GAP, 256 * SCALE + GAP, 3), 235, np.uint8)
    framed[CAPTION : CAPTION + picture.shape[0], : picture.shape[1]] = picture
    cv2.putText(framed, caption[:110], (6, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1)
    return framed


def padded(picture: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """The picture with grey to its right, up to a width."""
    return np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=235)


if __name__ == "__main__":
    main()
