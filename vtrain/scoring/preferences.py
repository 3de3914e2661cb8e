"""Labelled pairs of traces: reading them, and making their terms again.

There are two kinds of file. The older one names, for each pair, an SVG source and two settings that
are older than the parameter table: the traced raster lies on white, and colours are reduced by
median cut. The newer one (``schema`` 2) is written by `scripts/label_pairs.py`: the raster is what
preparation makes of the source, or a damaged copy of it, and the settings are of the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vtrain.images import over, reduce, render_svg
from vtrain.scoring.appearance import Terms
from vtrain.scoring.fit import Pair
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score
from vtrain.tracing.parameters import Settings
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.svg import SvgFacts, framed
from vtrain.tracing.trace import trace_prepared
from vtrain.tracing.vtracer_backend import run_vtracer

_SCHEMA = 2
_SIDE = 1024
_TRACED = 256
_JUDGED = 512

Raster = Callable[[Path, int], tuple[NDArray[np.uint8], NDArray[np.uint8]]]
"""The input and the reference of a source, of a damaged copy when the number is not 0."""


def labelled_pairs(preferences: Path, sources: Path, raster: Raster) -> Iterator[Pair]:
    """The pairs of a file of labels.

    Args:
        preferences: The JSON file.
        sources: Folder of the SVG sources that it names.
        raster: Makes what is traced, and what it is judged against; for the newer kind of file.
    """
    document = json.loads(preferences.read_text("utf-8"))
    for pair in document["pairs"]:
        source = sources / pair["file"]
        one, other = ("a", "b") if pair["preferred"] != "b" else ("b", "a")
        if document.get("schema") == _SCHEMA:
            rgba, picture = raster(source, pair["damage"])
            reference, preparation = Reference.of(picture), Preparation(rgba)
            terms = [_drawn_terms(preparation, pair[name], reference) for name in (one, other)]
        else:
            page = _page(source.read_bytes())
            judged, traced = reduce(page, _JUDGED), reduce(page, _TRACED)
            reference = Reference.of(judged)
            terms = [_terms(traced, pair[name], reference) for name in (one, other)]
        better, worse = terms
        yield Pair(pair["file"], better, worse, pair["preferred"] in ("a", "b"))


def _drawn_terms(
    preparation: Preparation, chosen: Mapping[str, Any], reference: Reference
) -> Terms:
    svg = trace_prepared(preparation, Settings(**chosen), write=_as_looked_at).svg
    return score(reference, render(svg, reference.width, reference.height), svg).terms()


def _as_looked_at(svg: str, settings: Settings, **frame: Any) -> tuple[str, SvgFacts]:
    """A drawing as it was when people compared it, before drawings were written short.

    Paths are VTracer's, and begin at as many decimals as their points have. Its size is not used.
    """

    def rounded(match: re.Match[str]) -> str:
        x, y = (f"{float(value):.{settings.path_precision}f}" for value in match.groups())
        return f"translate({x},{y})"

    drawn = re.sub(r"translate\((-?[0-9.]+),(-?[0-9.]+)\)", rounded, framed(svg, **frame))
    return drawn, SvgFacts(segments=0, paths=0, colours=0, bytes=len(drawn))


def _page(svg: bytes) -> NDArray[np.uint8]:
    """The drawing centred on a white square."""
    drawing = reduce(render_svg(svg, _SIDE), _SIDE)
    height, width = drawing.shape[:2]
    page = np.full((_SIDE, _SIDE, 4), 255, np.uint8)
    top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
    page[top : top + height, left : left + width, :3] = over(drawing, (255, 255, 255))
    return page


def _terms(rgba: NDArray[np.uint8], chosen: Mapping[str, Any], reference: Reference) -> Terms:
    image = Image.fromarray(rgba).convert("RGB")
    side = _TRACED * int(chosen["upscale"])
    if side != _TRACED:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    if chosen["quantize"]:
        image = image.quantize(
            int(chosen["quantize"]), Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        ).convert("RGB")
    names = set(Settings.__dataclass_fields__) & set(chosen)
    settings = Settings(**{name: chosen[name] for name in names - {"upscale"}})
    svg = run_vtracer(np.array(image.convert("RGBA")), settings, keyed=False)
    drawn, _ = _as_looked_at(svg, settings, width=_TRACED, height=_TRACED, view=(0, 0, side, side))
    return score(reference, render(drawn, _JUDGED, _JUDGED), drawn).terms()
