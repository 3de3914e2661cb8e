r"""Other tracers on the same held-out logos, before the same judge.

    python -m venv PEERS
    PEERS/bin/pip install vtracer==1.0.0a4 potracer pillow
    npm pack imagetracerjs && tar xf imagetracerjs-*.tgz
    python -m scripts.bench_peers --run RUN --python PEERS/bin/python \
        --imagetracer package/imagetracer_v1.2.6.js

RUN is a trained run directory; logos of its test split are judged, as many of each category as
`--images`. Each tracer gets the logo as a transparent PNG of its input size, and its own defaults.
What is not given is left out. Potrace draws the logos of one colour only, and is compared on those.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from svgelements import Close, CubicBezier, Line, Move, QuadraticBezier
from svgelements import Path as Outline

from scripts.bench_agent import chosen_entries
from vtrain import RunDirectory, TraceAgent, trace
from vtrain.config.tastes import TASTES
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score
from vtrain.tracing.parameters import PRESETS
from vtrain.tracing.render import render
from vtrain.tracing.vtracer_backend import run_vtracer
from vtrain.validation.statistics import mean_interval

HERE = Path(__file__).parent / "peers"
DEFAULT = "VTracer 0.6 default"
PLAIN = ("default", "poster", "photo")
"""VTracer's presets, as it writes them itself."""
WRITTEN = {
    "VTracer 0.6 default, written by vtrain": "default",
    "VTracer 0.6 flattened, written by vtrain": "flattened",
}
FILES = {
    "vtracer-1.0": "VTracer 1.0.0a4 default",
    "vtracer-1.0-simplify": "VTracer 1.0.0a4 simplify=1",
    "potrace": "potrace (one colour)",
    "imagetracerjs": "imagetracerjs default",
}
_PATH = re.compile(r"<path\b[^>]*>")


@dataclass(frozen=True, slots=True)
class Drawing:
    """One tracer's drawing of one logo.

    Attributes:
        looks: Its appearance.
        size: Of the file as the tracer writes it (bytes).
    """

    looks: float
    size: int


