"""Assign families of images to splits: seeded, stratified, stable, and never leaking.

A family is what must stay together: a brand's images and whatever looks like one of them. What was
assigned once stays where it is, however many images come later.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vtrain.config.data import DataConfig, SplitConfig
from vtrain.config.section import CATEGORIES, Category
from vtrain.data import metadata
from vtrain.data.records import SPLITS, Entry, Split
from vtrain.errors import DataError

TOLERANCE = 0.02
"""How far a split's share of a category may be off by chance before families are moved."""


@dataclass(frozen=True, slots=True)
class Family:
    """Images that stay in one split.

    Attributes:
        name: Its name, the brand that stands for it.
        category: What most of its images are.
        images: How many it has (count).
        split: Where it was before; None for a new one.
    """

    name: str
    category: Category
    images: int = 1
    split: Split | None = None


def settings_of(config: DataConfig) -> str:
    """Digest of what the splits were made with: when it changes, they are made anew."""
    parts = (
        config.split.model_dump(mode="json"),
        config.split_seed,
        config.duplicates.model_dump(mode="json"),
        metadata.VERSION,
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def position(name: str, seed: int) -> float:
    """Where a family lies in [0, 1): a hash of its name and the seed, uniform over families."""
    digest = hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) / 2**64


def assign(families: Sequence[Family], config: SplitConfig, seed: int) -> dict[str, Split]:
    """Choose a split for each family.

    Old families stay where they are. A new one goes where the hash of its name and the seed says,
    so that other runs over the same logos mostly agree; then, category by category, as few new ones
    as needed are moved until each split has its share of the images, up to 2 % or one image.

    Args:
        families: With different names.
        config: The shares of the splits.
        seed: Another seed gives another split.

    Returns:
        The split of each family.

    Raises:
        DataError: There are fewer families than splits with a share.
    """
    shares: dict[Split, float] = {
        "train": config.train,
        "validation": config.validation,
        "test": config.test,
    }
    wanted = [name for name in SPLITS if shares[name] > 0.0]
    if len(families) < len(wanted):
        raise DataError(
            f"{len(families)} brands cannot be divided over {len(wanted)} splits.",
            hint="Add images of other brands"
            + (
                "."
                if len(families) < 2
                else ", or set the share of a split to 0, such as --set data.split.test=0 with the "
                "others adding up to 1."
            ),
        )
    places = {family.name: position(family.name, seed) for family in families}
    splits = {
        family.name: family.split or _at(places[family.name], shares, wanted) for family in families
    }
    for category in CATEGORIES:
        _balance(
            [family for family in families if family.category == category],
            splits,
            places,
            shares,
            wanted,
        )
    _fill(families, splits, places, shares, wanted)
    return splits


def _at(place: float, shares: Mapping[Split, float], wanted: Sequence[Split]) -> Split:
    end = 0.0
    for name in wanted:
        end += shares[name]
        if place < end:
            return name
    return wanted[-1]  # the shares may add up to a little less than 1


def _middle(name: Split, shares: Mapping[Split, float], wanted: Sequence[Split]) -> float:
    return sum(shares[other] for other in wanted[: wanted.index(name)]) + shares[name] / 2


def _balance(
    families: Sequence[Family],
    splits: dict[str, Split],
    places: Mapping[str, float],
    shares: Mapping[Split, float],
    wanted: Sequence[Split],
) -> None:
    """Move new families of one category from too full splits to too empty ones."""
    total = sum(family.images for family in families)
    counts: Counter[Split] = Counter()
    for family in families:
        counts[splits[family.name]] += family.images
    limit = max(1.0, TOLERANCE * total)
    movable: dict[tuple[Split, Split], Iterator[Family]] = {}
    stuck: set[tuple[Split, Split]] = set()
    while True:
        surplus = {name: counts[name] - shares[name] * total for name in wanted}
        ways = [
            (surplus[full] - surplus[empty], full, empty)
            for full in wanted
            for empty in wanted
            if surplus[full] > 0 > surplus[empty]
            and max(surplus[full], -surplus[empty]) >= limit
            and (full, empty) not in stuck
        ]
        if not ways:
            return
        gap, full, empty = max(ways)
        if (full, empty) not in movable:
            movable[full, empty] = _nearest(
                families, splits, places, full, _middle(empty, shares, wanted)
            )
        # A family as large as the gap would only turn it round.
        fitting = (family for family in movable[full, empty] if family.images < gap)
        moved = next(fitting, None)
        if moved is None:
            stuck.add((full, empty))
            continue
        splits[moved.name] = empty
        counts[full] -= moved.images
        counts[empty] += moved.images


def _nearest(
    families: Sequence[Family],
    splits: Mapping[str, Split],
    places: Mapping[str, float],
    full: Split,
    middle: float,
) -> Iterator[Family]:
    """New families of a split that are still in it when asked for, nearest to a place first."""
    new = [family for family in families if family.split is None and splits[family.name] == full]
    for family in sorted(new, key=lambda one: (abs(places[one.name] - middle), one.name)):
        if splits[family.name] == full:
            yield family


def _fill(
    families: Sequence[Family],
    splits: dict[str, Split],
    places: Mapping[str, float],
    shares: Mapping[Split, float],
    wanted: Sequence[Split],
) -> None:
    """Give each empty split the nearest new family of a split that can spare one."""
    new = {family.name for family in families if family.split is None}
    for name in wanted:
        counts = Counter(splits.values())
        if counts[name]:
            continue
        middle = _middle(name, shares, wanted)
        spare = [
            (abs(places[family] - middle), family)
            for family, split in splits.items()
            if counts[split] > 1 and family in new
        ]
        if spare:
            splits[min(spare)[1]] = name


def check_no_leak(entries: Iterable[Entry], alike: Iterable[tuple[str, str]] = ()) -> None:
    """Make sure that no brand, no picture, no family and no look-alike is in two splits.

    Args:
        entries: The images.
        alike: Pairs of ids that show the same thing.

    Raises:
        DataError: One is; the message names some.
    """
    seen: dict[str, set[str]] = defaultdict(set)
    by_id: dict[str, Entry] = {}
    for entry in entries:
        by_id[entry.id] = entry
        seen[f"brand {entry.brand!r}"].add(entry.split)
        seen[f"picture {entry.id}"].add(entry.split)
        if entry.family:
            seen[f"family {entry.family!r}"].add(entry.split)
    leaks = [key for key, splits in seen.items() if len(splits) > 1]
    for first, second in alike:
        one, other = by_id.get(first), by_id.get(second)
        if one is not None and other is not None and one.split != other.split:
            leaks.append(f"{one.name} looks like {other.name}")
    if leaks:
        more = f" and {len(leaks) - 5} more" if len(leaks) > 5 else ""
        raise DataError(
            f"The splits leak: {', '.join(leaks[:5])}{more} in more than one split.",
            hint="Prepare the data again with 'vtrain data prepare'.",
        )
