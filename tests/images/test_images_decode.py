"""Every way an image can be wrong ends in a picture or a refusal with a reason."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vtrain.errors import ImageRefused
from vtrain.images import Limits, Picture, decode, read


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ImageRefused) as caught:
        decode(data, name="it", limits=limits or Limits())
    return caught.value.reason


@pytest.fixture(scope="session")
def bad_images(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    with tarfile.open(shared_data / "bad_images.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    return next(path.parent for path in folder.rglob("fails"))


def test_every_broken_image_is_refused_with_a_reason(bad_images: Path) -> None:
    files = sorted((bad_images / "fails").iterdir())
    assert len(files) == 30
    for path in files:
        with pytest.raises(ImageRefused) as caught:
            read(path)
        assert caught.value.reason
        assert len(caught.value.detail) > 10


def test_every_odd_image_is_decoded_or_is_of_a_foreign_format(bad_images: Path) -> None:
    refused = set()
    for path in sorted((bad_images / "odd").iterdir()):
        try:
            picture = read(path)
        except ImageRefused as error:
            refused.add((path.suffix, error.reason))
        else:
            assert picture.rgba.dtype == np.uint8
            assert picture.rgba.shape[2] == 4
            assert picture.rgba.flags.c_contiguous
    foreign = (".tga", ".psd", ".ico", ".ppm", ".avif")
    assert refused == {(suffix, "unsupported-format") for suffix in foreign}


def test_exif_orientations_all_show_the_same_picture(bad_images: Path) -> None:
    upright = [
        read(bad_images / "odd" / f"hopper_orientation_{number}.jpg").rgba.astype(float)
        for number in range(3, 9)
    ]
    for other in upright[1:]:
        assert np.abs(other - upright[0]).mean() < 3.0


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_lossless_formats_keep_every_pixel_and_its_alpha(kind: str) -> None:
    rgba = np.random.default_rng(0).integers(1, 256, (9, 7, 4), dtype=np.uint8)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}

    picture = decode(encoded(Image.fromarray(rgba), kind, **options), name="it")

    assert picture.format == kind
    assert np.array_equal(picture.rgba, rgba)


def test_format_is_judged_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "logo.jpg"
    path.write_bytes(encoded(Image.new("RGB", (3, 2), "red"), "PNG"))

    assert read(path).format == "PNG"


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "PCX", "AVIF", "ICNS"])
def test_other_formats_are_refused_and_the_allowed_ones_named(kind: str) -> None:
    data = encoded(Image.new("RGB", (32, 32), "red"), kind)

    with pytest.raises(ImageRefused, match="PNG, JPEG, WEBP, BMP, GIF, TIFF, SVG") as caught:
        decode(data, name="it")
    assert caught.value.reason == "unsupported-format"


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)

    grey = decode(encoded(Image.fromarray(ramp), "PNG"), name="it").rgba[..., 0]

    assert np.array_equal(grey, np.rint(ramp / 257.0).astype(np.uint8))


def test_float_samples_of_zero_to_one_become_eight_bits() -> None:
    ramp = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)

    grey = decode(encoded(Image.fromarray(ramp), "TIFF"), name="it").rgba[..., 0]

    assert np.array_equal(grey.ravel(), np.arange(0, 256, 17))


def test_palette_transparency_becomes_alpha() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])

    rgba = decode(encoded(image, "PNG", transparency=b"\x40\xff"), name="it").rgba

    assert rgba.tolist() == [[[255, 0, 0, 64], [0, 255, 0, 255]]]


def test_only_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]

    picture = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), name="it")

    assert picture.rgba[0, 0].tolist() == [255, 0, 0, 255]
    assert "first frame only" in picture.notes


def test_cmyk_jpeg_comes_out_in_its_colour() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))

    rgba = decode(encoded(image, "JPEG", quality=95), name="it").rgba

    assert np.abs(rgba[8, 8].astype(int) - [255, 0, 0, 255]).max() < 8


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def webp_claiming(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + bytes(64)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("size", [(60_000, 60_000), (10_000, 10_000), (8_001, 8_000)])
def test_bombs_are_refused_by_their_header(size: tuple[int, int]) -> None:
    assert refusal(png_claiming(*size)) == "too-large"
    if max(size) < 16_384:
        assert refusal(webp_claiming(*size)) == "too-large"


def test_limits_are_the_callers() -> None:
    data = encoded(Image.new("RGB", (40, 30), "red"), "PNG")

    assert refusal(data, limits=Limits(max_pixels=1199)) == "too-large"
    assert refusal(data, limits=Limits(max_file_bytes=20)) == "file-too-large"
    assert decode(data, name="it", limits=Limits(max_pixels=1200)).rgba.shape == (30, 40, 4)


def test_jpeg_with_endlessly_repeated_scans_is_refused() -> None:
    data = encoded(Image.new("RGB", (4000, 4000), "red"), "JPEG", progressive=True)
    start = data.index(b"\xff\xda")

    assert refusal(data[:-2] + data[start:-2] * 100 + b"\xff\xd9") == "too-costly"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_was_cut_off_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)

    assert refusal(data[: int(len(data) * share)]) in {"truncated", "damaged"}


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_damage_to_a_file_escapes_as_another_exception(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]))
    image = Image.fromarray(np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3))
    damaged = bytearray(encoded(image, kind))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    # Pixels that changed their colour may pass; nothing but a refusal may be raised.
    with contextlib.suppress(ImageRefused):
        assert decode(bytes(damaged), name="it").rgba.dtype == np.uint8


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ImageRefused):
        decode(data, name="it")


def test_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")

    with pytest.raises(ImageRefused, match="FIFO") as caught:
        read(tmp_path / "pipe.png")
    assert caught.value.reason == "not-a-file"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/dev/zero", "not-a-file"), ("/", "not-a-file"), ("no/such.png", "missing")],
)
def test_what_is_no_file_is_refused(path: str, reason: str) -> None:
    with pytest.raises(ImageRefused) as caught:
        read(path)
    assert caught.value.reason == reason


def test_refusals_survive_the_way_between_processes() -> None:
    # A copy takes the same way, `__reduce__`, as a process border.
    error = copy.copy(ImageRefused("a.png", "truncated", "it ends"))

    assert (error.name, error.reason, error.detail) == ("a.png", "truncated", "it ends")


def test_pictures_hold_their_notes() -> None:
    picture = decode(encoded(Image.new("RGB", (2, 2)), "PNG"), name="it")

    assert isinstance(picture, Picture)
    assert picture.notes == ()
