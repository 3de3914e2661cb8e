from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.validation.judging import Fixed, entry, measured, table
from vtrain.errors import UsageError
from vtrain.tracing.parameters import (
    PRESETS,
    Action,
    canonical,
    decode_action,
    encode_settings,
)
from vtrain.validation.baselines import (
    FROM_TABLE,
    KNOWN,
    Chooser,
    Measured,
    PolicyChooser,
    Search,
    check_baselines,
    chooses_by_input,
    parse_baselines,
)

POSTER = encode_settings(PRESETS["poster"])
PHOTO = encode_settings(PRESETS["photo"])


def chooser_of(name: str, known: Measured | None = None) -> Chooser:
    (found,) = parse_baselines([name], known)
    assert not isinstance(found, Search)
    return found


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_is_one_trace_with_exactly_its_settings(name: str) -> None:
    chooser = chooser_of(name)

    (action,) = chooser.choose(entry(1), 0.4, 8)

    assert chooser.name == name
    assert decode_action(action) == PRESETS[name]


def test_presets_tries_every_named_setting() -> None:
    chooser = chooser_of("presets")

    found = {decode_action(action) for action in chooser.choose(entry(1), 0.4, 1)}

    assert found == set(PRESETS.values())


def test_best_fixed_asks_the_table_at_the_taste() -> None:
    # The poster looks better, the photo is lighter.
    chooser = chooser_of("best-fixed", measured(table([POSTER, PHOTO], [[5, 4]], [[3, 1]])))

    (light,) = chooser.choose(entry(1), 0.1, 1)
    (heavy,) = chooser.choose(entry(1), 0.9, 1)

    assert light == POSTER
    assert heavy == PHOTO


@pytest.mark.parametrize("name", FROM_TABLE)
def test_a_baseline_without_the_table_it_needs_says_to_train_first(name: str) -> None:
    with pytest.raises(UsageError, match=f"baseline {name} .* Train first") as error:
        parse_baselines(["default", name], None)

    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [("trees", "sklearn", "scikit-learn"), ("tpe", "optuna", "optuna"), ("cmaes", "cma", "cma")],
)
def test_a_baseline_without_its_package_says_how_to_install_it(
    name: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(UsageError, match=f"needs {package}, which is not installed") as error:
        check_baselines(["default", name])

    assert "vtrain[baselines]" in error.value.hint


def test_no_package_is_loaded_for_baselines_that_do_not_need_it() -> None:
    program = (
        "import sys\n"
        "from vtrain.validation.baselines import check_baselines, parse_baselines\n"
        "check_baselines(['trees', 'tpe', 'cmaes'])\n"
        "parse_baselines(['default', 'random'], None)\n"
        "print(*[name for name in ('sklearn', 'optuna', 'cma') if name in sys.modules])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""


def test_every_known_baseline_can_be_had() -> None:
    known = measured(table([POSTER, PHOTO], [[5, 4]]))

    incumbent = Fixed("incumbent", POSTER)

    assert [found.name for found in parse_baselines(KNOWN, known, incumbent)] == list(KNOWN)


def test_an_unknown_baseline_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'bset-fixed'") as error:
        parse_baselines(["bset-fixed"], None)

    assert all(name in error.value.hint for name in KNOWN)


def test_baselines_keep_their_order_and_come_once() -> None:
    found = parse_baselines(["random", "default", "random"], None)

    assert [chooser.name for chooser in found] == ["random", "default"]


@given(st.integers(0, 1 << 60), st.integers(1, 20))
def test_random_is_the_same_for_an_image_and_grows_with_the_budget(number: int, count: int) -> None:
    chooser = chooser_of("random")
    image = entry(number)

    found = chooser.choose(image, 0.4, count)

    assert len(set(found)) == count
    assert all(canonical(action) == action for action in found)
    assert chooser.choose(image, 0.4, count + 3)[:count] == found


def test_random_differs_between_images() -> None:
    chooser = chooser_of("random")

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


@pytest.mark.parametrize(
    ("names", "traces", "expected"),
    [
        (("default", "best-fixed"), 1, False),
        (("default",), 2, True),
        (("default", "presets"), 1, True),
    ],
)
def test_who_chooses_by_the_input(names: tuple[str, ...], traces: int, *, expected: bool) -> None:
    assert chooses_by_input(names, traces) is expected
