"""Stability and consistency: by hand on numbers, and end to end on a policy of random weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.validation.judging import Bench, Fixed, entry, measurement
from tests.validation.written import write_judged
from vtrain.config.schema import Config
from vtrain.config.scoring import ScoringConfig
from vtrain.environment.measurement import Measurement, Request
from vtrain.errors import DataError, UsageError
from vtrain.rundir import RunDirectory, read_jsonl, write_text
from vtrain.tracing.parameters import PRESETS, Action, canonical, encode_settings
from vtrain.validation.consistency import DrawingChooser, consistency, consistency_over_runs
from vtrain.validation.judge import Row, judge
from vtrain.validation.outcomes import Outcome, outcomes
from vtrain.validation.results import read_record
from vtrain.validation.stability import compare_disturbed, stability
from vtrain.validation.validate import ValidationResult, validate

POSTER = canonical(encode_settings(PRESETS["poster"]))
PHOTO = canonical(encode_settings(PRESETS["photo"]))
SCORING = ScoringConfig()
TASTES = {"fidelity": 0.05}
TWO = ("fidelity", "0.7")


def appearance(request: Request) -> Measurement:
    return measurement(float(int(request.image, 16)))


def plain_rows(count: int = 4) -> tuple[Row, ...]:
    entries = [entry(n, ("simple", "text")[n % 2]) for n in range(count)]
    return judge([Fixed("policy", POSTER)], entries, engine=Bench(appearance), tastes=TASTES,
                 traces=1, scoring=SCORING).rows  # fmt: skip


def moved(rows: tuple[Row, ...], by: list[float], *, action: Action = POSTER) -> list[Outcome]:
    return [
        Outcome(f"copy of {row.image}", row.taste, "policy", action, row.measurement,
                row.utility + step)
        for row, step in zip(rows, by, strict=True)
    ]  # fmt: skip


def test_stability_is_the_root_mean_square_over_the_disturbances() -> None:
    rows = plain_rows()
    found = compare_disturbed(
        rows,
        {"shift": moved(rows, [0.0, 3.0, 1.0, 0.0]),
         "jpeg": moved(rows, [0.0, -4.0, 1.0, 2.0], action=PHOTO)},
    )  # fmt: skip

    figures = {
        (item.category, item.disturbance): item
        for item in stability(found, resamples=200, confidence=0.95)
    }

    expected = [0.0, np.sqrt((9 + 16) / 2), 1.0, np.sqrt(2)]
    assert figures["all", "all"].spread.value == pytest.approx(np.mean(expected))
    assert figures["all", "shift"].spread.value == pytest.approx(1.0)
    assert figures["simple", "all"].spread.value == pytest.approx(0.5)
    assert figures["all", "jpeg"].difference == pytest.approx(-0.25)
    assert figures["all", "jpeg"].changed == 1.0
    assert figures["all", "all"].changed == 0.5
    assert figures["text", "all"].n == 2
    assert figures["all", "all"].spread.low <= figures["all", "all"].spread.value


def test_nothing_that_changes_is_perfect_stability() -> None:
    rows = plain_rows()

    found = stability(
        compare_disturbed(rows, {"noise": moved(rows, [0.0] * 4)}), resamples=200, confidence=0.95
    )

    assert {(item.spread.value, item.difference, item.changed) for item in found} == {(0, 0, 0)}


def test_consistency_is_the_standard_deviation_over_draws() -> None:
    rows = plain_rows(2)
    drawn = [*moved(rows, [1.0, 0.0]), *moved(rows, [-1.0, 0.0]), *moved(rows, [3.0, 0.0])]
    drawn = [replace(item, image=item.image.removeprefix("copy of ")) for item in drawn]

    figures = {item.category: item for item in consistency(rows, drawn, resamples=200,
                                                           confidence=0.95)}  # fmt: skip

    assert figures["simple"].spread.value == pytest.approx(np.std([1, -1, 3], ddof=1))
    assert figures["text"].spread.value == 0.0
    assert figures["all"].spread.value == pytest.approx(1.0)
    assert figures["all"].difference == pytest.approx(0.5)
    assert figures["all"].spread_of_means == pytest.approx(np.std([0.5, -0.5, 1.5], ddof=1))
    assert figures["all"].repeats == 3


def test_consistency_over_runs_compares_what_all_have_judged(tmp_path: Path) -> None:
    first = write_judged(tmp_path / "a", {1: 1.0, 2: 5.0})
    second = write_judged(tmp_path / "b", {1: 3.0, 3: 0.0})

    overall = consistency_over_runs([first, second], resamples=100)[0]

    assert (overall.taste, overall.category) == ("fidelity", "all")
    assert (overall.n, overall.repeats) == (1, 2)
    assert overall.spread.value == pytest.approx(np.sqrt(2))
    assert overall.difference is None


def test_consistency_over_runs_needs_two_with_something_in_common(tmp_path: Path) -> None:
    first = write_judged(tmp_path / "a", {1: 1.0})
    second = write_judged(tmp_path / "b", {2: 1.0})

    with pytest.raises(UsageError, match="at least 2"):
        consistency_over_runs([first])
    with pytest.raises(DataError, match="in common"):
        consistency_over_runs([first, second])
    with pytest.raises(DataError, match="cannot be read"):
        consistency_over_runs([first, tmp_path / "c"])


class Dice:
    def draw(self, image_features: object, taste: float, seed: int) -> Action:  # noqa: ARG002
        return (POSTER, PHOTO)[seed % 2]


def test_a_draw_depends_on_the_seed_the_image_and_the_repeat() -> None:
    def drawn(seed: int, image: int, repeat: int) -> Action:
        chooser = DrawingChooser(Dice(), lambda _: np.zeros(1, np.float32), repeat, seed)
        return chooser.choose(entry(image), 0.5, 4)[0]

    cases = [(seed, image, repeat) for seed in range(3) for image in range(6) for repeat in (1, 2)]
    first = [drawn(*case) for case in cases]

    assert first == [drawn(*case) for case in cases]
    for axis in range(3):
        turned = [(*case[:axis], case[axis] + 10, *case[axis + 1 :]) for case in cases]
        assert first != [drawn(*case) for case in turned]


def test_outcomes_keep_the_best_against_the_input_as_a_judgement_does() -> None:
    def measure(request: Request) -> Measurement:
        native = {POSTER: 9.0, PHOTO: 5.0}
        return measurement(native[request.action] if request.native else 1.0)

    (found,) = outcomes([Fixed("policy", PHOTO, POSTER)], [entry(1)], engine=Bench(measure),
                        tastes=TASTES, traces=2, scoring=SCORING)  # fmt: skip

    assert found.action == POSTER
    assert found.utility == found.measurement.utility(0.05, SCORING)


@pytest.fixture(scope="module")
def result(
    run: RunDirectory, config: Config, tmp_path_factory: pytest.TempPathFactory
) -> ValidationResult:
    path = tmp_path_factory.mktemp("protocols") / "all-of-it.yaml"
    write_text(
        path,
        "sampling: round-robin\nper_category: 1\nrepeats: 3\nstability: true\ntiming: true\n"
        "tastes: [fidelity, 0.7]\n",
    )
    return validate(run, config, against=["default", "incumbent"], protocol=str(path))


def test_a_whole_protocol_is_followed_written_and_read_back(result: ValidationResult) -> None:
    record = result.record

    images = record.images

    assert record.protocol == "all-of-it"
    assert images == len({row.category for row in result.judgement.rows}) > 1
    assert record.tastes == {"fidelity": 0.15, "0.7": 0.7}
    assert read_record(result.folder) == record
    assert len(read_jsonl(result.folder / "consistency.jsonl")) == images * 2 * 3
    assert len(read_jsonl(result.folder / "stability.jsonl")) == images * 2 * 4
    assert {item.disturbance for item in record.beyond.stability} == {
        "all", "shift", "rescale", "jpeg", "noise",
    }  # fmt: skip
    timed = {(item.chooser, item.taste): item for item in record.beyond.timing}
    assert set(timed) == {(name, taste) for name in ("policy", "default") for taste in TWO}
    assert all(item.drawing > 0 for item in timed.values())
    assert timed["policy", "0.7"].choosing > 0 == timed["default", "0.7"].choosing


def test_the_incumbent_is_no_better_than_itself(result: ValidationResult) -> None:
    found = result.record.summary.against("incumbent", "fidelity")

    assert (found.difference.value, found.verdict) == (0.0, "not distinguishable")
    assert "The incumbent is the judged checkpoint itself." in result.record.notes


def test_the_reports_tell_of_every_part(result: ValidationResult) -> None:
    text = result.report.read_text(encoding="utf-8")
    page = result.page.read_text(encoding="utf-8")

    for part in (
        "Protocol all-of-it: 1 per category, round-robin, seed 0, 3 draws for consistency,",
        "Stability: root mean square change",
        "Consistency: standard deviation",
        "Time per logo on this machine (ms)",
        "History: validations of this run",
        "When the input hardly changes, its utility moves by",
        "Over 3 draws of its choice its utility varies by",
        "adjusted (Holm)",
    ):
        assert part in text
        assert part in page


def test_regret_is_never_negative_and_someone_has_none(result: ValidationResult) -> None:
    """Some draws may be better than all that is judged: then nobody is without regret."""
    rows = result.judgement.rows
    drawn = read_jsonl(result.folder / "consistency.jsonl")

    assert min(row.regret for row in rows) >= 0
    best: dict[tuple[str, str], float] = {}
    for image, taste, utility in (
        *((row.image, row.taste, row.utility) for row in rows),
        *((item["image"], item["taste"], item["utility"]) for item in drawn),
    ):
        best[image, taste] = max(utility, best.get((image, taste), -np.inf))
    for row in rows:
        assert row.utility + row.regret >= best[row.image, row.taste] - 1e-9


def test_a_repeated_protocol_gives_the_same_figures(
    run: RunDirectory, config: Config, result: ValidationResult
) -> None:
    path = result.folder.parent / "again.yaml"
    write_text(path, "sampling: round-robin\nper_category: 1\nrepeats: 3\nstability: true\n"
                     "tastes: [fidelity, 0.7]\n")  # fmt: skip

    again = validate(run, config, against=["default", "incumbent"], protocol=str(path))

    assert again.record.beyond.stability == result.record.beyond.stability
    assert again.record.beyond.consistency == result.record.beyond.consistency
    assert again.record.summary == result.record.summary


@pytest.mark.slow
def test_degraded_inputs_are_judged_as_they_are(run: RunDirectory, config: Config) -> None:
    clean = validate(run, config, against=["default"])
    damaged = validate(run, config, against=["default"], protocol="degraded")

    names = [row.name for row in clean.judgement.rows]
    assert [row.name for row in damaged.judgement.rows] == names
    assert damaged.record.parts == ("degraded inputs",)
    utility = [item.record.summary.of("balanced").utility for item in (clean, damaged)]
    assert utility[0] != utility[1]
    assert json.loads((damaged.folder / "results.json").read_text())["protocol"] == "degraded"
