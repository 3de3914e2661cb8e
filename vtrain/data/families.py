"""Which images must stay on one side of the split: those of one brand, and look-alikes.

A new image may turn out to show what two old ones show that are on different sides. Neither may
move, so the new one is left out, with a reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vtrain.config.data import SplitConfig
from vtrain.config.section import CATEGORIES, Category
from vtrain.data.duplicates import Groups, Pair
from vtrain.data.records import Split
from vtrain.data.splits import Family, assign, position


@dataclass(frozen=True, slots=True)
class Image:
    """What of an image tells its family.

    Attributes:
        id: As of `Entry`.
        brand: As of `Entry`.
        category: As of `Entry`.
    """

    id: str
    brand: str
    category: Category


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image ends up.

    Attributes:
        family: Its family's name.
        split: Its split; None when it is left out.
        detail: Why it is left out.
    """

    family: str
    split: Split | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Splits of earlier passes.

    Attributes:
        images: By id.
        brands: By brand.
    """

    images: Mapping[str, Split]
    brands: Mapping[str, Split]

    def of(self, image: Image) -> set[Split]:
        """Where an image and its brand were."""
        found = (self.images.get(image.id), self.brands.get(image.brand))
        return {split for split in found if split is not None}


@dataclass(frozen=True, slots=True)
class Looks:
    """Which images look alike.

    Attributes:
        pairs: Enough of them, by index, to join each group.
        among: Every pair among some images, for where it matters which ones exactly.
    """

    pairs: Sequence[Pair]
    among: Callable[[Sequence[int]], Sequence[Pair]]


def place(
    images: Sequence[Image], looks: Looks, memory: Memory, config: SplitConfig, seed: int
) -> tuple[list[Place], list[Pair]]:
    """Find the families and give each a split.

    Args:
        images: In a stable order.
        looks: Which of them look alike.
        memory: Where they were before.
        config: The shares of the splits.
        seed: Of the splits.

    Returns:
        A place for each image, in order, and the pairs that were looked at.

    Raises:
        DataError: There are fewer families than splits.
    """
    pairs = list(looks.pairs)
    homes: list[tuple[list[int], Split | None]] = []
    left_out: dict[int, str] = {}
    for group in _components(images, pairs):
        before = {split for index in group for split in memory.of(images[index])}
        if len(before) <= 1:
            homes.append((group, before.pop() if before else None))
        else:
            # A family's pairs only hold it together; to part it, each must be known.
            every = looks.among(group)
            pairs += every
            parts, removed = _part(group, images, every, memory)
            homes += parts
            left_out |= removed
    families = []
    names: dict[int, str] = {}
    for group, split in homes:
        name = min(
            {images[i].brand for i in group}, key=lambda brand: (position(brand, seed), brand)
        )
        counts = Counter(images[i].category for i in group)
        category = max(CATEGORIES, key=lambda one: counts[one])
        families.append(Family(name, category, len(group), split))
        names |= dict.fromkeys(group, name)
    splits = assign(families, config, seed)
    places = [
        Place("", None, left_out[index])
        if index in left_out
        else Place(names[index], splits[names[index]])
        for index in range(len(images))
    ]
    return places, pairs


def _components(images: Sequence[Image], pairs: Sequence[Pair]) -> list[list[int]]:
    groups = Groups(len(images))
    first: dict[str, int] = {}
    for index, image in enumerate(images):
        groups.join(first.setdefault(image.brand, index), index)
    for pair in pairs:
        groups.join(pair.first, pair.second)
    found: dict[int, list[int]] = defaultdict(list)
    for index, root in enumerate(groups.roots()):
        found[root].append(index)
    return list(found.values())


def _links(pairs: Sequence[Pair]) -> Mapping[int, list[int]]:
    links: dict[int, list[int]] = defaultdict(list)
    for pair in pairs:
        links[pair.first].append(pair.second)
        links[pair.second].append(pair.first)
    return links


def _part(
    group: Sequence[int],
    images: Sequence[Image],
    pairs: Sequence[Pair],
    memory: Memory,
) -> tuple[list[tuple[list[int], Split | None]], dict[int, str]]:
    """Part a family that joins old images of several splits; the parts, and what is left out."""
    links = _links(pairs)
    side: dict[int, Split] = {}
    brands: dict[str, Split] = {}
    removed: dict[int, str] = {}

    def settle(index: int, own: Split | None) -> bool:
        """Give an image its side, or leave it out; False when nothing tells its side yet."""
        brand = images[index].brand
        near = {side[other]: images[other] for other in links.get(index, ()) if other in side}
        known = brands.get(brand) or memory.brands.get(brand)
        splits = {*near, *(one for one in (known, own) if one is not None)}
        if not splits:
            return False
        if len(splits) > 1:
            removed[index] = _conflict(near, known, own)
        else:
            side[index] = brands[brand] = next(iter(splits))
        return True

    # Those that were there before come first: what is new gives way to them. Two old ones may meet
    # only now, when one of them was away for a while; then the later gives way.
    for index in group:
        if images[index].id in memory.images:
            settle(index, memory.images[images[index].id])
    waiting = [index for index in group if index not in side and index not in removed]
    while True:
        rest = [index for index in waiting if not settle(index, None)]
        if len(rest) == len(waiting):
            break
        waiting = rest
    parts: list[tuple[list[int], Split | None]] = [
        (sorted(index for index, one in side.items() if one == split), split)
        for split in sorted(set(side.values()))
    ]
    place_of = {index: place for place, index in enumerate(rest)}
    inside = [
        Pair(place_of[pair.first], place_of[pair.second], pair.correlation, pair.distance)
        for pair in pairs
        if pair.first in place_of and pair.second in place_of
    ]
    alone = _components([images[index] for index in rest], inside)
    parts += [([rest[place] for place in component], None) for component in alone]
    return parts, removed


def _conflict(near: Mapping[Split, Image], brand: Split | None, own: Split | None) -> str:
    reasons = [f"it looks like {image.brand} in {split}" for split, image in near.items()]
    if brand is not None:
        reasons.append(f"its brand is in {brand}")
    if own is not None:
        reasons.append(f"it was in {own} itself")
    return f"using it would leak: {', '.join(reasons)}"
