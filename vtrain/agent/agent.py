"""`TraceAgent`: a trained policy that draws images.

agent = TraceAgent.from_run("runs/logos")
result = agent.trace("logo.png", prefer="compact", traces=4)
Path("logo.svg").write_text(result.svg)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from vtrain.agent.network import PolicyNetwork
from vtrain.environment.features import features
from vtrain.environment.observation import Vector, observe
from vtrain.environment.outlines import palettes_of
from vtrain.errors import CheckpointError, TraceError, UsageError
from vtrain.images import encode_png, read, reduce
from vtrain.images.loops import compile_loops
from vtrain.rundir import RunDirectory
from vtrain.scoring.utility import lambda_of
from vtrain.tracing.parameters import PRESETS, Action, Settings, decode_action
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.trace import Trace, has_background, trace_prepared

if TYPE_CHECKING:  # judging brings in numba, which takes longer to load than an image to draw
    from vtrain.agent.judge import Comparison, Judge, Verdict
    from vtrain.config.scoring import ScoringConfig

Rgba = NDArray[np.uint8]

SHIPPED = Path(__file__).with_name("shipped") / "policy.safetensors"
"""The policy that comes with the program."""
_SOURCE_SIDE = 256
"""Longest side of the image that a comparison shows (px)."""


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
        comparison: The drawing beside VTracer's default; None unless asked for.
    """

    svg: str
    width: int
    height: int
    settings: Settings
    traces: int
    score: float | None
    comparison: Comparison | None = None


class TraceAgent:
    """A trained policy with everything it needs to draw an image.

    Args:
        network: The policy.
        scoring: Tastes and weights of the cost that it was trained with.
        name: What to call it.
    """

    def __init__(
        self, network: PolicyNetwork, scoring: ScoringConfig | None = None, *, name: str = "policy"
    ) -> None:
        self.network = network
        self._scoring = scoring
        self.name = name

    @property
    def scoring(self) -> ScoringConfig:
        """Tastes and weights of the cost."""
        if self._scoring is None:
            from vtrain.config.scoring import ScoringConfig  # noqa: PLC0415 - see `TASTES`

            self._scoring = ScoringConfig()
        return self._scoring

    def taste(self, prefer: str) -> float:
        """The lambda that a taste stands for.

        Raises:
            UsageError: It is neither a named taste nor a number from 0 to 8.
        """
        return lambda_of(prefer, self._scoring)

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
        # Files of a run take a YAML reader and the whole schema; a policy alone does not.
        from vtrain.checkpoints.store import CheckpointStore  # noqa: PLC0415
        from vtrain.config.load import read_config  # noqa: PLC0415

        directory = run if isinstance(run, RunDirectory) else _open(run)
        store = CheckpointStore(directory.checkpoints)
        found = store.resolve(checkpoint)
        arrays = store.load(found).tensors.get("policy")
        if arrays is None:
            raise CheckpointError(f"Checkpoint {found.name} in {directory.root} holds no policy.")
        has_config = directory.config.is_file()
        scoring = read_config(directory.config).scoring if has_config else None
        network = PolicyNetwork.from_arrays(
            arrays, name=f"{directory.root.name}, checkpoint {found.name}"
        )
        return cls(network, scoring, name=f"{directory.root}, checkpoint {found.name}")

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
        return cls(PolicyNetwork.from_arrays(arrays, name=str(path)), name=str(path))

    @classmethod
    def shipped(cls) -> TraceAgent:
        """The policy that comes with the program.

        Raises:
            CheckpointError: This installation has none.
        """
        if not SHIPPED.is_file():
            raise CheckpointError(
                "This installation of vtrain comes without a policy.",
                hint="Train one with 'vtrain run SOURCE', or give a file.",
            )
        agent = cls.from_file(SHIPPED)
        agent.name = "the policy that comes with vtrain"
        return agent

    @classmethod
    def nearest(cls, checkpoint: str = "best") -> TraceAgent:
        """The policy of the newest run under ``runs``; without a run, the shipped one.

        Args:
            checkpoint: As `from_run`; another than ``best`` is only looked for in a run.

        Raises:
            UsageError: There is neither.
            CheckpointError: As `from_run`: a newest run that cannot be used is not passed over.
        """
        try:
            run = RunDirectory.open(None)
        except UsageError:
            if checkpoint != "best" or not SHIPPED.is_file():
                raise
            return cls.shipped()
        return cls.from_run(run, checkpoint)

    def choose(self, image_features: Vector, taste: float, count: int = 1) -> list[Action]:
        """The actions to try, most promising first.

        Args:
            image_features: Output of `vtrain.environment.features.features`.
            taste: Lambda.
            count: Actions wanted, at least 1.
        """
        normalised = self.network.normaliser.apply(image_features)
        return self.network.candidates(normalised, taste, count)

    def draw(self, image_features: Vector, taste: float, seed: int) -> Action:
        """An action drawn from the policy instead of its most probable one.

        Args:
            image_features: Output of `vtrain.environment.features.features`.
            taste: Lambda.
            seed: Same seed, same action.
        """
        normalised = self.network.normaliser.apply(image_features)
        return self.network.draw(observe(normalised, taste), np.random.default_rng(seed))

    def trace(
        self,
        image: Rgba | Path | str,
        *,
        prefer: str = "balanced",
        traces: int = 1,
        compare: bool = False,
    ) -> TraceResult:
        """Draw an image.

        Args:
            image: A file, or pixels with straight alpha of shape (h, w, 4).
            prefer: ``fidelity``, ``balanced``, ``compact``, or a lambda as text.
            traces: Traces that may be spent; the best by its score against the input is kept.
            compare: Whether the drawing is judged beside VTracer's default.

        Raises:
            ImageRefused: The file cannot be decoded.
            TraceError: Every trace failed.
            UsageError: `prefer` or `traces` is out of range.
        """
        if traces < 1:
            raise UsageError(f"traces must be at least 1, and is {traces}.")
        taste = self.taste(prefer)
        side = self.network.input_size
        # An SVG source is rendered large enough for every enlargement the policy may choose.
        rgba = image if isinstance(image, np.ndarray) else read(image, svg_side=4 * side).rgba
        small = reduce(rgba, side)
        palettes = palettes_of(small)
        seen = features(small, palettes=palettes)
        chosen = [decode_action(item) for item in self.choose(seen, taste, traces)]
        # It finds its palettes on the same small picture.
        preparation = Preparation(rgba, side, palettes=palettes)
        desk = _Desk(preparation, (rgba.shape[1], rgba.shape[0]))
        if traces == 1 and not compare:
            drawn, settings = desk.draw(chosen[0])
            return TraceResult(drawn.svg, *desk.size, settings, 1, None)

        from vtrain.agent.judge import Judge  # noqa: PLC0415 - see above

        judge = Judge(small, taste, self.scoring)
        drawn, settings, verdict = _best(desk, chosen, judge)
        return TraceResult(
            drawn.svg,
            *desk.size,
            settings,
            len(chosen),
            verdict.utility if traces > 1 else None,
            _compare(desk, judge, verdict, small) if compare else None,
        )

    def trace_all(
        self, images: Iterable[Rgba | Path | str], *, prefer: str = "balanced", traces: int = 1
    ) -> Iterator[TraceResult]:
        """Draw images one after another, as `trace` does."""
        compile_loops()
        for image in images:
            yield self.trace(image, prefer=prefer, traces=traces)


