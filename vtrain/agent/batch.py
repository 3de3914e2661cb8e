"""Tracing of many images: here, or in processes that one bad image can end without harm."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtrain.agent.agent import TraceAgent, TraceResult
from vtrain.agent.plan import STANDARD, Job
from vtrain.errors import ImageRefused, TraceError, VtrainError
from vtrain.images import decode
from vtrain.rundir import write_text
from vtrain.tracing.parameters import settings_dict
from vtrain.tracing.svg import titled

if TYPE_CHECKING:
    from vtrain.tracing.workers import Workers

HANDFUL = 8
"""Images that are traced before worker processes would have started (count)."""
_MANY = 64
"""Images for which compiled loops are loaded: fewer are done sooner without (count)."""
_SLICE = 256
"""Images handed to the workers at a time, whose drawings are held in memory (count)."""
_TIME_LIMIT = 20.0
"""Longest time for decoding an image, and for each of its traces (s)."""
_MEMORY_LIMIT = 4096
"""Memory that a worker may take beyond its start (MiB): the largest image allowed needs half."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How images are traced.

    Attributes:
        prefer: Taste, as `TraceAgent.trace`.
        traces: Traces per image (count).
        compare: Whether each drawing is judged beside VTracer's default.
        title: Whether each drawing is named after its file.
    """

    prefer: str = "balanced"
    traces: int = 1
    compare: bool = False
    title: bool = False


@dataclass(frozen=True, slots=True)
class Traced:
    """One image of a batch.

    Attributes:
        name: The image as the user named it.
        output: Where its SVG went; None for standard output.
        result: The drawing; None when it failed.
        error: Why it failed; None when it did not.
    """

    name: str
    output: Path | None
    result: TraceResult | None
    error: VtrainError | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values, without the drawing itself."""
        row: dict[str, Any] = {"input": self.name}
        row["output"] = str(self.output) if self.output else None
        if self.result is not None:
            row["bytes"] = len(self.result.svg.encode())
            row["traces"] = self.result.traces
            row["score"] = self.result.score
            row["settings"] = settings_dict(self.result.settings)
            if self.result.comparison is not None:
                row["comparison"] = self.result.comparison.as_dict()
        if self.error is not None:
            row["error"] = str(self.error)
        return row


def trace_files(
    agent: TraceAgent,
    jobs: Sequence[Job],
    wanted: Wanted,
    *,
    workers: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Iterator[Traced]:
    """Trace images and write their drawings; one that fails is reported and the rest go on.

    Args:
        agent: The policy.
        jobs: From `vtrain.agent.plan.plan`; results come in this order.
        wanted: How.
        workers: Processes; 0 traces in this one.
        on_progress: Called with the images done and all images.

    Raises:
        UsageError: The taste is unknown.
        StorageError: A drawing cannot be written.
    """
    agent.taste(wanted.prefer)
    run = _apart(agent, jobs, wanted, workers) if workers else _here(agent, jobs, wanted)
    with closing(run) as outcomes:
        for number, (job, outcome) in enumerate(zip(jobs, outcomes, strict=True), 1):
            if isinstance(outcome, VtrainError):
                yield Traced(job.name, job.output, None, outcome)
            else:
                if job.output is not None:
                    write_text(job.output, outcome.svg)
                yield Traced(job.name, job.output, outcome, None)
            if on_progress is not None:
                on_progress(number, len(jobs))


def _here(
    agent: TraceAgent, jobs: Sequence[Job], wanted: Wanted
) -> Generator[TraceResult | VtrainError]:
    for job in jobs:
        try:
            yield _trace(agent, _task(job), wanted)
        except (ImageRefused, TraceError) as error:
            yield error
        except Exception as error:
            if isinstance(error, VtrainError) or len(jobs) == 1:
                raise
            yield _fault(error)


def _fault(error: Exception) -> TraceError:
    """A fault of vtrain, told as a failure of the image at which it showed.

    It must not end a batch, which would come to that image again whenever it goes on.
    """
    return TraceError(
        "fault",
        f"A fault in vtrain, {type(error).__name__}: {error}; `vtrain -v trace` of this image "
        "alone shows where",
    )


def _apart(
    agent: TraceAgent, jobs: Sequence[Job], wanted: Wanted, count: int
) -> Generator[TraceResult | VtrainError]:
    from vtrain.tracing.workers import Workers  # noqa: PLC0415 - one image needs no processes

    loaded = "vtrain.agent.ready" if len(jobs) >= _MANY else __name__
    pool: Workers[_Task, TraceResult] = Workers(
        _trace_in_worker,
        count=min(count, len(jobs)),
        memory_limit=_MEMORY_LIMIT,
        setup=_set_up_worker,
        setup_arguments=(agent, wanted, loaded),
        preload=loaded,
    )
    limit = _TIME_LIMIT * (1 + wanted.traces + wanted.compare)
    with closing(pool):
        for start in range(0, len(jobs), _SLICE):
            tasks = [_task(job) for job in jobs[start : start + _SLICE]]
            for outcome in pool.run(tasks, time_limits=[limit] * len(tasks)):
                if outcome.result is not None:
                    yield outcome.result
                elif isinstance(outcome.error, (ImageRefused, TraceError)):
                    yield _explained(outcome.error)
                elif outcome.error is not None:
                    raise outcome.error


def _explained(error: VtrainError) -> VtrainError:
    """An error in the words of this command, which has no configuration."""
    if isinstance(error, TraceError) and error.reason == "memory-limit":
        return TraceError(error.reason, f"It takes more than {_MEMORY_LIMIT} MiB of memory")
    return error


@dataclass(frozen=True, slots=True)
class _Task:
    """An image for whoever traces it: its name, its own bytes if it is no file, its title."""

    name: str
    data: bytes | None
    title: str | None


def _task(job: Job) -> _Task:
    data = sys.stdin.buffer.read() if job.name == STANDARD else None
    return _Task(job.name, data, job.title)


def _trace(agent: TraceAgent, task: _Task, wanted: Wanted) -> TraceResult:
    if task.data is None:
        image: Any = Path(task.name)
    else:
        side = 4 * agent.network.input_size
        image = decode(task.data, name="standard input", svg_side=side).rgba
    result = agent.trace(image, prefer=wanted.prefer, traces=wanted.traces, compare=wanted.compare)
    if wanted.title and task.title is not None:
        result = replace(result, svg=titled(result.svg, task.title))
    return result


_WORKER: list[tuple[TraceAgent, Wanted]] = []
"""What a worker process traces with: pebble gives a worker no other place to keep it."""


def _set_up_worker(agent: TraceAgent, wanted: Wanted, loaded: str) -> None:
    importlib.import_module(loaded)  # where workers are no copies of a process that has
    if wanted.traces > 1 or wanted.compare:
        from vtrain.scoring.score import warm_up  # noqa: PLC0415 - only what judges needs it

        # Compiled, or loaded, before the limits hold.
        warm_up()
    _WORKER[:] = [(agent, wanted)]


def _trace_in_worker(task: _Task) -> TraceResult:
    from vtrain.tracing.worker_process import lacks_memory  # noqa: PLC0415 - it is here already

    agent, wanted = _WORKER[0]
    try:
        return _trace(agent, task, wanted)
    except Exception as error:
        if isinstance(error, VtrainError) or lacks_memory(error):
            raise
        raise _fault(error) from error
