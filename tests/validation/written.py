"""Results on disk that are made of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.validation.judging import Bench, Fixed, entry, measurement
from tests.validation.test_validation_report import record_of
from vtrain.config.scoring import ScoringConfig
from vtrain.tracing.parameters import PRESETS, encode_settings
from vtrain.validation.judge import judge
from vtrain.validation.results import write_results


def write_judged(
    folder: Path, utilities: Mapping[int, float], *, price: float = 0.15, brand: int = 1
) -> Path:
    """Results of a policy that comes to a utility on each image, by its number, at two tastes.

    So many images with adjacent numbers are of one brand; the default comes to 9 more.
    """
    recipe = encode_settings(PRESETS["recipe"])
    judged = judge(
        [Fixed("policy", recipe), Fixed("default", recipe)],
        [replace(entry(number), brand=f"{number // brand}") for number in utilities],
        engine=Bench(lambda _: measurement()),
        tastes={"fidelity": price, "balanced": price},
        traces=1,
        scoring=ScoringConfig(),
    )
    rows = tuple(
        replace(
            row, utility=utilities[int(row.image, 16)] + (9.0 if row.chooser == "default" else 0.0)
        )
        for row in judged.rows
    )
    judgement = replace(judged, rows=rows)
    write_results(folder, record_of(judgement, images=len(utilities)), judgement)
    return folder
