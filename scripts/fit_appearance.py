"""Fit the appearance model to labelled pairs and write its weights.

    python -m scripts.fit_appearance SOURCES [LABELS.json ...] [-o vtrain/scoring/appearance.json]

SOURCES is the folder of the SVG files that the labels name; without LABELS those of this repository
are used (`scripts/appearance_pairs.json`). The weights file records the labels' SHA-256 and the
agreement, of the fit and with the pairs of a tenth of the logos left out at a time. Prints how
many of the newer, the clear and the older labels are right then; ``--failures`` names those that
are not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from scripts.label_pairs import picture
from vtrain.config.section import CATEGORIES
from vtrain.scoring.fit import FOLDS, LEAST, RIDGE, Pair, fit
from vtrain.scoring.preferences import labelled_pairs

LABELS = Path(__file__).with_name("appearance_pairs.json")


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path)
    parser.add_argument("labels", type=Path, nargs="*", default=[LABELS])
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--failures", action="store_true")
    arguments = parser.parse_args()
    pairs: list[Pair] = []
    notes: list[str | None] = []
    digest = hashlib.sha256()
    for labels in arguments.labels:
        pairs += labelled_pairs(labels, arguments.sources, picture)
        notes += [pair.get("note") for pair in json.loads(labels.read_text("utf-8"))["pairs"]]
        digest.update(labels.read_bytes())
    fitted = fit(pairs)
    decided = [place for place, pair in enumerate(pairs) if pair.decided]
    record = {
        "schema": 2,
        "weights": {name: round(weight, 4) for name, weight in fitted.weights.items()},
        "fit": {
            "pairs": len(decided),
            "ordered_both_ways": len(pairs) - len(decided),
            "logos": len({pair.logo for pair in pairs}),
            "agreement": round(fitted.agreement, 4),
            "held_out": round(fitted.held_out, 4),
            "held_out_by_category": {
                category: round(
                    share([fitted.right[i] for i in decided if of(pairs[i]) == category]), 4
                )
                for category in CATEGORIES
            },
            "folds": FOLDS,
            "ridge": RIDGE,
            "least": LEAST,
            "labels_sha256": digest.hexdigest(),
        },
    }
    text = json.dumps(record, indent=2) + "\n"
    print(text, end="")
    # The newer labels have notes, which begin with "close:" where it was.
    noted = [place for place in decided if notes[place] is not None]
    clear = [place for place in noted if "close" not in str(notes[place])]
    older = [place for place in decided if notes[place] is None]
    for name, places in (("with notes", noted), ("of them clear", clear), ("older", older)):
        right = sum(fitted.right[place] for place in places)
        print(f"held out, {name}: {right} of {len(places)}")
    if arguments.failures:
        for place in decided:
            if not fitted.right[place]:
                pair = pairs[place]
                print(place, pair.logo, pair.better, pair.worse, sep="\n  ")
    if arguments.output:
        arguments.output.write_text(text, "utf-8")


def of(pair: Pair) -> str:
    """The category of a pair's logo."""
    return pair.logo.split("/")[0]


def share(right: list[bool]) -> float:
    """Of those that are right; 0 of none."""
    return sum(right) / len(right) if right else 0.0


if __name__ == "__main__":
    main()
