"""When an alert is raised, told once, and over."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vtrain.config.monitoring import AlertName, AlertsConfig
from vtrain.monitoring.alerts import HINTS, KIND, Alert, Alerts, Figure, levels_of

CONFIG = AlertsConfig(memory=(0.8, 0.9), seconds=10.0, hysteresis=0.1, updates=3)


def memory(value: float, at: float) -> Figure:
    return Figure("memory", value, f"memory: {value:.0%}", at)


def told(alerts: Alerts, *values: tuple[float, float]) -> list[tuple[float, str]]:
    """What is told of the memory: time and level."""
    found: list[tuple[float, str]] = []
    for at, value in values:
        found += [(at, alert.level) for alert in alerts.update([memory(value, at)])]
    return found


def test_a_figure_beyond_its_level_for_long_enough_is_an_alert_once() -> None:
    alerts = Alerts(CONFIG)

    assert told(alerts, (0, 0.85), (5, 0.85), (10, 0.85), (15, 0.85), (90, 0.85)) == [(10, "warn")]
    assert alerts.active() == {("memory", ""): "warn"}


def test_a_short_peak_is_no_alert() -> None:
    assert told(Alerts(CONFIG), (0, 0.99), (5, 0.99), (9, 0.5), (12, 0.99), (21, 0.99)) == []


def test_a_figure_that_swings_between_both_levels_is_a_warning() -> None:
    swings = [(float(at), 0.95 if at % 2 else 0.85) for at in range(12)]

    assert told(Alerts(CONFIG), *swings) == [(10.0, "warn")]


def test_an_alert_gets_worse_better_and_is_over() -> None:
    course = [(0, 0.95), (10, 0.95), (20, 0.79), (30, 0.79), (40, 0.5), (45, 0.5), (50, 0.5)]

    assert told(Alerts(CONFIG), *course) == [(10, "critical"), (30, "warn"), (50, "resolved")]


def test_a_figure_just_below_its_level_keeps_the_alert() -> None:
    # A tenth of 0.8 below it: from 0.72 on down it is over.
    course = [(0, 0.85), (10, 0.85), (20, 0.75), (90, 0.75), (100, 0.71), (110, 0.71)]

    assert told(Alerts(CONFIG), *course) == [(10, "warn"), (110, "resolved")]


def test_an_alert_that_was_told_before_is_not_told_again_but_ends() -> None:
    alerts = Alerts(CONFIG)
    alerts.restore(
        [
            {"kind": KIND, "name": "memory", "subject": "", "level": "warn"},
            {"kind": KIND, "name": "load", "level": "critical"},
            {"kind": KIND, "name": "load", "level": "resolved"},
            {"kind": "stage", "name": "memory", "level": "critical"},
        ]
    )

    assert alerts.active() == {("memory", ""): "warn"}
    assert told(alerts, (0, 0.85), (20, 0.85), (30, 0.1), (40, 0.1)) == [(40, "resolved")]


def test_each_gpu_has_its_own_alert() -> None:
    alerts = Alerts(AlertsConfig(seconds=0.0))
    hot = [Figure("gpu_temperature", 95.0, "hot", 1.0, subject) for subject in ("0", "1")]

    assert [alert.subject for alert in alerts.update(hot)] == ["0", "1"]


def test_figures_of_learning_are_counted_in_updates() -> None:
    alerts = Alerts(CONFIG)
    found = [
        (update, alert.level)
        for update in range(1, 6)
        for alert in alerts.update([Figure("approx_kl", 0.3, "large", float(update))])
    ]

    assert found == [(3, "warn")]


def test_an_alert_says_what_is_wrong_and_what_to_do() -> None:
    (alert,) = Alerts(AlertsConfig()).update([Figure("disk_free", 1.0, "disk: 1.00 GiB free", 0.0)])

    assert alert == Alert(
        name="disk_free",
        subject="",
        level="warn",
        value=1.0,
        threshold=2.0,
        message="disk: 1.00 GiB free (warn; warn level 2)",
        hint=HINTS["disk_free"],
    )


def test_alerts_can_be_turned_off_one_by_one_and_together() -> None:
    figures = [Figure("disk_free", 0.1, "", 0.0), Figure("oom_kills", 9, "", 0.0)]

    assert len(Alerts(AlertsConfig()).update(figures)) == 2
    assert [a.name for a in Alerts(AlertsConfig(off=("disk_free",))).update(figures)] == [
        "oom_kills"
    ]
    assert Alerts(AlertsConfig(enabled=False)).update(figures) == []


@pytest.mark.parametrize("wrong", [{"memory": (0.9, 0.8)}, {"disk_free": (1.0, 2.0)}])
def test_a_critical_level_that_is_milder_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="critical level"):
        AlertsConfig(**wrong)


@pytest.mark.parametrize("name", sorted(HINTS))
def test_every_alert_has_levels(name: AlertName) -> None:
    warn, critical = levels_of(AlertsConfig(), name)

    figure = Figure(name, critical, "", 0.0)
    assert [a.level for a in Alerts(AlertsConfig(seconds=0.0, updates=1)).update([figure])] == [
        "critical"
    ]
    assert name == "non_finite" or warn != critical


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 1.2)), max_size=60))
def test_nothing_is_told_twice_in_a_row(steps: list[tuple[float, float]]) -> None:
    alerts, at, levels = Alerts(CONFIG), 0.0, []
    for pause, value in steps:
        at += pause
        levels += [alert.level for alert in alerts.update([memory(value, at)])]

    assert all(one != other for one, other in pairwise(levels))
    assert not levels or levels[0] != "resolved"
