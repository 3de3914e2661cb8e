from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.environment.sampler import EpisodeSampler, Membership
from vtrain.errors import DataError

IMAGES = {
    "simple": [f"s{number}" for number in range(5)],
    "text": [f"t{number}" for number in range(3)],
    "gradient": [],
    "complex": ["c0"],
}
TASTES = (0.05, 0.4, 1.0)


SIMPLE, TEXT = Membership(("simple",)), Membership(("text",))
BOTH = Membership(("simple", "text"))
# The more complex, the smaller the number in the name.
COMPLEXITY = {image: -float(image[1:]) for ids in IMAGES.values() for image in ids}
EARLIER = [("t1", 0.169335), ("t1", 0.4), ("s1", 1.0), ("t0", 0.431611), ("t2", 0.083711)]


def sampler(seed: int = 0, repeats: int = 4) -> EpisodeSampler:
    return EpisodeSampler(
        IMAGES,  # type: ignore[arg-type]
        tastes=TASTES,
        seed=seed,
        repeats=repeats,
        complexity=COMPLEXITY,
    )


def images_of(drawing: EpisodeSampler, membership: Membership, count: int = 100) -> list[str]:
    """The image of each group of episodes."""
    return [drawing.draw(4 * group, membership).image for group in range(count)]


@given(st.integers(0, 10_000), st.integers(0, 100))
def test_a_draw_depends_on_seed_and_number_alone(episode: int, seed: int) -> None:
    one, other = sampler(seed), sampler(seed)
    other.draw(episode + 7, Membership(("text",)))

    assert one.draw(episode, Membership(("simple", "text"))) == other.draw(
        episode, Membership(("simple", "text"))
    )


def test_episodes_in_a_row_share_an_image_and_spread_tastes() -> None:
    draws = [sampler().draw(episode, Membership(("simple",))) for episode in range(400)]

    for first in range(0, 400, 4):
        assert len({draw.image for draw in draws[first : first + 4]}) == 1
    tastes = [draw.taste for draw in draws]
    assert min(tastes) >= min(TASTES)
    assert max(tastes) <= max(TASTES)
    assert set(TASTES) <= set(tastes)
    assert len(set(tastes)) > 50


def test_every_image_comes_up_before_long() -> None:
    counts = Counter(
        sampler().draw(episode, Membership(("simple",))).image for episode in range(0, 400, 4)
    )

    assert set(counts) == set(IMAGES["simple"])
    assert max(counts.values()) - min(counts.values()) <= 1


def test_only_active_categories_are_drawn() -> None:
    images = {
        sampler().draw(episode, Membership(("text", "complex"))).image for episode in range(200)
    }

    assert images == {"t0", "t1", "t2", "c0"}


def test_a_category_without_images_falls_back_to_all() -> None:
    assert sampler().draw(0, Membership(("gradient",))).image in {
        i for ids in IMAGES.values() for i in ids
    }


def test_no_images_at_all_is_an_error() -> None:
    with pytest.raises(DataError, match="no image"):
        EpisodeSampler({"simple": []}, tastes=TASTES, seed=0, repeats=1)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ((0.0, 1.0), ("s0", "s1", "s2", "s3", "s4")),
        ((0.0, 0.4), ("s3", "s4")),
        ((0.4, 1.0), ("s0", "s1", "s2")),
        ((0.8, 1.0), ("s0",)),
        ((0.99, 1.0), ("s0",)),
        ((0.0, 0.01), ("s4",)),
    ],
)
def test_a_part_holds_the_ranks_of_complexity_that_it_says(
    part: tuple[float, float], expected: tuple[str, ...]
) -> None:
    membership = Membership(("simple",), complexity=part)

    assert sampler().part("simple", part) == expected
    assert set(images_of(sampler(), membership)) == set(expected)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_parts_that_meet_share_no_image_and_leave_none_out(count: int, border: float) -> None:
    ids = [f"s{number}" for number in range(count)]
    complexity = {image: float(number * 7919 % count) for number, image in enumerate(ids)}
    drawing = EpisodeSampler(
        {"simple": ids}, tastes=TASTES, seed=0, repeats=1, complexity=complexity
    )

    low = drawing.part("simple", (0.0, border))
    high = drawing.part("simple", (border, 1.0))

    assert set(low) | set(high) == set(ids)
    if 0 < round(border * count) < count:
        assert not set(low) & set(high)
        assert max(map(complexity.__getitem__, low)) <= min(map(complexity.__getitem__, high))


