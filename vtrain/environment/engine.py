"""The measuring engine: requests in, measurements out, in order, each made once.

All of training, validation, search and baselines measure through it. Back ends differ in where the
work is done, never in the result.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path
from typing import Protocol

from vtrain.config.schema import TracingConfig
from vtrain.data.store import ImageStore
from vtrain.environment.measurement import Bench, Measurement, Request, failed
from vtrain.environment.shelf import Shelf, open_shelf
from vtrain.environment.versions import NATIVE, measurement_version
from vtrain.errors import TraceError, VtrainError
from vtrain.resources import usable_cores
from vtrain.scoring.score import warm_up
from vtrain.tracing.cache import MeasurementCache
from vtrain.tracing.parameters import canonical, decode_action
from vtrain.tracing.worker_process import end_if_orphaned
from vtrain.tracing.workers import Workers

_LOG = logging.getLogger(__name__)

_LASTING = (None, "panic", "invalid-svg")
"""Failures that the image and the action decide. A limit that was hit says something about this
machine and its configuration."""
_MOST_TOGETHER = 8
"""Requests for one image that a worker is given at once (count): they share its time limits."""
_MOST_KNOWN = 50_000
"""Answers kept in memory between two calls (count); some 500 bytes each."""
Progress = Callable[[int, int], None]
"""Called with the measurements done and wanted."""
Group = tuple[Request, ...]


class Backend(Protocol):
    """Where groups of requests are measured. A group shares its image."""

    def run(
        self, groups: Sequence[Group], on_wait: Callable[[], None]
    ) -> Iterator[tuple[int, list[Measurement]]]:
        """The position and the measurements of each group, as soon as they are there.

        Args:
            groups: What to measure.
            on_wait: Called while waiting, several times a second; may raise to break it off.
        """


class Engine:
    """Measures requests through a back end, and none twice that it can remember.

    Counts what it does: `requests` answered, `traces` made for them, `hits` remembered from before,
    and `seconds` spent on measuring. What a call asks for twice is one trace or one hit.

    Args:
        backend: Does the work.
        cache: Remembers for good, and outlives the process; without one the latest answers are
            known.
        on_damage: Called once, when damaged entries are found in the cache, with how many they are.
            They are measured again.
        on_wait: Called before each `measure` and several times a second during one. It may raise:
            what is measured by then is kept, the rest dropped.
    """

    def __init__(
        self,
        backend: Backend,
        cache: MeasurementCache | None = None,
        *,
        on_wait: Callable[[], None] = lambda: None,
        on_damage: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._backend = backend
        self._on_damage = on_damage
        self._on_wait = on_wait
        self._cache = cache
        self._version = measurement_version()
        # Answers of late, the oldest first.
        self._known: dict[Request, Measurement] = {}
        self.requests = 0
        self.traces = 0
        self.hits = 0
        self.seconds = 0.0

    def measure(
        self, requests: Sequence[Request], on_progress: Progress | None = None
    ) -> list[Measurement]:
        """The measurements in the order of the requests.

        Args:
            requests: What to measure; equal ones are measured once.
            on_progress: Called as measurements come in.

        Raises:
            DataError: An image is missing or damaged.
            StorageError: The cache cannot be read or written.
        """
        self._on_wait()  # also when every answer is known
        wanted = [replace(request, action=canonical(request.action)) for request in requests]
        times = Counter(wanted)
        missing = self._recall([request for request in times if request not in self._known])
        self.requests += len(wanted)
        self.traces += len(missing)
        self.hits += len(times) - len(missing)
        done = len(wanted) - sum(times[request] for request in missing)
        began = time.monotonic()
        groups = _by_image(missing)
        for index, measurements in self._backend.run(groups, self._on_wait):
            group = groups[index]
            found = dict(zip(group, measurements, strict=True))
            self._known.update(found)
            self._remember(found)
            done += sum(times[request] for request in group)
            if on_progress:
                on_progress(done, len(wanted))
        self.seconds += time.monotonic() - began
        answers = [self._known[request] for request in wanted]
        for request in list(islice(self._known, max(0, len(self._known) - _MOST_KNOWN))):
            del self._known[request]
        return answers

    def forget(self) -> None:
        """Drop the answers kept in memory; those in the cache stay."""
        self._known.clear()

    def close(self) -> None:
        """Close the cache, for an engine that was not made by `open_engine`."""
        if self._cache is not None:
            self._cache.close()

    def _recall(self, requests: Sequence[Request]) -> list[Request]:
        """Take what the cache knows; what is left."""
        if self._cache is None or not requests:
            return list(requests)
        keys = {request: self._key(request) for request in requests}
        before = self._cache.dropped
        stored = self._cache.get(keys.values())
        if self._cache.dropped and not before:
            self._on_damage(self._cache.dropped)
        for request, key in keys.items():
            if key in stored:
                self._known[request] = Measurement(**stored[key])
        return [request for request in requests if request not in self._known]

    def _remember(self, found: dict[Request, Measurement]) -> None:
        if self._cache is None:
            return
        lasting = {
            self._key(request): measurement.as_dict()
            for request, measurement in found.items()
            if measurement.failure in _LASTING
        }
        self._cache.put(lasting)

    def _key(self, request: Request) -> str:
        action = ".".join(map(str, request.action))
        native = NATIVE if request.native else 0
        return f"{self._version}:{request.image}:{action}:{request.full:d}{native}"


class LocalBackend:
    """Measures in this process: for tests, tiny jobs, and machines without processes.

    Args:
        bench: Does the work.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def run(
        self, groups: Sequence[Group], on_wait: Callable[[], None]
    ) -> Iterator[tuple[int, list[Measurement]]]:
        """As `Backend.run`."""
        for index, group in enumerate(groups):
            on_wait()
            yield index, [self._bench.measure(request) for request in group]


