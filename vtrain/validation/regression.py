"""Whether a policy got worse: two judgements of the same images, image by image.

Each taste is a comparison of its own, and several of them find a difference by chance more often
than one. Their p-values are adjusted for that (Holm), as those of a report are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vtrain.errors import DataError, UsageError
from vtrain.rundir import RunDirectory
from vtrain.validation.baselines import POLICY
from vtrain.validation.fingerprint import Fingerprint, fingerprints, read_fingerprint
from vtrain.validation.judge import Judgement, Row
from vtrain.validation.results import RESULTS, Record, read_judgement, read_record
from vtrain.validation.statistics import Interval, MeanTest, Verdict, claim, holm, mean_test

PREVIOUS = "previous"
"""Names the newest earlier judgement of the run that can be compared."""


@dataclass(frozen=True, slots=True)
class Change:
    """How one policy does against another at a taste, image by image.

    Attributes:
        taste: Name of the taste.
        n: Images (count).
        difference: Mean utility minus the other's, with its interval, which is not adjusted.
        p: P-value of the difference.
        adjusted: The same, adjusted (Holm) for the number of tastes.
        verdict: What is claimed, after the adjustment.
    """

    taste: str
    n: int
    difference: Interval
    p: float
    adjusted: float
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
            f"mean utility {change.difference} over {change.n} logos (p = {change.adjusted:.2g})"
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
        confidence: Coverage of the intervals, 0 to 1; the chance of any false alarm is the rest.
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
        confidence: Coverage of the intervals, 0 to 1; the chance of any false claim is the rest.
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
    tests = {taste: _test(both, resamples, confidence) for taste, both in pairs.items()}
    adjusted = holm([test.p for test in tests.values()])
    return [
        Change(
            taste=taste,
            n=len(pairs[taste]),
            difference=test.interval,
            p=test.p,
            adjusted=p,
            verdict=claim(test.interval, p, 1 - confidence),
        )
        for (taste, test), p in zip(tests.items(), adjusted, strict=True)
    ]


def _test(pairs: Sequence[tuple[Row, Row]], resamples: int, confidence: float) -> MeanTest:
    return mean_test(
        [ours.utility - theirs.utility for ours, theirs in pairs],
        groups=[ours.brand for ours, _ in pairs],
        resamples=resamples,
        confidence=confidence,
    )


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
        "changes": [asdict(change) for change in regression.changes],
    }
