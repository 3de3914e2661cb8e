"""Batches come in the order that was asked for, and go on where they were saved."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from vtrain.config.data import DataConfig
from vtrain.config.section import CATEGORIES, Category
from vtrain.data.batches import BatchLoader
from vtrain.data.catalog import Catalog
from vtrain.data.order import ORDERS, Order, Sequencer, Shuffle
from vtrain.data.prepare import prepare
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.data.torch_batches import LogoDataset
from vtrain.errors import DataError, UsageError
from vtrain.rundir import RunDirectory

CORPUS: list[Category] = [*["simple"] * 12, *["text"] * 3, *["complex"] * 6]  # type: ignore[list-item]  # widened


@pytest.fixture(scope="module")
def corpus(
    samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tuple[Entry, ...], ImageStore]:
    run = RunDirectory.create(tmp_path_factory.mktemp("batches"), name="a")
    catalog = prepare([samples], run=run, config=DataConfig(input_size=48), workers=0)
    return catalog.entries, ImageStore(run.images)


@given(st.integers(1, 700), st.integers(0, 99))
def test_a_shuffle_is_a_permutation(count: int, key: int) -> None:
    shuffle = Shuffle(count, key)

    assert sorted(shuffle[n] for n in range(count)) == list(range(count))


def test_a_shuffle_depends_on_its_key_and_moves_most() -> None:
    first = [Shuffle(1000, 1)[n] for n in range(1000)]

    assert first == [Shuffle(1000, 1)[n] for n in range(1000)]
    assert (
        sum(a == b for a, b in zip(first, [Shuffle(1000, 2)[n] for n in range(1000)], strict=True))
        < 20
    )
    assert abs(np.corrcoef(first, range(1000))[0, 1]) < 0.1


def taken(order: Order, count: int, **options: Any) -> list[int]:
    sequencer = Sequencer(CORPUS, order=order, **options)
    return [sequencer.take(n) for n in range(count)]


def test_round_robin_takes_the_categories_in_turn() -> None:
    indices = taken("round-robin", 30)

    assert [CORPUS[index] for index in indices[:6]] == ["simple", "text", "complex"] * 2
    texts = [index for index in indices if CORPUS[index] == "text"]
    assert Counter(texts).most_common()[-1][1] >= 3
    assert len(set(indices[0:18:3])) == 6  # no image twice within a pass over its category


def test_random_takes_every_image_once_a_pass() -> None:
    indices = taken("random", 42)

    assert sorted(indices[:21]) == sorted(indices[21:]) == list(range(21))
    assert indices[:21] != indices[21:]


def test_balanced_takes_the_categories_equally_often() -> None:
    counts = Counter(CORPUS[index] for index in taken("balanced", 3000))

    assert all(counts[name] == 1000 for name in ("simple", "text", "complex"))


@pytest.mark.parametrize("order", ["balanced", "weighted"])
def test_a_category_is_gone_through_before_it_starts_again(order: Order) -> None:
    indices = taken(order, 36, weights={"simple": 1.0, "text": 1.0, "complex": 1.0})

    for name, size in (("simple", 12), ("complex", 6)):
        mine = [index for index in indices if CORPUS[index] == name][:size]
        assert len(set(mine)) == len(mine)


def test_weighted_takes_the_categories_by_weight() -> None:
    counts = Counter(
        CORPUS[index] for index in taken("weighted", 3000, weights={"text": 3.0, "complex": 1.0})
    )

    assert counts["simple"] == 0
    assert counts["text"] == pytest.approx(2250, abs=120)


def test_least_evaluated_evens_out() -> None:
    sequencer = Sequencer(CORPUS, order="least-evaluated")
    for index in range(10):
        sequencer.record(index, 0.0)

    first = [sequencer.take(n) for n in range(11)]

    assert sorted(first) == list(range(10, 21))
    assert sorted(sequencer.take(n) for n in range(11, 32)) == list(range(21))


def test_hardest_comes_first_and_all_come_once() -> None:
    sequencer = Sequencer(CORPUS, order="hardest")
    for index in range(21):
        sequencer.record(index, float(index % 7))

    indices = [sequencer.take(n) for n in range(21)]

    assert [index % 7 for index in indices] == sorted((n % 7 for n in range(21)), reverse=True)


@pytest.mark.parametrize("order", ORDERS)
def test_orders_are_seeded(order: Order) -> None:
    weights = {"simple": 1.0, "text": 1.0}

    assert taken(order, 40, weights=weights) == taken(order, 40, weights=weights)
    assert taken(order, 40, weights=weights) != taken(order, 40, seed=1, weights=weights)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("stop", [0, 1, 4])
def test_a_saved_position_goes_on_exactly(
    corpus: tuple[tuple[Entry, ...], ImageStore], order: Order, stop: int
) -> None:
    def loader() -> BatchLoader:
        weights: dict[Category, float] = {"text": 2.0, "simple": 1.0}
        return BatchLoader(
            *corpus, size=3, order=order, seed=5, weights=weights, batches=8, threads=2
        )

    def run(one: BatchLoader, count: int | None = None) -> list[list[str]]:
        names = []
        for batch in islice(one, count):
            names.append([item.entry.name for item in batch])
            for item in batch:
                one.record(item.index, len(item.entry.name) % 5)
        return names

    whole = run(loader())
    first = loader()
    head = run(first, stop)
    state = json.loads(json.dumps(first.state()))
    second = loader()
    second.restore(state)

    assert head + run(second) == whole
    assert len(whole) == 8


def test_batches_hold_the_prepared_pixels(corpus: tuple[tuple[Entry, ...], ImageStore]) -> None:
    entries, store = corpus

    (batch,) = BatchLoader(entries, store, size=16, order="random", batches=1)

    assert sorted(item.entry.id for item in batch) == sorted(entry.id for entry in entries)
    for item in batch:
        assert np.array_equal(item.input, store.input(item.entry.id))
        assert np.array_equal(item.reference, store.reference(item.entry.id))


def test_little_is_read_ahead(corpus: tuple[tuple[Entry, ...], ImageStore]) -> None:
    entries, store = corpus
    read: list[str] = []

    class Watched(ImageStore):
        def input(self, id: str) -> Any:  # noqa: A002 - as the base has it
            read.append(id)
            return store.input(id)

    batches = iter(BatchLoader(entries, Watched(store.folder), size=2, ahead=1, threads=1))
    next(batches)
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # a generator

    assert len(read) <= 6


def test_loaders_divide_the_sequence(corpus: tuple[tuple[Entry, ...], ImageStore]) -> None:
    whole = [item.entry.id for batch in BatchLoader(*corpus, size=2, batches=6) for item in batch]
    parts = [
        [
            [item.entry.id for item in batch]
            for batch in BatchLoader(*corpus, size=2, batches=3, share=(number, 2))
        ]
        for number in range(2)
    ]

    merged = [id_ for pair in zip(*parts, strict=True) for batch in pair for id_ in batch]
    assert merged == whole


@pytest.mark.parametrize("workers", [0, 2])
def test_a_torch_loader_gives_the_same_batches(
    corpus: tuple[tuple[Entry, ...], ImageStore], workers: int
) -> None:
    dataset = LogoDataset(*corpus, batches=5, size=4, order="random", seed=3)
    loader = DataLoader(
        dataset,
        batch_size=None,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
    )

    batches = list(loader)

    expected = [
        [item.entry.id for item in batch]
        for batch in BatchLoader(*corpus, batches=5, size=4, order="random", seed=3)
    ]
    assert [batch["id"] for batch in batches] == expected
    assert batches[0]["input"][0].shape[0] == 4
    assert batches[0]["category"][0] in CATEGORIES


def test_a_torch_dataset_goes_on_where_it_was(
    corpus: tuple[tuple[Entry, ...], ImageStore],
) -> None:
    whole = [batch["id"] for batch in LogoDataset(*corpus, batches=6, size=3)]
    rest = [batch["id"] for batch in LogoDataset(*corpus, batches=4, first=2, size=3)]

    assert whole[2:] == rest


def test_mistakes_are_named(corpus: tuple[tuple[Entry, ...], ImageStore]) -> None:
    with pytest.raises(UsageError, match="size=0"):
        BatchLoader(*corpus, size=0)
    with pytest.raises(UsageError, match="no order"):
        BatchLoader(*corpus, order="sideways")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(UsageError, match="weight"):
        BatchLoader(*corpus, order="weighted", weights={})
    with pytest.raises(DataError, match="no image"):
        BatchLoader((), corpus[1])
    loader = BatchLoader(*corpus, order="hardest")
    with pytest.raises(DataError, match="schema"):
        loader.restore({"schema": 9})
    for state in (
        {"schema": 1},
        {**loader.state(), "batches": -5},
        {**loader.state(), "batches": "x"},
        BatchLoader(*corpus, order="hardest", seed=3).state(),
        BatchLoader(corpus[0][:9], corpus[1], order="hardest").state(),
    ):
        with pytest.raises(DataError, match="saved position"):
            loader.restore(state)
    with pytest.raises(UsageError, match="record"):
        loader.record(-1, 0.0)
    with pytest.raises(UsageError, match="record"):
        loader.record(0, float("inf"))
    with pytest.raises(UsageError, match="seed"):
        BatchLoader(*corpus, seed=-1)
    with pytest.raises(UsageError, match="size=0"):
        LogoDataset(*corpus, size=0)


def test_catalog_splits_can_be_loaded(corpus: tuple[tuple[Entry, ...], ImageStore]) -> None:
    train = Catalog.of(corpus[0]).split("train")

    (batch,) = BatchLoader(train, corpus[1], size=5, batches=1)

    assert {item.entry.split for item in batch} == {"train"}
