"""One measurement: prepare, trace, render and score an image with some settings."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vtrain.config.scoring import ScoringConfig
from vtrain.environment.shelf import Shelf
from vtrain.errors import TraceError
from vtrain.images import resize
from vtrain.images.steepen import steepen
from vtrain.scoring.appearance import MOST_FACETS, MOST_STRAY, WORST
from vtrain.scoring.colour import CLIP
from vtrain.scoring.packing import pack, unpack
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score, score_fully
from vtrain.scoring.utility import cost, utility
from vtrain.tracing.parameters import Action, decode_action
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.svg import gzip_bytes
from vtrain.tracing.trace import Trace, trace_prepared

Key = TypeVar("Key")
Value = TypeVar("Value")

NATIVE_SCALE = 2
"""Enlargement at which a trace is judged when the input is all there is (times)."""
_PALETTES_KEPT = 10_000
"""Images whose palettes are kept, at most 400 bytes each (count)."""
_SMALLEST_COST_BYTES = 10_000_000
"""Size that a failed trace is charged for, so that no success costs more (bytes, segments)."""


class ImageSource(Protocol):
    """Where inputs and references come from, by image id."""

    def input(self, image: str) -> NDArray[np.uint8]:
        """The raster that is traced, straight alpha, shape (h, w, 4)."""

    def reference(self, image: str) -> NDArray[np.uint8]:
        """The picture it is judged against, straight alpha, shape (H, W, 4)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A measurement wanted.

    Attributes:
        image: Image id.
        action: Level indices, in canonical form.
        full: Whether the classical metrics are wanted too.
        native: Judge against the input, as one can when there is no reference.
    """

    image: str
    action: Action
    full: bool = False
    native: bool = False


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a trace looks like and costs.

    Attributes:
        appearance: Log-odds scale of preference; larger looks better.
        precision: Contour precision, 0 to 1.
        recall: Contour recall, 0 to 1.
        colour_error: Mean clipped colour difference over the foreground (dE, 0 to 25).
        truth: Share of the visible edges whose direction is the reference's, 0 to 1.
        stray: Visible edges where the reference has none, over those that it has; from 0.
        facets: Visible turns of outlines where the reference is smooth (per 100 px); from 0.
        segments: Sides of all outlines (count).
        paths: Path elements (count).
        colours: Distinct fills (count).
        bytes: Size of the SVG (bytes).
        gzip_bytes: Size after gzip (bytes); None unless asked for.
        pixels: Pixels traced (count).
        failure: Reason when the trace failed; the other values are then the worst possible.
        ssim: Foreground SSIM; None unless asked for, as the next three.
        ms_ssim: Foreground MS-SSIM.
        mse: Foreground mean squared error (levels^2).
        psnr: Foreground peak signal-to-noise ratio (dB).
    """

    appearance: float
    precision: float
    recall: float
    colour_error: float
    truth: float
    stray: float
    facets: float
    segments: int
    paths: int
    colours: int
    bytes: int
    gzip_bytes: int | None
    pixels: int
    failure: str | None = None
    ssim: float | None = None
    ms_ssim: float | None = None
    mse: float | None = None
    psnr: float | None = None

    def utility(self, taste: float, config: ScoringConfig) -> float:
        """Appearance minus `taste` times the cost."""
        price = cost(self.segments, self.bytes, self.pixels, config)
        return utility(self.appearance, price, taste)

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


def failed(reason: str) -> Measurement:
    """The measurement of a trace that failed: worse than every success at every taste."""
    return Measurement(
        appearance=WORST,
        precision=0.0,
        recall=0.0,
        colour_error=CLIP,
        truth=0.0,
        stray=MOST_STRAY,
        facets=MOST_FACETS,
        segments=_SMALLEST_COST_BYTES,
        paths=_SMALLEST_COST_BYTES,
        colours=0,
        bytes=_SMALLEST_COST_BYTES,
        gzip_bytes=_SMALLEST_COST_BYTES,
        pixels=_SMALLEST_COST_BYTES,
        failure=reason,
    )


