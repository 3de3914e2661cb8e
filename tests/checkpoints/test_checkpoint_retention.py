"""Which checkpoints stay, whatever the history."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.checkpoints.retention import Candidate, Rules, surplus

histories = st.lists(st.tuples(st.none() | st.floats(), st.integers(0, 50)), max_size=12).map(
    lambda rows: [
        Candidate(
            f"step-{number}",
            number,
            update=number * 5,
            created=float(number * 3600),
            size=size,
            metrics={} if utility is None else {"utility": utility},
        )
        for number, (utility, size) in enumerate(rows)
    ]
)
rules = st.builds(
    Rules,
    keep_last=st.integers(1, 5),
    keep_best=st.integers(0, 5),
    direction=st.sampled_from(["max", "min"]),
    keep_every=st.sampled_from([0, 10, 15]),
    max_age=st.sampled_from([0.0, 4 * 3600.0]),
    max_bytes=st.sampled_from([0, 60, 200]),
)


@given(histories, rules, st.sets(st.integers(0, 12)))
def test_what_must_stay_stays(candidates: list[Candidate], rule: Rules, held: set[int]) -> None:
    protected = {f"step-{number}" for number in held}

    gone = {item.name for item in surplus(candidates, rule, now=12 * 3600, protected=protected)}

    assert protected.isdisjoint(gone)
    if candidates:
        assert candidates[-1].name not in gone
    for candidate in candidates:
        if rule.keep_every and candidate.update and candidate.update % rule.keep_every == 0:
            assert candidate.name not in gone


@given(histories, rules)
def test_no_more_stays_than_the_rules_say(candidates: list[Candidate], rule: Rules) -> None:
    gone = {item.name for item in surplus(candidates, rule, now=12 * 3600)}

    stay = [candidate for candidate in candidates if candidate.name not in gone]
    free = [
        candidate
        for candidate in stay[:-1]
        if not (rule.keep_every and candidate.update and candidate.update % rule.keep_every == 0)
    ]
    assert len(free) <= rule.keep_last + rule.keep_best
    if rule.max_age:
        assert all(12 * 3600 - candidate.created <= rule.max_age for candidate in free)
    if rule.max_bytes and free:
        assert sum(candidate.size for candidate in stay) <= rule.max_bytes


@given(histories, rules)
def test_pruning_again_removes_nothing_more(candidates: list[Candidate], rule: Rules) -> None:
    gone = {item.name for item in surplus(candidates, rule, now=12 * 3600)}
    stay = [candidate for candidate in candidates if candidate.name not in gone]

    assert surplus(stay, rule, now=12 * 3600) == []


@given(histories, st.sampled_from(["max", "min"]))
def test_the_best_stays_in_either_direction(candidates: list[Candidate], direction: str) -> None:
    rule = Rules(keep_last=1, keep_best=1, direction=direction)  # type: ignore[arg-type]  # one of two

    gone = {item.name for item in surplus(candidates, rule)}

    values = [
        candidate.metrics["utility"]
        for candidate in candidates
        if math.isfinite(candidate.metrics.get("utility", math.nan))
    ]
    if values:
        best = max(values) if direction == "max" else min(values)
        stay = [candidate for candidate in candidates if candidate.name not in gone]
        assert best in [candidate.metrics.get("utility") for candidate in stay]


def test_each_removal_says_why() -> None:
    candidates = [Candidate(str(n), n, update=n, created=n * 3600.0, size=10) for n in range(6)]

    by_count = surplus(candidates, Rules(keep_last=2, keep_best=0))
    by_age = surplus(candidates, Rules(keep_last=9, max_age=2 * 3600.0), now=5 * 3600.0)
    by_bytes = surplus(candidates, Rules(keep_last=9, max_bytes=25))

    assert [item.name for item in by_count] == ["0", "1", "2", "3"]
    assert {item.reason for item in by_age} == {"older than 2 h"}
    assert [item.name for item in by_age] == ["0", "1", "2"]
    assert [(item.name, item.reason) for item in by_bytes][-1] == ("3", "over 25 bytes in all")


def test_other_figures_can_choose_the_best() -> None:
    candidates = [
        Candidate(str(n), n, metrics={"utility": float(n), "better": 1.0 - n / 10})
        for n in range(4)
    ]

    gone = surplus(candidates, Rules(keep_last=1, keep_best=1, metric="better"))

    assert [item.name for item in gone] == ["1", "2"]


def test_keeping_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Rules(keep_last=0)
