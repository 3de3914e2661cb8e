"""One call of ``vtrain trace``, without Typer, which takes longer to load than a logo to trace."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vtrain.agent import TraceAgent, TraceResult
    from vtrain.agent.batch import Traced
    from vtrain.agent.gallery import Exhibit
    from vtrain.agent.judge import Comparison, Verdict
    from vtrain.agent.plan import Job

NAMED = 3
"""Images named in the error when some could not be traced."""


def trace(
    *,
    inputs: Sequence[str],
    output: Path | None = None,
    run: Path | None = None,
    policy: Path | None = None,
    checkpoint: str = "best",
    prefer: str = "balanced",
    traces: int = 1,
    workers: int | None = None,
    resume: bool = False,
    title: bool = False,
    explain: bool = False,
    gallery: Path | None = None,
    as_json: bool = False,
) -> None:
    """Trace images and tell people of each; see the options of `vtrain.cli.trace.command`.

    Raises:
        UsageError: Options that do not go together, or an unknown taste.
        CheckpointError: The policy cannot be used.
        DataError: Some image was not traced; the others are.
        StorageError: A drawing cannot be written.
    """
    from vtrain.agent.batch import Wanted, trace_files
    from vtrain.agent.plan import plan, spare_drawings
    from vtrain.cli.output import print_json, say
    from vtrain.errors import UsageError

    if traces < 1:
        raise UsageError(f"--traces {traces} is out of range.", hint="Give 1 or more.")
    if gallery is not None and gallery.suffix.lower() not in {".html", ".htm"}:
        raise UsageError(f"The gallery {gallery} is no page.", hint="Name it FILE.html.")
    agent = _agent(policy, run, checkpoint)
    jobs = plan(inputs, output)
    if as_json and any(job.output is None for job in jobs):
        raise UsageError(
            "--json and the drawing both want standard output.", hint="Name a file: -o FILE.svg"
        )
    skipped = {job for job in jobs if resume and job.done}
    if skipped:
        say(f"Skipped {len(skipped)} of {len(jobs)} images: their SVGs are there and newer.")
    left = [job for job in jobs if job not in skipped]
    if output is None:
        spare_drawings(left)
    wanted = Wanted(prefer, traces, compare=explain or gallery is not None, title=title)
    processes = _processes(len(left), workers)
    tally = _Tally()
    with _progress(len(left)) as (on_progress, tell):
        for done in trace_files(agent, left, wanted, workers=processes, on_progress=on_progress):
            _report(done, tell, explain=explain)
            tally.add(done, whole=gallery is not None)
    if as_json:
        names = [job.name for job in jobs if job in skipped]
        failed = [done.as_dict() for done in tally.failures]
        print_json({"traced": tally.rows, "failed": failed, "skipped": names})
    if gallery is not None:
        exhibits = _exhibits(jobs, skipped, tally)
        _write_gallery(gallery, exhibits, policy=agent.name, prefer=prefer)
    tally.end()


def _agent(policy: Path | None, run: Path | None, checkpoint: str) -> TraceAgent:
    """The policy that the options name; where they name none, people are told which one it is."""
    from vtrain.agent import TraceAgent
    from vtrain.cli.output import say
    from vtrain.errors import UsageError

    if policy is not None:
        if run is not None:
            raise UsageError("--run and --policy cannot be used together.")
        return TraceAgent.from_file(policy)
    if run is not None:
        return TraceAgent.from_run(run, checkpoint)
    agent = TraceAgent.nearest(checkpoint)
    say(f"Using {agent.name}.")
    return agent


@dataclass(slots=True)
class _Tally:
    """What became of the images so far; the drawings themselves only where they are wanted."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Traced] = field(default_factory=list)
    drawings: dict[tuple[str, Path | None], TraceResult] = field(default_factory=dict)

    def add(self, done: Traced, *, whole: bool) -> None:
        if done.result is None:
            self.failures.append(done)
            return
        self.rows.append(done.as_dict())
        if whole:
            self.drawings[done.name, done.output] = done.result

    def end(self) -> None:
        """Raise if there were failures."""
        from vtrain.errors import DataError

        if self.failures:
            names = ", ".join(done.name for done in self.failures[:NAMED])
            others = " and others" if len(self.failures) > NAMED else ""
            count = len(self.failures)
            raise DataError(
                f"{count} of {count + len(self.rows)} images were not traced: {names}{others}.",
                hint="Each one's reason stands above; replace them or leave them out.",
            )


def _processes(images: int, workers: int | None) -> int:
    """Worker processes for so many images; 0 for none."""
    from vtrain.agent.batch import HANDFUL

    if images < 2 or (workers is None and images <= HANDFUL):
        return 0
    if workers is not None:
        return workers

    from vtrain.resources import usable_cores

    return usable_cores()


@contextmanager
def _progress(
    images: int,
) -> Iterator[tuple[Callable[[int, int], None] | None, Callable[[str], None]]]:
    """What takes progress, if anything does, and lines; one image is done before a bar is drawn."""
    from vtrain.cli.output import say

    if images < 2:
        yield None, say
        return

    from vtrain.cli.bar import bar_and_lines

    with bar_and_lines("Tracing") as functions:
        yield functions


def _report(done: Traced, tell: Callable[[str], None], *, explain: bool) -> None:
    """Tell people of one image; its drawing goes to standard output when it has no other place."""
    import sys

    from vtrain.config.problems import printable

    if done.result is None:
        tell(printable(f"Not traced: {done.error}"))
    elif done.output is None:
        sys.stdout.write(done.result.svg)
    else:
        size = len(done.result.svg.encode())
        tell(printable(f"{done.name} -> {done.output}  {size} bytes"))
    if explain and done.result is not None and done.result.comparison is not None:
        tell(_table(done.result.comparison))


def _table(comparison: Comparison) -> str:
    """The figures of a drawing and of VTracer's default, one a line."""
    drawn, default = _lines(comparison.chosen), comparison.default
    others = _lines(default) if default is not None else dict.fromkeys(drawn, "failed")
    rows = [("", "drawn", "default")]
    rows += [(name.replace("_", " "), drawn[name], others[name]) for name in drawn]
    return "\n".join(f"  {name:<14}{_figure(one):>12}{_figure(two):>12}" for name, one, two in rows)


def _lines(verdict: Verdict) -> dict[str, Any]:
    """The figures of a verdict, what the faults take off among them, in the order of the table."""
    found: dict[str, Any] = {}
    for name, value in verdict.as_dict().items():
        if isinstance(value, dict):
            found.update({f"  for {fault}": part for fault, part in value.items()})
        else:
            found[name] = value
    return found


def _figure(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _exhibits(
    jobs: Sequence[Job], skipped: Collection[Job], tally: _Tally
) -> Iterator[tuple[str, Exhibit]]:
    """What a gallery shows: the drawings of now, and those that were there already."""
    from vtrain.agent.gallery import kept
    from vtrain.cli.output import say
    from vtrain.errors import VtrainError

    for job in jobs:
        result = tally.drawings.get((job.name, job.output))
        if result is not None:
            yield job.name, result
        elif job in skipped and job.output is not None:
            try:
                yield job.name, kept(Path(job.name), job.output)
            except VtrainError as error:
                say(f"Not in the gallery: {error}")


def _write_gallery(
    path: Path, exhibits: Iterable[tuple[str, Exhibit]], *, policy: str, prefer: str
) -> None:
    from vtrain.agent.gallery import gallery
    from vtrain.cli.output import say
    from vtrain.rundir import write_text

    write_text(path, gallery(list(exhibits), policy=policy, prefer=prefer))
    say(f"Gallery: {path}")
