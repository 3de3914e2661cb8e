"""Fit the appearance model to labelled pairs and write its weights.

    python scripts/fit_appearance.py PREFERENCES.json SOURCES [-o vtrain/scoring/appearance.json]

SOURCES is the folder of the SVG files that PREFERENCES.json names. The weights file records the
labels' SHA-256 and the agreement, of the fit and with each pair left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from vtrain.scoring.fit import FLOOR, PRIOR, RIDGE, fit
from vtrain.scoring.preferences import labelled_terms


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preferences", type=Path)
    parser.add_argument("sources", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    pairs = list(labelled_terms(arguments.preferences, arguments.sources))
    fitted = fit(pairs)
    record = {
        "schema": 1,
        "contour": round(fitted.contour, 3),
        "colour": round(fitted.colour, 3),
        "floor": FLOOR,
        "fit": {
            **{name: round(value, 4) for name, value in asdict(fitted).items()},
            "pairs": len(pairs),
            "labels_sha256": hashlib.sha256(arguments.preferences.read_bytes()).hexdigest(),
            "prior": list(PRIOR),
            "ridge": RIDGE,
        },
    }
    text = json.dumps(record, indent=2) + "\n"
    print(text, end="")
    if arguments.output:
        arguments.output.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
