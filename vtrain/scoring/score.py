"""Scores of a rendered trace against its reference."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vtrain.images import over
from vtrain.scoring.appearance import Appearance, Terms
from vtrain.scoring.classical import ms_ssim, mse, psnr, ssim
from vtrain.scoring.colour import CLIP, foreground_of, lab_on
from vtrain.scoring.contour import canvas_of
from vtrain.scoring.facets import facets
from vtrain.scoring.reference import Backdrop, Reference
from vtrain.tracing.svg import warm_up as warm_up_curves


@dataclass(frozen=True, slots=True)
class Scores:
    """How a picture compares with its reference, on the backdrop where it looks worse.

    Attributes:
        precision: Share of its edges that the reference has, 0 to 1.
        recall: Share of the reference's edges that it has, 0 to 1.
        colour_error: Mean clipped colour difference over the box of what is drawn (dE, 0 to 25).
        truth: Share of its visible edges whose direction is strictly the reference's, 0 to 1.
        stray: Its visible edges where the reference has none as strong near by, over all that the
            reference has; from 0.
        facets: Visible turns of its outlines where the reference is smooth (per 100 px).
        appearance: The model's value; larger looks better.
    """

    precision: float
    recall: float
    colour_error: float
    truth: float
    stray: float
    facets: float
    appearance: float

    def terms(self) -> Terms:
        """Those that the appearance is made of."""
        return Terms(self.colour_error, self.recall, self.truth, self.stray, self.facets)


@dataclass(frozen=True, slots=True)
class FullScores(Scores):
    """With the classical metrics over the foreground, on the same backdrop.

    Attributes:
        ssim: Structural similarity, -1 to 1.
        ms_ssim: Multi-scale structural similarity, 0 to 1.
        mse: Mean squared error (levels^2).
        psnr: Peak signal-to-noise ratio (dB), at most 100.
    """

    ssim: float
    ms_ssim: float
    mse: float
    psnr: float


def score(reference: Reference, rgba: NDArray[np.uint8], svg: str | None = None) -> Scores:
    """Contour, colour and appearance.

    Args:
        reference: The reference.
        rgba: The picture at the reference's size, straight alpha.
        svg: The drawing that it shows, for its facets; None for a picture that is no drawing.

    Raises:
        ValueError: The sizes differ.
    """
    return _worst(reference, rgba, svg)[0]


def score_fully(
    reference: Reference, rgba: NDArray[np.uint8], svg: str | None = None
) -> FullScores:
    """As `score`, with the classical metrics."""
    scores, backdrop = _worst(reference, rgba, svg)
    ours, theirs = over(rgba, backdrop.colour), over(reference.rgba, backdrop.colour)
    mask = foreground_of(reference.rgba, reference.ground) | foreground_of(rgba, reference.ground)
    error = mse(theirs, ours, mask)
    return FullScores(
        **{field.name: getattr(scores, field.name) for field in fields(Scores)},
        ssim=ssim(theirs, ours, mask),
        ms_ssim=ms_ssim(theirs, ours, mask),
        mse=error,
        psnr=psnr(error),
    )


def warm_up() -> None:
    """Have the compiled loops ready, those of curves too.

    The first time on a machine it takes some twenty seconds.
    """
    picture = np.zeros((16, 16, 4), np.uint8)
    picture[4:12, 4:12] = (200, 30, 30, 255)
    svg = '<path d="M0 0 L9 0 C9 9 9 9 0 9 Z" fill="#000000"/>'
    score(Reference.of(picture), picture, svg)
    warm_up_curves()


def _worst(
    reference: Reference, rgba: NDArray[np.uint8], svg: str | None
) -> tuple[Scores, Backdrop]:
    if rgba.shape != reference.rgba.shape or rgba.dtype != np.uint8:
        raise ValueError(
            f"a picture of {rgba.shape} {rgba.dtype} against one of {reference.rgba.shape} uint8"
        )
    from vtrain.scoring.colour_kernels import colour_differences  # noqa: PLC0415 - brings numba in

    reference = reference.covering(rgba)
    part = np.ascontiguousarray(rgba[reference.view])
    canvas = canvas_of(*part.shape[:2])
    colours = canvas.load(part)
    backdrops = reference.backdrops
    labs = [lab_on(colours, backdrop.colour) for backdrop in backdrops]
    wrong = colour_differences(
        canvas.indices,
        reference.indices,
        np.stack(labs),
        np.stack([backdrop.lab for backdrop in backdrops]),
        np.float32(CLIP),
    )
    turns = 0.0 if svg is None else facets(reference, svg)
    found = []
    for backdrop, lab, difference in zip(backdrops, labs, wrong, strict=True):
        canvas.lay(lab)
        edges = backdrop.compare(canvas)
        terms = Terms(
            colour_error=min(CLIP, float(difference) / reference.area),
            recall=edges.recall,
            truth=edges.truth,
            stray=edges.stray,
            facets=turns,
        )
        appearance = Appearance.load().value(terms)
        found.append((Scores(edges.precision, **asdict(terms), appearance=appearance), backdrop))
    return min(found, key=lambda pair: pair[0].appearance)
