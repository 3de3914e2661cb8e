"""What is measured beyond the judgement itself, each part when the protocol asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from vtrain.agent import TraceAgent
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.environment.engine import open_engine
from vtrain.environment.feature_table import feature_table
from vtrain.environment.features import FEATURES, features
from vtrain.environment.measurement import Measurement
from vtrain.environment.observation import Vector
from vtrain.rundir import RunDirectory, write_jsonl
from vtrain.validation.baselines import DEFAULT, POLICY, PolicyChooser
from vtrain.validation.consistency import DrawingChooser, consistency
from vtrain.validation.drift import drift
from vtrain.validation.fingerprint import Fingerprint, fingerprints
from vtrain.validation.judge import Judgement
from vtrain.validation.measures import Beyond, Finding, Past
from vtrain.validation.outcomes import Outcome, outcomes
from vtrain.validation.protocol import Protocol
from vtrain.validation.results import Record
from vtrain.validation.rounds import Measurer, Progress
from vtrain.validation.stability import Disturbed, compare_disturbed, stability
from vtrain.validation.table import balanced_order
from vtrain.validation.timing import measure_times
from vtrain.validation.trends import drift_finding, history, regression, training_findings
from vtrain.validation.variants import disturbances, write_variants

_TRAINING_IMAGES = 1000
"""Training images that drift is measured from, at most (count)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged and how: what all the parts need.

    Attributes:
        run: The run directory.
        config: Its configuration.
        protocol: What is measured.
        agent: The policy.
        entries: The judged images, as they are judged.
        store: Where their pixels are.
        features: Features of an image by its id.
    """

    run: RunDirectory
    config: Config
    protocol: Protocol
    agent: TraceAgent
    entries: tuple[Entry, ...]
    store: ImageStore
    features: Callable[[str], Vector]

    @property
    def moved(self) -> int:
        """Measurements on changed images (count)."""
        kinds = len(disturbances(0)) if self.protocol.settings.stability else 0
        return len(self.entries) * len(self.protocol.tastes) * kinds


def draw(judged: Judged, engine: Measurer, on_progress: Progress | None) -> tuple[Outcome, ...]:
    """The policy's draws, judged; none unless the protocol repeats."""
    settings = judged.protocol.settings
    if not settings.repeats:
        return ()
    choosers = [
        DrawingChooser(judged.agent, judged.features, repeat, settings.seed)
        for repeat in range(1, settings.repeats + 1)
    ]
    return outcomes(
        choosers,
        judged.entries,
        engine=engine,
        tastes=judged.protocol.tastes,
        traces=1,
        scoring=judged.config.scoring,
        on_progress=on_progress,
    )


def by_image(drawn: Sequence[Outcome]) -> Mapping[str, list[Measurement]]:
    """Measurements by image id."""
    found: dict[str, list[Measurement]] = {}
    for outcome in drawn:
        found.setdefault(outcome.image, []).append(outcome.measurement)
    return found


def disturb(
    judged: Judged,
    judgement: Judgement,
    on_progress: Progress | None,
    on_wait: Callable[[], None] = lambda: None,
) -> tuple[Disturbed, ...]:
    """The policy on slightly changed images; nothing unless the protocol asks for stability."""
    settings = judged.protocol.settings
    if not settings.stability:
        return ()
    target = ImageStore(judged.run.variants)
    kinds = disturbances(settings.seed)
    copies = [
        entry
        for change in kinds.values()
        for entry in write_variants(judged.entries, change, source=judged.store, target=target)
    ]
    known = {entry.id: features(target.input(entry.id)) for entry in copies}
    with open_engine(
        target.folder,
        workers=judged.config.resources.workers,
        tracing=judged.config.tracing,
        cache=judged.run.measurements,
        on_wait=on_wait,
        on_damage=judged.run.record_damaged_cache,
    ) as engine:
        found = outcomes(
            [PolicyChooser(judged.agent, known.__getitem__)],
            copies,
            engine=engine,
            tastes=judged.protocol.tastes,
            traces=judged.protocol.traces,
            scoring=judged.config.scoring,
            on_progress=on_progress,
        )
    plain = [row for row in judgement.rows if row.chooser == POLICY]
    size = len(plain)
    parts = {name: found[size * turn : size * (turn + 1)] for turn, name in enumerate(kinds)}
    return compare_disturbed(plain, parts)


