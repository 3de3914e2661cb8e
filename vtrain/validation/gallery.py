"""Logos to look at: the best, the worst and some at random, beside VTracer's default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.environment.measurement import ImageSource
from vtrain.errors import TraceError
from vtrain.images import encode_png, reduce
from vtrain.scoring.colour import CLIP, WHITE, Colour, composite, lab_of
from vtrain.tracing.parameters import Action, decode_action, describe, encode_settings, preset
from vtrain.tracing.render import render
from vtrain.tracing.trace import trace
from vtrain.validation.baselines import DEFAULT, POLICY
from vtrain.validation.judge import Judgement, Row

_LARGEST_SVG = 200_000
"""A larger drawing is shown as pixels, to keep the page light (bytes)."""
_PIXELS = 768
"""Longest side of such pixels (px)."""
_DIFFERENCE = 256
"""Longest side of the picture of a difference (px)."""
_EACH = 4
"""Most logos of a kind (count)."""
FURTHER = "Further logos, the worst gain first"
"""Heading of those beyond `_EACH` of each kind."""
_BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a logo.

    Attributes:
        data: The file; None when the trace failed.
        media: Its media type.
        title: Who drew it.
        caption: How it did.
    """

    data: bytes | None
    media: str
    title: str
    caption: str


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A logo with its source, VTracer's default, the policy at each taste, and the difference.

    Attributes:
        name: The image's name.
        category: Its category.
        dark: Whether it is light, and needs a dark page to be seen.
        pictures: Source first.
    """

    name: str
    category: str
    dark: bool
    pictures: tuple[Picture, ...]


def pick(judgement: Judgement, taste: str, *, count: int = 3 * _EACH) -> dict[str, list[str]]:
    """Image ids of the best, the worst and some random logos by the policy's gain at a taste.

    No image comes twice. The random ones are drawn from a fixed seed: nobody chose them.

    Args:
        judgement: Holds the policy.
        taste: Name of the taste.
        count: Most images, at least 3. Up to 4 are of each kind; what is left over goes to further
            ones.
    """
    rows = sorted(
        judgement.select(chooser=POLICY, taste=taste), key=lambda row: (-row.gain, row.image)
    )
    ids = list(dict.fromkeys(row.image for row in rows))
    each = min(count // 3, _EACH, -(-len(ids) // 3))
    shuffled = [ids[int(index)] for index in np.random.default_rng(0).permutation(len(ids))]
    random = shuffled[:each]
    rest = [image for image in ids if image not in random]
    best = rest[:each]
    worst = [image for image in reversed(rest) if image not in best][:each]
    picked = {"At random": random, "Worst gain": worst, "Best gain": best}
    shown = {image for images in picked.values() for image in images}
    further = [image for image in reversed(ids) if image not in shown][: count - len(shown)]
    return {**picked, FURTHER: further} if further else picked


def exhibit(image: str, judgement: Judgement, source: ImageSource) -> Exhibit:
    """Draw one logo again, as it was judged.

    Args:
        image: Image id.
        judgement: Holds the policy.
        source: Where the pixels are.

    Raises:
        DataError: The prepared image is missing.
    """
    pixels = source.input(image)
    rows = [row for row in judgement.rows if row.image == image and row.chooser == POLICY]
    default = judgement.defaults[image]
    first = rows[0]
    reference = source.reference(image)
    size = f"{pixels.shape[1]}x{pixels.shape[0]} px traced"
    pictures = [
        Picture(encode_png(reference), "image/png", "source", size),
        _drawn(
            pixels,
            encode_settings(preset(DEFAULT)),
            "VTracer's default",
            f"{default.bytes:,} bytes, {default.segments:,} segments",
        ),
        *(_drawn(pixels, row.action, f"policy, {row.taste}", _caption(row)) for row in rows),
        _difference(pixels, reference, first),
    ]
    return Exhibit(first.name, first.category, _is_light(reference), tuple(pictures))


def exhibits(images: Sequence[str], judgement: Judgement, source: ImageSource) -> list[Exhibit]:
    """`exhibit` for each image."""
    return [exhibit(image, judgement, source) for image in images]


def _drawn(pixels: NDArray[np.uint8], action: Action, title: str, caption: str) -> Picture:
    try:
        drawing = trace(pixels, decode_action(action))
        if len(drawing.svg) <= _LARGEST_SVG:
            return Picture(drawing.svg.encode(), "image/svg+xml", title, caption)
        scale = _PIXELS / max(drawing.width, drawing.height)
        picture = render(
            drawing.svg,
            max(1, round(drawing.width * scale)),
            max(1, round(drawing.height * scale)),
        )
    except TraceError as error:
        return Picture(None, "", title, error.message)
    return Picture(encode_png(picture), "image/png", title, caption)


def _difference(pixels: NDArray[np.uint8], reference: NDArray[np.uint8], row: Row) -> Picture:
    """Where the policy's drawing has another colour than the source."""
    title = f"difference, {row.taste}"
    height, width = reference.shape[:2]
    try:
        drawing = trace(pixels, decode_action(row.action))
        drawn = render(drawing.svg, width, height)
    except TraceError as error:
        return Picture(None, "", title, error.message)
    # A light logo would be lost over white, and with it whatever is missing of it.
    name, backdrop = ("black", _BLACK) if _is_light(reference) else ("white", WHITE)
    found = difference(drawn, reference, backdrop)
    levels = np.rint(found * (255 / CLIP)).astype(np.uint8)
    picture = reduce(np.dstack([levels, levels, levels, np.full_like(levels, 255)]), _DIFFERENCE)
    caption = f"of colour, over {name}: black is none, white {CLIP:.0f} dE or more"
    return Picture(encode_png(picture), "image/png", title, caption)


def difference(
    drawn: NDArray[np.uint8], reference: NDArray[np.uint8], backdrop: Colour
) -> NDArray[np.float32]:
    """Colour difference (dE, CIE 1976) of each pixel over one colour, at most `CLIP`; shape (h, w).

    Args:
        drawn: Straight alpha, shape (h, w, 4).
        reference: Likewise, of the same shape.
        backdrop: The colour.
    """
    ours, theirs = (lab_of(composite(picture, backdrop)) for picture in (drawn, reference))
    distance = np.sqrt(np.square(ours - theirs).sum(axis=2))
    return np.asarray(np.minimum(distance, CLIP), np.float32)


def _caption(row: Row) -> str:
    if row.measurement.failure:
        return f"failed: {row.measurement.failure}"
    settings = describe(decode_action(row.action))
    return (
        f"gain {row.gain:+.2f}, {row.measurement.bytes:,} bytes, "
        f"{row.measurement.segments:,} segments; {settings}"
    )


def _is_light(rgba: NDArray[np.uint8]) -> bool:
    """Whether the visible part is so light that a white page would swallow it."""
    alpha = rgba[..., 3].astype(np.float64)
    if (alpha == 255).all() or not alpha.any():
        return False
    luminance = rgba[..., :3] @ np.array([0.2126, 0.7152, 0.0722])
    return bool((luminance * alpha).sum() / alpha.sum() > 200)