class WorkerBackend:
    """Measures in worker processes. A failed group is tried again request by request.

    A request that fails again is given up: its measurement is `failed`, and who wants to know is
    told.

    Args:
        workers: The processes.
        time_limit: Time for one request (s).
        on_give_up: Called with the request and the reason.
        on_restart: Called with the reason each time a worker had to be replaced.
    """

    def __init__(
        self,
        workers: Workers[Group, list[Measurement]],
        time_limit: float,
        *,
        on_give_up: Callable[[Request, str], None] = lambda _request, _reason: None,
        on_restart: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._workers = workers
        self._time_limit = time_limit
        self._on_give_up = on_give_up
        self._on_restart = on_restart

    def run(
        self, groups: Sequence[Group], on_wait: Callable[[], None]
    ) -> Iterator[tuple[int, list[Measurement]]]:
        """As `Backend.run`."""
        # Longest first: no worker is left with a long group when the others are done.
        order = sorted(range(len(groups)), key=lambda index: -_work(groups[index]))
        tasks = [groups[index] for index in order]
        limits = [self._time_limit * len(group) for group in tasks]
        for outcome in self._workers.run(tasks, time_limits=limits, on_wait=on_wait):
            measurements = outcome.result
            if measurements is None:
                self._tell_restart(outcome.error)
                _LOG.warning("measuring again, one by one: %s", outcome.error)
                measurements = self._one_by_one(tasks[outcome.index], on_wait)
            yield order[outcome.index], measurements

    def _one_by_one(self, group: Group, on_wait: Callable[[], None]) -> list[Measurement]:
        singles: list[Group] = [(request,) for request in group]
        limits = [self._time_limit] * len(singles)
        measurements = []
        for outcome in self._workers.run(singles, time_limits=limits, on_wait=on_wait):
            if outcome.result is None:
                if not isinstance(outcome.error, TraceError):
                    raise outcome.error or AssertionError  # the image itself is missing or damaged
                self._tell_restart(outcome.error)
                reason = outcome.error.reason
                request = singles[outcome.index][0]
                _LOG.warning("image %s failed twice (%s)", request.image, reason)
                self._on_give_up(request, reason)
                measurements.append(failed(reason))
            else:
                measurements.extend(outcome.result)
        return measurements

    def _tell_restart(self, error: VtrainError | None) -> None:
        if isinstance(error, TraceError):  # what else fails leaves the worker as it was
            self._on_restart(error.reason)


def open_engine(
    images: Path,
    *,
    workers: int,
    tracing: TracingConfig,
    cache: Path | None,
    on_wait: Callable[[], None] = lambda: None,
    on_give_up: Callable[[Request, str], None] = lambda _request, _reason: None,
    on_restart: Callable[[str], None] = lambda _reason: None,
    on_damage: Callable[[int], None] = lambda _count: None,
) -> AbstractContextManager[Engine]:
    """An engine over the images of a run directory, for use in a `with` statement.

    Args:
        images: Folder of prepared images.
        workers: Processes; 0 for one per usable core.
        tracing: Limits.
        cache: File of the measurement cache; None for none.
        on_wait: See `Engine`.
        on_give_up: See `WorkerBackend`.
        on_restart: See `WorkerBackend`.
        on_damage: See `Engine`.

    Raises:
        StorageError: The cache cannot be opened.
    """
    return _engine(
        images,
        workers or usable_cores(),
        tracing,
        cache,
        on_wait=on_wait,
        on_give_up=on_give_up,
        on_restart=on_restart,
        on_damage=on_damage,
    )


@contextmanager
def _engine(
    images: Path,
    workers: int,
    tracing: TracingConfig,
    cache: Path | None,
    *,
    on_wait: Callable[[], None],
    on_give_up: Callable[[Request, str], None],
    on_restart: Callable[[str], None],
    on_damage: Callable[[int], None],
) -> Iterator[Engine]:
    with ExitStack() as stack:
        store = stack.enter_context(closing(MeasurementCache(cache))) if cache else None
        shelf = stack.enter_context(open_shelf(tracing.shared_memory))
        pool = Workers[Group, list[Measurement]](
            _measure_group,
            count=workers,
            memory_limit=tracing.memory_limit,
            setup=_set_up_bench,
            setup_arguments=(images, tracing.output_limit, shelf),
        )
        stack.enter_context(closing(pool))
        backend = WorkerBackend(
            pool, tracing.time_limit, on_give_up=on_give_up, on_restart=on_restart
        )
        yield Engine(backend, store, on_wait=on_wait, on_damage=on_damage)


def _by_image(requests: Sequence[Request]) -> list[Group]:
    """Requests grouped by image, so that a worker decodes an image and its reference once."""
    ordered = sorted(requests, key=lambda request: request.image)
    groups = []
    for _, of_one in groupby(ordered, key=lambda request: request.image):
        group = tuple(of_one)
        groups += [group[i : i + _MOST_TOGETHER] for i in range(0, len(group), _MOST_TOGETHER)]
    return groups


def _work(group: Group) -> int:
    """Relative time of a group: traced pixels, plus the render and the score of each."""
    return sum(decode_action(request.action).upscale ** 2 + 4 for request in group)


_BENCH: list[Bench] = []
"""The worker process's own bench: pebble gives a worker no other place to keep one."""


def _set_up_bench(images: Path, output_limit: int, shelf: Shelf | None) -> None:
    # Compiled, or loaded, before the limits of a trace hold.
    warm_up()
    _BENCH[:] = [Bench(ImageStore(images), output_limit=output_limit, shelf=shelf)]


def _measure_group(group: Group) -> list[Measurement]:
    measurements = []
    for request in group:
        end_if_orphaned()
        measurements.append(_BENCH[0].measure(request))
    if any(measurement.failure == "panic" for measurement in measurements):
        # As after a death: a new process tries again, and a second time gives the request up.
        raise TraceError("panic", "VTracer panicked")
    return measurements
