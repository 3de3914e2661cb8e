"""Changed copies of the judged images, as a store of their own that an engine can measure.

A copy's id is made of its pixels, as any image's: what was measured of it stays known.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from vtrain.config.data import DegradeConfig
from vtrain.data.degrade import degrade, draw_damage
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.images import decode, has_transparency, resize
from vtrain.validation.baselines.protocol import seed_of

Rgba = NDArray[np.uint8]
Change = Callable[[Entry, Rgba, Rgba], tuple[Rgba, Rgba]]
"""From an image, its input and its reference to the changed two."""

_RESCALE = 0.99
_JPEG_QUALITY = 95


def write_variants(
    entries: Sequence[Entry], change: Change, *, source: ImageStore, target: ImageStore
) -> list[Entry]:
    """Write a changed copy of each image; the entries of the copies, in order.

    Args:
        entries: The images.
        change: What is done to each.
        source: Where they are.
        target: Where the copies go.

    Raises:
        DataError: An image is missing or damaged.
        StorageError: A copy cannot be written.
    """
    found = []
    for entry in entries:
        pair = change(entry, source.input(entry.id), source.reference(entry.id))
        stored = target.write(*pair)
        found.append(
            replace(
                entry,
                id=stored.id,
                width=stored.width,
                height=stored.height,
                transparent=stored.transparent,
            )
        )
    return found


def degraded(config: DegradeConfig) -> Change:
    """Damage as of the first damaged copy that the data stage would make for training."""

    def change(entry: Entry, input_rgba: Rgba, reference: Rgba) -> tuple[Rgba, Rgba]:
        damage = draw_damage(config, entry.id, 1, transparent=has_transparency(input_rgba))
        return degrade(input_rgba, reference, damage)

    return change


def shift(input_rgba: Rgba, reference: Rgba) -> tuple[Rgba, Rgba]:
    """One pixel of the input to the right; the reference moves by as much."""
    scale = reference.shape[1] / input_rgba.shape[1]
    return _moved(input_rgba, 1.0), _moved(reference, scale)


def rescale(input_rgba: Rgba) -> Rgba:
    """The input 1 % smaller."""
    height, width = input_rgba.shape[:2]
    smaller = (max(1, round(width * _RESCALE)), max(1, round(height * _RESCALE)))
    return resize(input_rgba, *smaller)


def jpeg(input_rgba: Rgba) -> Rgba:
    """The colours after JPEG of quality 95; the alpha stays, as in a lossy WebP."""
    alpha = input_rgba[..., 3]
    colours = input_rgba[..., :3]
    if not alpha.all() and alpha.any():
        # What lies under clear pixels must not ring into the visible ones.
        nearest = distance_transform_edt(alpha == 0, return_distances=False, return_indices=True)
        colours = colours[tuple(nearest)]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(colours)).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    decoded = decode(buffer.getvalue(), name="copy").rgba
    return np.dstack([decoded[..., :3], alpha])


def grain(input_rgba: Rgba, seed: int) -> Rgba:
    """Each channel of each pixel one grey level less, the same, or one more; the alpha stays."""
    step = np.random.default_rng(seed).integers(-1, 2, (*input_rgba.shape[:2], 3))
    noisy = np.clip(input_rgba[..., :3].astype(np.int64) + step, 0, 255).astype(np.uint8)
    return np.dstack([noisy, input_rgba[..., 3]])


def disturbances(seed: int) -> Mapping[str, Change]:
    """The small changes that stability is measured by, by name.

    What moves the picture moves the reference, too; what only spoils the raster leaves it alone. A
    drawing has no size of its own: rendered at the reference's, the rescaling is undone.

    Args:
        seed: Of the grain, with each image's id.
    """
    return {
        "shift": lambda _, ours, reference: shift(ours, reference),
        "rescale": lambda _, ours, reference: (rescale(ours), reference),
        "jpeg": lambda _, ours, reference: (jpeg(ours), reference),
        "noise": lambda entry, ours, reference: (
            grain(ours, seed_of("noise", seed, entry.id)),
            reference,
        ),
    }


def _moved(rgba: Rgba, by: float) -> Rgba:
    """Moved to the right (px), in premultiplied alpha between whole pixels."""
    whole = int(np.floor(by + 1e-9))
    part = by - whole
    if part < 1e-6:
        return _rolled(rgba, whole)
    near, far = (_premultiplied(_rolled(rgba, step)) for step in (whole, whole + 1))
    mixed = (1 - part) * near + part * far
    alpha = mixed[..., 3:]
    mixed[..., :3] = np.divide(
        mixed[..., :3] * 255, alpha, out=np.zeros_like(mixed[..., :3]), where=alpha >= 0.5
    )
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _rolled(rgba: Rgba, by: int) -> Rgba:
    moved = np.roll(rgba, by, axis=1)
    # What comes into view is clear beside a transparent logo, else more of the ground.
    moved[:, :by] = 0 if has_transparency(rgba) else rgba[:, :1]
    return moved


def _premultiplied(rgba: Rgba) -> NDArray[np.float64]:
    planes = rgba.astype(np.float64)
    planes[..., :3] *= planes[..., 3:] / 255
    return planes