def test_damaged_copies_come_up_as_often_as_they_weigh() -> None:
    damaged = {"simple": ["s0-damaged", "s4-damaged"], "text": []}

    def drawn(weight: float, membership: Membership) -> list[str]:
        drawing = EpisodeSampler(
            IMAGES,  # type: ignore[arg-type]
            tastes=TASTES,
            seed=0,
            repeats=4,
            complexity={**COMPLEXITY, "s0-damaged": 0.0, "s4-damaged": -4.0},
            damaged=damaged,  # type: ignore[arg-type]
            damaged_weight=weight,
        )
        return images_of(drawing, membership, 400)

    # Five images and two copies: two parts of seven, and 9 of 400 is a standard deviation.
    counts = Counter(drawn(1.0, SIMPLE))
    found = counts["s0-damaged"], counts["s4-damaged"]
    assert 87 < sum(found) < 141
    assert min(found) > 25
    assert len(counts) == 7
    half = Counter(drawn(0.5, SIMPLE))
    assert 42 < half["s0-damaged"] + half["s4-damaged"] < 91
    assert not set(drawn(0.0, SIMPLE)) & set(damaged["simple"])
    assert set(drawn(1.0, TEXT)) == set(IMAGES["text"])
    # Stages ask for parts of both.
    simplest = Membership(("simple",), complexity=(0.0, 0.5))
    assert set(drawn(1.0, simplest)) == {"s3", "s4", "s4-damaged"}


def test_a_part_without_known_complexity_is_a_mistake() -> None:
    drawing = EpisodeSampler({"simple": ["a", "b"]}, tastes=TASTES, seed=0, repeats=1)

    assert drawing.draw(0, SIMPLE).image in {"a", "b"}
    with pytest.raises(ValueError, match="complexity"):
        drawing.draw(0, Membership(("simple",), complexity=(0.0, 0.5)))


def test_the_whole_of_a_category_draws_what_it_did_before_there_were_parts() -> None:
    """Draws that earlier versions made; a run that is gone on from depends on them."""
    draws = [sampler(3).draw(episode, BOTH) for episode in (0, 1, 4, 8, 401)]

    assert [(draw.image, round(draw.taste, 6)) for draw in draws] == EARLIER


def test_a_review_mixes_earlier_stages_in_as_often_as_it_says() -> None:
    membership = Membership(("complex",), review=0.3, earlier=(SIMPLE, TEXT))

    kinds = Counter(image[0] for image in images_of(sampler(), membership, count=2000))

    assert kinds["c"] / 2000 == pytest.approx(0.7, abs=0.04)
    assert kinds["s"] / 2000 == pytest.approx(0.15, abs=0.03)
    assert kinds["t"] / 2000 == pytest.approx(0.15, abs=0.03)


def test_a_review_draws_from_the_part_of_the_earlier_stage() -> None:
    easy = Membership(("simple",), complexity=(0.0, 0.4))
    membership = Membership(("text",), review=0.5, earlier=(easy,))

    drawn = images_of(sampler(), membership, count=400)

    assert {image for image in drawn if image[0] == "s"} == {"s3", "s4"}


@pytest.mark.parametrize(
    "membership", [Membership(("text",), review=0.9), Membership(("text",), earlier=(SIMPLE,))]
)
def test_without_anything_to_review_draws_stay_what_they_are(membership: Membership) -> None:
    assert images_of(sampler(), membership) == images_of(sampler(), TEXT)


@given(st.integers(0, 10_000))
def test_a_draw_with_review_depends_on_seed_number_and_membership_alone(episode: int) -> None:
    membership = Membership(("text",), complexity=(0.0, 0.5), review=0.5, earlier=(SIMPLE,))
    one, other = sampler(), sampler()
    other.draw(episode + 1, SIMPLE)

    assert one.draw(episode, membership) == other.draw(episode, membership)
    first = episode - episode % 4
    assert one.draw(first, membership).image == one.draw(episode, membership).image
