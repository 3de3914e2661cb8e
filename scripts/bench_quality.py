"""How many seeded defects the quality check catches, and how many clean logos it warns of.

    python scripts/bench_quality.py SOURCE [--every 4] [--seed 0]

SOURCE is a folder of clean SVG logos. Each chosen one is drawn at a random size, with or without a
margin, with or without transparency, and spoilt in each way.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vtrain.config.data import DataConfig
from vtrain.data.degrade import blurred
from vtrain.data.measures import foreground_of
from vtrain.data.metadata import describe
from vtrain.data.pairs import prepare_pair
from vtrain.data.quality import Verdict, judge
from vtrain.errors import ImageRefused
from vtrain.images import decode, over, reduce, render_svg
from vtrain.resources import usable_cores

Rgba = NDArray[np.uint8]

CLEAN = ("clean svg", "clean png", "clean jpeg 90")
EXPECTED: dict[str, frozenset[str]] = {
    "blur": frozenset({"blurred"}),
    "jpeg 20": frozenset({"lossy"}),
    "jpeg 20 saved as png": frozenset({"lossy"}),
    "16 px": frozenset({"tiny", "small"}),
    "blank": frozenset({"blank"}),
    "white on white": frozenset({"faint"}),
    "white on clear": frozenset({"faint"}),
    "cropped": frozenset({"cut-off"}),
    "noise": frozenset({"noisy"}),
    "rotated exif": frozenset({"rotated"}),
    "wrong extension": frozenset({"wrong-extension"}),
}
"""The reasons that name each defect."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A file that was made: how, its name and its bytes."""

    kind: str
    name: str
    data: bytes


def samples(svg: bytes, seed: int) -> Iterator[Sample]:
    """A clean logo and its spoilt versions, as files."""
    random = np.random.default_rng(seed)
    side = int(random.choice([256, 384, 512]))
    logo = reduce(render_svg(svg, 1024), side)
    margin = int(side * random.uniform(0.05, 0.15))
    padded = np.pad(logo, ((margin, margin), (margin, margin), (0, 0)))
    plain = padded if random.random() < 0.5 else logo
    opaque = _opaque(plain)
    chosen = plain if random.random() < 0.5 else opaque
    yield Sample("clean svg", "a.svg", svg)
    yield Sample("clean png", "a.png", _png(chosen))
    yield Sample("clean jpeg 90", "a.jpg", _jpeg(opaque, 90))
    yield Sample("blur", "a.png", _png(blurred(chosen, random.uniform(1.5, 3.0))))
    yield Sample("jpeg 20", "a.jpg", _jpeg(opaque, 20))
    again = decode(_jpeg(opaque, 20), name="a.jpg").rgba
    yield Sample("jpeg 20 saved as png", "a.png", _png(again))
    yield Sample("16 px", "a.png", _png(reduce(chosen, 16)))
    colour = random.integers(0, 256, 3)
    yield Sample(
        "blank", "a.png", _png(_filled(chosen, (*colour.tolist(), 255 * int(random.integers(2)))))
    )
    faint = 255 - (255 - opaque.astype(np.float32)) * random.uniform(0.01, 0.04)
    yield Sample("white on white", "a.png", _png(np.rint(faint).astype(np.uint8)))
    white = plain.copy()
    white[..., :3] = 255
    yield Sample("white on clear", "a.png", _png(white))
    whole = padded if random.random() < 0.5 else _opaque(padded)
    yield Sample("cropped", "a.png", _png(_cropped(whole, random)))
    grain = random.normal(0, random.uniform(6, 16), (*opaque.shape[:2], 3))
    noisy = opaque.copy()
    noisy[..., :3] = np.clip(np.rint(opaque[..., :3] + grain), 0, 255)
    yield Sample("noise", "a.png", _png(noisy))
    yield Sample("rotated exif", "a.jpg", _jpeg(opaque, 92, turned=int(random.choice([3, 6, 8]))))
    yield Sample("wrong extension", str(random.choice(["a.jpg", "a.svg", "a.gif"])), _png(chosen))


def verdict(sample: Sample, config: DataConfig) -> Verdict:
    """What the data stage thinks of a file."""
    try:
        picture = decode(sample.data, name=sample.name, svg_side=512, isolated=False)
        prepare_pair(picture.rgba, config, name=sample.name)
    except ImageRefused as error:
        return Verdict("reject", (error.reason,), error.detail)
    return judge(describe(picture, len(sample.data)), sample.name, config.quality)


def _opaque(rgba: Rgba) -> Rgba:
    white = over(rgba, (255, 255, 255))
    return np.dstack([white, np.full(white.shape[:2], 255, np.uint8)])


def _filled(rgba: Rgba, colour: tuple[int, ...]) -> Rgba:
    return np.broadcast_to(np.array(colour, np.uint8), rgba.shape).copy()


def _cropped(rgba: Rgba, random: np.random.Generator) -> Rgba:
    """Cut between a seventh and a third of what is drawn off one side."""
    drawn = foreground_of(rgba)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    share = random.uniform(1 / 7, 1 / 3)
    turn = int(random.integers(4))
    turned = np.rot90(rgba, turn)
    places = (rows, columns, rows, columns)[turn]
    extent = int((places[-1] - places[0] + 1) * share)
    before = {
        0: rows[0],
        1: rgba.shape[1] - 1 - columns[-1],
        2: rgba.shape[0] - 1 - rows[-1],
        3: columns[0],
    }[turn]
    return np.ascontiguousarray(np.rot90(turned[before + extent :], -turn))


def _png(rgba: Rgba) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _jpeg(rgba: Rgba, quality: int, turned: int = 1) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = turned
    rgb = Image.fromarray(np.ascontiguousarray(rgba[..., :3]))
    rgb.save(buffer, "JPEG", quality=quality, exif=exif)
    return buffer.getvalue()


def _judge_all(path: Path, seed: int) -> list[tuple[str, Verdict]]:
    cv2.setNumThreads(1)
    config = DataConfig()
    return [(sample.kind, verdict(sample, config)) for sample in samples(path.read_bytes(), seed)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    files = sorted(arguments.source.rglob("*.svg"))
    chosen = files[arguments.seed % arguments.every :: arguments.every]
    seeds = [arguments.seed * 1_000_000 + number for number in range(len(chosen))]
    counts: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    named: Counter[str] = Counter()
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    context = get_context("spawn")
    with ProcessPoolExecutor(usable_cores(), mp_context=context) as pool:
        for found in pool.map(partial(_judge_all), chosen, seeds, chunksize=4):
            for kind, result in found:
                counts[kind] += 1
                caught[kind] += result.level != "ok"
                named[kind] += bool(EXPECTED.get(kind, frozenset()) & set(result.reasons))
                reasons[kind].update(result.reasons)
    print("| made | files | warned or rejected | with the right reason | reasons given |")
    print("| --- | --- | --- | --- | --- |")
    for kind, count in counts.items():
        told = ", ".join(f"{reason} {n}" for reason, n in reasons[kind].most_common(4))
        right = f"{named[kind] / count:.1%}" if kind in EXPECTED else ""
        print(f"| {kind} | {count} | {caught[kind] / count:.1%} | {right} | {told} |")
    clean = sum(counts[kind] for kind in CLEAN)
    flagged = sum(caught[kind] for kind in CLEAN)
    spoilt, seen = counts.total() - clean, caught.total() - flagged
    print(
        f"\nclean warned {flagged / clean:.2%} of {clean}; defects caught {seen / spoilt:.1%} "
        f"of {spoilt}"
    )


if __name__ == "__main__":
    main()
