"""How many planted copies the splits keep beside their originals, and what is merged wrongly.

    python scripts/bench_duplicates.py SOURCE WORK [--every 4] [--seed 0]

SOURCE is a folder of SVG logos, WORK a working folder. Copies of every fourth logo (recoloured,
resized, as JPEG, with a margin) are written under names of other brands, and everything is prepared
together as a user would.
"""

from __future__ import annotations

import argparse
import io
import shutil
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vtrain.config.data import DataConfig
from vtrain.data.catalog import Catalog
from vtrain.data.prepare import prepare
from vtrain.images import over, reduce, render_svg, resize
from vtrain.rundir import RunDirectory

Rgba = NDArray[np.uint8]
Change = Callable[[Rgba, np.random.Generator], Rgba]


def recolour(rgba: Rgba, random: np.random.Generator) -> Rgba:
    """Turn the hue, exchange the channels, or invert."""
    way = int(random.integers(3))
    if way == 0:
        hsv = np.asarray(cv2.cvtColor(rgba[..., :3], cv2.COLOR_RGB2HSV))
        hsv[..., 0] = (hsv[..., 0].astype(int) + random.integers(25, 155)) % 180
        return np.dstack([cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), rgba[..., 3]])
    if way == 1:
        return np.ascontiguousarray(rgba[..., [2, 0, 1, 3]])
    inverted = 255 - rgba
    inverted[..., 3] = rgba[..., 3]
    return inverted


def rescale(rgba: Rgba, random: np.random.Generator) -> Rgba:
    """Reduce to between a third and nine tenths."""
    share = random.uniform(0.33, 0.9)
    height, width = rgba.shape[:2]
    return resize(rgba, max(1, round(width * share)), max(1, round(height * share)))


def compress(rgba: Rgba, random: np.random.Generator) -> Rgba:
    """JPEG of quality 30 to 90 on white."""
    buffer = io.BytesIO()
    image = Image.fromarray(over(rgba, (255, 255, 255)))
    image.save(buffer, "JPEG", quality=int(random.integers(30, 91)))
    with Image.open(buffer) as again:
        return np.array(again.convert("RGBA"))


def pad(rgba: Rgba, random: np.random.Generator) -> Rgba:
    """A margin of a tenth, clear or white."""
    margin = max(rgba.shape[:2]) // 10
    wide = np.pad(rgba, ((margin, margin), (margin, margin), (0, 0)))
    if random.random() < 0.5:
        return wide
    white = over(wide, (255, 255, 255))
    return np.dstack([white, np.full(white.shape[:2], 255, np.uint8)])


CHANGES: dict[str, Change] = {
    "recolour": recolour,
    "resize": rescale,
    "jpeg": compress,
    "padding": pad,
}


def plant(files: list[Path], folder: Path, seed: int) -> dict[str, tuple[str, Path]]:
    """Write the copies; their names with the kind of change and the original."""
    planted: dict[str, tuple[str, Path]] = {}
    for number, path in enumerate(files):
        random = np.random.default_rng([seed, zlib.crc32(path.name.encode())])
        logo = reduce(render_svg(path.read_bytes(), 1024), 512)
        for kind, change in CHANGES.items():
            name = f"planted{kind}{number}.png"
            Image.fromarray(change(logo, random)).save(folder / name)
            planted[name] = (kind, path)
    return planted


def main() -> None:
    """Plant, prepare, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = arguments.work / "planted"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = sorted(arguments.source.rglob("*.svg"))
    planted = plant(files[:: arguments.every], folder, arguments.seed)
    shutil.rmtree(arguments.work / "run", ignore_errors=True)
    run = RunDirectory.create(arguments.work / "run", name="duplicates")
    catalog = prepare([arguments.source, folder], run=run, config=DataConfig())
    report(catalog, planted)


def report(catalog: Catalog, planted: dict[str, tuple[str, Path]]) -> None:
    """Print the table."""
    family = {Path(entry.name).name: entry.family for entry in catalog.entries}
    counts: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for name, (kind, original) in planted.items():
        counts[kind] += 1
        # A copy with the same pixels is left out, which leaks nothing either.
        found[kind] += name not in family or family[name] == family.get(original.name)
    brands: dict[str, set[str]] = defaultdict(set)
    for entry in catalog.entries:
        if not Path(entry.name).name.startswith("planted"):
            brands[entry.family].add(entry.brand)
    total = len({brand for group in brands.values() for brand in group})
    merged = total - len(brands)
    print("| planted | copies | kept beside the original |")
    print("| --- | --- | --- |")
    for kind, count in counts.items():
        print(f"| {kind} | {count} | {found[kind] / count:.1%} |")
    print(f"\n{merged} of {total} brands ({merged / total:.2%}) were merged into another's family:")
    for group in brands.values():
        if len(group) > 1:
            print("  " + ", ".join(sorted(group)))


if __name__ == "__main__":
    main()
