"""Rasters through Pillow, limited to the allowed decoders and judged by the header first."""

from __future__ import annotations

import io
import struct
import threading
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile

from vtrain.errors import ImageRefused
from vtrain.images.types import Limits, Picture

# What Pillow raises on broken files, seen over its own corpus of broken images and in its source:
# a parser's mistakes surface as any of these.
_PILLOW_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
    UnidentifiedImageError,
)

# A progressive JPEG may repeat its scans thousands of times, each as dear as decoding the whole
# image; real ones have about ten. Scans times pixels beyond this take more than some seconds.
_MAX_SCANNED_PIXELS = 1_600_000_000

# Sum of the luminance quantisation table K.1 of ITU-T T.81.
_STANDARD_SUM = 3688

# Pillow warns of larger images, which only its own way of opening them does.
_UNSUSPECTED_PIXELS = 80_000_000

# `warnings.catch_warnings` swaps process-wide state, so two threads must not be inside it.
_WARNINGS_LOCK = threading.Lock()


def decode_raster(data: bytes, kind: str, *, name: str, limits: Limits) -> Picture:
    """Decode PNG, JPEG, WebP, BMP, GIF or TIFF bytes.

    Args:
        data: The whole file, whose opening bytes say that it is a `kind`.
        kind: One of `RASTER_FORMATS`; no other decoder is tried.
        name: For messages.
        limits: `max_pixels` is applied to the header's size before decoding.

    Returns:
        The first frame, EXIF orientation applied.

    Raises:
        ImageRefused: The file is too large, damaged, truncated or of a mode that has no meaning
            as a picture.
    """
    if kind == "WEBP":
        # Pillow allocates the canvas on opening, before it tells the size.
        _check_size(_webp_size(data), name=name, limits=limits)
    with _WARNINGS_LOCK, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with _opened(data, kind) as image:
                _check_size(image.size, name=name, limits=limits)
                if kind == "JPEG":
                    _check_jpeg(data, image.size, name=name)
                mode, depth, quality = _facts(image, data, kind)
                image.load()
                rgba, notes = _to_rgba(image, data, name=name)
                rgba = _oriented(rgba, image, notes)
                if getattr(image, "is_animated", False):
                    notes.append("first frame only")
                if image.info.get("icc_profile"):
                    notes.append("colour profile ignored")
        except _PILLOW_ERRORS as error:
            raise _refusal(error, name=name, kind=kind) from error
    notes.extend(sorted({f"warning: {warning.message}" for warning in caught}))
    return Picture(
        np.ascontiguousarray(rgba),
        kind,
        tuple(notes),
        mode=mode,
        bit_depth=depth,
        jpeg_quality=quality,
    )


def _opened(data: bytes, kind: str) -> Image.Image:
    """As `Image.open`, which loads the readers of all common formats to open a PNG."""
    if kind == "PNG":
        try:
            image = PngImageFile(io.BytesIO(data))
        except _PILLOW_ERRORS:  # what is wrong with it, the way for all formats says
            return Image.open(io.BytesIO(data), formats=[kind])
        if image.width * image.height <= _UNSUSPECTED_PIXELS:
            return image
    return Image.open(io.BytesIO(data), formats=[kind])


def header_size(data: bytes, kind: str, *, name: str) -> tuple[int, int]:
    """Width and height (px) that a raster's header states, without decoding it.

    Raises:
        ImageRefused: The header cannot be read.
    """
    if kind == "WEBP":
        return _webp_size(data)
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                return image.size
        except _PILLOW_ERRORS as error:
            raise _refusal(error, name=name, kind=kind) from error


def _facts(image: Image.Image, data: bytes, kind: str) -> tuple[str, int, int]:
    """Mode, bits of a channel, and the quality of a JPEG (0 for others)."""
    mode = image.mode
    depth = {"1": 1, "F": 32, "I": 32}.get(mode, 16 if mode.startswith("I;16") else 8)
    if kind == "PNG":
        depth = _png_depth(data)
    tables = getattr(image, "quantization", None) if kind == "JPEG" else None
    return mode, depth, _jpeg_quality(tables[0]) if tables and 0 in tables else 0


def _jpeg_quality(table: Sequence[int]) -> int:
    """Quality on the IJG's scale that a luminance table stands for (libjpeg, jcparam.c).

    The scale multiplies every entry of the standard table (ITU-T T.81, table K.1) alike, so the sum
    tells it, whatever the order of the entries.
    """
    scale = 100 * sum(table) / _STANDARD_SUM
    quality = 5000 / scale if scale > 100 else (200 - scale) / 2
    return round(min(max(quality, 1), 100))


