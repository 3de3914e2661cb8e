"""Which image and which taste an episode gets: a function of the run's seed and its number alone.

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


class EpisodeSampler:
    """Draws images evenly over categories, and tastes evenly over their range.

    `repeats` episodes in a row share an image with tastes spread over the range: an image is then
    decoded and its reference analysed once for all of them.

    Args:
        images: Image ids of each category.
        tastes: Lambdas of interest; half of the draws are exactly these, half lie between.
        seed: Seed of the run.
        repeats: Episodes in a row on one image (count).

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
    ) -> None:
        self._images = {category: tuple(ids) for category, ids in images.items() if ids}
        if not self._images:
            raise DataError("There is no image to train on.", hint="See `vtrain data stats`.")
        self._tastes = tuple(sorted(tastes))
        self._seed = seed
        self._repeats = repeats

    def draw(self, episode: int, categories: Sequence[Category]) -> Draw:
        """The image and taste of an episode.

        Args:
            episode: Number of the episode, from 0.
            categories: Categories to draw from; those without images are passed over, and when
                none is left every category counts.
        """
        group, repeat = divmod(episode, self._repeats)
        active = [name for name in categories if name in self._images] or list(self._images)
        generator = np.random.default_rng((self._seed, 1, group))
        category = active[int(generator.integers(len(active)))]
        # A shuffled order of the category, a place in it for each group, started anew when it ends:
        # within one order no image comes up twice.
        ids = self._images[category]
        turn, position = divmod(group, len(ids))
        order = Shuffle(len(ids), self._seed, 2, turn)
        return Draw(ids[order[position]], self._taste(generator, repeat))

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