@dataclass(frozen=True, slots=True)
class _Desk:
    """One image that is drawn, and the size of its drawings (px)."""

    preparation: Preparation
    size: tuple[int, int]

    def draw(self, settings: Settings) -> tuple[Trace, Settings]:
        """A drawing, and the settings that it was made with in the end."""
        drawn = trace_prepared(self.preparation, settings, size=self.size)
        if settings.alpha == "as-is":
            traced = self.preparation.apply(settings).rgba
            if has_background(drawn.svg, traced, settings):
                settings = replace(settings, alpha="cut")
                drawn = trace_prepared(self.preparation, settings, size=self.size)
        return drawn, settings


def _best(desk: _Desk, chosen: Iterable[Settings], judge: Judge) -> tuple[Trace, Settings, Verdict]:
    """The best of several drawings."""
    best: tuple[Trace, Settings, Verdict] | None = None
    failure: TraceError | None = None
    for wanted in chosen:
        try:
            drawn, settings = desk.draw(wanted)
            verdict = judge.judge(drawn)
        except TraceError as error:
            failure = error
            continue
        if best is None or verdict.utility > best[2].utility:
            best = (drawn, settings, verdict)
    if best is None:
        raise failure or TraceError("no-trace", "The policy offered no action")
    return best


def _compare(desk: _Desk, judge: Judge, verdict: Verdict, small: Rgba) -> Comparison:
    from vtrain.agent.judge import Comparison  # noqa: PLC0415 - see above

    source = encode_png(reduce(small, _SOURCE_SIDE))
    try:
        # Not prepared, a background that VTracer paints is part of what it draws; as large as the
        # images that policies trace, as the other is.
        default = trace_prepared(desk.preparation, PRESETS["default"], size=desk.size)
        return Comparison(verdict, judge.judge(default), default.svg, source)
    except TraceError:
        return Comparison(verdict, None, None, source)


def _open(run: Path | str | None) -> RunDirectory:
    return RunDirectory.open(Path(run) if run is not None else None)
