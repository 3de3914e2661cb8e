from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.validation.judging import entry
from vtrain.errors import UsageError
from vtrain.tracing.parameters import (
    PRESETS,
    Action,
    canonical,
    decode_action,
    encode_settings,
)
from vtrain.validation.baselines import KNOWN, PolicyChooser, parse_baselines


class Table:
    """Prefers the poster preset, and the photo preset when size counts."""

    def best_fixed(self, taste: float) -> Action:
        return encode_settings(PRESETS["photo" if taste > 0.5 else "poster"])


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_is_one_trace_with_exactly_its_settings(name: str) -> None:
    (chooser,) = parse_baselines([name], None)

    (action,) = chooser.choose(entry(1), 0.4, 8)

    assert chooser.name == name
    assert decode_action(action) == PRESETS[name]


def test_presets_tries_every_named_setting() -> None:
    (chooser,) = parse_baselines(["presets"], None)

    found = {decode_action(action) for action in chooser.choose(entry(1), 0.4, 1)}

    assert found == set(PRESETS.values())


def test_best_fixed_asks_the_table_at_the_taste() -> None:
    (chooser,) = parse_baselines(["best-fixed"], Table())

    (light,) = chooser.choose(entry(1), 0.1, 1)
    (heavy,) = chooser.choose(entry(1), 0.9, 1)

    assert decode_action(light) == PRESETS["poster"]
    assert decode_action(heavy) == PRESETS["photo"]


def test_best_fixed_without_a_table_says_to_train_first() -> None:
    with pytest.raises(UsageError, match="Train first") as error:
        parse_baselines(["default", "best-fixed"], None)

    assert error.value.exit_code == 2


def test_an_unknown_baseline_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'bset-fixed'") as error:
        parse_baselines(["bset-fixed"], Table())

    assert all(name in error.value.hint for name in KNOWN)


def test_baselines_keep_their_order_and_come_once() -> None:
    found = parse_baselines(["random", "default", "random"], None)

    assert [chooser.name for chooser in found] == ["random", "default"]


@given(st.integers(0, 1 << 60), st.integers(1, 20))
def test_random_is_the_same_for_an_image_and_grows_with_the_budget(number: int, count: int) -> None:
    (chooser,) = parse_baselines(["random"], None)
    image = entry(number)

    found = chooser.choose(image, 0.4, count)

    assert len(set(found)) == count
    assert all(canonical(action) == action for action in found)
    assert chooser.choose(image, 0.4, count + 3)[:count] == found


def test_random_differs_between_images() -> None:
    (chooser,) = parse_baselines(["random"], None)

    assert chooser.choose(entry(1), 0.4, 3) != chooser.choose(entry(2), 0.4, 3)


def test_a_policy_is_asked_with_the_features_of_the_image() -> None:
    asked: list[tuple[float, float, int]] = []

    class Agent:
        def choose(self, features: NDArray[np.float32], taste: float, count: int) -> list[Action]:
            asked.append((float(features[0]), taste, count))
            return [encode_settings(PRESETS["recipe"])]

    def features(image: str) -> NDArray[np.float32]:
        return np.array([int(image, 16)], np.float32)

    found: Sequence[Action] = PolicyChooser(Agent(), features).choose(entry(7), 0.4, 2)

    assert asked == [(7.0, 0.4, 2)]
    assert found == [encode_settings(PRESETS["recipe"])]
