"""Fit the weights that tell a logo's category from its pixels, and print the confusion matrix.

    python scripts/fit_categories.py RUN [-o vtrain/data/classify.json]

RUN is a run directory whose images come from folders that name their category:
``vtrain data prepare SOURCE --run RUN``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from vtrain.config.section import CATEGORIES
from vtrain.data.catalog import read_details
from vtrain.data.category_fit import FOLDS, RIDGE, confusion, fit
from vtrain.data.classify import FEATURES, features
from vtrain.data.splits import position
from vtrain.rundir import RunDirectory, write_text


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    details = [
        item
        for item in read_details(RunDirectory.open(arguments.run).catalog)
        if item.entry.category_from == "folder"
    ]
    rows = np.stack([features(item.metadata) for item in details])
    labels = np.array([CATEGORIES.index(item.entry.category) for item in details])
    groups = [int(position(item.entry.brand, 0) * 1_000_003) for item in details]
    table = confusion(rows, labels, groups)
    agreement = table.trace() / table.sum()
    model = fit(rows, labels)
    print(f"{len(rows)} logos, {FOLDS} folds by brand, agreement {agreement:.3f}")
    print("folder   told " + " ".join(f"{name:>9}" for name in CATEGORIES))
    for name, row in zip(CATEGORIES, table.tolist(), strict=True):
        print(f"{name:<13} " + " ".join(f"{count:9d}" for count in row))
    if arguments.output:
        record = {
            "schema": 1,
            "features": FEATURES,
            "mean": [float(f"{value:.6g}") for value in model.mean],
            "spread": [float(f"{value:.6g}") for value in model.spread],
            "weights": [[float(f"{value:.6g}") for value in row] for row in model.weights],
            "fit": {
                "logos": len(rows),
                "ridge": RIDGE,
                "folds": FOLDS,
                "agreement": round(float(agreement), 4),
                "confusion": table.tolist(),
            },
        }
        write_text(arguments.output, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
