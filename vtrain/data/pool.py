"""Prepare images in processes of their own, so that a bad file can end none but its own."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from vtrain.config.data import DataConfig
from vtrain.data.cache import Made
from vtrain.data.metadata import describe
from vtrain.data.pairs import prepare_pair
from vtrain.data.store import ImageStore
from vtrain.errors import ImageRefused
from vtrain.images import Limits, decode
from vtrain.resources import usable_cores
from vtrain.tracing.workers import start_quietly, stop_quietly

_TIME_LIMIT = 60.0  # seconds for one image; the slowest of 2000 logos takes under one
_AHEAD = 4
"""Images handed out for each worker: enough to keep it busy, few enough for memory."""

Key = TypeVar("Key")
Given = TypeVar("Given")
Result = TypeVar("Result")
Run = Callable[[Iterable[tuple[Key, Given]]], Iterator[tuple[Key, Result | ImageRefused]]]
"""Does a job on many things; gives the key of each with its result, in their order."""
Job = tuple[str, bytes]
"""Name and bytes of one file."""


def make(job: Job, *, config: DataConfig, folder: Path, isolated: bool) -> Made:
    """Prepare and measure one file, and store its pixels in `folder`.

    Raises:
        ImageRefused: It cannot be used.
        StorageError: It cannot be written.
    """
    name, data = job
    limits = Limits(config.max_pixels, config.max_file_bytes)
    # An SVG is rendered at twice the input at least, to be reduced by area: smoother edges.
    side = config.input_size * max(config.reference_scale, 2)
    picture = decode(data, name=name, limits=limits, svg_side=side, isolated=isolated)
    pair = prepare_pair(picture.rgba, config, name=name)
    stored = ImageStore(folder).write(pair.input, pair.reference)
    return Made(stored, pair.scale, describe(picture, len(data)))


@contextmanager
def runner(
    job: Callable[[Given], Result], *, workers: int | None = None
) -> Iterator[Run[Any, Given, Result]]:
    """Give a function that does `job` on many things and yields the results in their order.

    A job that raises ImageRefused, takes too long or ends its process gives an ImageRefused. Things
    are taken from their iterable only as the workers get to them.

    Args:
        job: A function of a module, or a partial of one.
        workers: Processes; None for one per usable core, 0 to work in this process.
    """
    if workers == 0:
        yield partial(_here, job)
        return
    count = workers or usable_cores()
    pool = ProcessPool(
        max_workers=count,
        max_tasks=512,  # a leak in a decoder stays small
        initializer=_start,
        context=multiprocessing.get_context("spawn"),
    )
    start_quietly(pool)
    try:
        yield partial(_apart, pool, job, count * _AHEAD)
    finally:
        stop_quietly(pool)


def _start() -> None:
    cv2.setNumThreads(1)
    # What goes wrong comes back as an exception; a panic of the renderer also prints a backtrace.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _here(
    job: Callable[[Given], Result], things: Iterable[tuple[Key, Given]]
) -> Iterator[tuple[Key, Result | ImageRefused]]:
    for key, thing in things:
        try:
            yield key, job(thing)
        except ImageRefused as error:
            yield key, error


def _apart(
    pool: ProcessPool,
    job: Callable[[Given], Result],
    ahead: int,
    things: Iterable[tuple[Key, Given]],
) -> Iterator[tuple[Key, Result | ImageRefused]]:
    waiting: deque[tuple[Key, ProcessFuture[Result]]] = deque()
    for key, thing in things:
        waiting.append((key, pool.schedule(job, args=[thing], timeout=_TIME_LIMIT)))
        if len(waiting) >= ahead:
            result = _first(waiting)
            yield result
    while waiting:
        last = _first(waiting)
        yield last


def _first(
    waiting: deque[tuple[Key, ProcessFuture[Result]]],
) -> tuple[Key, Result | ImageRefused]:
    key, future = waiting.popleft()
    try:
        return key, future.result()
    except ImageRefused as error:
        return key, error
    except FutureTimeoutError:
        detail = f"it took longer than {_TIME_LIMIT:g} s"
        return key, ImageRefused("", "time-limit", detail)
    except ProcessExpired:
        return key, ImageRefused("", "decoder-died", "decoding it ended the process")
