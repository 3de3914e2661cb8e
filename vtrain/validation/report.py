"""The report of a judgement in words and plain tables."""

from __future__ import annotations

from vtrain.validation.appendix import appendix, robustness
from vtrain.validation.baselines import DEFAULT, POLICY
from vtrain.validation.cells import Table, aligned, interval, number, ratio, share
from vtrain.validation.results import Record
from vtrain.validation.summary import ALL, Comparison, Figures


def headline(record: Record) -> list[str]:
    """The sentences that matter: how the policy did against VTracer's default and the baselines."""
    spent = "one trace" if record.traces == 1 else f"up to {record.traces} traces"
    sentences = []
    for taste in record.tastes:
        ours = record.summary.of(taste)
        sentences.append(
            f"At {taste}, with {spent} per logo, the policy looks better than VTracer's default on "
            f"{ours.better.value:.0%} ({ours.better.low:.0%} to {ours.better.high:.0%}) of "
            f"{ours.n} logos, gaining {interval(ours.gain)} in appearance at "
            f"{ratio(ours.bytes_ratio)} the bytes."
        )
        sentences += [
            f"  Its utility there is {_verdict(found)} {found.against}: "
            f"{interval(found.difference)}."
            for found in record.summary.comparisons
            if found.taste == taste and found.category == ALL
        ]
        sentences += [f"  {sentence}" for sentence in robustness(record, taste)]
    return sentences + findings(record)


def findings(record: Record) -> list[str]:
    """What the trends show, and what to do about it: a sentence each."""
    return [
        f"{found.kind.capitalize()}: {found.evidence} {found.advice}"
        for found in record.beyond.findings
    ]


def tables(record: Record) -> list[Table]:
    """All figures: choosers per taste, categories per taste, differences, pixel metrics."""
    summary = record.summary
    found = []
    for taste, price in record.tastes.items():
        title = f"At {taste} (lambda {price:g})"
        overall = [f for f in summary.figures if f.taste == taste and f.category == ALL]
        found.append(
            Table(
                f"{title}: all logos, by chooser",
                ("chooser", *_COLUMNS),
                tuple((figures.chooser, *_cells(figures)) for figures in overall),
            )
        )
        policy = [f for f in summary.figures if f.taste == taste and f.chooser == POLICY]
        found.append(
            Table(
                f"{title}: the policy, by category",
                ("category", *_COLUMNS),
                tuple((figures.category, *_cells(figures)) for figures in policy),
            )
        )
    found += _differences(record)
    found += appendix(record)
    pixel = [f for f in summary.figures if f.category == ALL]
    found.append(
        Table(
            "Pixel metrics over the foreground (they mislead: see the appearance above)",
            ("chooser", "taste", "SSIM", "MS-SSIM", "MSE (levels^2)", "PSNR (dB)"),
            tuple(
                (
                    f.chooser,
                    f.taste,
                    number(f.ssim, 4),
                    number(f.ms_ssim, 4),
                    number(f.mse, 1),
                    number(f.psnr, 2),
                )
                for f in pixel
            ),
        )
    )
    return found


def text_report(record: Record) -> str:
    """The whole report as text, at most about 160 columns wide."""
    lines = [
        f"Validation of {record.checkpoint} on {record.images} {record.split} logos",
        protocol(record),
        (
            f"{record.created}; intervals of {record.confidence:.0%}, {record.resamples} bootstrap "
            "resamples of brands"
        ),
        "",
        *headline(record),
        *(f"Note: {note}" for note in record.notes),
    ]
    for table in tables(record):
        lines += ["", table.title, *aligned(table)]
    lines += ["", *LEGEND]
    return "\n".join(lines) + "\n"


def protocol(record: Record) -> str:
    """The protocol and what it does beyond the standard one."""
    return f"Protocol {record.protocol}" + (f": {', '.join(record.parts)}" if record.parts else "")


LEGEND = (
    (
        "gain: appearance minus that of VTracer's default (precision 2, the file as it is); the "
        "difference of two appearances is the log-odds that a person prefers the one."
    ),
    "middle: interquartile mean of the gain. worst: mean gain of the worst 5 %.",
    (
        "better: share of logos with a gain above 0. bytes, segments: over the default's, "
        "geometric mean."
    ),
    "utility: appearance minus lambda times cost. traces: different traces looked at per logo.",
    (
        "success: share of logos whose utility over the default reaches their category's threshold "
        "(validation.success). regret: mean utility lost against the best trace known of each logo."
    ),
    (
        "p: of the mean difference, adjusted (Holm) for all comparisons of this report. A "
        "difference is only claimed where it is below 1 minus the confidence; its interval is not "
        "adjusted."
    ),
)


_COLUMNS = (
    "logos",
    "traces",
    "gain",
    "middle",
    "worst",
    "better",
    "success",
    "bytes",
    "segments",
    "utility",
    "regret",
    "failed",
)


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        str(figures.n),
        f"{figures.traces:.3g}",
        interval(figures.gain),
        f"{figures.gain_middle:+.2f}" if figures.middle is None else interval(figures.middle),
        f"{figures.gain_worst:+.2f}",
        # The default cannot look better than itself.
        "-" if figures.chooser == DEFAULT else share(figures.better),
        "-" if figures.chooser == DEFAULT else share(figures.success),
        ratio(figures.bytes_ratio),
        ratio(figures.segments_ratio),
        f"{figures.utility:.2f}",
        number(figures.regret, 2),
        str(figures.failures),
    )


def _differences(record: Record) -> list[Table]:
    if not record.summary.comparisons:
        return []
    return [
        Table(
            "Utility of the policy minus the baseline's, logo by logo: mean and interquartile mean",
            (
                "baseline",
                "taste",
                "category",
                "logos",
                "difference",
                "middle",
                "wins",
                "p",
                "the policy is",
            ),
            tuple(
                (
                    found.against,
                    found.taste,
                    found.category,
                    str(found.n),
                    interval(found.difference, 3),
                    "-" if found.middle is None else interval(found.middle, 3),
                    f"{found.wins:.0%}",
                    "-" if found.adjusted is None else f"{found.adjusted:.2g}",
                    found.verdict,
                )
                for found in record.summary.comparisons
            ),
        )
    ]


def _verdict(found: Comparison) -> str:
    if found.verdict == "not distinguishable":
        return "not distinguishable from that of"
    return f"{found.verdict} than that of"
