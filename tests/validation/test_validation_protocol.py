from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pydantic
import pytest

from tests.validation.judging import entry
from vtrain.config.schema import Config
from vtrain.config.validation import PROTOCOLS, ProtocolConfig
from vtrain.data.records import Entry
from vtrain.errors import ConfigError, UsageError
from vtrain.rundir import RunDirectory, write_jsonl, write_text
from vtrain.validation.protocol import evaluations, find_protocol, sample


def config(**validation: object) -> Config:
    return Config.model_validate({"validation": validation})


def corpus(**counts: int) -> list[Entry]:
    names = [name for name, count in counts.items() for _ in range(count)]
    return [entry(number, name) for number, name in enumerate(names)]


def taken(
    entries: list[Entry], settings: ProtocolConfig, evaluated: dict[str, int] | None = None
) -> list[Entry]:
    protocol = replace(find_protocol("standard", Config()), settings=settings)
    return list(sample(entries, protocol, evaluated))


def test_the_standard_protocol_is_what_the_configuration_says() -> None:
    found = find_protocol(None, config(split="validation", traces=3))

    assert (found.name, found.split, found.traces, found.parts) == ("standard", "validation", 3, ())
    assert found.tastes == {"fidelity": 0.15, "balanced": 1.2, "compact": 3.2}
    entries = corpus(simple=3, text=2)
    assert sample(entries, found) == tuple(entries)


def test_options_come_before_the_protocol_and_that_before_the_configuration() -> None:
    mine = {"name": "mine", "split": "test", "traces": 4, "tastes": ["compact", 0.5]}
    known = config(split="validation", traces=2, protocols=[mine], protocol="mine")

    assert find_protocol(None, known).traces == 4
    assert find_protocol(None, known).split == "test"
    assert find_protocol(None, known, split="validation", traces=8).traces == 8
    assert find_protocol(None, known, split="validation").split == "validation"
    assert find_protocol(None, known).tastes == {"compact": 3.2, "0.5": 0.5}
    assert find_protocol("standard", known).traces == 2


def test_every_built_in_protocol_can_be_named() -> None:
    for protocol in PROTOCOLS:
        assert find_protocol(protocol.name, Config()).settings == protocol
    assert find_protocol("thorough", Config()).parts == (
        "5 draws for consistency", "stability", "timing",
    )  # fmt: skip


def test_an_unknown_protocol_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="standard, quick, degraded, thorough") as error:
        find_protocol("through", Config())

    assert "docs/validation.md" in error.value.hint


def test_a_protocol_is_read_from_a_file_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "night.yaml"
    write_text(path, "sampling: random\nper_category: 3\nrepeats: 4\n")

    found = find_protocol(str(path), Config())

    assert found.name == "night"
    assert found.parts == ("3 per category, random, seed 0", "4 draws for consistency")


def test_all_that_is_wrong_with_a_file_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "night.yaml"
    write_text(path, "sampling: randm\nrepeat: 4\nseed: -1\n")

    with pytest.raises(ConfigError) as error:
        find_protocol(str(path), Config())

    text = error.value.message
    assert f"{path}:1:11: validation.protocols[0].sampling" in text
    assert "Did you mean random?" in text
    assert "Did you mean validation.protocols[0].repeats?" in text
    assert "3 problems" in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"per_category": 3}, "needs a sampling"),
        ({"repeats": 1}, "no spread"),
        ({"tastes": ["fine"]}, "not 'fine'"),
        ({"tastes": [9.0]}, "not 9.0"),
        ({"tastes": ["compact", "compact"]}, "twice"),
        ({"tastes": []}, "at least 1"),
    ],
)
def test_what_cannot_be_followed_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=said):
        ProtocolConfig.model_validate({"name": "x", **values})


def test_the_configured_protocol_must_be_known_and_names_differ() -> None:
    with pytest.raises(pydantic.ValidationError, match="no protocol 'x'"):
        config(protocol="x")
    with pytest.raises(pydantic.ValidationError, match="one name"):
        config(protocols=[{"name": "x"}, {"name": "x"}])


def test_round_robin_takes_as_many_of_each_category_and_all_it_has() -> None:
    entries = corpus(simple=30, text=2, complex=9)
    settings = ProtocolConfig(name="x", sampling="round-robin", per_category=4)

    found = taken(entries, settings)

    assert Counter(item.category for item in found) == {"simple": 4, "text": 2, "complex": 4}
    assert found == sorted(found, key=entries.index)
    assert found == taken(entries, settings)
    assert found != taken(entries, settings.model_copy(update={"seed": 1}))


def test_random_takes_categories_as_they_come() -> None:
    entries = corpus(simple=300, text=20)
    settings = ProtocolConfig(name="x", sampling="random", per_category=40)

    found = taken(entries, settings)

    assert len(found) == 80
    assert sum(item.category == "text" for item in found) < 20


def test_least_evaluated_takes_what_was_judged_least() -> None:
    entries = corpus(simple=6, text=6)
    seen = {item.id: 1 for item in entries[:4] + entries[6:9]}
    settings = ProtocolConfig(name="x", sampling="least-evaluated", per_category=2)

    found = taken(entries, settings, seen)

    assert [item.id for item in found[:2]] == [item.id for item in entries[4:6]]
    assert {item.id for item in found[2:]} <= {item.id for item in entries[9:]}


def test_images_are_counted_once_for_each_finished_judgement(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for name, images, finished in (("a", "xy", True), ("b", "x", True), ("c", "xz", False)):
        (run.validation / name).mkdir(parents=True)
        rows = [{"image": image, "taste": taste} for image in images for taste in ("f", "b")]
        write_jsonl(run.validation / name / "rows.jsonl", rows)
        if finished:
            write_text(run.validation / name / "results.json", "{}")

    assert evaluations(run) == {"x": 2, "y": 1}
