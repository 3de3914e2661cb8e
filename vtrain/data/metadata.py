"""What is known of one image: a flat record, made from its file and its pixels.

Structure (palette, strokes, parts, foreground) is measured on the image reduced to 256 px, so that
it compares between images. Damage (blur, noise, ripples) is measured on its own pixels, in a window
of at most 512 px in the middle of what is drawn.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vtrain.data.likeness import likeness
from vtrain.data.measures import (
    View,
    blockiness,
    contrast_of,
    cut_share,
    edge_width,
    ground_of,
    page_of,
    ramp_share,
    stroke_widths,
    unrest,
    view_of,
)
from vtrain.images import Picture, reduce

SIDE = 256
"""Longest side at which structure is measured (px)."""
WINDOW = 512
"""Longest side of the window in which damage is measured (px)."""
VERSION = 1
"""Raised when a field is added or means something else: known images are measured again."""

_COLOUR_SHARE = 0.01
_PALETTE = 8
_PART = 12  # px, the smallest part counted

Rgba = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Metadata:
    """One image, in numbers. Shares are 0 to 1; lengths px at 256 unless they say otherwise.

    Attributes:
        format: ``PNG``, ``JPEG``, ... by content.
        mode: Pixel format of the file, as Pillow names it (``RGBA``, ``P``, ``CMYK``); ``SVG``.
        bit_depth: Bits of a channel in the file (8, 16, ...).
        file_bytes: Size of the file (bytes).
        source_width: Width in the file (px); of the render for an SVG.
        source_height: Height in the file (px).
        jpeg_quality: Quality that a JPEG's tables stand for, 1 to 100 (IJG scale); 0 for others.
        clear_share: Share of pixels that are fully transparent.
        partial_share: Share of pixels that are neither clear nor opaque.
        palette: Dominant colours, most area first: ``#rrggbb share`` joined by commas.
        colours: Colours that take at least 1 % of the flat area (count).
        colour_entropy: Of flat pixels on a 4-bit grid (bits).
        edge_width: Width of a contour in the file's pixels (px); 0 without contours.
        contrast: Of the drawn colours to the page or ground, 95th percentile (CIE76).
        noise: Standard deviation off the contours (L* units).
        ringing: Noise beside contours beyond that far from them.
        blockiness: Of 8 px blocks.
        stroke_10: 10th percentile of the stroke width (px).
        stroke_50: Median stroke width (px).
        stroke_90: 90th percentile of the stroke width (px).
        gradient_share: Share of the foreground in smooth ramps.
        edge_density: Share of pixels on a contour: complexity (Mack and Oliva 2004).
        corner_density: Corners for each contour pixel (Harris and Stephens 1988).
        regions: Flat regions of one colour (count).
        parts: Separate parts of the foreground (count).
        evenness: Spread of the parts' heights over their mean; letters of a word are even.
        row_fill: Share of the foreground's rows that most parts cross.
        box_left: Left edge of what is drawn (share of the width).
        box_top: Top edge of what is drawn (share of the height).
        box_width: Width of what is drawn (share).
        box_height: Height of what is drawn (share).
        foreground_share: Share of pixels that are drawn.
        cut_share: Share of the one side that runs into the border; see `measures.cut_share`.
        likeness: Fingerprint, 512 hexadecimal digits; see `likeness.Likeness`.
        hash: Its 256 bits, 64 hexadecimal digits.
        aspect: log2 of width over height of what is drawn.
        notes: What the decoder says: ``first frame only``, ``EXIF orientation applied``, ...
    """

    format: str
    mode: str
    bit_depth: int
    file_bytes: int
    source_width: int
    source_height: int
    jpeg_quality: int
    clear_share: float
    partial_share: float
    palette: str
    colours: int
    colour_entropy: float
    edge_width: float
    contrast: float
    noise: float
    ringing: float
    blockiness: float
    stroke_10: float
    stroke_50: float
    stroke_90: float
    gradient_share: float
    edge_density: float
    corner_density: float
    regions: int
    parts: int
    evenness: float
    row_fill: float
    box_left: float
    box_top: float
    box_width: float
    box_height: float
    foreground_share: float
    cut_share: float
    likeness: str
    hash: str
    aspect: float
    notes: str

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Metadata:
        """The record that `to_dict` gave.

        Raises:
            KeyError: A field is missing.
        """
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def describe(picture: Picture, file_bytes: int) -> Metadata:
    """Measure a decoded image.

    Args:
        picture: As decoded.
        file_bytes: Size of its file (bytes).
    """
    rgba = picture.rgba
    height, width = rgba.shape[:2]
    small = reduce(rgba, SIDE)
    page = page_of(small)
    whole = view_of(small, page=page)
    detail = whole if picture.format == "SVG" else _detail(rgba, small, whole, page)
    level, ripples = unrest(detail)
    print_ = likeness(small)
    strokes = stroke_widths(whole.foreground)
    left, top, box_width, box_height = _box(whole)
    return Metadata(
        format=picture.format,
        mode=picture.mode,
        bit_depth=picture.bit_depth,
        file_bytes=file_bytes,
        source_width=width,
        source_height=height,
        jpeg_quality=picture.jpeg_quality,
        clear_share=_rounded((small[..., 3] == 0).mean()),
        partial_share=_rounded(((small[..., 3] > 0) & (small[..., 3] < 255)).mean()),
        **_colours(whole),
        edge_width=_rounded(edge_width(detail)),
        contrast=_rounded(contrast_of(*_on_white(small, whole, page))),
        noise=_rounded(level),
        ringing=_rounded(ripples),
        blockiness=_rounded(blockiness(detail)),
        stroke_10=_rounded(strokes[0]),
        stroke_50=_rounded(strokes[1]),
        stroke_90=_rounded(strokes[2]),
        gradient_share=_rounded(ramp_share(whole)),
        **_contours(whole),
        **_parts(whole),
        box_left=left,
        box_top=top,
        box_width=box_width,
        box_height=box_height,
        foreground_share=_rounded(whole.foreground.mean()),
        cut_share=_rounded(cut_share(whole.foreground)),
        likeness=print_.print.tobytes().hex(),
        hash=print_.hash,
        aspect=_rounded(print_.aspect),
        notes="; ".join(picture.notes),
    )


def _rounded(value: Any) -> float:
    """Six significant digits: enough to judge, and the same on every processor."""
    return float(f"{float(value):.6g}")


def _detail(rgba: Rgba, small: Rgba, whole: View, page: int) -> View:
    """The file's own pixels, in a window in the middle of what is drawn."""
    height, width = rgba.shape[:2]
    if max(height, width) <= SIDE:
        return whole
    if max(height, width) > WINDOW:
        rows, columns = np.nonzero(whole.foreground)
        scale = max(height, width) / max(small.shape[:2])
        top = _start(rows, scale, height)
        left = _start(columns, scale, width)
        rgba = np.ascontiguousarray(rgba[top : top + WINDOW, left : left + WINDOW])
    return view_of(rgba, page=page)


