"""The engine gives the same measurements whatever does the work, and survives what kills it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import vtracer

from vtrain.config.data import DataConfig
from vtrain.config.schema import TracingConfig
from vtrain.data.catalog import Catalog
from vtrain.data.prepare import prepare
from vtrain.data.store import ImageStore
from vtrain.environment import engine as engine_module
from vtrain.environment import measurement, versions
from vtrain.environment.engine import Engine, Group, LocalBackend, WorkerBackend, open_engine
from vtrain.environment.measurement import Bench, Measurement, Request, failed
from vtrain.environment.versions import judging_version
from vtrain.errors import DataError
from vtrain.rundir import RunDirectory
from vtrain.tracing.parameters import PRESETS, canonical, encode_settings
from vtrain.tracing.trace import Trace, trace_prepared
from vtrain.tracing.workers import Workers

ACTIONS = [canonical(encode_settings(PRESETS[name])) for name in ("default", "recipe")]
GOOD = Measurement(1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1, 1, 1, 1, None, 1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Four small logos."""
    made = RunDirectory.create(tmp_path_factory.mktemp("engine") / "run", name="engine")
    prepare([], run=made, config=DataConfig(sample_count=4, input_size=48), workers=0)
    return made


@pytest.fixture(scope="module")
def requests(run: RunDirectory) -> list[Request]:
    images = [entry.id for entry in Catalog.load(run.catalog).entries]
    return [Request(image, action) for action in ACTIONS for image in images]


@pytest.fixture(scope="module")
def expected(run: RunDirectory, requests: list[Request]) -> list[Measurement]:
    bench = Bench(ImageStore(run.images), output_limit=4_000_000)
    return Engine(LocalBackend(bench)).measure(requests)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_measure_as_this_process_does(
    run: RunDirectory, requests: list[Request], expected: list[Measurement], workers: int
) -> None:
    seen: list[tuple[int, int]] = []
    with open_engine(run.images, workers=workers, tracing=TracingConfig(), cache=None) as engine:
        found = engine.measure([*requests, requests[0]], lambda *done: seen.append(done))
        again = engine.measure(requests)

    assert found == [*expected, expected[0]]
    assert again == expected
    assert engine.traces == len(requests)
    assert engine.requests == 2 * len(requests) + 1
    assert engine.hits == len(requests)
    assert seen[-1] == (len(requests) + 1, len(requests) + 1)


def test_a_new_engine_takes_the_cache_of_the_one_before(
    run: RunDirectory, requests: list[Request], expected: list[Measurement], tmp_path: Path
) -> None:
    for traces in (len(requests), 0):
        with open_engine(
            run.images, workers=1, tracing=TracingConfig(), cache=tmp_path / "cache.sqlite"
        ) as engine:
            assert engine.measure(requests) == expected
            assert engine.traces == traces


