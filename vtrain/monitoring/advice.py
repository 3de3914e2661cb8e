"""What would make a training faster: each piece of advice with its evidence and its gain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vtrain.config.schema import Config
from vtrain.monitoring.efficiency import Efficiency

_WORTH = 1.1
"""Least gain that is worth a change (times as fast)."""
_ADDED_WORKER = 0.85
"""What a further worker adds, of what one does: two make 1.85 of one (docs/benchmarks.md)."""
_HANDED_OUT_S = 1e-4
"""Time that the main process takes to hand a trace out and take its result (s); measured too."""
_FEWEST = 3
"""Updates below which nothing is said (count)."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a run is like.

    Attributes:
        efficiency: How it uses its time.
        config: Its configuration.
        cores: Cores that it can keep busy (count).
        memory_left: Least memory that was left (bytes); None when not known.
        worker_memory: Memory that one more worker takes (bytes); None when not known.
        idle_cores: Cores that nothing on the machine uses, on average (count); None likewise.
    """

    efficiency: Efficiency
    config: Config
    cores: int
    memory_left: int | None = None
    worker_memory: int | None = None
    idle_cores: float | None = None

    @property
    def workers(self) -> int:
        """Processes that trace (count)."""
        return self.config.resources.workers or self.cores


@dataclass(frozen=True, slots=True)
class Advice:
    """A change worth making.

    Attributes:
        evidence: The figures that say so.
        change: The option to add, as the user types it.
        gain: Expected speed of training over that now (times).
    """

    evidence: str
    change: str
    gain: float

    def __str__(self) -> str:
        return f"{self.evidence}: {self.change}, about {self.gain:.1f}x"


def advise(situation: Situation) -> list[Advice]:
    """What the situation suggests, the largest gain first."""
    if situation.efficiency.updates < _FEWEST:
        return []
    found = [advice for rule in _RULES for advice in rule(situation)]
    return sorted(
        (advice for advice in found if advice.gain >= _WORTH), key=lambda advice: -advice.gain
    )


def _more_workers(situation: Situation) -> Iterator[Advice]:
    """Traces are waited for while cores are idle."""
    measure, workers = situation.efficiency.measure, situation.workers
    if measure is None or workers >= situation.cores:
        return
    wanted = situation.cores
    if situation.memory_left is not None and situation.worker_memory:
        # Half of what is left may go to new workers.
        room = int(situation.memory_left / 2 / situation.worker_memory)
        wanted = min(wanted, workers + room)
    # A core that other programs use is not there for another worker.
    idle = wanted - workers if situation.idle_cores is None else situation.idle_cores
    added = max(0.0, min(wanted - workers, idle))
    traced = _traced(situation.efficiency, measure)
    now = _step_time(situation, float(workers), workers)
    then = _step_time(situation, workers + _ADDED_WORKER * added, workers + added)
    # Only the time in which workers trace gets shorter (Amdahl's law).
    gain = 1.0 / (1.0 - traced + traced * then / now)
    yield Advice(
        f"traces are waited for {measure:.0%} of the time, and {workers} of {situation.cores} "
        "cores trace",
        f"--set resources.workers={wanted}",
        round(gain, 2),
    )


def _traced(found: Efficiency, measure: float) -> float:
    """Share of the time in which all workers trace (0 to 1).

    While traces are waited for, the main process hands them out, and workers wait for each other.
    Samples tell how busy workers are; without them what handing out takes is known.

    Args:
        found: How the run uses its time.
        measure: Share of the time in which traces were waited for.
    """
    handed_out = min(measure, found.traces_per_second * _HANDED_OUT_S)
    busy = measure if found.worker_utilisation is None else found.worker_utilisation
    return min(measure - handed_out, busy)


def _step_time(situation: Situation, speed: float, workers: float) -> float:
    """Time of a step's traces, as a share of what one worker takes.

    At the end of a step all workers wait for the last one: Graham's bound for jobs of equal length,
    ``1 / workers + (1 - 1 / workers) / jobs`` (R. L. Graham, 1969). A job is an environment's.

    Args:
        situation: Tells how many jobs a step has.
        speed: Of all workers together, over that of one (times).
        workers: How many (count).
    """
    found = situation.efficiency
    steps = found.updates * situation.config.ppo.n_steps
    traces = found.traces_per_second * found.seconds / steps
    jobs = max(1.0, min(traces, situation.config.ppo.n_envs))
    return 1.0 / speed + (1.0 - 1.0 / workers) / jobs


def _fewer_checks(situation: Situation) -> Iterator[Advice]:
    """Checks take much of the time."""
    share, validation = situation.efficiency.check, situation.config.validation
    if share is None:
        return
    every, minutes = validation.every_updates, validation.every_minutes
    beside = f" or {minutes:g} min" if minutes else ""
    also = f" --set validation.every_minutes={2 * minutes:g}" if minutes else ""
    yield Advice(
        f"validation checks take {share:.0%} of the time, one every {every} updates{beside}",
        f"--set validation.every_updates={2 * every}{also}",
        round(1.0 / (1.0 - share / 2.0), 2),
    )


_RULES: tuple[Callable[[Situation], Iterator[Advice]], ...] = (
    _more_workers,
    _fewer_checks,
)
