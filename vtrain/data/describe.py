"""Describe a catalog: counts and distributions for people and for `dataset_info.json`."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vtrain.config.section import CATEGORIES
from vtrain.data.catalog import Catalog, read_alike, read_details
from vtrain.data.records import SPLITS

MEASURES: tuple[str, ...] = (
    "source_width",
    "source_height",
    "file_bytes",
    "aspect",
    "colours",
    "parts",
    "stroke_50",
    "gradient_share",
    "edge_density",
    "foreground_share",
    "edge_width",
    "contrast",
    "noise",
)
"""Fields of `Metadata` whose distribution is told."""
_QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)
_COMMON = 12


def counts(catalog: Catalog) -> dict[str, dict[str, int]]:
    """Images per category and split: ``counts(catalog)["text"]["train"]``."""
    found = Counter((entry.category, entry.split) for entry in catalog.entries if not entry.variant)
    return {
        category: {split: found[category, split] for split in SPLITS} for category in CATEGORIES
    }


def dataset_info(path: Path) -> dict[str, Any]:
    """What `dataset_info.json` holds, ready for JSON.

    Args:
        path: The catalog's file.

    Raises:
        DataError: It is missing or damaged.
    """
    catalog = Catalog.load(path)
    entries = [entry for entry in catalog.entries if not entry.variant]
    table = counts(catalog)
    sizes = [sum(by_split.values()) for by_split in table.values()]
    families = {entry.family for entry in entries}
    return {
        "digest": catalog.digest,
        "images": len(entries),
        "damaged_copies": len(catalog.entries) - len(entries),
        "brands": len({entry.brand for entry in entries}),
        "families": len(families),
        "splits": {split: sum(by_split[split] for by_split in table.values()) for split in SPLITS},
        "categories": table,
        "imbalance": round(max(sizes) / min(sizes), 3) if min(sizes) else None,
        "category_from": dict(sorted(Counter(entry.category_from for entry in entries).items())),
        "transparent": sum(entry.transparent for entry in entries),
        "with_larger_reference": sum(entry.reference_scale > 1.0 for entry in entries),
        "look_alikes": _groups(path),
        "quality": {
            "ok": sum(entry.quality == "ok" for entry in entries),
            "warn": sum(entry.quality == "warn" for entry in entries),
            "reasons": _reasons(entry.reasons for entry in entries if entry.reasons),
        },
        "rejected": {
            "total": len(catalog.rejected),
            "reasons": dict(sorted(Counter(item.reason for item in catalog.rejected).items())),
        },
        **_distributions(path),
    }


def _reasons(texts: Any) -> dict[str, int]:
    return dict(sorted(Counter(reason for text in texts for reason in text.split(",")).items()))


def _groups(path: Path) -> dict[str, int]:
    """Groups of images that show the same thing, and how many images are in them."""
    parent: dict[str, str] = {}

    def find(id_: str) -> str:
        while parent.setdefault(id_, id_) != id_:
            id_ = parent[id_]
        return id_

    for pair in read_alike(path):
        parent[find(pair.first)] = find(pair.second)
    return {"groups": len({find(id_) for id_ in list(parent)}), "images": len(parent)}


def _distributions(path: Path) -> dict[str, Any]:
    values: dict[str, array[float]] = defaultdict(lambda: array("d"))
    formats: Counter[str] = Counter()
    palette: Counter[str] = Counter()
    for detail in read_details(path):
        formats[detail.metadata.format] += 1
        if detail.metadata.palette:
            palette[_coarse(detail.metadata.palette.split(" ", 1)[0])] += 1
        for name in MEASURES:
            values[name].append(getattr(detail.metadata, name))
    return {
        "formats": dict(sorted(formats.items())),
        "main_colours": dict(palette.most_common(_COMMON)),
        "measures": {name: _summary(values[name]) for name in MEASURES if values[name]},
    }


def _coarse(colour: str) -> str:
    """A colour on a grid of 16 levels a channel, so that nearly equal ones count together."""
    return "#" + "".join(f"{int(colour[at : at + 2], 16) // 17 * 17:02x}" for at in (1, 3, 5))


def _summary(values: Sequence[float]) -> dict[str, float]:
    names = ("min", "p10", "median", "p90", "max")
    found = np.quantile(np.asarray(values), _QUANTILES)
    return {name: float(f"{value:.4g}") for name, value in zip(names, found, strict=True)}
