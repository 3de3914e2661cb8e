"""Which checkpoints stay, whatever the history."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.checkpoints.retention import Candidate, surplus

histories = st.lists(st.none() | st.floats(), max_size=12).map(
    lambda utilities: [
        Candidate(f"step-{number}", number, utility) for number, utility in enumerate(utilities)
    ]
)


@given(histories, st.integers(1, 5), st.integers(0, 5), st.sets(st.integers(0, 12)))
def test_what_must_stay_stays_and_nothing_else(
    candidates: list[Candidate], keep_last: int, keep_best: int, held: set[int]
) -> None:
    protected = {f"step-{number}" for number in held}

    gone = surplus(candidates, keep_last=keep_last, keep_best=keep_best, protected=protected)

    names = [candidate.name for candidate in candidates]
    stay = [candidate for candidate in candidates if candidate.name not in gone]
    assert gone == [name for name in names if name in gone]
    assert set(names[-keep_last:]).isdisjoint(gone)
    assert protected.isdisjoint(gone)
    assert len(stay) <= keep_last + keep_best + len(protected)
    judged = [it.utility for it in candidates if it.utility is not None and abs(it.utility) < 1e999]
    if judged and keep_best:
        assert max(judged) in [it.utility for it in stay]


def test_pruning_again_removes_nothing_more() -> None:
    candidates = [Candidate(str(step), step, step % 3) for step in range(10)]
    gone = surplus(candidates, keep_last=2, keep_best=2)
    stay = [candidate for candidate in candidates if candidate.name not in gone]

    assert gone == ["0", "1", "2", "3", "4", "6", "7"]
    assert surplus(stay, keep_last=2, keep_best=2) == []


def test_keeping_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        surplus([], keep_last=0, keep_best=1)
