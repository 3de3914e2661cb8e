"""Prepare images in processes of their own, so that a bad file can end none but its own."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
from pebble import ProcessExpired, ProcessPool

from vtrain.config.schema import DataConfig
from vtrain.data.pairs import prepare_image
from vtrain.data.store import ImageStore
from vtrain.errors import ImageRefused
from vtrain.images import has_transparency
from vtrain.resources import usable_cores

_TIME_LIMIT = 60.0  # seconds for one image; the slowest of 2000 logos takes under one


@dataclass(frozen=True, slots=True)
class Made:
    """An image that was prepared and stored; the fields are those of `Entry`."""

    id: str
    width: int
    height: int
    transparent: bool
    reference_scale: float


Decode = Callable[[Sequence[Path]], Iterator[Made | ImageRefused]]


def make(path: Path, *, config: DataConfig, folder: Path, isolated: bool) -> Made:
    """Prepare one file and store its pixels in `folder`.

    Raises:
        ImageRefused: It cannot be used.
        StorageError: It cannot be written.
    """
    prepared = prepare_image(path, config, isolated=isolated)
    id_ = prepared.id
    ImageStore(folder).write(id_, prepared.input, prepared.reference)
    height, width = prepared.input.shape[:2]
    return Made(id_, width, height, has_transparency(prepared.input), prepared.scale)


@contextmanager
def decoder(config: DataConfig, folder: Path, *, workers: int | None = None) -> Iterator[Decode]:
    """Give a function that prepares many files and yields the outcomes in their order.

    Args:
        config: Sizes and limits.
        folder: Where the pixels go.
        workers: Processes; None for one per usable core, 0 to work in this process, which
            takes longer, since each SVG is then rendered in a process of its own.
    """
    job = partial(make, config=config, folder=folder, isolated=workers == 0)
    if workers == 0:
        yield partial(_here, job)
        return
    pool = ProcessPool(
        max_workers=workers or usable_cores(),
        max_tasks=512,  # a leak in a decoder stays small
        initializer=_start,
        context=multiprocessing.get_context("spawn"),
    )
    try:
        yield partial(_apart, pool, job)
    finally:
        pool.stop()  # type: ignore[no-untyped-call]  # pebble types most of itself
        pool.join()


def _start() -> None:
    cv2.setNumThreads(1)
    # What goes wrong comes back as an exception; a panic of the renderer also prints a backtrace.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _here(job: Callable[[Path], Made], paths: Sequence[Path]) -> Iterator[Made | ImageRefused]:
    for path in paths:
        try:
            yield job(path)
        except ImageRefused as error:
            yield error


def _apart(
    pool: ProcessPool, job: Callable[[Path], Made], paths: Sequence[Path]
) -> Iterator[Made | ImageRefused]:
    futures = [pool.schedule(job, args=[path], timeout=_TIME_LIMIT) for path in paths]
    for path, future in zip(paths, futures, strict=True):
        try:
            yield future.result()
        except ImageRefused as error:
            yield error
        except FutureTimeoutError:
            yield ImageRefused(
                str(path), "time-limit", f"decoding it took longer than {_TIME_LIMIT:g} s"
            )
        except ProcessExpired:
            yield ImageRefused(str(path), "decoder-died", "decoding it ended the process")