def test_only_answers_by_the_input_are_asked_for_anew_when_its_stand_in_changes(
    run: RunDirectory, requests: list[Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [requests[0], replace(requests[0], native=True)]

    def traces() -> int:
        with open_engine(
            run.images, workers=1, tracing=TracingConfig(), cache=tmp_path / "cache.sqlite"
        ) as engine:
            engine.measure(both)
            return engine.traces

    before = judging_version(native=True), judging_version(native=False)
    assert [traces(), traces()] == [2, 0]
    later = versions.NATIVE + 1
    for module in ("engine", "versions"):
        monkeypatch.setattr(f"vtrain.environment.{module}.NATIVE", later)
    assert [traces(), traces()] == [1, 0]
    assert judging_version(native=True) != before[0]
    assert judging_version(native=False) == before[1]


def test_a_drawing_that_is_judged_twice_is_made_once(
    run: RunDirectory, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(*arguments: Any, **named: Any) -> Trace:
        made.append(1)
        return trace_prepared(*arguments, **named)

    monkeypatch.setattr(measurement, "trace_prepared", counted)
    bench = Bench(ImageStore(run.images), output_limit=4_000_000)

    true, native = bench.measure(requests[0]), bench.measure(replace(requests[0], native=True))
    other = bench.measure(requests[-1])
    count = len(made)
    alone = Bench(ImageStore(run.images), output_limit=4_000_000)

    assert count == 2
    assert native == alone.measure(replace(requests[0], native=True))
    assert (true.bytes, true.segments) == (native.bytes, native.segments)
    assert other == alone.measure(requests[-1])


def test_a_worker_asks_before_each_trace_whether_anybody_wants_it(
    run: RunDirectory,
    requests: list[Request],
    expected: list[Measurement],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where no signal tells it that the main process was killed."""

    class Orphaned(BaseException):
        """Ends it, as the process would end."""

    made: list[int] = []

    def gone_after_one() -> None:
        if len(made) == 1:
            raise Orphaned

    def counted(*arguments: Any, **named: Any) -> Trace:
        made.append(1)
        return trace_prepared(*arguments, **named)

    bench = Bench(ImageStore(run.images), output_limit=4_000_000)
    monkeypatch.setattr(engine_module, "_BENCH", [bench])

    alone = engine_module._measure_group(tuple(requests))
    monkeypatch.setattr(measurement, "trace_prepared", counted)
    monkeypatch.setattr(engine_module, "end_if_orphaned", gone_after_one)
    with pytest.raises(Orphaned):
        engine_module._measure_group(tuple(requests))

    assert alone == expected
    assert len(made) == 1


def die_or_measure(group: Group) -> list[Measurement]:
    """Die of an image named so; of one that names a file, only while it is there."""
    for request in group:
        mark = Path(request.image)
        if request.image == "deadly" or mark.exists():
            mark.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)
    return [GOOD for _ in group]


def set_up(images: Path, marks: Path) -> None:
    """Have VTracer really panic in a group's first trace, and then in that one by itself."""
    engine_module._set_up_bench(images, 4_000_000, None)
    real = vtracer.convert_raw_image_to_svg
    left = 1  # in each of two processes

    def convert(png: bytes, **arguments: Any) -> str:
        nonlocal left
        number = len(list(marks.iterdir()))
        if left and number < 2:
            left -= 1
            (marks / str(number)).touch()
            arguments["color_precision"] = 0
        return str(real(png, **arguments))

    vtracer.convert_raw_image_to_svg = convert


def panic_or_measure(group: Group) -> list[Measurement]:
    """As the engine's own workers."""
    return engine_module._measure_group(group)


def ready() -> None:
    """Nothing to set up."""


@pytest.fixture
def workers() -> Iterator[Workers[Group, list[Measurement]]]:
    pool = Workers[Group, list[Measurement]](
        die_or_measure, count=1, memory_limit=512, setup=ready, setup_arguments=()
    )
    with closing(pool):
        yield pool


def test_a_death_is_tried_again_and_a_second_one_given_up(
    workers: Workers[Group, list[Measurement]], tmp_path: Path
) -> None:
    mark = tmp_path / "once"
    mark.touch()
    given_up: list[tuple[Request, str]] = []
    restarts: list[str] = []
    engine = Engine(
        WorkerBackend(
            workers,
            30.0,
            on_give_up=lambda *told: given_up.append(told),
            on_restart=restarts.append,
        )
    )
    deadly = Request("deadly", ACTIONS[0])
    wanted: Sequence[Request] = [
        Request("fine", ACTIONS[0]),
        Request(str(mark), ACTIONS[0]),
        deadly,
        Request("fine", ACTIONS[1]),
    ]

    found = engine.measure(wanted)

    assert found == [GOOD, GOOD, failed("worker-died"), GOOD]
    assert given_up == [(deadly, "worker-died")]
    # One for the death that was survived, two for the other.
    assert restarts == ["worker-died"] * 3
    # It is known by now, and kills no other worker.
    assert engine.measure([deadly]) == [failed("worker-died")]
    assert len(given_up) == 1


def test_a_panic_is_tried_again_in_another_process_and_then_given_up(
    run: RunDirectory,
    requests: list[Request],
    expected: list[Measurement],
    tmp_path: Path,
) -> None:
    of_one = [place for place, item in enumerate(requests) if item.image == requests[0].image]
    group, measured = [requests[i] for i in of_one], [expected[i] for i in of_one]
    pool = Workers[Group, list[Measurement]](
        panic_or_measure,
        count=1,
        memory_limit=1024,
        setup=set_up,
        setup_arguments=(run.images, tmp_path),
    )
    given_up: list[tuple[Request, str]] = []
    with closing(pool):
        engine = Engine(WorkerBackend(pool, 30.0, on_give_up=lambda *told: given_up.append(told)))
        found = engine.measure(group)

    assert found == [failed("panic"), measured[1]]
    assert given_up == [(group[0], "panic")]


def test_an_image_that_is_missing_is_an_error_wherever_it_is_measured_and_not_remembered(
    run: RunDirectory, requests: list[Request], expected: list[Measurement], tmp_path: Path
) -> None:
    cache = tmp_path / "cache.sqlite"
    gone = run.images / f"{requests[0].image}-input.png"
    data = gone.read_bytes()
    gone.unlink()
    try:
        with (
            open_engine(run.images, workers=1, tracing=TracingConfig(), cache=cache) as engine,
            pytest.raises(DataError, match=gone.name),
        ):
            engine.measure(requests[:1])
        local = Engine(LocalBackend(Bench(ImageStore(run.images), output_limit=4_000_000)))
        with pytest.raises(DataError, match=gone.name):
            local.measure(requests[:1])
    finally:
        gone.write_bytes(data)

    with open_engine(run.images, workers=1, tracing=TracingConfig(), cache=cache) as engine:
        assert engine.measure(requests[:1]) == expected[:1]


def test_what_hit_a_limit_is_measured_again_under_another(
    run: RunDirectory, requests: list[Request], expected: list[Measurement], tmp_path: Path
) -> None:
    cache = tmp_path / "cache.sqlite"
    tight = TracingConfig().model_copy(update={"output_limit": 10})
    with open_engine(run.images, workers=1, tracing=tight, cache=cache) as engine:
        assert engine.measure(requests[:1]) == [failed("output-limit")]

    with open_engine(run.images, workers=1, tracing=TracingConfig(), cache=cache) as engine:
        assert engine.measure(requests[:1]) == expected[:1]


def test_many_requests_for_one_image_are_spread_over_workers() -> None:
    class Counting:
        """Notes the sizes of groups."""

        def __init__(self) -> None:
            self.sizes: list[int] = []

        def run(
            self, groups: Sequence[Group], _wait: Callable[[], None]
        ) -> Iterator[tuple[int, list[Measurement]]]:
            for index, group in enumerate(groups):
                self.sizes.append(len(group))
                yield index, [GOOD for _ in group]

    backend = Counting()
    levels = [list(ACTIONS[1]) for _ in range(9)]
    for number, action in enumerate(levels):
        action[6] = number  # filter_speckle
    Engine(backend).measure([Request("one", tuple(action)) for action in levels])

    assert backend.sizes == [8, 1]


def test_no_more_than_the_latest_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    class Always:
        """Measures nothing."""

        def run(
            self, groups: Sequence[Group], _wait: Callable[[], None]
        ) -> Iterator[tuple[int, list[Measurement]]]:
            for index, group in enumerate(groups):
                yield index, [GOOD for _ in group]

    monkeypatch.setattr("vtrain.environment.engine._MOST_KNOWN", 5)
    engine = Engine(Always())
    wanted = [Request(f"{number:02d}", ACTIONS[0]) for number in range(12)]

    assert engine.measure(wanted) == [GOOD] * 12
    engine.measure(wanted[7:])
    assert engine.traces == 12
    engine.measure(wanted[:1])
    assert engine.traces == 13


def test_what_was_measured_before_a_break_is_kept(
    run: RunDirectory, requests: list[Request], expected: list[Measurement]
) -> None:
    left = 4  # once before everything, then before each image

    def enough() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise InterruptedError

    bench = Bench(ImageStore(run.images), output_limit=4_000_000)
    engine = Engine(LocalBackend(bench), on_wait=enough)

    with pytest.raises(InterruptedError):
        engine.measure(requests)
    before = engine.hits

    assert engine.measure(requests) == expected
    assert engine.hits - before == 4  # two images, two settings each
