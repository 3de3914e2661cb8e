"""Assign brands to splits: seeded, stable when images are added, and never leaking a brand."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from vtrain.config.schema import SplitConfig
from vtrain.data.catalog import SPLITS, Entry, Split
from vtrain.errors import DataError


def position(brand: str, seed: int) -> float:
    """Where a brand lies in [0, 1): a hash of its name and the seed, uniform over brands."""
    digest = hashlib.sha256(f"{seed}:{brand}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) / 2**64


def assign(brands: Iterable[str], config: SplitConfig, seed: int) -> dict[str, Split]:
    """Choose a split for each brand.

    A brand's split depends on its name and the seed alone, so new images never move old ones.
    The hash knows no category, so each category is split in the same shares, up to chance. The
    one exception: in a corpus so small that a wanted split would stay empty, the brand nearest to
    it moves there.

    Args:
        brands: Names; repeated ones count once.
        config: The shares of the splits.
        seed: Another seed gives another split.

    Returns:
        The split of each brand.

    Raises:
        DataError: There are fewer brands than splits with a share.
    """
    places = sorted((position(brand, seed), brand) for brand in set(brands))
    shares: dict[Split, float] = {
        "train": config.train,
        "validation": config.validation,
        "test": config.test,
    }
    wanted = [name for name in SPLITS if shares[name] > 0.0]
    if len(places) < len(wanted):
        raise DataError(
            f"{len(places)} brands cannot be divided over {len(wanted)} splits.",
            hint="Add images of other brands, or set the share of a split to 0, such as "
            "--set data.split.test=0 with the others adding up to 1.",
        )
    splits = {brand: _at(place, shares, wanted) for place, brand in places}
    _fill(splits, places, shares, wanted)
    return splits


def _at(place: float, shares: Mapping[Split, float], wanted: Sequence[Split]) -> Split:
    end = 0.0
    for name in wanted:
        end += shares[name]
        if place < end:
            return name
    return wanted[-1]  # the shares may add up to a little less than 1


def _fill(
    splits: dict[str, Split],
    places: Sequence[tuple[float, str]],
    shares: Mapping[Split, float],
    wanted: Sequence[Split],
) -> None:
    """Give each empty split the nearest brand of a split that can spare one."""
    for name in wanted:
        if name in splits.values():
            continue
        middle = sum(shares[other] for other in wanted[: wanted.index(name)]) + shares[name] / 2
        counts = {other: list(splits.values()).count(other) for other in wanted}
        spare = [
            (abs(place - middle), brand) for place, brand in places if counts[splits[brand]] > 1
        ]
        splits[min(spare)[1]] = name


def check_no_leak(entries: Iterable[Entry]) -> None:
    """Make sure that no brand and no picture is in two splits.

    Raises:
        DataError: One is; the message names some.
    """
    seen: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        seen[f"brand {entry.brand!r}"].add(entry.split)
        seen[f"picture {entry.id}"].add(entry.split)
    leaks = [key for key, splits in seen.items() if len(splits) > 1]
    if leaks:
        more = f" and {len(leaks) - 5} more" if len(leaks) > 5 else ""
        raise DataError(
            f"The splits leak: {', '.join(leaks[:5])}{more} in more than one split.",
            hint="Prepare the data again with 'vtrain data prepare'.",
        )
