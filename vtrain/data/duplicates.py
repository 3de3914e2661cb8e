"""Find images that show the same thing, without comparing each with each.

The hashes are sorted again and again, each time with their bits in another order, and each image
is compared with its next neighbours only: the sorted neighbourhood of Hernandez and Stolfo (1995)
over the bit permutations of Charikar (2002). Images that are alike share a long run of bits in
some order and so come to lie side by side. The work grows as N log N.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtrain.config.data import DuplicatesConfig
from vtrain.data.likeness import hashes

_ORDERS = 32
"""Orders of the bits that are tried."""
_NEIGHBOURS = 8
"""Neighbours in each order that an image is compared with."""
_CHUNK = 4096
"""Pairs compared at a time, so that memory stays small."""
_ASPECT = 0.15
"""Largest difference of the aspect, as log2, between images that are alike."""
_FAINT = 1e-6


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that are alike.

    Attributes:
        first: Index of the one.
        second: Index of the other, larger.
        correlation: Of their prints, up to 1.
        distance: Hamming distance of their hashes (bits of 256).
    """

    first: int
    second: int
    correlation: float
    distance: int


class Groups:
    """Sets of indices that belong together, joined pair by pair (Tarjan 1975).

    Args:
        count: Indices, from 0.
    """

    def __init__(self, count: int) -> None:
        self._parent = np.arange(count, dtype=np.int64)

    def join(self, one: int, other: int) -> None:
        """Make the sets of two indices one; the smallest index stands for it."""
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low

    def find(self, index: int) -> int:
        """The smallest index of the set that `index` is in."""
        root = index
        while self._parent[root] != root:
            root = int(self._parent[root])
        while self._parent[index] != root:
            self._parent[index], index = root, int(self._parent[index])
        return root

    def roots(self) -> Sequence[int]:
        """The smallest index of each index's set, in order."""
        return [self.find(index) for index in range(len(self._parent))]


@dataclass(frozen=True, slots=True, eq=False)
class Resemblance:
    """Compares the images of a corpus by their fingerprints.

    Args:
        prints: Shape (n, 256), as `Likeness.print`.
        aspects: Shape (n,), as `Likeness.aspect`.
        limits: Least correlation of two prints, largest distance of two hashes.
    """

    prints: NDArray[np.uint8]
    aspects: NDArray[np.float32]
    limits: DuplicatesConfig

    def join(self, groups: Groups) -> list[Pair]:
        """Join images that are alike, as far as the sorting brings them together.

        Args:
            groups: Where they are joined; indices are those of `prints`.

        Returns:
            The pairs that joined two groups, at most one less than there are images.
        """
        pairs: list[Pair] = []
        if len(self.prints) < 2:
            return pairs
        packed = hashes(self.prints)
        # The orders are fixed, so that the same images always give the same pairs.
        generator = np.random.default_rng(16)
        for _ in range(_ORDERS):
            order = np.argsort(_key(packed, generator), kind="stable")
            for left, right in _neighbours(order):
                for pair in self._alike(left, right, packed[left], packed[right]):
                    if groups.find(pair.first) != groups.find(pair.second):
                        groups.join(pair.first, pair.second)
                        pairs.append(pair)
        return pairs

    def among(self, indices: Sequence[int]) -> list[Pair]:
        """Every pair of images that are alike among some; the work grows as their square."""
        chosen = np.asarray(indices, np.intp)
        packed = hashes(self.prints[chosen])
        pairs: list[Pair] = []
        for place in range(len(chosen) - 1):
            right = chosen[place + 1 :]
            left = np.full_like(right, chosen[place])
            here = np.broadcast_to(packed[place], packed[place + 1 :].shape)
            pairs += self._alike(left, right, here, packed[place + 1 :])
        return pairs

    def _alike(
        self,
        left: NDArray[np.intp],
        right: NDArray[np.intp],
        left_hashes: NDArray[np.uint8],
        right_hashes: NDArray[np.uint8],
    ) -> list[Pair]:
        """Those of the pairs (left, right) that are alike, in their order."""
        apart = np.bitwise_count(left_hashes ^ right_hashes).sum(axis=1, dtype=np.int64)
        near = apart <= self.limits.distance
        near &= np.abs(self.aspects[left] - self.aspects[right]) <= _ASPECT
        places = np.flatnonzero(near)
        values = _correlations(self.prints[left[places]], self.prints[right[places]])
        pairs = []
        for place, value in zip(places.tolist(), values.tolist(), strict=True):
            if value >= self.limits.correlation:
                first, second = sorted((int(left[place]), int(right[place])))
                pairs.append(Pair(first, second, value, int(apart[place])))
        return pairs


def _neighbours(
    order: NDArray[np.intp],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs that lie close in `order`, many at a time."""
    for step in range(1, _NEIGHBOURS + 1):
        for start in range(0, len(order) - step, _CHUNK):
            right = order[start + step : start + step + _CHUNK]
            yield order[start : start + len(right)], right


def _correlations(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pearson's correlation of each pair of rows; 1 for two equal rows without contrast."""
    one = left - left.mean(axis=1, keepdims=True, dtype=np.float32)
    other = right - right.mean(axis=1, keepdims=True, dtype=np.float32)
    scale = np.sqrt((one * one).sum(axis=1) * (other * other).sum(axis=1))
    same = (left == right).all(axis=1).astype(np.float32)
    found = np.divide((one * other).sum(axis=1), scale, out=same.copy(), where=scale > _FAINT)
    return np.asarray(found, np.float32)


def _key(packed: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint64]:
    """64 of the bits in a random order, as one number for each image."""
    chosen = generator.permutation(packed.shape[1] * 8)[:64]
    key = np.zeros(len(packed), np.uint64)
    for bit in chosen.tolist():
        value = (packed[:, bit >> 3] >> np.uint8(7 - (bit & 7))) & np.uint8(1)
        key = (key << np.uint64(1)) | value
    return key
