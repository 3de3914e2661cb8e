"""What is recorded of an image is what the file and the picture say."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vtrain.data.classify import classifier
from vtrain.data.metadata import Metadata, describe
from vtrain.images import decode


def of(image: Image.Image, form: str = "PNG", **options: object) -> Metadata:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return describe(decode(buffer.getvalue(), name="a"), len(buffer.getvalue()))


def flag(mode: str = "RGBA") -> Image.Image:
    """A red and a blue bar, together 100 x 50 in an image of 200 x 100."""
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rectangle((50, 25, 118, 74), fill="#ff0000")
    draw.rectangle((127, 25, 149, 74), fill="#0000ff")
    return image.convert(mode)


def test_palette_box_and_shares() -> None:
    found = of(flag())

    assert found.palette.split(",")[0].startswith("#ff0000 0.7")
    assert found.palette.split(",")[1].startswith("#0000ff 0.2")
    assert (found.colours, found.parts, found.regions) == (2, 2, 2)
    box = (found.box_left, found.box_top, found.box_width, found.box_height)
    assert box == pytest.approx((0.25, 0.25, 0.5, 0.5), abs=0.01)
    assert found.foreground_share == pytest.approx(0.23, abs=0.01)
    assert found.clear_share == pytest.approx(0.77, abs=0.02)
    assert found.aspect == pytest.approx(1.0, abs=0.05)
    assert (found.source_width, found.source_height) == (200, 100)


@pytest.mark.parametrize(
    ("mode", "form", "expected"),
    [
        ("RGBA", "PNG", ("PNG", "RGBA", 8)),
        ("P", "PNG", ("PNG", "P", 8)),
        ("1", "PNG", ("PNG", "1", 1)),
        ("L", "JPEG", ("JPEG", "L", 8)),
        ("CMYK", "TIFF", ("TIFF", "CMYK", 8)),
        ("RGB", "BMP", ("BMP", "RGB", 8)),
    ],
)
def test_format_mode_and_depth_are_the_files(
    mode: str, form: str, expected: tuple[str, str, int]
) -> None:
    found = of(flag(mode), form)

    assert (found.format, found.mode, found.bit_depth) == expected


def test_sixteen_bits_are_noticed() -> None:
    deep = Image.fromarray(np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16))

    assert of(deep).bit_depth == 16


@pytest.mark.parametrize("quality", [20, 50, 75, 92])
def test_quality_of_a_jpeg_is_read_from_its_tables(quality: int) -> None:
    assert abs(of(flag("RGB"), "JPEG", quality=quality).jpeg_quality - quality) <= 1


def test_fingerprint_is_256_bytes_and_as_many_bits() -> None:
    found = of(flag())

    assert len(bytes.fromhex(found.likeness)) == 256
    assert len(bytes.fromhex(found.hash)) == 32


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300), (300, 1), (3, 3), (1500, 900)])
@pytest.mark.parametrize("colour", [(0, 0, 0, 0), (255, 255, 255, 255), (9, 9, 9, 128)])
def test_every_image_can_be_described(
    size: tuple[int, int], colour: tuple[int, int, int, int]
) -> None:
    image = Image.new("RGBA", size, colour)
    image.putpixel((0, 0), (200, 10, 10, 255))

    found = of(image)

    assert all(math.isfinite(v) for v in found.to_dict().values() if isinstance(v, float))
    assert Metadata.from_dict(found.to_dict()) == found
    assert classifier().category(found) in ("simple", "text", "gradient", "complex")


def test_samples_are_told_apart(samples: Path) -> None:
    told = [
        (path.parent.name, classifier().category(describe(picture, 0)))
        for path in sorted(samples.rglob("*.svg"))
        for picture in [decode(path.read_bytes(), name="a", svg_side=256)]
    ]

    # They were not drawn by those who made the logos that the weights come from.
    assert sum(folder == category for folder, category in told) >= 8
