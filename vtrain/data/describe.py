"""Describe a catalog: counts for people and for `dataset_info.json`, rows for CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import asdict, fields
from typing import Any

from vtrain.config.schema import CATEGORIES
from vtrain.data.catalog import SPLITS, Catalog, Entry


def counts(catalog: Catalog) -> dict[str, dict[str, int]]:
    """Images per category and split: ``counts(catalog)["text"]["train"]``."""
    found = Counter((entry.category, entry.split) for entry in catalog.entries)
    return {
        category: {split: found[category, split] for split in SPLITS} for category in CATEGORIES
    }


def dataset_info(catalog: Catalog) -> dict[str, Any]:
    """What `dataset_info.json` holds, ready for JSON."""
    entries = catalog.entries
    return {
        "digest": catalog.digest,
        "images": len(entries),
        "brands": len({entry.brand for entry in entries}),
        "splits": {split: len(catalog.split(split)) for split in SPLITS},
        "categories": counts(catalog),
        "transparent": sum(entry.transparent for entry in entries),
        "with_larger_reference": sum(entry.reference_scale > 1.0 for entry in entries),
        "rejected": {
            "total": len(catalog.rejected),
            "reasons": dict(sorted(Counter(item.reason for item in catalog.rejected).items())),
        },
    }


def to_csv(catalog: Catalog) -> str:
    """The entries as CSV with a header row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(Entry)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in catalog.entries)
    return out.getvalue()
