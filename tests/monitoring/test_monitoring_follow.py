"""Figures of learning out of a run's growing files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from vtrain.config.monitoring import AlertsConfig
from vtrain.monitoring.alerts import Alerts, Figure
from vtrain.monitoring.follow import JsonlTail, RunFollower
from vtrain.rundir import JsonlWriter, RunDirectory, write_jsonl


def update(number: int, *, seconds: float = 12.0, **changes: Any) -> dict[str, Any]:
    return {
        "update": number,
        "traces": number * 500,
        "stage": "simple",
        "entropy": 5.0,
        "approx_kl": 0.01,
        "explained_variance": 0.3,
        "validation_utility": None,
        "wall": {"seconds": seconds, "traces_measured": 300, "cache_hits": 200},
        **changes,
    }


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path)


def values(figures: list[Figure], name: str) -> list[float]:
    return [figure.value for figure in figures if figure.name == name]


def write(run: RunDirectory, *records: dict[str, Any]) -> None:
    with JsonlWriter(run.metrics) as metrics:
        for record in records:
            metrics.write(record)


def test_a_tail_gives_each_whole_record_once(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    tail = JsonlTail(path)
    seen = [tail.read()]
    for text in ('{"a": 1}\n{"a": ', "2}\n", "torn\n3\n", '{"a": 4}\n'):
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
        seen.append(tail.read())

    assert seen == [[], [{"a": 1}], [{"a": 2}], [], [{"a": 4}]]


def test_a_file_that_was_replaced_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    tail = JsonlTail(path)
    write_jsonl(path, [{"a": 1}, {"a": 2}])
    tail.read()
    write_jsonl(path, [{"a": 1}])

    assert tail.read() == [{"a": 1}]
    assert tail.replaced


def test_a_speed_that_halves_is_told_by_its_share(run: RunDirectory) -> None:
    follower = RunFollower(run, since=time.time())
    write(run, *(update(n) for n in range(1, 10)), update(10, seconds=36.0))

    found = values(follower.figures(time.time()), "throughput")

    assert found[-1] == pytest.approx(1 / 3)
    assert found[:-1] == pytest.approx([1.0] * len(found[:-1]))


def test_more_answers_from_the_cache_are_not_slow(run: RunDirectory) -> None:
    follower = RunFollower(run, since=time.time())
    wall = {"seconds": 12.0, "traces_measured": 10, "cache_hits": 490}
    write(run, *(update(n) for n in range(1, 10)), update(10, wall=wall))

    assert values(follower.figures(time.time()), "throughput")[-1] == pytest.approx(1.0)


def test_another_stage_and_a_check_are_not_compared(run: RunDirectory) -> None:
    follower = RunFollower(run, since=time.time())
    write(run, *(update(n) for n in range(1, 10)))
    follower.figures(time.time())
    write(run, update(10, seconds=90.0, validation_utility=1.0))
    write(run, update(11, seconds=90.0, stage="complex"))

    assert values(follower.figures(time.time()), "throughput") == []


def test_the_entropy_is_a_share_of_the_first_also_after_a_restart(run: RunDirectory) -> None:
    write(run, update(1, entropy=8.0))
    follower = RunFollower(run, since=time.time())
    write(run, update(2, entropy=2.0))

    assert values(follower.figures(time.time()), "entropy") == [0.25]


def test_a_value_that_is_not_finite_is_bad_until_the_next_update(run: RunDirectory) -> None:
    follower = RunFollower(run, since=time.time())
    run.record_event("non-finite", what="loss", images=[])
    bad = follower.figures(time.time())
    write(run, update(1))

    assert values(bad, "non_finite") == [1.0]
    assert "loss is not finite" in next(f.text for f in bad if f.name == "non_finite")
    assert values(follower.figures(time.time()), "non_finite") == [0.0]


def test_replaced_workers_are_counted_over_ten_minutes(run: RunDirectory) -> None:
    follower = RunFollower(run, since=time.time())
    for _ in range(6):
        run.record_event("worker_restarted", reason="panic")

    assert values(follower.figures(time.time()), "worker_restarts") == [6]
    assert values(follower.figures(time.time() + 700.0), "worker_restarts") == [0]


def test_alerts_are_no_sign_of_life(run: RunDirectory) -> None:
    began = time.time()
    follower = RunFollower(run, since=began - 2000.0)
    run.record_event("alert", name="heartbeat", level="warn")
    (silent,) = values(follower.figures(began), "heartbeat")
    run.record_event("stage", name="text")
    (alive,) = values(follower.figures(began), "heartbeat")

    assert silent == pytest.approx(2000.0)
    assert alive < 5.0


def test_a_normal_run_has_no_alert(run: RunDirectory) -> None:
    """Figures as a real training wrote them: noisy speeds, falling entropy, early checks."""
    alerts = Alerts(AlertsConfig())
    follower = RunFollower(run, since=time.time())
    told = []
    for number in range(1, 300):
        wall = {
            "seconds": 8.0 + (number * 7 % 5) + (60.0 if number % 20 == 0 else 0.0),
            "traces_measured": 450 - number,
            "cache_hits": 571 + number,
        }
        record = update(
            number,
            traces=number * 1024,
            stage="simple" if number < 14 else "complex",
            entropy=5.76 - 0.005 * number,
            approx_kl=0.03 / (1 + number % 7),
            explained_variance=-0.12 + 0.002 * number,
            validation_utility=0.1 if number % 20 == 0 else None,
            wall=wall,
        )
        write(run, record)
        told += alerts.update(follower.figures(time.time()))

    assert told == []
