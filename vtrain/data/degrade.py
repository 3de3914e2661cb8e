"""Damage of the kind that users' logos have, as seeded augmentation with the clean reference kept.

What changes the picture itself (margin, background) is done to the input and to the reference;
what only spoils it (rescaling, blur, noise, JPEG) is done to the input alone. So a trace of the
spoilt input is judged by what it should have looked like.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vtrain.config.data import DegradeConfig
from vtrain.images import decode, has_transparency, resize

Rgba = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Damage:
    """What is done to one image; zeros and empty strings do nothing.

    Attributes:
        padding: Margin added on each side (share of the longest side).
        background: ``#rrggbb``, ``photo`` or nothing.
        photo_seed: Which photographic background.
        rescale: Size that the input is reduced to before it is blown up again (share).
        blur: Standard deviation (px of the input).
        noise: Standard deviation (levels).
        noise_seed: Which noise.
        jpeg: Quality (1 to 100).
    """

    padding: float = 0.0
    background: str = ""
    photo_seed: int = 0
    rescale: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    noise_seed: int = 0
    jpeg: int = 0

    def __str__(self) -> str:
        parts = (
            self.padding and f"padding {self.padding:.0%}",
            self.background and f"background {self.background}",
            self.rescale and f"rescaled {self.rescale:.0%}",
            self.blur and f"blur {self.blur:.2f} px",
            self.noise and f"noise {self.noise:.1f}",
            self.jpeg and f"JPEG {self.jpeg}",
        )
        return ", ".join(part for part in parts if part) or "none"


def draw_damage(config: DegradeConfig, image: str, variant: int, *, transparent: bool) -> Damage:
    """Draw the damage of one copy: a function of the seed, the image's id and the copy's number.

    Args:
        config: Chances and ranges.
        image: Id of the image.
        variant: Number of the copy, from 1.
        transparent: Whether the image is; only then can it get a background, and it gets one
            when noise or JPEG must have something to lie on.
    """
    random = np.random.default_rng([config.seed, variant, int(image, 16)])

    def by_chance(chance: float, span: tuple[float, float]) -> float:
        # Both numbers are drawn each time, so that a changed chance leaves the others as they are.
        happens, value = random.random() < chance, random.uniform(*span)
        return float(value) if happens else 0.0

    padding = by_chance(config.padding_chance, config.padding)
    wanted, photo = random.random() < config.background_chance, random.random()
    colour, seeds = random.integers(0, 256, 3), random.integers(0, 2**31, 2)
    rescale = by_chance(config.rescale_chance, config.rescale)
    blur = by_chance(config.blur_chance, config.blur)
    noise = by_chance(config.noise_chance, config.noise)
    jpeg = by_chance(config.jpeg_chance, config.jpeg)
    background = ""
    if transparent and (wanted or noise or jpeg):
        solid = "#{:02x}{:02x}{:02x}".format(*(colour if wanted else (255, 255, 255)))
        background = "photo" if wanted and photo < config.photo_share else solid
    return Damage(
        padding=round(padding, 4),
        background=background,
        photo_seed=int(seeds[0]),
        rescale=round(rescale, 4),
        blur=round(blur, 4),
        noise=round(noise, 4),
        noise_seed=int(seeds[1]),
        jpeg=round(jpeg),
    )


def degrade(input_rgba: Rgba, reference_rgba: Rgba, damage: Damage) -> tuple[Rgba, Rgba]:
    """Apply damage to an input and what goes with it to its reference.

    Args:
        input_rgba: Shape (h, w, 4), straight alpha.
        reference_rgba: The same picture, the same size or larger.
        damage: What is done.

    Returns:
        The damaged input and the clean reference, their sides in the same ratio as before. With
        padding, both keep their longest side, and the picture in them is smaller.
    """
    pair = (input_rgba, reference_rgba)
    if damage.padding:
        pair = _pad(*pair, damage.padding)
    if damage.background:
        pair = _lay(*pair, damage)
    return _spoil(pair[0], damage), pair[1]


def _pad(input_rgba: Rgba, reference: Rgba, share: float) -> tuple[Rgba, Rgba]:
    height, width = input_rgba.shape[:2]
    scale = max(reference.shape[:2]) / max(height, width)
    margin = max(1, round(share * max(height, width)))
    outer_margin = round(margin * scale)
    padded, wide = _extend(input_rgba, margin), _extend(reference, outer_margin)
    shrink = max(height, width) / max(padded.shape[:2])
    inner_size = [max(1, round(side * shrink)) for side in padded.shape[1::-1]]
    outer_size = [max(1, round(side * scale)) for side in inner_size]
    return resize(padded, *inner_size), resize(wide, *outer_size)


def _extend(rgba: Rgba, margin: int) -> Rgba:
    sides = ((margin, margin), (margin, margin), (0, 0))
    if has_transparency(rgba):
        return np.pad(rgba, sides)
    return np.pad(rgba, sides, mode="edge")


def _lay(input_rgba: Rgba, reference: Rgba, damage: Damage) -> tuple[Rgba, Rgba]:
    height, width = reference.shape[:2]
    if damage.background == "photo":
        ground = photograph(width, height, damage.photo_seed)
    else:
        colour = [int(damage.background[at : at + 2], 16) for at in (1, 3, 5)]
        ground = np.full((height, width, 3), colour, np.uint8)
    small = cv2.resize(ground, input_rgba.shape[1::-1], interpolation=cv2.INTER_AREA)
    return _over(input_rgba, np.asarray(small, np.uint8)), _over(reference, ground)


def _over(rgba: Rgba, ground: NDArray[np.uint8]) -> Rgba:
    alpha = rgba[..., 3:].astype(np.uint32)
    blend = (rgba[..., :3] * alpha + ground * (255 - alpha) + 127) // 255
    opaque = np.full((*rgba.shape[:2], 1), 255, np.uint8)
    return np.concatenate([blend.astype(np.uint8), opaque], axis=2)


def photograph(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """A made-up photographic background, RGB of shape (height, width, 3).

    Noise whose amplitude falls with the frequency, as in natural images (Field 1987), in two
    colours of one scene, with a light that fades across.
    """
    random = np.random.default_rng(seed)
    side = 128
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(random.normal(size=(side, side))) / frequency**1.2
    texture = np.real(np.fft.ifft2(spectrum))
    texture = (texture - texture.min()) / np.ptp(texture)
    fade = np.linspace(0.75, 1.15, side)[None] if random.random() < 0.5 else 1.0
    dark, light = random.uniform(20, 140, 3), random.uniform(90, 250, 3)
    scene = (dark + texture[..., None] * (light - dark)) * np.broadcast_to(
        np.asarray(fade)[..., None], (side, side, 1)
    )
    small = np.clip(scene, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _spoil(rgba: Rgba, damage: Damage) -> Rgba:
    height, width = rgba.shape[:2]
    if damage.rescale:
        small = resize(
            rgba, max(1, round(width * damage.rescale)), max(1, round(height * damage.rescale))
        )
        rgba = resize(small, width, height, kind="lanczos")
    if damage.blur:
        rgba = blurred(rgba, damage.blur)
    if damage.noise:
        random = np.random.default_rng(damage.noise_seed)
        grain = random.normal(0, damage.noise, (height, width, 3))
        rgba = rgba.copy()
        rgba[..., :3] = np.clip(np.rint(rgba[..., :3] + grain), 0, 255).astype(np.uint8)
    if damage.jpeg:
        rgba = _jpeg(rgba, damage.jpeg)
    return rgba


def blurred(rgba: Rgba, sigma: float) -> Rgba:
    """Gaussian blur in premultiplied alpha, standard deviation `sigma` px."""
    planes = rgba.astype(np.float32)
    planes[..., :3] *= planes[..., 3:] / 255
    planes = np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma))
    alpha = planes[..., 3:]
    planes[..., :3] = np.divide(
        planes[..., :3] * 255, alpha, out=np.zeros_like(planes[..., :3]), where=alpha >= 0.5
    )
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)


def _jpeg(rgba: Rgba, quality: int) -> Rgba:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgba[..., :3])).save(buffer, "JPEG", quality=quality)
    return decode(buffer.getvalue(), name="copy").rgba
