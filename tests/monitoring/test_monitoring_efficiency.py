"""What a training makes of its time, and what would make it faster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vtrain.config.load import load_config
from vtrain.monitoring.advice import Advice, Situation, advise
from vtrain.monitoring.efficiency import Efficiency, efficiency
from vtrain.monitoring.summary import summarise


def record(number: int, **wall: Any) -> dict[str, Any]:
    return {
        "update": number,
        "validation_utility": float(number) if number % 2 else None,
        "wall": {
            "seconds": 10.0,
            "traces_measured": 300,
            "cache_hits": 700,
            "rollout_seconds": 6.0,
            "learn_seconds": 1.0,
            "check_seconds": 2.0,
            "save_seconds": 0.5,
            "measure_seconds": 7.0,
            **wall,
        },
    }


def sample(at: float) -> dict[str, Any]:
    return {
        "time": at,
        "pid": 7,
        "cpu_percent": 180.0,
        "rss": 10,
        "threads": 3,
        "processes": 3,
        "memory_left": 10**9,
        "disk_free": 10**10,
        "energy": at * 20.0,
        "gpus": [],
        "by_process": [
            {"pid": 7, "name": "python", "cpu_percent": 30.0, "rss": 10**8},
            {"pid": 8, "name": "python", "cpu_percent": 80.0, "rss": 10**8},
            {"pid": 9, "name": "python", "cpu_percent": 70.0, "rss": 10**8},
        ],
    }


def test_figures_of_a_known_course() -> None:
    samples = [sample(0.0), sample(30.0)]

    found = efficiency([record(1), record(2), record(3)], samples, summarise(samples), workers=2)

    assert found == Efficiency(
        updates=3,
        seconds=30.0,
        steps_per_second=100.0,
        traces_per_second=30.0,
        cache_hit_rate=0.7,
        rollout=0.6,
        learn=0.1,
        check=0.2,
        save=0.05,
        other=0.05,
        measure=0.7,
        worker_utilisation=0.75,
        cpu_seconds=54.0,
        # The checks rose from 1 to 3.
        cpu_seconds_per_gain=27.0,
        joules_per_gain=300.0,
    )


def test_what_was_wanted_twice_at_once_is_a_step_and_not_remembered() -> None:
    found = efficiency([record(1, requests=2000)], [], None, 2)

    assert found is not None
    assert (found.steps_per_second, found.cache_hit_rate) == (200.0, 0.7)


def test_records_of_an_older_version_have_no_shares() -> None:
    found = efficiency([{"update": 1, "wall": {"seconds": 2.0, "traces_measured": 8}}], [], None, 2)

    assert found is not None
    assert found.traces_per_second == 4.0
    assert (found.rollout, found.other, found.measure) == (None, None, None)
    assert found.cpu_seconds is None


def test_without_a_time_there_is_nothing_to_say() -> None:
    assert efficiency([], [], None, 2) is None
    assert efficiency([{"update": 1}], [], None, 2) is None


# As `efficiency` gave it for 1024 traces per update on two cores, with one worker.
RECORDED = Efficiency(
    updates=20,
    seconds=180.0,
    steps_per_second=113.0,
    traces_per_second=51.0,
    cache_hit_rate=0.55,
    rollout=0.86,
    learn=0.08,
    check=0.04,
    save=0.01,
    other=0.01,
    measure=0.85,
    worker_utilisation=0.85,
    cpu_seconds=200.0,
    cpu_seconds_per_gain=None,
    joules_per_gain=None,
)


def situation(found: Efficiency, *settings: str, cores: int = 2, **more: Any) -> Situation:
    return Situation(found, load_config((), settings).config, cores, **more)


def test_idle_cores_while_traces_are_waited_for_want_workers() -> None:
    (advice,) = advise(situation(RECORDED, "resources.workers=1"))

    assert advice == Advice(
        "traces are waited for 85% of the time, and 1 of 2 cores trace",
        "--set resources.workers=2",
        1.62,
    )
    assert str(advice).endswith(": --set resources.workers=2, about 1.6x")


# 64 environments of 8 steps, each with a new trace: updates of 512.
ALL_MEASURING = replace(
    RECORDED,
    updates=10,
    seconds=100.0,
    traces_per_second=51.2,
    measure=1.0,
    worker_utilisation=None,
)


@pytest.mark.parametrize(
    ("changes", "gain"),
    [
        # Two workers do 1.85 of one, and wait for the last of 64 jobs; 0.5 % is handing out.
        ({}, 1.82),
        ({"worker_utilisation": 0.995}, 1.82),
        # The main process's own half stays as it is.
        ({"measure": 0.5}, 1.29),
        # 2000 traces a second take 0.2 of the time to be handed out.
        ({"traces_per_second": 2000.0, "seconds": 2.56}, 1.57),
        ({"traces_per_second": 2000.0, "seconds": 2.56, "measure": 0.5}, 1.16),
        # Workers that are busy for 0.6 of the time are what more of them shorten.
        ({"worker_utilisation": 0.6}, 1.37),
    ],
)
def test_more_workers_shorten_what_workers_do(changes: dict[str, Any], gain: float) -> None:
    found = replace(ALL_MEASURING, **changes)

    (advice,) = advise(situation(found, "resources.workers=1"))

    assert advice.gain == gain


def test_steps_of_few_environments_keep_few_workers_busy() -> None:
    few = situation(ALL_MEASURING, "resources.workers=1", "ppo.n_envs=8", cores=8)
    many = situation(ALL_MEASURING, "resources.workers=1", cores=8)

    gains = [advise(each)[0].gain for each in (few, many)]

    # 1 / (0.005 + 0.995 * (1 / 6.95 + 7 / 8 / jobs)), for 8 and for 64 jobs.
    assert gains == [3.89, 6.18]


def test_workers_are_not_asked_for_that_memory_has_no_room_for() -> None:
    gib = 2**30
    roomy = situation(
        RECORDED, "resources.workers=1", cores=8, memory_left=8 * gib, worker_memory=gib
    )
    tight = replace(roomy, memory_left=gib)

    assert [advice.change for advice in advise(roomy)] == ["--set resources.workers=5"]
    assert advise(tight) == []


@pytest.mark.parametrize(("idle", "gains"), [(1.0, [1.62]), (0.5, [1.33]), (0.1, [])])
def test_cores_that_others_use_are_not_promised(idle: float, gains: list[float]) -> None:
    found = advise(situation(RECORDED, "resources.workers=1", idle_cores=idle))

    assert [advice.gain for advice in found] == gains


def test_checks_that_take_much_of_the_time_can_be_made_less_often() -> None:
    (advice,) = advise(situation(replace(RECORDED, check=0.5)))

    assert (advice.change, advice.gain) == ("--set validation.every_updates=40", 1.33)


def test_checks_that_time_asks_for_are_made_less_often_by_time_too() -> None:
    (advice,) = advise(situation(replace(RECORDED, check=0.5), "validation.every_minutes=2.5"))

    assert advice.change == "--set validation.every_updates=40 --set validation.every_minutes=5"
    assert "every 20 updates or 2.5 min" in advice.evidence


def test_a_training_that_is_in_order_gets_no_advice() -> None:
    assert advise(situation(RECORDED)) == []
    assert advise(situation(replace(RECORDED, updates=1, check=0.9))) == []


def test_every_change_is_one_that_the_configuration_takes() -> None:
    bad = replace(RECORDED, check=0.6)

    changes = [advice.change for advice in advise(situation(bad, "resources.workers=1"))]

    assert len(changes) == 2
    for change in changes:
        load_config((), [change.removeprefix("--set ")])
