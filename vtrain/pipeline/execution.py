"""The report of one execution: each stage's outcome, the figures, and what to do next."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from vtrain.data.catalog import Catalog
from vtrain.html import Markup, element, image, page, table
from vtrain.monitoring.plots import resources, training
from vtrain.pipeline.advice import Suggestion
from vtrain.pipeline.sections import sections
from vtrain.pipeline.state import RunState
from vtrain.rundir import RunDirectory, library_versions, now, write_json, write_text
from vtrain.validation.cells import aligned
from vtrain.validation.plots import png
from vtrain.validation.report import headline
from vtrain.validation.results import Record

Status = Literal["done", "skipped", "failed", "not reached"]
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """What became of a stage.

    Attributes:
        name: ``data``, ``train`` or ``validate``.
        status: ``skipped`` means that it was up to date.
        seconds: Time it took (s).
        detail: A sentence.
        figures: Its results, as JSON values.
    """

    name: str
    status: Status
    seconds: float
    detail: str
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Execution:
    """One call of `run_all`, as it was reported.

    Attributes:
        run: The run directory.
        started: When (ISO 8601, UTC).
        outcomes: Of the stages, in order.
        suggestions: What to do next, the weightiest first.
        record: The judgement that counts now; None when there is none.
        validation: Its folder.
        results: The report for machines.
        report: The report for people, as text.
        page: Likewise as HTML.
        catalog: The corpus; None when there is none.
        state: What the run's files say; None when they cannot be read.
    """

    run: RunDirectory
    started: str
    outcomes: tuple[StageOutcome, ...]
    suggestions: tuple[Suggestion, ...]
    record: Record | None
    validation: Path | None
    results: Path
    report: Path
    page: Path
    catalog: Catalog | None = None
    state: RunState | None = None

    @property
    def failed(self) -> bool:
        """Whether a stage failed."""
        return any(outcome.status == "failed" for outcome in self.outcomes)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "run": str(self.run.root),
            "started": self.started,
            "status": "failed" if self.failed else "done",
            "stages": [asdict(outcome) for outcome in self.outcomes],
            "headline": headline(self.record) if self.record else [],
            "suggestions": [asdict(suggestion) for suggestion in self.suggestions],
            **_as_dict(self.state),
            "validation": str(self.validation) if self.validation else None,
            "report": str(self.report),
            "page": str(self.page),
            "versions": library_versions(),
        }


def write_execution(execution: Execution) -> None:
    """Write all three reports.

    Raises:
        StorageError: One cannot be written.
    """
    write_json(execution.results, {"finished": now(), **execution.as_dict()}, schema=_SCHEMA)
    write_text(execution.report, text(execution))
    write_text(execution.page, html(execution))


def text(execution: Execution) -> str:
    """The report for a terminal."""
    lines = [f"Execution of {execution.run.root}, started {execution.started}", "", "Stages"]
    lines += [
        f"  {outcome.name:<9} {outcome.status:<12} {outcome.seconds:8.1f} s  {outcome.detail}"
        for outcome in execution.outcomes
    ]
    if execution.record is not None:
        lines += ["", "Figures", *(f"  {line}" for line in headline(execution.record))]
        lines += [f"  Note: {note}" for note in execution.record.notes]
    lines += ["", "What to do next"]
    for number, suggestion in enumerate(execution.suggestions, 1):
        lines += [
            f"  {number}. {suggestion.action}",
            f"     Why ({suggestion.area}): {suggestion.evidence}",
        ]
    if not execution.suggestions:
        lines.append("  Nothing: no figure asks for it.")
    for found in sections(execution.catalog, execution.state):
        lines += ["", found.title, *(f"  {line}" for line in aligned(found))]
    lines += ["", "Files", *(f"  {name:<11} {path}" for name, path in _files(execution))]
    return "\n".join(lines) + "\n"


def html(execution: Execution) -> str:
    """The report as a page."""
    title = f"Execution of {execution.run.root.name}"
    lead = headline(execution.record) if execution.record else []
    return page(
        title,
        element("h1", title),
        element("p", f"Started {execution.started}.", kind="quiet"),
        element(
            "div",
            *(
                element("p", line.strip(), kind="sub" if line.startswith(" ") else "")
                for line in lead
            ),
            kind="lead",
        ),
        element("h2", "Stages"),
        table(
            ("stage", "outcome", "time (s)", "what"),
            (
                (outcome.name, outcome.status, f"{outcome.seconds:.1f}", outcome.detail)
                for outcome in execution.outcomes
            ),
        ),
        element("h2", "What to do next"),
        element(
            "ol",
            *(
                element(
                    "li",
                    suggestion.action,
                    element(
                        "div",
                        element("b", suggestion.area),
                        f": {suggestion.evidence}",
                        kind="quiet",
                    ),
                )
                for suggestion in execution.suggestions
            ),
        ),
        *_plots(execution),
        *(
            part
            for found in sections(execution.catalog, execution.state)
            for part in (element("h2", found.title), table(found.columns, found.rows))
        ),
        element("h2", "Files"),
        element(
            "ul",
            *(
                element("li", element("a", name, href=_link(path, execution.run.root)))
                for name, path in _files(execution)
            ),
        ),
    )


def _plots(execution: Execution) -> list[Markup]:
    """The plots that `vtrain monitor report --plots` draws; none of files that cannot be read."""
    if execution.state is None:
        return []
    figures = {
        "The curves of the training over its updates": training(execution.run),
        "The resources of the training over the time": resources(execution.run),
    }
    return [
        element("p", image(png(figure), "image/png", text, kind="plot"))
        for text, figure in figures.items()
        if figure is not None
    ]


def _as_dict(state: RunState | None) -> dict[str, Any]:
    """What the run's files say, as JSON values."""
    if state is None:
        return {"checkpoints": None, "resources": None, "efficiency": None, "alerts": None}
    found = state.report
    return {
        "checkpoints": [asdict(item) for item in state.checkpoints],
        "resources": asdict(found.resources) if found.resources else None,
        "efficiency": asdict(found.efficiency) if found.efficiency else None,
        "alerts": list(found.alerts),
    }


def _files(execution: Execution) -> Sequence[tuple[str, Path]]:
    found = [("results", execution.results), ("page", execution.page)]
    if execution.validation is not None:
        found += [
            ("validation", execution.validation / "report.html"),
            ("figures", execution.validation / "results.json"),
        ]
    return found


def _link(path: Path, root: Path) -> str:
    """A link that still works when the run directory is moved."""
    return Path(os.path.relpath(path, root)).as_posix()
