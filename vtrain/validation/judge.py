"""The protocol of a judgement: who chooses what for each image and taste, and how it turns out.

A chooser that looks at several traces keeps the one that scores best against the input, as a user
could; only that one is then judged against the reference. Nothing here depends on the order of the
images or on how many workers measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vtrain.config.scoring import ScoringConfig
from vtrain.data.records import Entry
from vtrain.environment.measurement import Measurement, Request
from vtrain.tracing.parameters import Action, canonical, encode_settings, preset
from vtrain.validation.baselines import DEFAULT, Chooser, Search
from vtrain.validation.rounds import Choice, Measurer, Progress, look


@dataclass(frozen=True, slots=True)
class Row:
    """How one chooser did on one image at one taste.

    Attributes:
        image: Image id.
        name: The image's name.
        category: Its category.
        brand: Its brand.
        chooser: Name of the chooser.
        taste: Name of the taste.
        price: Its lambda.
        traces: Different traces that were looked at (count).
        action: The one that was kept.
        measurement: That one, judged against the reference.
        utility: Its utility at this taste.
        gain: Its appearance minus that of VTracer's default on the file as it is.
        bytes_ratio: Its bytes over the default's; None when either failed.
        segments_ratio: Its segments over the default's, each plus one; None when either failed.
        looks_better: Whether the gain is above 0.
        over_default: Its utility minus the default's at this taste.
        regret: Utility of the best known trace of the image at this taste minus its own; from 0.
    """

    image: str
    name: str
    category: str
    brand: str
    chooser: str
    taste: str
    price: float
    traces: int
    action: Action
    measurement: Measurement
    utility: float
    gain: float
    bytes_ratio: float | None
    segments_ratio: float | None
    looks_better: bool
    over_default: float
    regret: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """All rows of a judgement.

    Attributes:
        rows: By image, taste and chooser, in the order given to `judge`.
        choosers: Names of the choosers, in order.
        tastes: Lambda of each taste, in order.
        defaults: The measurement of VTracer's default, by image id.
    """

    rows: tuple[Row, ...]
    choosers: tuple[str, ...]
    tastes: Mapping[str, float]
    defaults: Mapping[str, Measurement]

    def select(self, *, chooser: str, taste: str, category: str | None = None) -> tuple[Row, ...]:
        """Rows of one chooser and taste, by image; of one category or of all."""
        return tuple(
            row
            for row in self.rows
            if row.chooser == chooser and row.taste == taste and category in (None, row.category)
        )


def judge(
    choosers: Sequence[Chooser | Search],
    entries: Sequence[Entry],
    *,
    engine: Measurer,
    tastes: Mapping[str, float],
    traces: int,
    scoring: ScoringConfig,
    known: Mapping[str, Sequence[Measurement]] | None = None,
    on_progress: Progress | None = None,
) -> Judgement:
    """Judge choosers on images.

    The best known trace of an image, which regret is measured from, is the best of all that were
    judged against its reference here: every chooser's at every taste, the default, and `known`.

    Args:
        choosers: With different names.
        entries: The images.
        engine: Measures.
        tastes: Lambda of each taste.
        traces: Traces that a chooser with a free budget may spend per image, at least 1.
        scoring: Costs.
        known: Other traces of the images, judged against the reference, by image id.
        on_progress: Called as measurements come in.
    """
    later = len(entries) * (1 + len(tastes) * len(choosers))
    choices, looked_at = look(
        choosers,
        entries,
        engine=engine,
        tastes=tastes,
        traces=traces,
        scoring=scoring,
        on_progress=shifted(on_progress, 0, later),
    )

    default = canonical(encode_settings(preset(DEFAULT)))
    requests = [Request(entry.id, default, full=True) for entry in entries]
    requests += [Request(choice.entry.id, choice.kept, full=True) for choice in choices]
    measured = engine.measure(requests, shifted(on_progress, looked_at, looked_at))
    ids = [entry.id for entry in entries]
    defaults = dict(zip(ids, measured[: len(ids)], strict=True))
    pool = {image: [*(known or {}).get(image, ())] for image in ids}
    for request, measurement in zip(requests, measured, strict=True):
        pool[request.image].append(measurement)
    best = {
        (image, taste): max(found.utility(price, scoring) for found in pool[image])
        for image in ids
        for taste, price in tastes.items()
    }
    rows = [
        _row(
            choice,
            measurement,
            default=defaults[choice.entry.id],
            best=best[choice.entry.id, choice.taste],
            price=tastes[choice.taste],
            scoring=scoring,
        )
        for choice, measurement in zip(choices, measured[len(ids) :], strict=True)
    ]
    return Judgement(
        tuple(rows), tuple(chooser.name for chooser in choosers), dict(tastes), defaults
    )


def _row(
    choice: Choice,
    measurement: Measurement,
    *,
    default: Measurement,
    best: float,
    price: float,
    scoring: ScoringConfig,
) -> Row:
    utility = measurement.utility(price, scoring)
    gain = measurement.appearance - default.appearance
    comparable = not (measurement.failure or default.failure)
    return Row(
        image=choice.entry.id,
        name=choice.entry.name,
        category=choice.entry.category,
        brand=choice.entry.brand,
        chooser=choice.chooser,
        taste=choice.taste,
        price=price,
        traces=choice.traces,
        action=choice.kept,
        measurement=measurement,
        utility=utility,
        gain=gain,
        bytes_ratio=measurement.bytes / default.bytes if comparable else None,
        # A blank drawing has no segment: one more on both sides keeps the ratio finite.
        segments_ratio=(1 + measurement.segments) / (1 + default.segments) if comparable else None,
        looks_better=gain > 0,
        over_default=utility - default.utility(price, scoring),
        regret=best - utility,
    )


def shifted(on_progress: Progress | None, start: int, more: int) -> Progress | None:
    """Progress of a part as progress of the whole: what was done before, what else is wanted."""
    if on_progress is None:
        return None
    return lambda done, wanted: on_progress(start + done, wanted + more)
