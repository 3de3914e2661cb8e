"""In which order images are taken: a function of the seed and a position, with almost no memory.

A shuffle is a keyed permutation that is computed, not stored (a Feistel network walked until it
falls inside, Black and Rogaway 2002), so that any position of any pass over any corpus is found at
once, and a position is all that must be saved.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vtrain.config.section import CATEGORIES, Category
from vtrain.errors import DataError, UsageError

Order = Literal["round-robin", "random", "balanced", "weighted", "least-evaluated", "hardest"]
ORDERS: tuple[Order, ...] = get_args(Order)
_ROUNDS = 4
_SLOTS = 64
"""Places of a block over which weights are spread."""


class Shuffle:
    """A permutation of ``range(count)``, the same for the same key.

    Args:
        count: How many, at least 1.
        key: Numbers that choose the permutation.
    """

    def __init__(self, count: int, *key: int) -> None:
        self._count = count
        bits = max(1, (count - 1).bit_length())
        self._half = (bits + 1) // 2
        self._mask = (1 << self._half) - 1
        digest = hashlib.sha256(repr(key).encode()).digest()
        self._keys = [int.from_bytes(digest[8 * n : 8 * n + 8]) for n in range(_ROUNDS)]

    def __getitem__(self, position: int) -> int:
        """Where `position` goes."""
        value = position
        while True:
            value = self._scramble(value)
            if value < self._count:  # expected after at most four steps
                return value

    def _scramble(self, value: int) -> int:
        left, right = value >> self._half, value & self._mask
        for key in self._keys:
            mixed = (right * 0x9E3779B97F4A7C15 + key) & 0xFFFFFFFFFFFFFFFF
            mixed ^= mixed >> 29
            mixed = (mixed * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
            left, right = right, left ^ ((mixed >> 32) & self._mask)
        return (left << self._half) | right


@dataclass(slots=True)
class Standing:
    """What is known of images while they are used; saved and restored with the position.

    Attributes:
        evaluations: How often each was evaluated, shape (n,).
        pending: How often each was handed out and is not reported yet, shape (n,).
        difficulty: How hard each was the last time, shape (n,); NaN where nobody knows.
    """

    evaluations: NDArray[np.int32]
    pending: NDArray[np.int32]
    difficulty: NDArray[np.float32]

    @classmethod
    def of(cls, count: int) -> Standing:
        """Nothing known of `count` images."""
        return cls(
            np.zeros(count, np.int32),
            np.zeros(count, np.int32),
            np.full(count, np.nan, np.float32),
        )


Pick = Callable[[int], int]


@dataclass(slots=True)
class Sequencer:
    """Gives the image at each position, from 0 without end.

    Args:
        categories: Of each image, by its index.
        order: How images are taken:
            ``round-robin`` one of each category in turn, each category shuffled anew every pass;
            ``random`` all images shuffled, anew every pass;
            ``balanced`` each category once in every few places, in a shuffled order;
            ``weighted`` the same, each category as often as its weight, to a 64th;
            ``least-evaluated`` the one evaluated least, ties in a shuffled order;
            ``hardest`` the hardest known, unknown ones first, ties in a shuffled order; one that
            was taken comes again only after all others.
        seed: Another seed, another order.
        weights: How often each category comes in the ``weighted`` order; missing ones never.

    Raises:
        DataError: There is no image.
        UsageError: The order is unknown, or no category that has images has a weight.
    """

    categories: Sequence[Category]
    order: Order = "round-robin"
    seed: int = 0
    weights: Mapping[Category, float] | None = None
    standing: Standing = field(init=False)
    _groups: dict[Category, NDArray[np.int64]] = field(init=False)
    _taken: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise UsageError(
                f"There is no order {self.order!r}.", hint=f"Choose {', '.join(ORDERS)}."
            )
        if not len(self.categories):
            raise DataError("There is no image to take.", hint="See `vtrain data stats`.")
        labels = np.array([CATEGORIES.index(name) for name in self.categories], np.int8)
        found = {name: np.flatnonzero(labels == n) for n, name in enumerate(CATEGORIES)}
        self._groups = {name: indices for name, indices in found.items() if len(indices)}
        if self.seed < 0:
            raise UsageError(f"seed={self.seed} is negative.", hint="Give 0 or more.")
        if self.order == "weighted" and not 0 < self._total() < math.inf:
            raise UsageError(
                "No category that has images has a weight.",
                hint="Give weights such as {'text': 2.0, 'simple': 1.0}.",
            )
        self.standing = Standing.of(len(self.categories))
        self._taken = np.zeros(len(self.categories), np.int32)

    def __getitem__(self, position: int) -> int:
        """Index of the image at a position; for the last two orders, of the best one now."""
        picks: dict[Order, Pick] = {
            "round-robin": self._round_robin,
            "random": self._random,
            "balanced": self._balanced,
            "weighted": self._weighted,
            "least-evaluated": self._least_evaluated,
            "hardest": self._hardest,
        }
        return picks[self.order](position)

    def take(self, position: int) -> int:
        """As indexing, and count the image as taken."""
        index = self[position]
        self._taken[index] += 1
        self.standing.pending[index] += 1
        return index

    def record(self, index: int, difficulty: float) -> None:
        """Say how hard an image was: larger is harder.

        Raises:
            UsageError: There is no such image, or the difficulty is not finite.
        """
        if not 0 <= index < len(self.categories) or not math.isfinite(difficulty):
            raise UsageError(
                f"record({index}, {difficulty}) names no image or no difficulty.",
                hint=f"Images are 0 to {len(self.categories) - 1}; difficulties are finite.",
            )
        self.standing.evaluations[index] += 1
        self.standing.pending[index] = max(0, self.standing.pending[index] - 1)
        self.standing.difficulty[index] = difficulty

    def state(self) -> dict[str, Any]:
        """What `restore` needs, ready for JSON."""
        return {
            "evaluations": self.standing.evaluations.tolist(),
            "pending": self.standing.pending.tolist(),
            "difficulty": [None if np.isnan(v) else float(v) for v in self.standing.difficulty],
            "taken": self._taken.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state.

        Raises:
            DataError: It is of another corpus.
        """
        if len(state["taken"]) != len(self.categories):
            raise DataError(
                f"The saved position is of {len(state['taken'])} images, and there are "
                f"{len(self.categories)}.",
                hint="Start anew, or prepare the same images again.",
            )
        difficulty = [np.nan if value is None else value for value in state["difficulty"]]
        self.standing.evaluations[:] = state["evaluations"]
        self.standing.pending[:] = state["pending"]
        self.standing.difficulty[:] = difficulty
        self._taken[:] = state["taken"]

    def _total(self) -> float:
        weights = self.weights or {}
        return sum(max(0.0, weights.get(name, 0.0)) for name in self._groups)

    def _of(self, category: Category, position: int) -> int:
        indices = self._groups[category]
        turn, place = divmod(position, len(indices))
        key = (self.seed, 1 + CATEGORIES.index(category), turn)
        return int(indices[Shuffle(len(indices), *key)[place]])

    def _round_robin(self, position: int) -> int:
        turn, place = divmod(position, len(self._groups))
        return self._of(list(self._groups)[place], turn)

    def _random(self, position: int) -> int:
        turn, place = divmod(position, len(self.categories))
        return Shuffle(len(self.categories), self.seed, 0, turn)[place]

    def _balanced(self, position: int) -> int:
        return self._by_slots(position, dict.fromkeys(self._groups, 1))

    def _weighted(self, position: int) -> int:
        weights = self.weights or {}
        shares = {name: max(0.0, weights.get(name, 0.0)) / self._total() for name in self._groups}
        slots = {name: math.floor(_SLOTS * share) for name, share in shares.items()}
        # Largest remainders, so that the slots add up.
        rest = sorted(shares, key=lambda name: slots[name] - _SLOTS * shares[name])
        for name in rest[: _SLOTS - sum(slots.values())]:
            slots[name] += 1
        return self._by_slots(position, slots)

    def _by_slots(self, position: int, slots: Mapping[Category, int]) -> int:
        """Categories in blocks, each as often in a block as it has slots, in a shuffled order."""
        block = [name for name, count in slots.items() for _ in range(count)]
        turn, place = divmod(position, len(block))
        shuffle = Shuffle(len(block), self.seed, 7, turn)
        name = block[shuffle[place]]
        before = sum(block[shuffle[earlier]] == name for earlier in range(place))
        return self._of(name, turn * slots[name] + before)

    def _least_evaluated(self, position: int) -> int:
        # What was handed out and not yet reported counts, or it would come at once again.
        uses = self.standing.evaluations + self.standing.pending
        return self._first(np.flatnonzero(uses == uses.min()), position)

    def _hardest(self, position: int) -> int:
        waiting = np.flatnonzero(self._taken == self._taken.min())
        difficulty = np.nan_to_num(self.standing.difficulty[waiting], nan=np.inf)
        return self._first(waiting[difficulty == difficulty.max()], position)

    def _first(self, indices: NDArray[np.int64], position: int) -> int:
        return int(indices[Shuffle(len(indices), self.seed, 9, position)[0]])
