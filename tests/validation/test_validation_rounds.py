"""Searches are driven in step, counted and ended."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.validation.judging import Bench, Fixed, entry, measurement, table
from vtrain.config.scoring import ScoringConfig
from vtrain.data.records import Entry
from vtrain.environment.measurement import Measurement, Request, failed
from vtrain.tracing.parameters import PRESETS, Action, canonical, encode_settings
from vtrain.validation.baselines import Chooser, CmaesSearch, RandomChooser, Search, TpeSearch
from vtrain.validation.judge import Judgement, judge
from vtrain.validation.rounds import look

DEFAULT, FLATTENED, POSTER, PHOTO, RECIPE = (
    canonical(encode_settings(settings)) for settings in PRESETS.values()
)
SCORING = ScoringConfig()
TABLE = table([RECIPE], [[1.0]])


class Script:
    """A search that asks for the same actions one after another, over and over."""

    def __init__(self, *actions: Action, name: str = "script") -> None:
        self.name = name
        self.told: list[float] = []
        self.asked = 0
        self._actions = actions

    def start(self, entry: Entry, taste: float, count: int) -> Script:  # noqa: ARG002  protocol
        return self

    def ask(self) -> Action:
        self.asked += 1
        return self._actions[(self.asked - 1) % len(self._actions)]

    def tell(self, utility: float) -> None:
        self.told.append(utility)


def searched(
    *searches: Search, measure: Callable[[Request], Measurement], traces: int, images: int = 1
) -> tuple[Judgement, Bench]:
    bench = Bench(measure)
    found = judge(searches, [entry(image) for image in range(images)], engine=bench,
                  tastes={"fidelity": 0.05}, traces=traces, scoring=SCORING)  # fmt: skip
    return found, bench


def by_action(**appearance: float) -> Callable[[Request], Measurement]:
    values = {canonical(encode_settings(PRESETS[name])): v for name, v in appearance.items()}
    return lambda request: measurement(values.get(request.action, 0.0))


def test_a_search_keeps_the_best_that_it_saw_and_counts_each_trace() -> None:
    script = Script(POSTER, PHOTO, RECIPE, FLATTENED)

    found, _ = searched(script, measure=by_action(poster=3, photo=9, recipe=5), traces=3)

    (row,) = found.rows
    assert row.action == PHOTO
    assert row.traces == script.asked == 3


def test_an_action_asked_for_again_costs_nothing_and_is_answered() -> None:
    script = Script(POSTER, POSTER, PHOTO)

    found, bench = searched(script, measure=by_action(poster=3, photo=9), traces=2)

    assert found.rows[0].traces == 2
    assert script.told[0] == script.told[1] < script.told[2]
    native = [request.action for call in bench.calls for request in call if request.native]
    assert native == [POSTER, PHOTO]


def test_a_search_that_asks_for_nothing_new_ends() -> None:
    script = Script(POSTER, PHOTO)

    found, _ = searched(script, measure=by_action(poster=3), traces=16)

    assert found.rows[0].traces == 2
    assert found.rows[0].action == POSTER


def test_a_search_is_judged_against_the_input() -> None:
    def measure(request: Request) -> Measurement:
        good = POSTER if request.native else PHOTO
        return measurement(9.0 if request.action == good else 1.0)

    found, _ = searched(Script(POSTER, PHOTO), measure=measure, traces=2)

    assert found.rows[0].action == POSTER


def test_a_failure_is_told_as_the_worst_and_not_kept() -> None:
    script = Script(PHOTO, POSTER)

    def measure(request: Request) -> Measurement:
        return failed("panic") if request.action == PHOTO else measurement(-10.0, 10**6)

    found, _ = searched(script, measure=measure, traces=2)

    assert script.told[0] < script.told[1]
    assert found.rows[0].action == POSTER
    assert found.rows[0].traces == 2


def test_all_images_of_a_round_are_measured_at_once_with_those_that_choose_at_once() -> None:
    bench = Bench(by_action(poster=3))
    choosers: list[Chooser | Search] = [
        TpeSearch(TABLE),
        CmaesSearch(TABLE),
        Fixed("fixed", POSTER, PHOTO),
    ]

    choices, done = look(choosers, [entry(image) for image in range(5)], engine=bench,
                         tastes={"fidelity": 0.05, "compact": 1.0}, traces=4,
                         scoring=SCORING)  # fmt: skip

    assert len(bench.calls) == 4
    assert {request.image for request in bench.calls[-1]} == {entry(i).id for i in range(5)}
    assert [choice.chooser for choice in choices[:3]] == ["tpe", "cmaes", "fixed"]
    assert done == sum(len(call) for call in bench.calls)
    # Both searches start from the same setting at both tastes: it is measured once an image.
    assert len(bench.calls[0]) == 5 * 3


def test_progress_grows_and_ends_at_what_was_wanted() -> None:
    seen: list[tuple[int, int]] = []

    judge([TpeSearch(TABLE), Script(POSTER, PHOTO)], [entry(1), entry(2)],
          engine=Bench(by_action(poster=3)), tastes={"fidelity": 0.05}, traces=5,
          scoring=SCORING,
          on_progress=lambda done, total: seen.append((done, total)))  # fmt: skip

    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert all(done <= total for done, total in seen)
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("traces", [1, 2, 7, 20])
def test_searches_spend_their_traces_and_never_more(traces: int) -> None:
    found, bench = searched(
        TpeSearch(TABLE), CmaesSearch(TABLE),
        measure=lambda request: measurement(-float(sum(request.action))),
        traces=traces, images=3,
    )  # fmt: skip

    assert {row.traces for row in found.rows} == {traces}
    native = {request for call in bench.calls for request in call if request.native}
    assert len(native) <= 2 * 3 * traces


def test_a_search_of_one_trace_is_the_best_fixed_setting() -> None:
    found, _ = searched(TpeSearch(TABLE), CmaesSearch(TABLE), measure=by_action(), traces=1)

    assert [row.action for row in found.rows] == [RECIPE, RECIPE]


def test_the_order_of_the_images_changes_nothing() -> None:
    choosers: list[Chooser | Search] = [TpeSearch(TABLE), CmaesSearch(TABLE), RandomChooser()]
    entries = [entry(image) for image in range(4)]

    def judged(images: list[Entry]) -> set[tuple[str, str, Action]]:
        found = judge(choosers, images,
                      engine=Bench(lambda request: measurement(-float(sum(request.action)))),
                      tastes={"fidelity": 0.05}, traces=9, scoring=SCORING)  # fmt: skip
        return {(row.image, row.chooser, row.action) for row in found.rows}

    assert judged(entries) == judged(entries[::-1])
