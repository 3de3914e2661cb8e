"""Seeded defects are caught by name, and clean logos are left in peace."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scripts.bench_quality import CLEAN, EXPECTED, verdict
from scripts.bench_quality import samples as spoilt
from vtrain.config.data import DataConfig, QualityConfig
from vtrain.data.metadata import Metadata, describe
from vtrain.data.quality import REASONS, judge
from vtrain.images import decode

CONFIG = DataConfig()


@pytest.fixture(scope="module")
def clean(samples: Path) -> Metadata:
    path = next((samples / "simple").iterdir())
    return describe(decode(path.read_bytes(), name="a", svg_side=256), 1)


@pytest.mark.slow
def test_defects_of_sample_logos_are_caught(samples: Path) -> None:
    counts: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    for number, path in enumerate(sorted(samples.rglob("*.svg"))):
        for sample in spoilt(path.read_bytes(), number):
            result = verdict(sample, CONFIG)
            counts[sample.kind] += 1
            caught[sample.kind] += bool(
                result.level != "ok"
                if sample.kind in CLEAN
                else EXPECTED[sample.kind] & set(result.reasons)
            )

    defects = sum(caught[kind] for kind in EXPECTED) / sum(counts[kind] for kind in EXPECTED)
    assert defects >= 0.9
    assert sum(caught[kind] for kind in CLEAN) <= 2


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (QualityConfig(warn_edge_width=0.1), "blurred"),
        (QualityConfig(warn_contrast=900), "faint"),
    ],
)
def test_limits_are_the_users(clean: Metadata, limits: QualityConfig, reason: str) -> None:
    result = judge(clean, "a.svg", limits)

    assert (result.level, result.reasons) == ("warn", (reason,))
    assert reason in REASONS
    assert "over" in result.detail or "under" in result.detail


def test_a_clean_logo_is_ok(clean: Metadata) -> None:
    assert judge(clean, "a.svg", QualityConfig()).level == "ok"


def test_switches_turn_warnings_off(clean: Metadata) -> None:
    off = QualityConfig(warn_extension=False, warn_rotated=False)

    assert judge(clean, "a.png", off).level == "ok"
    assert judge(clean, "a.png", QualityConfig()).reasons == ("wrong-extension",)
    assert judge(clean, "a", QualityConfig()).reasons == ("wrong-extension",)


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="reject_side"):
        QualityConfig(reject_side=100, warn_side=50)
