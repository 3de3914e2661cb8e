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


def join_alike(
    groups: Groups,
    prints: NDArray[np.uint8],
    aspects: NDArray[np.float32],
    *,
    correlation: float,
    distance: int,
) -> list[Pair]:
    """Join images that are alike, as far as the sorting brings them together.

    Args:
        groups: Where they are joined; indices are those of `prints`.
        prints: Shape (n, 256), as `Likeness.print`.
        aspects: Shape (n,), as `Likeness.aspect`.
        correlation: Least correlation of the prints.
        distance: Largest Hamming distance of the hashes (bits).

    Returns:
        The pairs that joined two groups, at most one less than there are images.
    """
    pairs: list[Pair] = []
    if len(prints) < 2:
        return pairs
    packed = hashes(prints)
    # The orders are fixed, so that the same images always give the same pairs.
    generator = np.random.default_rng(16)
    for _ in range(_ORDERS):
        order = np.argsort(_key(packed, generator), kind="stable")
        for left, right in _neighbours(order):
            apart = np.bitwise_count(packed[left] ^ packed[right]).sum(axis=1, dtype=np.int64)
            near = (apart <= distance) & (np.abs(aspects[left] - aspects[right]) <= _ASPECT)
            values = _correlations(prints[left[near]], prints[right[near]])
            alike = np.flatnonzero(near)[values >= correlation]
            values = values[values >= correlation]
            for place, value in zip(alike.tolist(), values.tolist(), strict=True):
                one, other = int(left[place]), int(right[place])
                if groups.find(one) != groups.find(other):
                    groups.join(one, other)
                    first, second = sorted((one, other))
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
