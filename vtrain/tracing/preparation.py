"""Preparation of an image before the trace: enlargement, alpha, palette.

VTracer cannot be given partial alpha (it turns it opaque, so strokes grow bold) nor smooth ramps
(they merge into one flat region), and strokes of two pixels vanish. Enlarging in premultiplied
alpha, cutting alpha at one half (or at half of the most that there is) and snapping to a few
colours repairs all three.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.images import resize
from vtrain.images.loops import loops
from vtrain.tracing.palette import DRAWN, drawn_alpha, find_palette, flat_pixels, snap
from vtrain.tracing.parameters import Settings

Rgba = NDArray[np.uint8]

_KEPT = 4
"""Prepared versions of an image kept for the next trace (count)."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is handed to the tracer.

    Attributes:
        rgba: Shape (h, w, 4).
        keyed: Whether clear pixels are to be left out of the drawing.
    """

    rgba: Rgba
    keyed: bool


class Preparation:
    """One image, ready to be prepared in many ways; intermediate results are kept.

    Args:
        rgba: Straight alpha, shape (h, w, 4).
        base_side: Longest side that `upscale` multiplies (px): a larger image is brought to
            ``upscale * base_side`` straight from its own pixels, a smaller one is enlarged from its
            own size. None: the image's own size.
        palettes: Palettes of this image by their largest number of colours, found before; those
            that are found are added.
    """

    def __init__(
        self,
        rgba: Rgba,
        base_side: int | None = None,
        *,
        palettes: dict[int, NDArray[np.uint8]] | None = None,
    ) -> None:
        self._source = rgba
        side = max(rgba.shape[:2])
        self._scale = min(1.0, base_side / side) if base_side else 1.0
        self._resized: dict[int, Rgba] = {}
        self._palettes = {} if palettes is None else palettes
        self._prepared: dict[tuple[str, int, int, bool], Prepared] = {}
        self._flat: NDArray[np.bool_] | None = None

    def size(self, upscale: int) -> tuple[int, int]:
        """Width and height of the traced image (px)."""
        height, width = self._source.shape[:2]
        scale = self._scale * upscale
        return max(1, round(width * scale)), max(1, round(height * scale))

    def apply(self, settings: Settings) -> Prepared:
        """The image as `settings` want it traced."""
        key = (settings.alpha, settings.upscale, settings.colours, settings.edge_snap)
        if key not in self._prepared:
            if len(self._prepared) >= _KEPT:
                self._prepared.pop(next(iter(self._prepared)))
            self._prepared[key] = self._prepare(settings)
        return self._prepared[key]

    def _prepare(self, settings: Settings) -> Prepared:
        rgba = self._at(settings.upscale)
        keyed = False
        if settings.alpha != "as-is":
            rgba, keyed = _cut_alpha(rgba, drawn_alpha(rgba))
        # Snapping what the tracer will still smooth by alpha paints clear areas: see `PARAMETERS`.
        if settings.colours and settings.alpha != "as-is":
            rgba = snap(
                rgba,
                self._palette(settings.colours),
                flat=self._flat_at(settings.upscale) if settings.edge_snap else None,
                scale=settings.upscale,
            )
        return Prepared(rgba, keyed)

    def _at(self, upscale: int) -> Rgba:
        if upscale not in self._resized:
            width, height = self.size(upscale)
            rgba = self._source
            if (height, width) != rgba.shape[:2]:
                shrinks = self._scale * upscale < 1
                rgba = resize(rgba, width, height, kind="area" if shrinks else "lanczos")
            self._resized[upscale] = rgba
        return self._resized[upscale]

    def _palette(self, count: int) -> NDArray[np.uint8]:
        if count not in self._palettes:
            self._palettes[count] = find_palette(self._at(1), count)
        return self._palettes[count]

    def _flat_at(self, upscale: int) -> NDArray[np.bool_]:
        if self._flat is None:
            self._flat = flat_pixels(self._at(1))
        width, height = self.size(upscale)
        enlarged = cv2.resize(
            self._flat.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
        )
        return enlarged.astype(np.bool_)


def _cut_alpha(rgba: Rgba, least: int) -> tuple[Rgba, bool]:
    """Alpha set to 0 or 255; clear pixels black. And whether any pixel is clear.

    Args:
        rgba: Straight alpha, shape (h, w, 4).
        least: Alpha from which pixels become opaque: `DRAWN` or less (levels).
    """
    if least < DRAWN:
        rgba = rgba.copy()
        rgba[..., 3] = np.where(rgba[..., 3] >= least, 255, 0)
    cut = np.empty_like(rgba)
    clear, partial = loops().cut_alpha(
        np.ascontiguousarray(rgba).reshape(-1).view(np.uint32), cut.reshape(-1).view(np.uint32)
    )
    return (cut if clear or partial else rgba), clear > 0
