"""Searches on problems whose best setting is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.validation.judging import entry, table
from vtrain.tracing.parameters import ACTION_LEVELS, PRESETS, Action, encode_settings
from vtrain.validation.baselines import CmaesSearch, Search, Session, TpeSearch

START = encode_settings(PRESETS["default"])
GOAL = encode_settings(PRESETS["recipe"])
TABLE = table([START], [[1.0]])
SEARCHES = [TpeSearch(TABLE), CmaesSearch(TABLE)]


def closeness(action: Action) -> float:
    """0 at the goal; minus the distance from it, each row as wide as the others."""
    off = np.abs(np.array(action) - np.array(GOAL)) / (np.array(ACTION_LEVELS) - 1)
    return -float(off.sum())


def asked(session: Session, count: int) -> list[Action]:
    found = []
    for _ in range(count):
        found.append(session.ask())
        session.tell(closeness(found[-1]))
    return found


def name_of(search: Search) -> str:
    return search.name


@pytest.mark.parametrize("search", SEARCHES, ids=name_of)
def test_a_search_starts_from_the_best_fixed_setting(search: Search) -> None:
    assert search.start(entry(1), 0.4, 8).ask() == START


@pytest.mark.parametrize("search", SEARCHES, ids=name_of)
def test_a_search_asks_for_actions_of_the_table(search: Search) -> None:
    for action in asked(search.start(entry(1), 0.4, 40), 40):
        assert all(0 <= level < most for level, most in zip(action, ACTION_LEVELS, strict=True))


@pytest.mark.parametrize("search", SEARCHES, ids=name_of)
def test_a_search_comes_closer_to_the_goal_as_it_goes(search: Search) -> None:
    runs = [
        [closeness(action) for action in asked(search.start(entry(image), 0.4, 64), 64)]
        for image in range(4)
    ]

    early = np.mean([run[1:17] for run in runs])
    late = np.mean([run[-16:] for run in runs])
    best = np.mean([max(run) for run in runs])
    assert late > early + 0.5
    assert best > closeness(START) + 0.5


@pytest.mark.parametrize("search", SEARCHES, ids=name_of)
def test_a_search_depends_on_its_image_and_taste_and_on_no_other_search(search: Search) -> None:
    alone = asked(search.start(entry(1), 0.4, 12), 12)
    sessions = [
        search.start(entry(2), 0.4, 12),
        search.start(entry(1), 1.0, 12),
        search.start(entry(1), 0.4, 12),
    ]
    rounds = [[asked(session, 1)[0] for session in sessions] for _ in range(12)]
    other_image, other_taste, same = (list(found) for found in zip(*rounds, strict=True))

    assert same == alone
    assert other_image != alone
    assert other_taste != alone


@pytest.mark.parametrize("search", SEARCHES, ids=name_of)
def test_a_search_leaves_the_random_numbers_of_the_process_alone(search: Search) -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002  the one to leave

    asked(search.start(entry(1), 0.4, 12), 12)

    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


@pytest.mark.parametrize("search", SEARCHES, ids=name_of)
def test_a_search_survives_utilities_that_are_all_the_same(
    search: Search, capfd: pytest.CaptureFixture[str]
) -> None:
    session = search.start(entry(1), 0.4, 64)
    for _ in range(64):
        session.ask()
        session.tell(-1000.0)

    assert capfd.readouterr() == ("", "")
