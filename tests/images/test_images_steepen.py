import cv2
import numpy as np
import pytest

from vtrain.environment.measurement import native_reference
from vtrain.images import reduce, resize
from vtrain.images.steepen import steepen


def drawing(*, clear: bool) -> np.ndarray:
    """A disc and a bar of 256 px, smooth at their edges."""
    shape = np.zeros((1024, 1024), np.uint8)
    cv2.circle(shape, (420, 500), 300, 255, -1)
    cv2.rectangle(shape, (800, 100), (860, 900), 255, -1)
    share = np.asarray(cv2.resize(shape, (256, 256), interpolation=cv2.INTER_AREA))
    rgba = np.full((256, 256, 4), 255, np.uint8)
    if clear:
        rgba[..., :3] = (200, 30, 60)
        rgba[..., 3] = share
    else:
        weight = share[..., None] / 255
        rgba[..., :3] = np.rint(255 + ((200, 30, 60) - np.full(3, 255)) * weight)
    return rgba


def error(one: np.ndarray, other: np.ndarray) -> float:
    """Mean squared, in premultiplied alpha."""
    over = [
        np.concatenate([each[..., :3] * (each[..., 3:] / 255), each[..., 3:]], axis=2)
        for each in (one, other)
    ]
    return float(((over[0] - over[1]) ** 2).mean())


@pytest.mark.parametrize("clear", [False, True])
def test_an_enlarged_drawing_comes_nearer_to_the_drawing(*, clear: bool) -> None:
    large = drawing(clear=clear)
    small = reduce(large, 128)
    plain = resize(small, 256, 256, kind="lanczos")

    assert error(native_reference(small), large) < 0.7 * error(plain, large)


def test_a_ramp_stays_as_it_is() -> None:
    ramp = np.full((64, 256, 4), 255, np.uint8)
    ramp[..., :3] = np.arange(256, dtype=np.uint8)[None, :, None]

    assert np.array_equal(steepen(ramp), ramp)


@pytest.mark.parametrize("clear", [False, True])
def test_flat_areas_and_the_range_of_values_stay(*, clear: bool) -> None:
    rgba = drawing(clear=clear)

    found = steepen(rgba)

    assert found.dtype == np.uint8
    assert found.shape == rgba.shape
    flat = cv2.dilate(rgba, np.ones((7, 7))) == cv2.erode(rgba, np.ones((7, 7)))
    inside = flat.all(axis=2) & ((rgba[..., 3] == 255) | (rgba[..., 3] == 0))
    shown = inside & (rgba[..., 3] == 255)
    assert np.array_equal(found[shown], rgba[shown])
    assert (found[inside & ~shown, 3] == 0).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (3, 3)])
def test_tiny_pictures_are_no_trouble(size: tuple[int, int]) -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (*size, 4)).astype(np.uint8)

    assert native_reference(rgba).shape == (2 * size[0], 2 * size[1], 4)