def main() -> None:
    """Trace, judge, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--python", type=Path, help="interpreter with the other tracers")
    parser.add_argument("--imagetracer", type=Path, help="imagetracerjs's file")
    parser.add_argument("--images", type=int, default=40, help="of each category")
    parser.add_argument("--checkpoint", default="best")
    arguments = parser.parse_args()
    run = RunDirectory.open(arguments.run)
    entries = chosen_entries(run, arguments.images)
    store, agent = ImageStore(run.images), TraceAgent.from_run(run, arguments.checkpoint)
    found: dict[str, dict[str, Drawing]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for entry in entries:
            write(store.input(entry.id), folder, entry.id)
        if arguments.python:
            subprocess.run([arguments.python, HERE / "trace.py", folder], check=True)
        if arguments.imagetracer:
            program = ["node", HERE / "imagetracer.js", arguments.imagetracer, folder]
            subprocess.run(program, check=True)
        for entry in entries:
            reference = Reference.of(store.reference(entry.id))
            for tracer, svg in drawings(entry, store.input(entry.id), agent, folder):
                found.setdefault(tracer, {})[entry.id] = judged(reference, svg)
    report(found, entries)


def write(rgba: NDArray[np.uint8], folder: Path, name: str) -> None:
    """The logo in the forms that the tracers read."""
    height, width = rgba.shape[:2]
    Image.fromarray(rgba).save(folder / f"{name}.png")
    (folder / f"{name}.{width}x{height}.rgba").write_bytes(rgba.tobytes())


def drawings(
    entry: Entry, rgba: NDArray[np.uint8], agent: TraceAgent, folder: Path
) -> Iterator[tuple[str, str]]:
    """Name of the tracer and its SVG, of all that there are."""
    height, width = rgba.shape[:2]
    for preset in PLAIN:
        raw = run_vtracer(rgba, PRESETS[preset], keyed=False)
        yield f"VTracer 0.6 {preset}", viewed(raw, width, height)
    for name, preset in WRITTEN.items():
        yield name, trace(rgba, PRESETS[preset]).svg
    for name, taste in TASTES.items():
        yield f"vtrain {name}, one trace", agent.trace(rgba, prefer=str(taste)).svg
    for suffix, tracer in FILES.items():
        path = folder / f"{entry.id}.{suffix}.svg"
        if path.exists():
            yield tracer, viewed(path.read_text("utf-8"), width, height)


def viewed(svg: str, width: int, height: int) -> str:
    """A drawing with a `viewBox`, which rendering at another size needs."""
    box = f'<svg viewBox="0 0 {width} {height}" '
    return svg if "viewBox" in svg else svg.replace("<svg ", box, 1)


def judged(reference: Reference, svg: str) -> Drawing:
    """Looks and size. The outlines are read from a copy in the form that the judge reads."""
    picture = render(svg, reference.width, reference.height)
    return Drawing(score(reference, picture, plain(svg)).appearance, len(svg.encode()))


def plain(svg: str) -> str:
    """The same outlines in absolute lines and cubic curves."""
    view = re.search(r'viewBox="[^"]*"', svg)
    if view is None:
        raise ValueError("a drawing without viewBox")
    paths = []
    for tag in _PATH.findall(svg):
        data = re.search(r'\bd="([^"]*)"', tag)
        moved = re.search(r'transform="translate\(([-0-9.]+)[ ,]+([-0-9.]+)\)"', tag)
        outline = Outline(data[1] if data else "")
        if moved:
            outline = abs(outline * f"translate({moved[1]},{moved[2]})")
        paths.append(f'<path d="{"".join(segments(outline))}" fill="#000000"/>')
    return f'<svg xmlns="http://www.w3.org/2000/svg" {view[0]}>{"".join(paths)}</svg>'


def segments(outline: Outline) -> Iterator[str]:
    """Its segments as the judge reads them."""
    for part in outline:
        if isinstance(part, Move):
            yield f"M{part.end.x:.3f} {part.end.y:.3f}"
        elif isinstance(part, Close):
            yield "Z"
        elif isinstance(part, Line):
            yield f"L{part.end.x:.3f} {part.end.y:.3f}"
        elif isinstance(part, CubicBezier):
            places = (part.control1, part.control2, part.end)
            yield "C" + " ".join(f"{place.x:.3f} {place.y:.3f}" for place in places)
        elif isinstance(part, QuadraticBezier):
            # Raised by one degree, which changes nothing.
            first = part.start + (part.control - part.start) * (2 / 3)
            second = part.end + (part.control - part.end) * (2 / 3)
            places = (first, second, part.end)
            yield "C" + " ".join(f"{place.x:.3f} {place.y:.3f}" for place in places)
        else:
            raise TypeError(f"a segment of kind {type(part).__name__}")


def report(found: Mapping[str, Mapping[str, Drawing]], entries: Sequence[Entry]) -> None:
    """Print each tracer's difference to VTracer's default on the logos that it draws."""
    print("| tracer | logos | gain in looks | looks better | bytes |")
    print("| --- | --- | --- | --- | --- |")
    for tracer, own in found.items():
        drawn = [entry for entry in entries if entry.id in own]
        if tracer != DEFAULT:
            print(row(tracer, own, found[DEFAULT], drawn))
        if len(drawn) < len(entries):
            for name in (name for name in found if name.startswith("vtrain ")):
                print(row(f"{name}, on those", found[name], found[DEFAULT], drawn))


def row(
    tracer: str,
    own: Mapping[str, Drawing],
    plainly: Mapping[str, Drawing],
    entries: Sequence[Entry],
) -> str:
    """A line of the table."""
    gains = [own[entry.id].looks - plainly[entry.id].looks for entry in entries]
    interval = mean_interval(gains, groups=[entry.brand for entry in entries])
    ratios = [np.log2(own[entry.id].size / plainly[entry.id].size) for entry in entries]
    return (
        f"| {tracer} | {len(entries)} | {interval.value:+.2f} "
        f"[{interval.low:+.2f}, {interval.high:+.2f}] | "
        f"{np.mean(np.array(gains) > 0):.0%} | {2 ** np.mean(ratios):.2f}x |"
    )


if __name__ == "__main__":
    main()
