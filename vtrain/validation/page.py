"""The report of a judgement as one HTML page that holds its plots and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vtrain.html import Markup, element, image, page, table
from vtrain.validation.gallery import FURTHER, Exhibit, Picture
from vtrain.validation.report import LEGEND, findings, headline, protocol, tables
from vtrain.validation.results import Record

PLOT_TEXTS = {
    "front": "Mean appearance gain against bytes, each chooser at each taste",
    "scatter": "Appearance gain against bytes of each logo, one panel per taste",
    "gains": "Distribution of the appearance gain in each category",
    "parameters": "Share of the logos for which each level of each parameter was chosen",
}


def html_report(
    record: Record,
    plots: Mapping[str, bytes],
    gallery: Mapping[str, Sequence[Exhibit]],
    config: str,
    *,
    without_gallery: str = "",
) -> str:
    """The page.

    Args:
        record: The figures.
        plots: PNG files by the names in `PLOT_TEXTS`.
        gallery: Logos to look at, by heading.
        config: The resolved configuration, as YAML.
        without_gallery: Why there are no logos to look at; empty when there are.
    """
    title = f"Validation of {record.checkpoint}"
    all_tables = tables(record)
    return page(
        title,
        element("h1", title),
        element(
            "p",
            f"{record.images} {record.split} logos, judged {record.created}. {protocol(record)}. "
            "Intervals of "
            f"{record.confidence:.0%} by {record.resamples:,} bootstrap resamples of brands.",
            kind="quiet",
        ),
        element(
            "div",
            *(_sentence(text) for text in headline(record) if text not in findings(record)),
            kind="lead",
        ),
        *(element("p", text, kind="note") for text in findings(record)),
        *(element("p", note, kind="note") for note in record.notes),
        *_plots(plots, ("front", "scatter", "gains")),
        element("h2", "To look at"),
        _looks(gallery, without_gallery),
        element("h2", "Figures"),
        *(
            part
            for found in all_tables
            for part in (element("h3", found.title), table(found.columns, found.rows))
        ),
        *(element("p", text, kind="quiet") for text in LEGEND),
        element("h2", "What the policy chooses"),
        *_plots(plots, ("parameters",)),
        element("h2", "Configuration"),
        element("details", element("summary", "config.yaml"), element("pre", config)),
        # Last, for there may be hundreds: nothing else waits for them.
        *_further(gallery.get(FURTHER, ())),
    )


def _sentence(text: str) -> Markup:
    return element("p", text.strip(), kind="sub" if text.startswith(" ") else "")


def _plots(plots: Mapping[str, bytes], names: Sequence[str]) -> list[Markup]:
    return [
        element("p", image(plots[name], "image/png", PLOT_TEXTS[name], kind="plot"))
        for name in names
        if name in plots
    ]


def _looks(gallery: Mapping[str, Sequence[Exhibit]], missing: str) -> Markup:
    if missing:
        return element("p", f"The drawings are left out: {missing}", kind="note")
    return element(
        "div",
        element(
            "p",
            "Source, VTracer's default, then the policy at each taste, and where its drawing at "
            "the first taste differs from the source. The drawings are vectors.",
            kind="quiet",
        ),
        element(
            "div",
            # A switch without script: the style sheet asks whether it is on.
            element("input", type="checkbox", id="large"),
            Markup('<label for="large"> Show them large (1024 px wide)</label>'),
            *(
                part
                for heading, found in gallery.items()
                if found and heading != FURTHER
                for part in (element("h3", heading), *(_exhibit(item) for item in found))
            ),
        ),
    )


def _further(exhibits: Sequence[Exhibit]) -> list[Markup]:
    if not exhibits:
        return []
    return [element("h2", FURTHER), *(_exhibit(found) for found in exhibits)]


def _exhibit(found: Exhibit) -> Markup:
    return element(
        "div",
        element("div", element("b", found.name), f" ({found.category})"),
        element(
            "div", *(_picture(item, dark=found.dark) for item in found.pictures), kind="pictures"
        ),
        kind="logo",
    )


def _picture(picture: Picture, *, dark: bool) -> Markup:
    shown = (
        image(picture.data, picture.media, picture.title, lazy=True)
        if picture.data is not None
        else element("span", "no drawing")
    )
    return element(
        "figure",
        element("div", shown, kind="paper dark" if dark else "paper"),
        element("figcaption", element("b", picture.title), f" {picture.caption}"),
    )
