"""Thinned curves look like the whole ones: ends and peaks are there, and points are few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.monitoring.web.charts import thin
from vtrain.monitoring.web.decimate import decimate


def test_every_peak_of_many_points_is_kept() -> None:
    x = np.arange(100_000, dtype=np.float64)
    y = np.sin(x / 500)
    y[31_337], y[77_777] = 9.0, -9.0

    thin_x, (thin_y,) = decimate(x, [y], 700)

    assert len(thin_x) <= 1400
    assert max(thin_y) == 9.0
    assert min(thin_y) == -9.0
    assert abs(thin_x[int(np.argmax(thin_y))] - 31_337) <= 100_000 / 700
    assert (thin_x[0], thin_x[-1]) == (x[0], x[-1])


def test_the_extremes_of_a_column_come_in_their_order() -> None:
    x = np.arange(8, dtype=np.float64)

    _, (rising, falling) = decimate(x, [x, -x], 2)

    assert rising.tolist() == [0.0, 3.0, 4.0, 7.0]
    assert falling.tolist() == [0.0, -3.0, -4.0, -7.0]


def test_few_values_among_many_points_are_all_kept() -> None:
    x = np.arange(10_000, dtype=np.float64)
    checks = np.full(10_000, np.nan)
    checks[::1000] = np.arange(10)

    _, (thin_checks,) = decimate(x, [checks], 300)

    assert set(range(10)) == set(thin_checks[np.isfinite(thin_checks)].astype(int).tolist())


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(1, 60))
def test_any_curve_keeps_its_range_within_its_points(values: list[float], width: int) -> None:
    y = np.array(values)
    x = np.cumsum(np.abs(np.sin(np.arange(len(y)))) + 0.01)

    thin_x, (thin_y,) = decimate(x, [y], width)

    assert len(thin_x) == len(thin_y) <= max(2 * width, 2)
    assert (np.diff(thin_x) >= 0).all()
    assert (min(values), max(values)) == (thin_y.min(), thin_y.max())


def test_few_points_stay_as_they_are() -> None:
    x = np.arange(5, dtype=np.float64)

    thin_x, _ = decimate(x, [x], 3)

    assert x.tolist() == thin_x.tolist()


@pytest.mark.parametrize("x", [[3.0, 1.0, 2.0], [3.0, np.nan, 1.0]])
def test_records_without_order_are_sorted(x: list[float]) -> None:
    places = np.array(x)

    thin_x, (thin_y,) = thin(places, [places * 2], 100)

    assert thin_x.tolist() == sorted(value for value in x if np.isfinite(value))
    assert (thin_x * 2).tolist() == thin_y.tolist()