def summarise_beyond(
    judged: Judged,
    judgement: Judgement,
    drawn: Sequence[Outcome],
    disturbed: Sequence[Disturbed],
) -> Beyond:
    """The figures of all parts but the trends, which need the finished record."""
    settings = judged.config.validation
    plain = [row for row in judgement.rows if row.chooser == POLICY]
    timed = [row for row in judgement.rows if row.chooser in (POLICY, DEFAULT)]
    budget = judged.protocol.traces
    return Beyond(
        stability=stability(
            disturbed, resamples=settings.resamples, confidence=settings.confidence
        ),
        consistency=consistency(
            plain, drawn, resamples=settings.resamples, confidence=settings.confidence
        )
        if drawn
        else (),
        timing=measure_times(
            timed,
            judged.store.input,
            lambda seen, taste: judged.agent.choose(seen, taste, budget),
        )
        if judged.protocol.settings.timing
        else (),
    )


def with_trends(
    judged: Judged, record: Record, judgement: Judgement, fingerprint: Fingerprint
) -> Record:
    """The record with the history that it belongs to, and what that shows.

    Args:
        judged: What was judged.
        record: Of this judgement, which is not published yet.
        judgement: Its rows.
        fingerprint: What decided its figures.
    """
    alike = (record.protocol, record.split, record.traces)
    past = [
        item for item in history([judged.run]) if (item.protocol, item.split, item.traces) == alike
    ]
    found = [
        _regression(judged, judgement, fingerprint, past),
        *training_findings(judged.run.metrics),
        drift_of(judged),
    ]
    beyond = replace(
        record.beyond,
        findings=tuple(finding for finding in found if finding is not None),
        history=tuple(past),
    )
    return replace(record, beyond=beyond)


def _regression(
    judged: Judged, judgement: Judgement, fingerprint: Fingerprint, past: Sequence[Past]
) -> Finding | None:
    """Whether the policy is worse than in the newest validation of the past that can be paired."""
    names = {item.folder for item in past}
    for folder, known in fingerprints(judged.run):
        if folder.name in names and known is not None and fingerprint.pairs_with(known):
            return regression(folder, judgement, resamples=judged.config.validation.resamples)
    return None


def write_parts(folder: Path, drawn: Sequence[Outcome], disturbed: Sequence[Disturbed]) -> None:
    """Write one record per image, taste and draw or disturbance, where there are any.

    Raises:
        StorageError: A file cannot be written.
    """
    if drawn:
        write_jsonl(folder / "consistency.jsonl", (asdict(row) for row in drawn))
    if disturbed:
        write_jsonl(folder / "stability.jsonl", (asdict(item) for item in disturbed))


def drift_of(judged: Judged) -> Finding | None:
    """What distinguishes the judged images from the training images, beyond noise.

    Damaged ones are held against damaged ones, and others against others, where there are any: a
    policy that has learned from both knows either.
    """
    damaged = judged.protocol.damage is not None
    entries = Catalog.load(judged.run.catalog).split("train")
    alike = [entry for entry in entries if bool(entry.damage) == damaged]
    train = {entry.id: entry for entry in alike or entries}
    order = balanced_order({image: entry.category for image, entry in train.items()}, seed=0)
    chosen = order[:_TRAINING_IMAGES]
    if min(len(chosen), len(judged.entries)) < 2:
        return None
    table = feature_table(
        ImageStore(judged.run.images),
        chosen,
        kept=judged.run.data_cache / "features.npz",
        keep=False,
    )
    found = drift(
        np.stack([table[image] for image in chosen]),
        np.stack([judged.features(entry.id) for entry in judged.entries]),
        FEATURES,
        train_groups=[train[image].brand for image in chosen],
        new_groups=[entry.brand for entry in judged.entries],
    )
    return drift_finding(found)
