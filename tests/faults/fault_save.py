"""Break every system call of a save in turn; run as a script by test_faults_checkpoints.

    python tests/faults/fault_save.py FOLDER

Each case runs in a forked child over a copy of a folder with two checkpoints. Prints how many cases
of each kind there were and every case after which no earlier checkpoint was found.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vtrain.checkpoints.retention import Rules
from vtrain.checkpoints.store import CheckpointStore
from vtrain.errors import CheckpointError, StorageError

CALLS = ("open", "write", "fsync", "close", "mkdir", "rename", "replace", "unlink", "rmdir")
"""Functions of `os` that change or keep something on disk."""
ORIGINAL: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in CALLS}
FAILED, KILLED = 3, 9


def save(store: CheckpointStore, step: int) -> None:
    """What a training does: write, point, prune."""
    checkpoint = store.save(
        step,
        tensors={"policy": {"w": np.full(64, step, np.float32)}},
        documents={"state": {"update": step}},
        info={"utility": float(step), "update": step},
    )
    store.mark_best(checkpoint)
    store.prune(Rules(keep_last=2, keep_best=1))


def instrument(before: Callable[[str, int], None], after: Callable[[str, int], None]) -> None:
    """Call `before` and `after` round every call, with its name and number from 1."""
    count = 0

    def wrap(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            number = count
            before(name, number)
            result = ORIGINAL[name](*arguments, **options)
            after(name, number)
            return result

        return call

    for name in CALLS:
        setattr(os, name, wrap(name))


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a fork; its exit status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except (StorageError, CheckpointError):
            os._exit(FAILED)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def nothing(_name: str, _number: int) -> None:
    """Let the call be."""


def fails(moment: int, code: int, *, for_ever: bool) -> Callable[[str, int], None]:
    """Let the call of that number, or all from there on, fail."""

    def before(name: str, number: int) -> None:
        # What is open must be closed; a failing close has let go of it all the same.
        if name != "close" and (number == moment or (for_ever and number > moment)):
            raise OSError(code, os.strerror(code))

    return before


def dies(moment: int) -> Callable[[str, int], None]:
    """End the process at the call of that number."""

    def at(_name: str, number: int) -> None:
        if number == moment:
            os._exit(KILLED)

    return at


def main(root: Path) -> None:
    """Try every call in every way."""
    template = root / "template"
    store = CheckpointStore(template / "checkpoints")
    save(store, 1)
    save(store, 2)
    ways: dict[str, Callable[[int], tuple[Callable[[str, int], None], Callable[[str, int], None]]]]
    ways = {
        "EIO once": lambda n: (fails(n, errno.EIO, for_ever=False), nothing),
        "ENOSPC once": lambda n: (fails(n, errno.ENOSPC, for_ever=False), nothing),
        "EIO for ever": lambda n: (fails(n, errno.EIO, for_ever=True), nothing),
        "ENOSPC for ever": lambda n: (fails(n, errno.ENOSPC, for_ever=True), nothing),
        "killed before": lambda n: (dies(n), nothing),
        "killed after": lambda n: (nothing, dies(n)),
    }
    calls = calls_of_a_save(template, root / "counted")
    bad: list[str] = []
    for way, make in ways.items():
        for moment in range(1, calls + 1):
            run = root / "case"
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(template, run)
            folder = run / "checkpoints"

            def work(make: Any = make, moment: int = moment, folder: Path = folder) -> None:
                instrument(*make(moment))
                save(CheckpointStore(folder), 3)

            problem = examine(folder, in_child(work))
            if problem:
                bad.append(f"{way}, call {moment}: {problem}")
    sys.stdout.write(json.dumps({"calls": calls, "ways": len(ways), "bad": bad}) + "\n")


def calls_of_a_save(template: Path, run: Path) -> int:
    """How many calls an undisturbed save makes."""
    shutil.copytree(template, run)
    count = run / "count"

    def tell(_name: str, _number: int) -> None:
        ORIGINAL["write"](handle, b".")

    handle = ORIGINAL["open"](count, os.O_WRONLY | os.O_CREAT)

    def work() -> None:
        instrument(tell, nothing)
        save(CheckpointStore(run / "checkpoints"), 3)

    status = in_child(work)
    ORIGINAL["close"](handle)
    assert status == 0, status
    return count.stat().st_size


def examine(folder: Path, status: int) -> str:
    """What is wrong after a case; nothing as it should be."""
    if status not in (0, FAILED, KILLED):
        return f"ended with {status}"
    after = CheckpointStore(folder)
    try:
        found = after.resolve("latest").step
        best = after.resolve("best").step
    except CheckpointError as error:
        return error.message
    if found not in (2, 3) or best not in (2, 3):
        return f"latest is {found}, best is {best}"
    if after.damaged():
        return f"damaged: {after.damaged()}"
    save(after, 4)  # and the next save puts everything in order
    if list(folder.glob(".*")):
        return "something is left behind"
    return "" if after.resolve("latest").step == 4 else "the next save is not found"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