class Bench:
    """Measures requests one after another, keeping what depends on the image alone.

    Args:
        source: Inputs and references.
        output_limit: Largest output of VTracer accepted (bytes).
        kept: Images whose preparations and references are kept (count).
        shelf: Where decoded images and references are shared with other processes.
    """

    def __init__(
        self,
        source: ImageSource,
        *,
        output_limit: int,
        kept: int = 24,
        shelf: Shelf | None = None,
    ) -> None:
        self._source = source
        self._shelf = shelf
        self._output_limit = output_limit
        self._kept = kept
        self._preparations: OrderedDict[str, Preparation] = OrderedDict()
        self._references: OrderedDict[tuple[str, bool], Reference] = OrderedDict()
        # One drawing is often judged twice in a row: against the input and the reference.
        self._drawn: tuple[tuple[str, Action], Trace] | None = None
        # Palettes are small, and take longer to find than an image takes to enlarge.
        self._palettes: OrderedDict[str, dict[int, NDArray[np.uint8]]] = OrderedDict()

    def measure(self, request: Request) -> Measurement:
        """The measurement; a trace that fails is `failed`, never an exception."""
        try:
            return self._measure(request)
        except TraceError as error:
            return failed(error.reason)

    def _measure(self, request: Request) -> Measurement:
        drawn = self._draw(request.image, request.action)
        reference = self._reference(request.image, native=request.native)
        picture = render(drawn.svg, reference.width, reference.height)
        facts = drawn.facts
        scores = score_fully(reference, picture, drawn.svg) if request.full else None
        terms = scores or score(reference, picture, drawn.svg)
        return Measurement(
            appearance=terms.appearance,
            precision=terms.precision,
            recall=terms.recall,
            colour_error=terms.colour_error,
            truth=terms.truth,
            stray=terms.stray,
            facets=terms.facets,
            segments=facts.segments,
            paths=facts.paths,
            colours=facts.colours,
            bytes=facts.bytes,
            gzip_bytes=gzip_bytes(drawn.svg) if request.full else None,
            pixels=drawn.pixels,
            ssim=scores.ssim if scores else None,
            ms_ssim=scores.ms_ssim if scores else None,
            mse=scores.mse if scores else None,
            psnr=scores.psnr if scores else None,
        )

    def _draw(self, image: str, action: Action) -> Trace:
        if self._drawn is None or self._drawn[0] != (image, action):
            preparation, settings = self._preparation(image), decode_action(action)
            drawn = trace_prepared(preparation, settings, output_limit=self._output_limit)
            self._drawn = (image, action), drawn
        return self._drawn[1]

    def _preparation(self, image: str) -> Preparation:
        if image not in self._preparations:
            self._preparations[image] = Preparation(
                self._input(image), palettes=self._palettes_of(image)
            )
        return _recent(self._preparations, image, self._kept)

    def _palettes_of(self, image: str) -> dict[int, NDArray[np.uint8]]:
        if image not in self._palettes:
            self._palettes[image] = {}
        return _recent(self._palettes, image, _PALETTES_KEPT)

    def _input(self, image: str) -> NDArray[np.uint8]:
        if self._shelf is None:
            return self._source.input(image)
        key = f"{image}-input"
        if (found := self._shelf.get(key)) is not None:
            return found[1][0]
        rgba = self._source.input(image)
        self._shelf.put(key, {}, [rgba])
        return rgba

    def _reference(self, image: str, *, native: bool) -> Reference:
        key = (image, native)
        if key not in self._references:
            self._references[key] = self._shared_reference(image, native=native)
        return _recent(self._references, key, self._kept)

    def _shared_reference(self, image: str, *, native: bool) -> Reference:
        if self._shelf is None:
            return self._new_reference(image, native=native)
        key = f"{image}-native" if native else f"{image}-reference"
        if (found := self._shelf.get(key)) is not None:
            return unpack(*found)
        reference = self._new_reference(image, native=native)
        self._shelf.put(key, *pack(reference))
        return reference

    def _new_reference(self, image: str, *, native: bool) -> Reference:
        if native:
            return Reference.of(native_reference(self._input(image)))
        return Reference.of(self._source.reference(image))


def native_reference(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The input enlarged, its edges as steep as a drawing's: it stands in for a reference.

    Args:
        rgba: Straight alpha, shape (h, w, 4).
    """
    height, width = rgba.shape[:2]
    large = resize(rgba, NATIVE_SCALE * width, NATIVE_SCALE * height, kind="lanczos")
    return steepen(large)


def _recent(items: OrderedDict[Key, Value], key: Key, kept: int) -> Value:
    items.move_to_end(key)
    while len(items) > kept:
        items.popitem(last=False)
    return items[key]