def _check_size(size: tuple[int, int], *, name: str, limits: Limits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise ImageRefused(
            name,
            "too-large",
            f"the image has {width} x {height} px; data.max_pixels allows {limits.max_pixels:,}",
        )


def _check_jpeg(data: bytes, size: tuple[int, int], *, name: str) -> None:
    if data.count(b"\xff\xda") * size[0] * size[1] > _MAX_SCANNED_PIXELS:
        raise ImageRefused(name, "too-costly", "the JPEG repeats its scans too often to decode")
    # libjpeg fills a missing end with grey and only warns; the end marker tells.
    if b"\xff\xd9" not in data[data.rfind(b"\xff\xda") :]:
        raise ImageRefused(name, "truncated", "the JPEG ends before its end marker")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Canvas size (px) from the WebP container (RFC 9649), or (0, 0) when it has none."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        return (0, 0)
    if chunk == b"VP8X":
        return (
            1 + int.from_bytes(body[4:7], "little"),
            1 + int.from_bytes(body[7:10], "little"),
        )
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if chunk == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return (width & 0x3FFF, height & 0x3FFF)
    return (0, 0)


def _refusal(error: Exception, *, name: str, kind: str) -> ImageRefused:
    """Map what Pillow raised, by its type and then by its words, to a reason."""
    text = str(error).strip().split("\n")[0][:160] or type(error).__name__
    lowered = text.lower()
    if isinstance(error, (Image.DecompressionBombError, MemoryError)) or "too large" in lowered:
        reason, detail = "too-large", f"the {kind} is or holds too large a part: {text}"
    elif isinstance(error, EOFError) or "truncated" in lowered or "not enough" in lowered:
        reason, detail = "truncated", f"the {kind} ends too early"
    elif isinstance(error, UnidentifiedImageError):
        reason, detail = "damaged", f"the {kind} header is broken"
    elif isinstance(error, NotImplementedError) or "unsupported" in lowered:
        reason, detail = "unsupported-mode", f"this kind of {kind} is not read: {text}"
    else:
        reason, detail = "damaged", f"the {kind} is broken: {text}"
    return ImageRefused(name, reason, detail)


def _to_rgba(image: Image.Image, data: bytes, *, name: str) -> tuple[NDArray[np.uint8], list[str]]:
    """Convert any Pillow mode, without clipping what has more than 8 bits."""
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _from_deep_grey(image, name=name)
    if mode == "LAB":
        return _from_lab(image, name=name), ["Lab converted to sRGB"]
    if mode in ("CMYK", "YCbCr", "HSV"):
        return np.array(image.convert("RGB").convert("RGBA")), [f"{mode} converted to RGB"]
    if mode in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"):
        notes: list[str] = []
        key = image.info.get("transparency")
        if mode == "RGB" and isinstance(key, tuple) and _png_depth(data) == 16:
            # Pillow keeps the high byte of each sample, but the key as 16-bit numbers.
            image.info["transparency"] = tuple(part >> 8 for part in key)
            notes.append("16 bits reduced to 8")
        return np.array(image.convert("RGBA")), notes
    raise ImageRefused(name, "unsupported-mode", f"pixels of the mode {mode} are not read")


def _from_lab(image: Image.Image, *, name: str) -> NDArray[np.uint8]:
    """Pixels of a picture in Lab."""
    from PIL import ImageCms  # noqa: PLC0415 - as long to load as many a picture, and seldom needed

    try:
        transform = ImageCms.buildTransform(
            ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
        )
        converted = ImageCms.applyTransform(image, transform)
    except ImageCms.PyCMSError as error:
        raise ValueError(str(error)) from error
    if converted is None:  # pragma: no cover - only when asked to work in place
        raise ImageRefused(name, "unsupported-mode", "its Lab colours cannot be converted")
    return np.array(converted.convert("RGBA"))


def _from_deep_grey(image: Image.Image, *, name: str) -> tuple[NDArray[np.uint8], list[str]]:
    """Grey of more than 8 bits (modes ``I;16``, ``I``, ``F``), scaled to 0..255."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise ImageRefused(name, "unsupported-mode", "its float samples are not all finite")
    low, high, note = _deep_range(image, values)
    grey = np.clip(np.rint((values - low) / (high - low) * 255.0), 0, 255).astype(np.uint8)
    rgba = np.repeat(grey[..., None], 4, axis=2)
    key = image.info.get("transparency")
    rgba[..., 3] = np.where(values == key, 0, 255) if isinstance(key, int) else 255
    return rgba, [note]


def _deep_range(image: Image.Image, values: NDArray[np.float64]) -> tuple[float, float, str]:
    """The samples that stand for black and white, and a note that says so."""
    lowest, highest = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        bits = 16
        tags = getattr(image, "tag_v2", None)
        if tags is not None:
            stated = tags.get(258)  # BitsPerSample
            bits = int(stated[0] if isinstance(stated, tuple) else stated or 16)
        white = float(2 ** min(max(bits, 9), 16) - 1)
        if highest <= white:
            return 0.0, white, f"{bits} bits reduced to 8"
    if image.mode == "F" and lowest >= 0.0 and 0.0 < highest <= 1.0:
        return 0.0, 1.0, "float samples of 0 to 1 reduced to 8 bits"
    # Wider integers and other floats state no white: what is there spans black to white.
    if highest <= lowest:
        return lowest - 1.0, lowest + 1.0, "deep samples without contrast shown as grey"
    return lowest, highest, f"samples from {lowest:g} to {highest:g} scaled to 8 bits"


def _png_depth(data: bytes) -> int:
    return data[24] if data.startswith(b"\x89PNG") and len(data) > 24 else 8


def _oriented(rgba: NDArray[np.uint8], image: Image.Image, notes: list[str]) -> NDArray[np.uint8]:
    """Apply the EXIF orientation (EXIF 2.3, tag 0x0112)."""
    try:
        # After loading: Pillow turns TIFFs itself and then drops the tag.
        orientation = image.getexif().get(0x0112, 1)
    except _PILLOW_ERRORS:
        notes.append("unreadable EXIF ignored")
        return rgba
    turned = {
        2: rgba[:, ::-1],
        3: rgba[::-1, ::-1],
        4: rgba[::-1],
        5: rgba.transpose(1, 0, 2),
        6: rgba.transpose(1, 0, 2)[:, ::-1],
        7: rgba[::-1, ::-1].transpose(1, 0, 2),
        8: rgba.transpose(1, 0, 2)[::-1],
    }.get(orientation if isinstance(orientation, int) else 1)
    if turned is None:
        return rgba
    notes.append("EXIF orientation applied")
    return turned