def _start(places: NDArray[np.intp], scale: float, length: int) -> int:
    middle = (int(places.min()) + int(places.max()) + 1) / 2 * scale if len(places) else length / 2
    start = int(np.clip(middle - WINDOW / 2, 0, max(0, length - WINDOW)))
    return start & ~7  # JPEG's blocks stay where they are


def _on_white(small: Rgba, whole: View, page: int) -> tuple[View, NDArray[np.float32]]:
    """A view over white: a white logo on a clear page is not seen where most pages are white."""
    view = whole if page == 255 else view_of(small, page=255)
    return view, ground_of(view, 255)


def _colours(view: View) -> dict[str, Any]:
    """Dominant colours of the flat foreground, merged on a 4-bit grid to their means."""
    chosen = view.flat & view.foreground
    if not chosen.any():
        chosen = view.foreground
    rgb = view.rgba[chosen][:, :3]
    high = (rgb >> 4).astype(np.uint16)
    codes = high[:, 0] << 8 | high[:, 1] << 4 | high[:, 2]
    counts = np.bincount(codes, minlength=4096)
    share = counts / max(1, counts.sum())
    kept = share[share > 0]
    order = np.argsort(-counts, kind="stable")[:_PALETTE]
    names = []
    for code in order[share[order] >= _COLOUR_SHARE].tolist():
        mean = rgb[codes == code].mean(axis=0)
        names.append("#{:02x}{:02x}{:02x} {:.3f}".format(*np.rint(mean).astype(int), share[code]))
    return {
        "palette": ",".join(names),
        "colours": int((share >= _COLOUR_SHARE).sum()),
        "colour_entropy": _rounded(-(kept * np.log2(kept)).sum()) if kept.size else 0.0,
    }


def _contours(view: View) -> dict[str, Any]:
    edge = view.slope > 8
    grey = np.ascontiguousarray(view.lab[..., 0])
    corners = np.asarray(cv2.cornerHarris(grey, 3, 3, 0.06))
    strong = (corners > 0.02 * max(1.0, float(corners.max()))).sum()
    flat = (view.flat & view.foreground).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(flat, connectivity=4)
    return {
        "edge_density": _rounded(edge.mean()),
        "corner_density": _rounded(strong / max(1, int(edge.sum()))),
        "regions": int((np.asarray(stats)[1:count, cv2.CC_STAT_AREA] >= _PART).sum()),
    }


def _parts(view: View) -> dict[str, Any]:
    """Separate parts of the foreground, and how much they look like a line of letters."""
    mask = view.foreground.astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    table = np.asarray(stats)[1:count]
    table = table[table[:, cv2.CC_STAT_AREA] >= _PART]
    if not len(table):
        return {"parts": 0, "evenness": 0.0, "row_fill": 0.0}
    tops = table[:, cv2.CC_STAT_TOP].astype(np.intp)
    heights = table[:, cv2.CC_STAT_HEIGHT].astype(np.intp)
    rows = np.zeros(mask.shape[0] + 1)
    np.add.at(rows, tops, 1)
    np.add.at(rows, tops + heights, -1)
    crossed = np.cumsum(rows)[:-1]
    extent = int((tops + heights).max() - tops.min())
    return {
        "parts": len(table),
        "evenness": _rounded(heights.std() / heights.mean()),
        "row_fill": _rounded((crossed > len(table) / 2).sum() / extent),
    }


def _box(view: View) -> tuple[float, float, float, float]:
    """Left, top, width and height of the foreground, as shares of the image."""
    height, width = view.foreground.shape
    rows = np.flatnonzero(view.foreground.any(axis=1))
    columns = np.flatnonzero(view.foreground.any(axis=0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    return (
        _rounded(columns[0] / width),
        _rounded(rows[0] / height),
        _rounded((columns[-1] - columns[0] + 1) / width),
        _rounded((rows[-1] - rows[0] + 1) / height),
    )
