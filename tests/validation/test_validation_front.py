import numpy as np
import pytest

from vtrain.validation.front import bytes_at_equal_looks, share_of_gap


def test_bytes_are_compared_at_the_same_appearance() -> None:
    """Ours is a straight line from (-4, 2^10) to (0, 2^14)."""
    fixed = [(-2.0, 13.0), (0.0, 14.0)]

    assert bytes_at_equal_looks(fixed, [(0.0, 14.0), (-4.0, 10.0)]) == pytest.approx([0.5, 1.0])


def test_what_ours_does_not_reach_has_no_ratio_and_what_it_exceeds_has() -> None:
    fixed = [(-9.0, 12.0), (1.0, 15.0)]

    assert bytes_at_equal_looks(fixed, [(-4.0, 10.0), (0.0, 14.0)]) == [0.25, None]


def test_a_point_that_another_beats_is_passed_over() -> None:
    ours = [(-4.0, 13.0), (-2.0, 11.0), (0.0, 14.0)]

    assert bytes_at_equal_looks([(-4.0, 12.0)], ours) == [0.5]


def test_the_share_is_a_ratio_of_sums() -> None:
    found = share_of_gap(
        [1.0, 0.0, 3.0], [0.0, 0.0, 0.0], [2.0, 4.0, 4.0], groups=["one", "two", "three"]
    )

    assert found.value == pytest.approx(0.4)
    assert found.low < 0.4 < found.high


def test_best_known_itself_closes_it_and_best_fixed_nothing() -> None:
    fixed, known = np.zeros(8), np.arange(1.0, 9.0)
    brands = [str(number) for number in range(8)]

    whole = share_of_gap(known, fixed, known, groups=brands)
    nothing = share_of_gap(fixed, fixed, known, groups=brands)

    assert (whole.value, whole.low, whole.high) == (1, 1, 1)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


def test_images_of_one_brand_tell_no_more_than_one() -> None:
    generator = np.random.default_rng(0)
    ours = np.repeat(generator.normal(1, 1, 10), 9)
    known, fixed = np.full(90, 2.0), np.zeros(90)

    together = share_of_gap(ours, fixed, known, groups=[str(i // 9) for i in range(90)])
    apart = share_of_gap(ours, fixed, known, groups=[str(i) for i in range(90)])

    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_without_a_gap_there_is_no_share() -> None:
    with pytest.raises(ValueError, match="no gap"):
        share_of_gap([1.0], [1.0], [1.0], groups=["one"])
