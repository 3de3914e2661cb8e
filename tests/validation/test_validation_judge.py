from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.validation.judging import TASTES, Bench, Fixed, entry, measurement
from vtrain.config.scoring import ScoringConfig
from vtrain.environment.engine import Engine, LocalBackend
from vtrain.environment.measurement import Bench as RealBench
from vtrain.environment.measurement import Measurement, Request, failed
from vtrain.images import resize
from vtrain.tracing.parameters import PRESETS, canonical, encode_settings
from vtrain.validation.baselines import parse_baselines
from vtrain.validation.judge import judge
from vtrain.validation.summary import summarise

DEFAULT = canonical(encode_settings(PRESETS["default"]))
POSTER = canonical(encode_settings(PRESETS["poster"]))
PHOTO = canonical(encode_settings(PRESETS["photo"]))
SCORING = ScoringConfig()


def test_a_single_trace_is_never_measured_against_the_input() -> None:
    bench = Bench(lambda _: measurement())

    judge([Fixed("policy", POSTER)], [entry(1)], engine=bench, tastes=TASTES, traces=1,
          scoring=SCORING)  # fmt: skip

    assert all(request.full and not request.native for call in bench.calls for request in call)


def test_the_best_against_the_input_is_kept_even_when_the_reference_disagrees() -> None:
    """A user has no reference: choosing by it would be cheating."""
    native = {POSTER: 9.0, PHOTO: 5.0}
    true = {POSTER: 3.0, PHOTO: 8.0, DEFAULT: 4.0}

    def measure(request: Request) -> Measurement:
        return measurement((native if request.native else true)[request.action])

    found = judge([Fixed("policy", PHOTO, POSTER)], [entry(1)], engine=Bench(measure),
                  tastes={"fidelity": 0.05}, traces=2, scoring=SCORING)  # fmt: skip

    (row,) = found.rows
    assert row.action == POSTER
    assert row.traces == 2
    assert row.gain == pytest.approx(-1.0)
    assert not row.looks_better


def test_each_taste_keeps_its_own_best() -> None:
    def measure(request: Request) -> Measurement:
        return {
            POSTER: measurement(12.0, 64_000),
            PHOTO: measurement(10.0, 500),
            DEFAULT: measurement(8.0, 1000),
        }[request.action]

    found = judge([Fixed("policy", POSTER, PHOTO)], [entry(1)], engine=Bench(measure),
                  tastes=TASTES, traces=2, scoring=SCORING)  # fmt: skip

    kept = {row.taste: row.action for row in found.rows}
    assert kept["fidelity"] == POSTER
    assert kept["compact"] == PHOTO


def test_actions_that_draw_the_same_picture_cost_one_trace() -> None:
    polygon = encode_settings(replace(PRESETS["default"], mode="polygon"))
    # The corner threshold says nothing to polygons.
    also_polygon = encode_settings(
        replace(PRESETS["default"], mode="polygon", corner_threshold=180)
    )

    found = judge([Fixed("policy", polygon, also_polygon)], [entry(1)],
                  engine=Bench(lambda _: measurement()), tastes={"fidelity": 0.05}, traces=2,
                  scoring=SCORING)  # fmt: skip

    assert found.rows[0].traces == 1


def test_a_trace_that_fails_against_the_input_is_not_kept() -> None:
    def measure(request: Request) -> Measurement:
        return failed("panic") if request.action == POSTER else measurement()

    found = judge([Fixed("policy", POSTER, PHOTO)], [entry(1)], engine=Bench(measure),
                  tastes={"fidelity": 0.05}, traces=2, scoring=SCORING)  # fmt: skip

    assert found.rows[0].action == PHOTO


def test_a_failure_is_a_row_without_ratios_and_the_worst_looks() -> None:
    def measure(request: Request) -> Measurement:
        return failed("panic") if request.action == POSTER else measurement()

    found = judge([Fixed("policy", POSTER)], [entry(1)], engine=Bench(measure), tastes=TASTES,
                  traces=1, scoring=SCORING)  # fmt: skip

    row = found.rows[0]
    assert row.measurement.failure == "panic"
    assert row.bytes_ratio is None
    assert not row.looks_better
    assert summarise(found, resamples=100).of("fidelity").failures == 1


def test_everything_is_measured_in_two_calls_and_progress_reaches_the_end() -> None:
    bench = Bench(lambda _: measurement())
    seen: list[tuple[int, int]] = []

    judge([Fixed("policy", POSTER, PHOTO), Fixed("default", DEFAULT)], [entry(1), entry(2)],
          engine=bench, tastes=TASTES, traces=2, scoring=SCORING,
          on_progress=lambda done, total: seen.append((done, total)))  # fmt: skip

    assert len(bench.calls) == 2
    done, total = seen[-1]
    assert done == total == sum(len(call) for call in bench.calls)
    assert [place for place, _ in seen] == sorted(place for place, _ in seen)


class Pictures:
    """One ring, as input and as a reference of twice the size."""

    def input(self, image: str) -> NDArray[np.uint8]:  # noqa: ARG002
        return resize(self.reference(""), 64, 64)

    def reference(self, image: str) -> NDArray[np.uint8]:  # noqa: ARG002
        y, x = np.mgrid[:128, :128]
        distance = np.hypot(x - 63.5, y - 63.5)
        rgba = np.zeros((128, 128, 4), np.uint8)
        rgba[..., :3] = (20, 60, 200)
        inside = np.clip(56 - distance, 0, 1) * np.clip(distance - 30, 0, 1)
        rgba[..., 3] = np.rint(255 * inside)
        return rgba


def test_real_traces_are_judged_as_they_look() -> None:
    """A transparent ring: the default turns partial alpha opaque; cut and enlarged it is true."""
    enlarged = encode_settings(replace(PRESETS["recipe"], upscale=3))
    engine = Engine(LocalBackend(RealBench(Pictures(), output_limit=1_000_000)))
    choosers = [*parse_baselines(["default", "presets"], None), Fixed("policy", enlarged)]

    found = judge(choosers, [entry(1)], engine=engine, tastes={"fidelity": 0.05}, traces=1,
                  scoring=SCORING)  # fmt: skip

    default, presets, policy = found.rows
    assert default.gain == 0
    assert default.bytes_ratio == 1
    assert policy.gain > 0.5
    assert policy.looks_better
    assert presets.traces == len(PRESETS)
    assert policy.measurement.ssim is not None
