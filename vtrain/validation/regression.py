"""Whether a policy got worse: two judgements of the same images, image by image.

Each taste is a comparison of its own, and several of them find a difference by chance more often
than one. Holm's step-down procedure (S. Holm, Scand. J. Stat. 6 (1979), 65) keeps the chance of
any false alarm at that of one: the intervals of m tastes have a coverage of 1 - alpha / m; those
that exclude zero are found, and the rest are looked at again by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtrain.errors import DataError, UsageError
from vtrain.rundir import RunDirectory
from vtrain.validation.baselines import POLICY
from vtrain.validation.fingerprint import Fingerprint, fingerprints, read_fingerprint
from vtrain.validation.judge import Judgement, Row
from vtrain.validation.results import RESULTS, Record, read_judgement, read_record
from vtrain.validation.statistics import Interval, Verdict, mean_interval, verdict

PREVIOUS = "previous"
"""Names the newest earlier judgement of the run that can be compared."""


@dataclass(frozen=True, slots=True)
class Change:
    """How one policy does against another at a taste, image by image.

    Attributes:
        taste: Name of the taste.
        n: Images (count).
        difference: Mean utility minus the other's, with its interval.
        confidence: Coverage of the interval, widened for the number of tastes (0 to 1).
        verdict: What the interval says.
    """

    taste: str
    n: int
    difference: Interval
    confidence: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Base:
    """A judgement to compare with.

    Attributes:
        folder: Its folder.
        record: What was judged.
        judgement: Every row.
    """

    folder: Path
    record: Record
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Regression:
    """The outcome of a check for regression.

    Attributes:
        base: Folder of the judgement that was compared with; None when there was none.
        checkpoint: Its checkpoint; empty without one.
        changes: One per taste.
    """

    base: Path | None
    checkpoint: str
    changes: tuple[Change, ...]

    @property
    def worse(self) -> tuple[Change, ...]:
        """The tastes at which the policy got worse."""
        return tuple(change for change in self.changes if change.verdict == "worse")

    def sentence(self, change: Change) -> str:
        """Where, by how much, and the interval."""
        base = self.base.name if self.base else ""
        known = {
            "worse": "worse than",
            "better": "better than",
            "not distinguishable": "not distinguishable from",
        }
        return (
            f"At {change.taste} the policy is {known[change.verdict]} {self.checkpoint} ({base}): "
            f"mean utility {change.difference} over {change.n} logos "
            f"({change.confidence:.1%} interval)"
        )

    def sentences(self) -> list[str]:
        """What a person should know of it."""
        if self.base is None:
            return [
                (
                    "No regression could be looked for: this run has no earlier validation of the "
                    "same images, traces and tastes."
                )
            ]
        return [f"{self.sentence(change)}." for change in self.changes]


def find_base(run: RunDirectory, name: str, fingerprint: Fingerprint) -> Base | None:
    """The judgement that a new one is compared with.

    Args:
        run: The run directory.
        name: `PREVIOUS`, the name of a validation of the run, or the path of one or of a run.
        fingerprint: That of the new judgement.

    Returns:
        None when `PREVIOUS` finds nothing that can be compared.

    Raises:
        UsageError: There is no such judgement, or it cannot be compared with the new one.
        DataError: Its files are damaged.
    """
    if name == PREVIOUS:
        return _newest(run, fingerprint)
    for folder in (run.validation / name, Path(name)):
        if (folder / RESULTS).is_file():
            return _named(folder, fingerprint)
    if Path(name).is_dir():
        found = _newest(RunDirectory.open(Path(name)), fingerprint)
        if found is not None:
            return found
    raise UsageError(
        f"--fail-on-regression {name}: there is no validation of the same images, traces and "
        "tastes.",
        hint=f"Name a folder in {run.validation}, or a run directory with such a validation.",
    )


def look_for_regression(
    judgement: Judgement, base: Base | None, *, resamples: int, confidence: float
) -> Regression:
    """Compare the policy of a judgement with that of another.

    Args:
        judgement: The new one.
        base: The other; None when there is none.
        resamples: Bootstrap resamples of an interval (count).
        confidence: Coverage of the intervals together, 0 to 1.
    """
    if base is None:
        return Regression(None, "", ())
    changes = paired_changes(judgement, base.judgement, resamples=resamples, confidence=confidence)
    return Regression(base.folder, base.record.checkpoint, tuple(changes))


def paired_changes(
    ours: Judgement, theirs: Judgement, *, resamples: int, confidence: float
) -> list[Change]:
    """One change for each taste that both judge, over the images that both judge.

    Args:
        ours: Whose differences are told.
        theirs: What is subtracted.
        resamples: Bootstrap resamples of an interval (count).
        confidence: Coverage of the intervals together, 0 to 1.
    """
    pairs: dict[str, list[tuple[Row, Row]]] = {}
    for taste, price in ours.tastes.items():
        if theirs.tastes.get(taste) != price:
            continue
        others = {row.image: row for row in theirs.select(chooser=POLICY, taste=taste)}
        rows = ours.select(chooser=POLICY, taste=taste)
        both = [(row, others[row.image]) for row in rows if row.image in others]
        if both:
            pairs[taste] = both
    left = list(pairs)
    found: dict[str, Change] = {}
    while left:
        coverage = 1 - (1 - confidence) / len(left)
        looked_at = {taste: _change(taste, pairs[taste], resamples, coverage) for taste in left}
        found.update(looked_at)
        clear = {taste for taste, it in looked_at.items() if it.verdict != "not distinguishable"}
        if not clear:
            break
        left = [taste for taste in left if taste not in clear]
    return [found[taste] for taste in pairs]


def _change(
    taste: str, pairs: Sequence[tuple[Row, Row]], resamples: int, coverage: float
) -> Change:
    difference = mean_interval(
        [ours.utility - theirs.utility for ours, theirs in pairs],
        groups=[ours.brand for ours, _ in pairs],
        resamples=resamples,
        confidence=coverage,
    )
    return Change(taste, len(pairs), difference, coverage, verdict(difference))


def _newest(run: RunDirectory, fingerprint: Fingerprint) -> Base | None:
    for folder, found in fingerprints(run):
        if found is None or fingerprint.differs(found):
            continue
        return _base(folder)
    return None


def _named(folder: Path, fingerprint: Fingerprint) -> Base:
    try:
        reason = fingerprint.differs(read_fingerprint(folder))
    except DataError as error:
        reason = error.message
    if reason:
        raise UsageError(
            f"--fail-on-regression: {folder} cannot be compared with: {reason}.".replace("..", "."),
            hint="Name a validation of the same split, images, traces and tastes.",
        )
    return _base(folder)


def _base(folder: Path) -> Base:
    record = read_record(folder)
    return Base(folder, record, read_judgement(folder, record))


def as_json(regression: Regression) -> Mapping[str, object]:
    """The outcome as JSON values."""
    return {
        "base": regression.base,
        "checkpoint": regression.checkpoint,
        "worse": bool(regression.worse),
        "changes": [
            {
                "taste": change.taste,
                "n": change.n,
                "difference": {
                    "value": change.difference.value,
                    "low": change.difference.low,
                    "high": change.difference.high,
                },
                "confidence": change.confidence,
                "verdict": change.verdict,
            }
            for change in regression.changes
        ],
    }
