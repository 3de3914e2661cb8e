"""Labelled pairs of traces: reading them, and making their terms again.

The file names, for each pair, an SVG source and two settings, and describes how the traced raster
was made (see `vtrain.scoring.fit` for what is done with them). The settings are older than the
parameter table: colours were reduced by median cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vtrain.images import over, reduce, render_svg
from vtrain.scoring.fit import Terms
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score
from vtrain.tracing.parameters import Settings
from vtrain.tracing.render import render
from vtrain.tracing.svg import tidy
from vtrain.tracing.vtracer_backend import run_vtracer

_SIDE = 1024
_TRACED = 256
_JUDGED = 512


def labelled_terms(preferences: Path, sources: Path) -> Iterator[tuple[Terms, Terms]]:
    """The terms of each pair, the preferred trace first.

    Args:
        preferences: The JSON file of labels.
        sources: Folder of the SVG sources that it names.
    """
    for pair in json.loads(preferences.read_text("utf-8"))["pairs"]:
        page = _page((sources / pair["file"]).read_bytes())
        judged, traced = reduce(page, _JUDGED), reduce(page, _TRACED)
        reference = Reference.of(judged)
        other = "b" if pair["preferred"] == "a" else "a"
        better, worse = (
            _terms(traced, pair[name], reference) for name in (pair["preferred"], other)
        )
        yield better, worse


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
    drawn = tidy(svg, width=_TRACED, height=_TRACED, view=(0, 0, side, side), digits=2)
    scores = score(reference, render(drawn, _JUDGED, _JUDGED))
    return Terms(scores.precision, scores.recall, scores.colour_error)
