"""Whether an image is good enough, with named reasons; the limits are the user's.

The limits were tuned on clean vector logos (see `docs/data.md`): what is asked of photographs, such
as lively histograms or fine detail, says nothing about a logo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from vtrain.config.data import QualityConfig
from vtrain.data.metadata import Metadata

Level = Literal["ok", "warn", "reject"]

REASONS: dict[str, str] = {
    "tiny": "too few pixels to tell what is drawn",
    "small": "few pixels",
    "blurred": "no sharp contour",
    "noisy": "noise in flat areas",
    "lossy": "traces of lossy compression",
    "faint": "hardly seen on a white page or its own ground",
    "cut-off": "runs into one side of the image",
    "rotated": "turned by an EXIF tag that some programs ignore",
    "wrong-extension": "the file's name claims another format",
}
"""What each reason means."""

_EXTENSIONS: dict[str, frozenset[str]] = {
    "PNG": frozenset({".png", ".apng"}),
    "JPEG": frozenset({".jpg", ".jpeg", ".jpe", ".jfif"}),
    "WEBP": frozenset({".webp"}),
    "BMP": frozenset({".bmp", ".dib"}),
    "GIF": frozenset({".gif"}),
    "TIFF": frozenset({".tif", ".tiff"}),
    "SVG": frozenset({".svg"}),
}
_KNOWN = frozenset().union(*_EXTENSIONS.values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of one image.

    Attributes:
        level: ``ok``, ``warn`` (used all the same) or ``reject``.
        reasons: Keys of `REASONS`, the worst first; empty when it is ok.
        detail: The measured values beside their limits, for a person.
    """

    level: Level
    reasons: tuple[str, ...] = ()
    detail: str = ""


def judge(metadata: Metadata, name: str, limits: QualityConfig) -> Verdict:
    """Hold one image against the limits.

    Args:
        metadata: Of the image.
        name: Of its file, for the extension.
        limits: When to warn and when to reject.
    """
    rejected = list(_rejections(metadata, limits))
    found = rejected + list(_warnings(metadata, name, limits))
    if not found:
        return Verdict("ok")
    level: Level = "reject" if rejected else "warn"
    return Verdict(
        level, tuple(reason for reason, _ in found), "; ".join(text for _, text in found)
    )


def _side(metadata: Metadata) -> int:
    return max(metadata.source_width, metadata.source_height)


def _rejections(metadata: Metadata, limits: QualityConfig) -> Iterator[tuple[str, str]]:
    if metadata.format != "SVG" and _side(metadata) < limits.reject_side:
        yield "tiny", f"{_side(metadata)} px, under {limits.reject_side}"


def _warnings(metadata: Metadata, name: str, limits: QualityConfig) -> Iterator[tuple[str, str]]:
    side = _side(metadata)
    if metadata.format != "SVG" and limits.reject_side <= side < limits.warn_side:
        yield "small", f"{side} px, under {limits.warn_side}"
    if metadata.edge_width > limits.warn_edge_width:
        width = f"contours {metadata.edge_width:.1f} px wide"
        yield "blurred", f"{width}, over {limits.warn_edge_width:g}"
    if metadata.noise > limits.warn_noise:
        yield "noisy", f"noise {metadata.noise:.2f}, over {limits.warn_noise:g}"
    yield from _losses(metadata, limits)
    if metadata.contrast < limits.warn_contrast:
        yield "faint", f"contrast {metadata.contrast:.1f}, under {limits.warn_contrast:g}"
    if metadata.cut_share > limits.warn_cut_share:
        share = f"{metadata.cut_share:.0%} of one side on the border"
        yield "cut-off", f"{share}, over {limits.warn_cut_share:.0%}"
    if limits.warn_rotated and "EXIF orientation applied" in metadata.notes:
        yield "rotated", "an EXIF tag turns it"
    suffix = PurePosixPath(name).suffix.lower()
    if limits.warn_extension and suffix not in _EXTENSIONS[metadata.format]:
        claimed = suffix if suffix in _KNOWN else "no format"
        yield "wrong-extension", f"{metadata.format} content, the name says {claimed}"


def _losses(metadata: Metadata, limits: QualityConfig) -> Iterator[tuple[str, str]]:
    # A good JPEG has ripples, too: of JPEG files only the tables tell.
    if metadata.format == "JPEG":
        if 0 < metadata.jpeg_quality < limits.warn_jpeg_quality:
            yield "lossy", f"JPEG quality {metadata.jpeg_quality}, under {limits.warn_jpeg_quality}"
    elif _opaque(metadata) and metadata.ringing > limits.warn_ringing:
        yield "lossy", f"ripples {metadata.ringing:.2f}, over {limits.warn_ringing:g}"


def _opaque(metadata: Metadata) -> bool:
    return metadata.clear_share + metadata.partial_share == 0
