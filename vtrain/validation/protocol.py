"""The protocol of a judgement, resolved: which images, which tastes, what is measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtrain.config.data import DegradeConfig
from vtrain.config.load import read_protocol
from vtrain.config.schema import Config
from vtrain.config.scoring import ScoringConfig
from vtrain.config.section import CATEGORIES, Category
from vtrain.config.validation import PROTOCOLS, ProtocolConfig
from vtrain.data.order import Order, Sequencer
from vtrain.data.records import Entry
from vtrain.errors import UsageError
from vtrain.rundir import RunDirectory, read_jsonl
from vtrain.scoring.utility import lambda_of
from vtrain.validation.results import ROWS, folders


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol with everything inherited filled in.

    Attributes:
        settings: As configured.
        split: Split that is judged.
        tastes: Lambda of each taste.
        traces: Traces that may be spent per image (count).
        damage: How the images are damaged before they are judged; None leaves them as they are.
    """

    settings: ProtocolConfig
    split: str
    tastes: Mapping[str, float]
    traces: int
    damage: DegradeConfig | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.settings.name

    @property
    def parts(self) -> tuple[str, ...]:
        """What it measures beyond the judgement, in words, and how it takes its images."""
        chosen = self.settings
        said = (
            chosen.per_category
            and f"{chosen.per_category} per category, {chosen.sampling}, seed {chosen.seed}",
            chosen.inputs == "degraded" and "degraded inputs",
            chosen.repeats and f"{chosen.repeats} draws for consistency",
            chosen.stability and "stability",
            chosen.timing and "timing",
        )
        return tuple(part for part in said if part)


def find_protocol(
    name: str | None, config: Config, *, split: str | None = None, traces: int | None = None
) -> Protocol:
    """The protocol of a name or file.

    Args:
        name: A name, or a YAML file with the keys of `ProtocolConfig`; None for the
            configuration's.
        config: Its own protocols come before the built-in ones.
        split: Instead of the protocol's; None keeps it.
        traces: Likewise.

    Raises:
        UsageError: There is no such protocol, or `traces` is less than 1.
        ConfigError: The file is wrong.
    """
    wanted = config.validation.protocol if name is None else name
    settings = _settings(wanted, config.validation.protocols)
    judged = config.validation.split if settings.split == "inherit" else settings.split
    budget = traces if traces is not None else settings.traces or config.validation.traces
    if budget < 1:
        raise UsageError(f"A policy needs at least 1 trace per image, not {budget}.")
    damage = config.data.degrade if settings.inputs == "degraded" else None
    tastes = _tastes(settings.tastes, config.scoring)
    return Protocol(settings, split or judged, tastes, budget, damage)


def _settings(wanted: str, own: Sequence[ProtocolConfig]) -> ProtocolConfig:
    known = {protocol.name: protocol for protocol in (*PROTOCOLS, *own)}
    if wanted in known:
        return known[wanted]
    if Path(wanted).is_file():
        return read_protocol(Path(wanted))
    raise UsageError(
        f"There is no protocol {wanted!r}: it is neither a file nor one of {', '.join(known)}.",
        hint="Write one as a YAML file, or under validation.protocols: see docs/validation.md.",
    )


def _tastes(wanted: Sequence[str | float], scoring: ScoringConfig) -> dict[str, float]:
    return {
        taste if isinstance(taste, str) else f"{taste:g}": lambda_of(str(taste), scoring)
        for taste in wanted
    }


def sample(
    entries: Sequence[Entry], protocol: Protocol, evaluated: Mapping[str, int] | None = None
) -> tuple[Entry, ...]:
    """The images that a protocol takes, in the order of the corpus.

    Args:
        entries: Those of its split, at least one.
        protocol: Sampling, number and seed. With ``round-robin`` and ``least-evaluated`` so many of
            each category, or all it has; with ``random`` so many times the number of categories.
        evaluated: How often each image id was judged before; only ``least-evaluated`` asks.
    """
    settings = protocol.settings
    if not settings.per_category:
        return tuple(entries)
    if settings.sampling == "random":
        sequencer = Sequencer([entry.category for entry in entries], "random", settings.seed)
        present = len({entry.category for entry in entries})
        count = min(len(entries), settings.per_category * present)
        taken = {entries[sequencer[position]].id for position in range(count)}
    else:
        taken = {
            image for name in CATEGORIES for image in _of(name, entries, settings, evaluated or {})
        }
    return tuple(entry for entry in entries if entry.id in taken)


def _of(
    category: Category,
    entries: Sequence[Entry],
    settings: ProtocolConfig,
    evaluated: Mapping[str, int],
) -> list[str]:
    """Ids of the images taken of one category."""
    own = [entry for entry in entries if entry.category == category]
    if not own:
        return []
    least = settings.sampling == "least-evaluated"
    order: Order = "least-evaluated" if least else "round-robin"
    sequencer = Sequencer([category] * len(own), order, settings.seed)
    if least:
        sequencer.standing.evaluations[:] = [evaluated.get(entry.id, 0) for entry in own]
    count = min(len(own), settings.per_category)
    return [own[sequencer.take(position)].id for position in range(count)]


def evaluations(run: RunDirectory) -> Counter[str]:
    """In how many finished judgements of a run each image was judged, by its id."""
    found: Counter[str] = Counter()
    for folder in folders(run):
        found.update({str(row["image"]) for row in read_jsonl(folder / ROWS)})
    return found
