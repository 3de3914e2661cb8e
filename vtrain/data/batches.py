"""Batches of prepared images, for training and for other programs.

    loader = BatchLoader(catalog.split("train"), ImageStore(run.images), size=32)
    for batch in loader:
        ...                       # batch[0].input, batch[0].reference, batch[0].entry
        saved = loader.state()    # the batch after this one comes next when it is restored

Images are read by threads ahead of their use, at most `ahead` batches of them: memory depends on
that and on nothing else but some 40 bytes for each entry.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.config.section import Category
from vtrain.data.order import Order, Sequencer
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.errors import DataError, UsageError

_SCHEMA = 1


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """One image in a batch.

    Attributes:
        index: Of its entry among the loader's.
        entry: What is known of it.
        input: The raster that is traced, shape (h, w, 4).
        reference: The raster that traces are judged against, shape (h', w', 4).
    """

    index: int
    entry: Entry
    input: NDArray[np.uint8]
    reference: NDArray[np.uint8]


class BatchLoader:
    """Batches of images in a fixed order that can be saved and restored.

    Args:
        entries: The images.
        store: Where their pixels are.
        size: Images in a batch, at least 1.
        order: As of `Sequencer`.
        seed: Another seed, another order.
        weights: As of `Sequencer`.
        batches: Batches until the iteration ends; None goes on without end.
        ahead: Batches that are read before they are asked for.
        threads: Threads that read.
        share: Which part of the batches is this loader's, as (number, of how many): loaders in
            several processes divide the sequence among them.
        first: Batches of the whole sequence that are passed over.

    Raises:
        DataError: There are no images.
        UsageError: A number or the order is wrong.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        store: ImageStore,
        *,
        size: int = 32,
        order: Order = "round-robin",
        seed: int = 0,
        weights: Mapping[Category, float] | None = None,
        batches: int | None = None,
        ahead: int = 2,
        threads: int = 2,
        share: tuple[int, int] = (0, 1),
        first: int = 0,
    ) -> None:
        if size < 1 or ahead < 0 or threads < 1 or not 0 <= share[0] < share[1]:
            raise UsageError(
                f"size={size}, ahead={ahead}, threads={threads} or share={share} is out of range.",
                hint="size and threads start at 1, ahead at 0; share is (n, of) with n < of.",
            )
        self._entries = entries
        self._store = store
        self._size = size
        self._batches = batches
        self._ahead = ahead
        self._threads = threads
        self._share = share
        self._first = first
        self._sequencer = Sequencer(
            [entry.category for entry in entries], order=order, seed=seed, weights=weights
        )
        self._given = 0
        told = [entry.id for entry in entries], size, order, seed, sorted((weights or {}).items())
        self._identity = hashlib.sha256(repr((told, share, first)).encode()).hexdigest()[:16]

    def __iter__(self) -> Iterator[list[Loaded]]:
        """From the current position on."""
        with ThreadPoolExecutor(self._threads, thread_name_prefix="vtrain-batches") as readers:
            waiting: deque[list[Future[Loaded]]] = deque()
            planned = self._given
            try:
                while True:
                    # The last two orders depend on what was recorded: nothing is planned ahead.
                    ahead = 0 if self._adapts else self._ahead
                    while planned <= self._given + ahead and not self._over(planned):
                        waiting.append(
                            [readers.submit(self._load, index) for index in self._plan(planned)]
                        )
                        planned += 1
                    if not waiting:
                        return
                    batch = [future.result() for future in waiting.popleft()]
                    # Counted before it is handed out: a position saved while it is in use is the
                    # next one's.
                    self._given += 1
                    yield batch
            finally:
                for futures in waiting:
                    for future in futures:
                        future.cancel()

    def record(self, index: int, difficulty: float) -> None:
        """Say how hard an image was, for the orders that ask for it: larger is harder."""
        self._sequencer.record(index, difficulty)

    def state(self) -> dict[str, Any]:
        """Where the loader is, ready for JSON."""
        state: dict[str, Any] = {
            "schema": _SCHEMA,
            "sequence": self._identity,
            "batches": self._given,
        }
        if self._adapts:
            state["standing"] = self._sequencer.state()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a state; the next iteration starts there.

        Raises:
            DataError: It is of another corpus, another loader or another version.
        """
        if state.get("schema") != _SCHEMA:
            raise DataError(
                f"The saved position has schema {state.get('schema')!r}; this version reads "
                f"{_SCHEMA}.",
                hint="Start anew.",
            )
        given = state.get("batches")
        if state.get("sequence") != self._identity or not isinstance(given, int) or given < 0:
            raise DataError(
                "The saved position is of another corpus, batch size, order, seed or share.",
                hint="Make the loader as it was, or start anew.",
            )
        if self._adapts:
            self._sequencer.restore(state["standing"])
        self._given = given

    @property
    def _adapts(self) -> bool:
        return self._sequencer.order in ("least-evaluated", "hardest")

    def _over(self, batch: int) -> bool:
        return self._batches is not None and batch >= self._batches

    def _plan(self, batch: int) -> list[int]:
        number, of = self._share
        first = (self._first + batch * of + number) * self._size
        take = self._sequencer.take if self._adapts else self._sequencer.__getitem__
        return [take(first + place) for place in range(self._size)]

    def _load(self, index: int) -> Loaded:
        entry = self._entries[index]
        input_rgba = self._store.input(entry.id)
        reference = self._store.reference(entry.id) if entry.reference_scale != 1.0 else input_rgba
        return Loaded(index, entry, input_rgba, reference)
