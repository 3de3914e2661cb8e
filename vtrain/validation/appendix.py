"""The parts of a report beyond the judgement: looks, stability, consistency, times, trends."""

from __future__ import annotations

from vtrain.validation.baselines import POLICY
from vtrain.validation.cells import Table, interval, number, positive
from vtrain.validation.measures import Past
from vtrain.validation.results import Record
from vtrain.validation.statistics import Interval
from vtrain.validation.summary import ALL


def robustness(record: Record, taste: str) -> list[str]:
    """Sentences on the stability and the consistency of the policy at a taste."""
    sentences = [
        f"When the input hardly changes, its utility moves by {positive(moved.spread)}, and it "
        f"chooses otherwise in {moved.changed:.0%} of the cases."
        for moved in record.beyond.stability
        if (moved.taste, moved.category, moved.disturbance) == (taste, ALL, ALL)
    ]
    sentences += [
        f"Over {varied.repeats} draws of its choice its utility varies by "
        f"{positive(varied.spread)} (standard deviation)."
        for varied in record.beyond.consistency
        if (varied.taste, varied.category) == (taste, ALL)
    ]
    return sentences


def appendix(record: Record) -> list[Table]:
    """The tables; those that the protocol did not ask for are left out."""
    found = [_looks(record), _stability(record), _consistency(record), _timing(record)]
    return [table for table in (*found, _history(record)) if table.rows]


def _looks(record: Record) -> Table:
    return Table(
        "Appearance and its terms (means) and sizes (medians) of the logos that were drawn",
        (
            "chooser",
            "taste",
            "appearance",
            "colour (dE)",
            "recall",
            "truth",
            "stray",
            "facets",
            "bytes",
            "segments",
            "worst utility over default",
        ),
        tuple(
            (
                f.chooser,
                f.taste,
                number(f.appearance, 2),
                number(f.colour_error, 2),
                number(f.recall, 3),
                number(f.truth, 3),
                number(f.stray, 3),
                number(f.facets, 2),
                number(f.bytes, 0),
                number(f.segments, 0),
                number(f.utility_worst, 2),
            )
            for f in record.summary.figures
            if f.category == ALL
        ),
    )


def _stability(record: Record) -> Table:
    return Table(
        "Stability: root mean square change of the policy's utility when its input hardly changes "
        "(0 is best)",
        ("taste", "category", "change", "logos", "stability", "mean change", "other choice"),
        tuple(
            (
                f.taste,
                f.category,
                f.disturbance,
                str(f.n),
                positive(f.spread),
                f"{f.difference:+.3f}",
                f"{f.changed:.0%}",
            )
            for f in record.beyond.stability
        ),
    )


def _consistency(record: Record) -> Table:
    return Table(
        "Consistency: standard deviation of the utility over draws of the policy's choice (0 is "
        "best)",
        (
            "taste",
            "category",
            "logos",
            "draws",
            "consistency",
            "of the means",
            "over the likeliest choice",
        ),
        tuple(
            (
                f.taste,
                f.category,
                str(f.n),
                str(f.repeats),
                positive(f.spread),
                f"{f.spread_of_means:.3f}",
                "-" if f.difference is None else f"{f.difference:+.3f}",
            )
            for f in record.beyond.consistency
        ),
    )


def _timing(record: Record) -> Table:
    return Table(
        "Time per logo on this machine (ms), alone in one process",
        ("chooser", "taste", "logos", "choosing (median)", "drawing (median)", "both (95 %)"),
        tuple(
            (
                f.chooser,
                f.taste,
                str(f.n),
                number(f.choosing, 1),
                number(f.drawing, 1),
                number(f.slow, 1),
            )
            for f in record.beyond.timing
        ),
    )


def _history(record: Record) -> Table:
    return Table(
        "History: validations of this run with this protocol and split",
        ("when", "checkpoint", "taste", "logos", "utility", "gain"),
        (
            *(
                _past(item, item.taste, item.utility, item.gain_interval or item.gain)
                for item in record.beyond.history
            ),
            *(
                _past(record, figures.taste, figures.utility, figures.gain)
                for figures in record.summary.figures
                if (figures.chooser, figures.category) == (POLICY, ALL)
            ),
        ),
    )


def _past(of: Record | Past, taste: str, utility: float, gain: Interval | float) -> tuple[str, ...]:
    return (
        of.created,
        of.checkpoint,
        taste,
        str(of.images),
        f"{utility:.3f}",
        interval(gain, 3) if isinstance(gain, Interval) else f"{gain:+.3f}",
    )
