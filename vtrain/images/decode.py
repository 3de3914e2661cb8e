"""The one way in for untrusted images: format by content, an allow-list, limits before work."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vtrain.errors import ImageRefused
from vtrain.images.raster import decode_raster
from vtrain.images.types import DEFAULT_LIMITS, FORMATS, Limits, Picture

_ALLOWED = ", ".join(FORMATS)

_OWN: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
)

_READ_TRIES = 3

# Openings of formats that people meet and that are refused by name. Magic numbers as in the
# `file` database.
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"\x00\x00\x01\x00", "an ICO icon"),
    (b"\x00\x00\x02\x00", "a Windows cursor or TGA file"),
    (b"\x1f\x8b", "gzip-compressed (an .svgz must be unpacked first)"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (b"DDS ", "a DDS texture"),
    (b"qoif", "a QOI image"),
    (b"v/1\x01", "an OpenEXR image"),
)


def decode(
    data: bytes,
    *,
    name: str,
    limits: Limits = DEFAULT_LIMITS,
    svg_side: int = 1024,
    isolated: bool = True,
) -> Picture:
    """Decode one image held in memory.

    Args:
        data: The whole file.
        name: The file's name for messages; it does not choose the decoder.
        limits: Largest image and file taken.
        svg_side: Longest side at which an SVG is rendered (px).
        isolated: Whether SVGs are rendered in a process of their own; see `decode_svg`.

    Returns:
        The first frame or page, EXIF orientation applied, with notes on what was changed.

    Raises:
        ImageRefused: With one of the reasons ``empty``, ``file-too-large``, ``too-large``,
            ``unsupported-format``, ``unsupported-mode``, ``truncated``, ``damaged``,
            ``too-costly``; for SVG also ``invalid-svg``, ``external-resource``, ``unsafe-svg``,
            ``renderer-panic``, ``renderer-failed``, ``time-limit``.
    """
    if not data:
        raise ImageRefused(name, "empty", "the file is empty")
    if len(data) > limits.max_file_bytes:
        raise _file_too_large(name, len(data), limits)
    kind = sniff(data)
    if kind == "SVG":
        from vtrain.images.svg import decode_svg  # noqa: PLC0415 - see `sniff`

        return decode_svg(data, svg_side, name=name, limits=limits, isolated=isolated)
    if kind in FORMATS:
        return decode_raster(data, kind, name=name, limits=limits)
    raise ImageRefused(
        name, "unsupported-format", f"the content is {kind}; vtrain reads {_ALLOWED}"
    )


def read(
    path: Path | str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    svg_side: int = 1024,
    isolated: bool = True,
) -> Picture:
    """Read and decode one file.

    Args:
        path: A regular file, or a link to one. A FIFO, device or folder is refused unread.
        limits: As for `decode`.
        svg_side: As for `decode`.
        isolated: As for `decode`.

    Returns:
        As `decode`.

    Raises:
        ImageRefused: As `decode`, and ``missing``, ``not-a-file``, ``unreadable``.
    """
    path = Path(path)
    data = read_bytes(path, limits=limits)
    return decode(data, name=str(path), limits=limits, svg_side=svg_side, isolated=isolated)


def read_bytes(path: Path, *, limits: Limits) -> bytes:
    """Read a regular file of at most `limits.max_file_bytes`; raise ImageRefused as `read`."""
    return read_file(path, limits=limits)[0]


def read_file(path: Path, *, limits: Limits) -> tuple[bytes, os.stat_result]:
    """Read a regular file that holds still, and what the system says of it.

    Args:
        path: A regular file, or a link to one.
        limits: `max_file_bytes` is applied before anything is read.

    Raises:
        ImageRefused: As `read`, and ``changing`` when it is written to at the same time.
    """
    name = str(path)
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer that may never come.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageRefused(name, "missing", "there is no such file") from error
    except ValueError as error:  # a NUL byte in the name
        raise ImageRefused(name, "missing", "this is no file name") from error
    except OSError as error:
        raise _unreadable(name, error) from error
    try:
        for _ in range(_READ_TRIES):
            # The open file is judged, not the path: a path could be exchanged in between.
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ImageRefused(name, "not-a-file", f"it is {_kind(status.st_mode)}")
            if status.st_size > limits.max_file_bytes:
                raise _file_too_large(name, status.st_size, limits)
            os.lseek(handle, 0, os.SEEK_SET)
            with os.fdopen(handle, "rb", closefd=False) as file:
                data = file.read(limits.max_file_bytes + 1)
            after = os.fstat(handle)
            if (after.st_size, after.st_mtime_ns) == (status.st_size, status.st_mtime_ns):
                return data, status
    except OSError as error:
        raise _unreadable(name, error) from error
    finally:
        os.close(handle)
    raise ImageRefused(name, "changing", "it is being written to")


def sniff(data: bytes) -> str:
    """Name the format of `data` by its content: one of `FORMATS`, or words for a message."""
    for magic, kind in _OWN:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    from vtrain.images.svg import looks_like_svg  # noqa: PLC0415 - rasters need no XML parser

    if looks_like_svg(data):
        return "SVG"
    if data[4:8] == b"ftyp":
        return "an AVIF, HEIC or video file"
    for magic, words in _FOREIGN:
        if data.startswith(magic):
            return words
    return _describe(data[:1024])


def _describe(head: bytes) -> str:
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3].isspace():
        return "a PPM, PGM or PBM image"
    if all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return "text"
    return "of no known image format"


def _file_too_large(name: str, size: int, limits: Limits) -> ImageRefused:
    return ImageRefused(
        name,
        "file-too-large",
        f"the file has {size:,} bytes; data.max_file_bytes allows {limits.max_file_bytes:,}",
    )


def _unreadable(name: str, error: OSError) -> ImageRefused:
    if isinstance(error, IsADirectoryError):
        return ImageRefused(name, "not-a-file", "it is a folder")
    return ImageRefused(
        name, "unreadable", f"it cannot be read: {error.strerror or type(error).__name__}"
    )


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a FIFO (named pipe)"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"
