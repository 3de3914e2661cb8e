"""Which image and which taste an episode gets: a function of seed, number and membership alone.

Nothing depends on workers, on what other episodes did, or on earlier draws, so a run can be
continued at any episode and gives the same results on one process or many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vtrain.config.section import Category
from vtrain.data.order import Shuffle
from vtrain.errors import DataError


@dataclass(frozen=True, slots=True)
class Draw:
    """What one episode is about.

    Attributes:
        image: Image id.
        taste: Lambda, the price of size.
    """

    image: str
    taste: float


@dataclass(frozen=True, slots=True)
class Membership:
    """Which images an episode may be about.

    Attributes:
        categories: Categories drawn from.
        complexity: Part of each category, by the rank of its images from the simplest (0) to the
            most complex (1): where it begins and ends.
        review: Share of the groups of episodes that are drawn from one of `earlier` instead.
        earlier: Memberships of earlier stages, each as likely as another.
    """

    categories: tuple[Category, ...]
    complexity: tuple[float, float] = (0.0, 1.0)
    review: float = 0.0
    earlier: tuple[Membership, ...] = ()


class EpisodeSampler:
    """Draws images evenly over categories, and tastes evenly over their range.

    `repeats` episodes in a row share an image with tastes spread over the range: an image is then
    decoded and its reference analysed once for all of them.

    Args:
        images: Image ids of each category, without damaged copies.
        tastes: Lambdas of interest; half of the draws are exactly these, half lie between.
        seed: Seed of the run.
        repeats: Episodes in a row on one image (count).
        complexity: How complex each image is, on any scale; None where no part of a category is
            asked for.
        damaged: Ids of damaged copies of each category.
        damaged_weight: How often one of them is drawn, for each time that an image is.

    Raises:
        DataError: No category has an image.
    """

    def __init__(
        self,
        images: Mapping[Category, Sequence[str]],
        *,
        tastes: Sequence[float],
        seed: int,
        repeats: int,
        complexity: Mapping[str, float] | None = None,
        damaged: Mapping[Category, Sequence[str]] | None = None,
        damaged_weight: float = 1.0,
    ) -> None:
        self._images = {category: tuple(ids) for category, ids in images.items() if ids}
        found = damaged or {}
        self._damaged = {category: tuple(ids) for category, ids in found.items() if ids}
        self._damaged_weight = damaged_weight
        if not self._images:
            raise DataError("There is no image to train on.", hint="See `vtrain data stats`.")
        self._tastes = tuple(sorted(tastes))
        self._seed = seed
        self._repeats = repeats
        self._complexity = complexity
        self._parts: dict[tuple[Category, tuple[float, float], bool], tuple[str, ...]] = {}

    def draw(self, episode: int, membership: Membership) -> Draw:
        """The image and taste of an episode.

        Args:
            episode: Number of the episode, from 0.
            membership: What to draw from; categories without images are passed over, and when none
                is left every category counts.
        """
        group, repeat = divmod(episode, self._repeats)
        generator = np.random.default_rng((self._seed, 1, group))
        # Nothing is drawn where there is nothing to review: such draws are what they always were.
        if membership.review and membership.earlier and generator.random() < membership.review:
            membership = membership.earlier[int(generator.integers(len(membership.earlier)))]
        wanted = [name for name in membership.categories if name in self._images]
        active = wanted or list(self._images)
        category = active[int(generator.integers(len(active)))]
        ids = self.part(category, membership.complexity)
        if category in self._damaged:
            copies = self.part(category, membership.complexity, damaged=True)
            weight = self._damaged_weight * len(copies)
            if generator.random() * (weight + len(ids)) < weight:
                ids = copies
        # A shuffled order of them, a place in it for each group, started anew when it ends: within
        # one order no image comes up twice.
        turn, position = divmod(group, len(ids))
        order = Shuffle(len(ids), self._seed, 2, turn)
        return Draw(ids[order[position]], self._taste(generator, repeat))

    def part(
        self, category: Category, complexity: tuple[float, float], *, damaged: bool = False
    ) -> tuple[str, ...]:
        """The images of a category whose rank of complexity lies in a part, at least one.

        Args:
            category: One that has images.
            complexity: Where the part begins and ends, 0 to 1. Parts that meet share no image.
            damaged: Damaged copies instead; the category has some.

        Returns:
            Ids, in the order in which the category was given.
        """
        ids = (self._damaged if damaged else self._images)[category]
        if complexity == (0.0, 1.0):
            return ids
        key = category, complexity, damaged
        if key not in self._parts:
            if self._complexity is None:
                msg = "a part of a category needs the complexity of its images"
                raise ValueError(msg)
            ranked = sorted(ids, key=self._complexity.__getitem__)
            low, high = (round(share * len(ids)) for share in complexity)
            first = min(low, len(ids) - 1)
            chosen = set(ranked[first : max(high, first + 1)])
            self._parts[key] = tuple(image for image in ids if image in chosen)
        return self._parts[key]

    def _taste(self, generator: np.random.Generator, repeat: int) -> float:
        low, high = self._tastes[0], self._tastes[-1]
        shift = generator.random()
        exact = bool((generator.integers(2) + repeat) % 2)
        place = (shift + repeat / self._repeats) % 1.0
        if exact or low == high:
            return self._tastes[int(place * len(self._tastes))]
        # Between the ends a doubling of lambda matters alike everywhere.
        floor = max(low, 1e-3)
        return float(floor * (high / floor) ** place)
