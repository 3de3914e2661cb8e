from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.environment.sampler import EpisodeSampler
from vtrain.errors import DataError

IMAGES = {
    "simple": [f"s{number}" for number in range(5)],
    "text": [f"t{number}" for number in range(3)],
    "gradient": [],
    "complex": ["c0"],
}
TASTES = (0.05, 0.4, 1.0)


def sampler(seed: int = 0, repeats: int = 4) -> EpisodeSampler:
    return EpisodeSampler(IMAGES, tastes=TASTES, seed=seed, repeats=repeats)  # type: ignore[arg-type]


@given(st.integers(0, 10_000), st.integers(0, 100))
def test_a_draw_depends_on_seed_and_number_alone(episode: int, seed: int) -> None:
    one, other = sampler(seed), sampler(seed)
    other.draw(episode + 7, ("text",))

    assert one.draw(episode, ("simple", "text")) == other.draw(episode, ("simple", "text"))


def test_episodes_in_a_row_share_an_image_and_spread_tastes() -> None:
    draws = [sampler().draw(episode, ("simple",)) for episode in range(400)]

    for first in range(0, 400, 4):
        assert len({draw.image for draw in draws[first : first + 4]}) == 1
    tastes = [draw.taste for draw in draws]
    assert min(tastes) >= min(TASTES)
    assert max(tastes) <= max(TASTES)
    assert set(TASTES) <= set(tastes)
    assert len(set(tastes)) > 50


def test_every_image_comes_up_before_long() -> None:
    counts = Counter(sampler().draw(episode, ("simple",)).image for episode in range(0, 400, 4))

    assert set(counts) == set(IMAGES["simple"])
    assert max(counts.values()) - min(counts.values()) <= 1


def test_only_active_categories_are_drawn() -> None:
    images = {sampler().draw(episode, ("text", "complex")).image for episode in range(200)}

    assert images == {"t0", "t1", "t2", "c0"}


def test_a_category_without_images_falls_back_to_all() -> None:
    assert sampler().draw(0, ("gradient",)).image in {i for ids in IMAGES.values() for i in ids}


def test_no_images_at_all_is_an_error() -> None:
    with pytest.raises(DataError, match="no image"):
        EpisodeSampler({"simple": []}, tastes=TASTES, seed=0, repeats=1)
