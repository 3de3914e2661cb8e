"""`TraceAgent`: a trained policy that draws images.

agent = TraceAgent.from_run("runs/logos")
result = agent.trace("logo.png", prefer="compact", traces=4)
Path("logo.svg").write_text(result.svg)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from vtrain.agent.network import PolicyNetwork
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.load import read_config
from vtrain.config.schema import ScoringConfig
from vtrain.environment.features import features
from vtrain.environment.measurement import native_reference
from vtrain.environment.observation import Vector, observe
from vtrain.errors import CheckpointError, TraceError, UsageError
from vtrain.images import read, reduce
from vtrain.rundir import RunDirectory
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score
from vtrain.scoring.utility import cost, lambda_of, utility
from vtrain.tracing.parameters import Action, Settings, decode_action
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.svg import svg_facts
from vtrain.tracing.trace import Trace, trace_prepared

Rgba = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TraceResult:
    """A drawing and how it came about.

    Attributes:
        svg: The document.
        width: Its width (px of the source).
        height: Its height (px of the source).
        settings: The settings chosen.
        traces: Traces spent (count).
        score: Utility judged against the input, which ranks several traces of one image; None
            when there was only one.
    """

    svg: str
    width: int
    height: int
    settings: Settings
    traces: int
    score: float | None


class TraceAgent:
    """A trained policy with everything it needs to draw an image.

    Args:
        network: The policy.
        scoring: Tastes and weights of the cost that it was trained with.
    """

    def __init__(self, network: PolicyNetwork, scoring: ScoringConfig | None = None) -> None:
        self.network = network
        self.scoring = scoring or ScoringConfig()

    @classmethod
    def from_run(
        cls, run: RunDirectory | Path | str | None = None, checkpoint: str = "best"
    ) -> TraceAgent:
        """The policy of a run.

        Args:
            run: The run directory; None for the newest under ``runs``.
            checkpoint: ``best``, ``latest`` or a step.

        Raises:
            UsageError: There is no such run.
            CheckpointError: It has no usable checkpoint, or the policy does not fit this version.
        """
        directory = run if isinstance(run, RunDirectory) else _open(run)
        store = CheckpointStore(directory.checkpoints)
        found = store.resolve(checkpoint)
        arrays = store.load(found).tensors.get("policy")
        if arrays is None:
            raise CheckpointError(f"Checkpoint {found.name} in {directory.root} holds no policy.")
        has_config = directory.config.is_file()
        scoring = read_config(directory.config).scoring if has_config else None
        name = f"{directory.root.name}, checkpoint {found.name}"
        return cls(PolicyNetwork.from_arrays(arrays, name=name), scoring)

    @classmethod
    def from_file(cls, path: Path | str) -> TraceAgent:
        """The policy of a ``policy.safetensors``.

        Raises:
            CheckpointError: The file is missing, damaged, or does not fit this version.
        """
        path = Path(path)
        try:
            arrays = safetensors.numpy.load(path.read_bytes())
        except OSError as error:
            raise CheckpointError(
                f"The policy {path} cannot be read: {error.strerror}.",
                hint="See `vtrain checkpoint list` for the policies of a run.",
            ) from error
        except safetensors.SafetensorError as error:
            raise CheckpointError(f"{path} is no policy file: {error}.") from error
        return cls(PolicyNetwork.from_arrays(arrays, name=str(path)))

    def choose(self, image_features: Vector, taste: float, count: int = 1) -> list[Action]:
        """The actions to try, most promising first.

        Args:
            image_features: Output of `vtrain.environment.features.features`.
            taste: Lambda.
            count: Actions wanted, at least 1.
        """
        normalised = self.network.normaliser.apply(image_features)
        return self.network.most_probable(observe(normalised, taste), count)

    def trace(
        self, image: Rgba | Path | str, *, prefer: str = "balanced", traces: int = 1
    ) -> TraceResult:
        """Draw an image.

        Args:
            image: A file, or pixels with straight alpha of shape (h, w, 4).
            prefer: ``fidelity``, ``balanced``, ``compact``, or a lambda as text.
            traces: Traces that may be spent; the best by its score against the input is kept.

        Raises:
            ImageRefused: The file cannot be decoded.
            TraceError: Every trace failed.
            UsageError: `prefer` or `traces` is out of range.
        """
        if traces < 1:
            raise UsageError(f"traces must be at least 1, and is {traces}.")
        taste = lambda_of(prefer, self.scoring)
        side = self.network.input_size
        # An SVG source is rendered large enough for every enlargement the policy may choose.
        rgba = image if isinstance(image, np.ndarray) else read(image, svg_side=4 * side).rgba
        small = reduce(rgba, side)
        actions = self.choose(features(small), taste, traces)
        preparation = Preparation(rgba, side)
        size = (rgba.shape[1], rgba.shape[0])
        if traces == 1:
            settings = decode_action(actions[0])
            drawn = trace_prepared(preparation, settings, size=size)
            return TraceResult(drawn.svg, *size, settings, 1, None)
        reference = Reference.of(native_reference(small))
        best: tuple[float, Trace, Settings] | None = None
        failure: TraceError | None = None
        for action in actions:
            settings = decode_action(action)
            try:
                drawn = trace_prepared(preparation, settings, size=size)
                value = self._native_utility(drawn, reference, taste)
            except TraceError as error:
                failure = error
                continue
            if best is None or value > best[0]:
                best = (value, drawn, settings)
        if best is None:
            raise failure or TraceError("no-trace", "The policy offered no action")
        return TraceResult(best[1].svg, *size, best[2], len(actions), best[0])

    def trace_all(
        self, images: Iterable[Rgba | Path | str], *, prefer: str = "balanced", traces: int = 1
    ) -> Iterator[TraceResult]:
        """Draw images one after another, as `trace` does."""
        for image in images:
            yield self.trace(image, prefer=prefer, traces=traces)

    def _native_utility(self, drawn: Trace, reference: Reference, taste: float) -> float:
        picture = render(drawn.svg, reference.width, reference.height)
        facts = svg_facts(drawn.svg)
        price = cost(facts.segments, facts.bytes, drawn.pixels, self.scoring)
        return utility(score(reference, picture, drawn.svg).appearance, price, taste)


def _open(run: Path | str | None) -> RunDirectory:
    return RunDirectory.open(Path(run) if run is not None else None)
