"""Batches for a torch `DataLoader`; the one module of the data stage that imports torch.

dataset = LogoDataset(catalog.split("train"), ImageStore(run.images), size=32, batches=100)
for batch in torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=2):
    batch["input"]            # a list of uint8 tensors, shape (4, h, w): logos differ in size
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from vtrain.data.batches import BatchLoader
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore

Batch = dict[str, Any]


class LogoDataset(IterableDataset[Batch]):
    """An iterable of batches; worker processes divide them among themselves.

    Args:
        entries: The images.
        store: Where their pixels are.
        batches: Batches in all; None goes on without end.
        first: Batches that are passed over: how many were had when a position was kept, or a whole
            number of epochs, so that each epoch has batches of its own.
        options: Others of `BatchLoader`: ``size``, ``order``, ``seed``, ``weights``.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        store: ImageStore,
        *,
        batches: int | None = None,
        first: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        self._entries = entries
        self._store = store
        self._batches = batches
        self._first = first
        self._options = options
        BatchLoader(entries, store, **options)  # mistakes are told here, not in a worker

    def __iter__(self) -> Iterator[Batch]:
        """Batches as dictionaries: ``id``, ``category``, ``input`` and ``reference``."""
        worker = get_worker_info()
        number, of = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        mine = None if self._batches is None else len(range(number, self._batches, of))
        loader = BatchLoader(
            self._entries,
            self._store,
            batches=mine,
            share=(number, of),
            first=self._first,
            **self._options,
        )
        for batch in loader:
            yield {
                "id": [item.entry.id for item in batch],
                "category": [item.entry.category for item in batch],
                "input": [_tensor(item.input) for item in batch],
                "reference": [_tensor(item.reference) for item in batch],
            }


def _tensor(rgba: Any) -> torch.Tensor:
    return torch.from_numpy(rgba).permute(2, 0, 1).contiguous()
