"""Training a policy: the stage function behind ``vtrain train``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from vtrain.checkpoints.compare import Change
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import dump_yaml
from vtrain.config.schema import Config
from vtrain.environment.engine import open_engine
from vtrain.errors import Stopped, ThresholdNotMet, UsageError, quoted
from vtrain.rundir import RunDirectory, write_identity, write_text
from vtrain.tracing.parameters import preset
from vtrain.training.curriculum import StageResult
from vtrain.training.events import StatefulCallback, TrainingCallback, TrainingEvent
from vtrain.training.lineage import Origin, find_origin
from vtrain.training.problem import load_problem
from vtrain.training.result import TrainingResult
from vtrain.training.session import Session, progress
from vtrain.training.stop import EXIT_CODES, StopRequest, stop_requests

__all__ = ["TrainingResult", "train", "train_async"]


def train(
    config: Config,
    run: RunDirectory,
    *,
    resume: bool = False,
    fork: str | None = None,
    accept_changes: bool = False,
    time_limit: float | None = None,
    on_event: TrainingCallback | None = None,
    handle_signals: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Train a policy on the prepared data of a run directory.

    Args:
        config: The configuration.
        run: Its data must be prepared (`vtrain.data.prepare.prepare`).
        resume: Go on from the newest checkpoint that verifies.
        fork: ``RUN`` or ``RUN@STEP``: start from another run's policy.
        accept_changes: Resume although the config, the images, versions or threads changed.
        time_limit: Time for this call (s); None for `ppo.time_limit`.
        on_event: Called with progress.
        handle_signals: Stop after saving on SIGTERM and Ctrl-C; main thread only.
        cancelled: Asked between two pieces of work; once it says yes, training saves and ends.

    Raises:
        RunLocked: Another process trains in this run directory.
        DataError: The data is not prepared.
        UsageError: The run has checkpoints, and they are not to be gone on from.
        CheckpointError: Nothing to resume or fork from.
        NonFiniteError: A value was not finite; the last good state is saved.
        ThresholdNotMet: A stage of the curriculum did not succeed, and its ``on_failure`` is
            ``stop``; everything is saved.
        Stopped: A signal or a callback ended the training; everything is saved.
    """
    preset(config.environment.baseline)
    limit = config.ppo.time_limit if time_limit is None else time_limit
    torch.set_num_threads(config.resources.torch_threads)
    with (
        run.lock("train"),
        stop_requests(limit, signals=handle_signals, cancelled=cancelled) as stop,
    ):
        if not resume and CheckpointStore(run.checkpoints).occupied():
            raise UsageError(
                f"{run.root} has checkpoints already.",
                hint="Go on with --resume, or train in another --run directory.",
            )
        origin = find_origin(run, resume=resume, fork=fork)
        with _session(
            config, run, origin, stop, on_event or _ignore, accept_changes=accept_changes
        ) as session:
            result = session.run()
    if stop.signal is not None:
        raise _stopped(stop, run)
    if result.stopped == "stage-failed" and session.failed_stage:
        raise _not_met(session.failed_stage, run)
    return result


async def train_async(
    config: Config,
    run: RunDirectory,
    *,
    resume: bool = False,
    fork: str | None = None,
    time_limit: float | None = None,
    on_event: TrainingCallback | None = None,
) -> TrainingResult:
    """As `train`, in a thread of its own: the event loop goes on while it runs.

    Events arrive in the loop's thread, in order. Cancelling the task ends training after the step
    in hand, with everything saved.

    Raises:
        CancelledError: The task was cancelled; training has been saved.
    """
    loop = asyncio.get_running_loop()
    cancelled = threading.Event()

    pass_on = _passed_on(on_event or _ignore, loop)

    def work() -> TrainingResult:
        return train(
            config,
            run,
            resume=resume,
            fork=fork,
            time_limit=time_limit,
            on_event=pass_on,
            cancelled=cancelled.is_set,
        )

    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancelled.set()
        await running
        raise


class _PassedOn:
    """Tells a callback in the event loop's thread."""

    def __init__(self, target: TrainingCallback, loop: asyncio.AbstractEventLoop) -> None:
        self._target, self._loop = target, loop

    def __call__(self, event: TrainingEvent, /) -> None:
        self._loop.call_soon_threadsafe(self._target, event)


class _PassedOnWithState(_PassedOn):
    """As `_PassedOn`; the state is asked for there too, after all events before it."""

    def __init__(self, target: StatefulCallback, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(target, loop)
        self._stateful = target

    def state(self) -> Any:
        return self._in_loop(self._stateful.state)

    def restore(self, state: Any, /) -> None:
        self._in_loop(lambda: self._stateful.restore(state))

    def _in_loop(self, function: Callable[[], Any]) -> Any:
        async def call() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()


def _passed_on(target: TrainingCallback, loop: asyncio.AbstractEventLoop) -> _PassedOn:
    if isinstance(target, StatefulCallback):
        return _PassedOnWithState(target, loop)
    return _PassedOn(target, loop)


def _ignore(_event: TrainingEvent) -> None:
    """Listen to nothing."""


def _stopped(stop: StopRequest, run: RunDirectory) -> Stopped:
    number = stop.signal
    if number is None:
        raise AssertionError
    if CheckpointStore(run.checkpoints).checkpoints():
        error = Stopped(
            f"Stopped by {number.name} after saving.",
            hint=f"Go on with `vtrain train --run {quoted(run.root)} --resume`.",
        )
    else:
        error = Stopped(
            f"Stopped by {number.name} before there was a policy; the measurements are kept.",
            hint="Give the same command again to go on.",
        )
    error.exit_code = EXIT_CODES[number]
    return error


def _not_met(stage: StageResult, run: RunDirectory) -> ThresholdNotMet:
    times = f" in attempt {stage.attempt}" if stage.attempt > 1 else ""
    return ThresholdNotMet(
        f"Stage {stage.stage} of the curriculum has not succeeded within {stage.updates} "
        f"updates{times}: {stage.success_share:.1%} of the recent episodes gained at least "
        f"{stage.target:g} in utility over the baseline, and {stage.wanted_share:.1%} were wanted.",
        hint="Everything is saved. Give the stage more max_updates or retries, ask for a lower "
        "success_share or target, or set its on_failure to next; then go on with "
        f"`vtrain train --run {quoted(run.root)} --resume --accept-changes`.",
    )


@contextmanager
def _session(
    config: Config,
    run: RunDirectory,
    origin: Origin | None,
    stop: StopRequest,
    on_event: TrainingCallback,
    *,
    accept_changes: bool,
) -> Iterator[Session]:
    """Everything that training needs, opened in order and closed whatever happens."""
    on_event(TrainingEvent("phase", "Looking at the images"))
    problem = load_problem(run, config, on_progress=progress(on_event, "Looking at the images"))
    changes: list[Change] = []
    if origin and origin.resumed:
        changes = origin.check_changes(config, problem.catalog.digest, accept=accept_changes)
    elif origin:
        origin.check_network(config)
    # Only now: a resume that is refused leaves the run as it was.
    write_text(run.config, dump_yaml(config))
    write_identity(run, config, config.seed, origin.lineage if origin else None)
    with open_engine(
        run.images,
        workers=config.resources.workers,
        tracing=config.tracing,
        cache=run.measurements,
        on_wait=lambda: stop.interrupt(by_time=False),
        on_give_up=lambda request, reason: run.record_event(
            "quarantined", image=request.image, action=list(request.action), reason=reason
        ),
        on_restart=lambda reason: run.record_event("worker_restarted", reason=reason),
        on_damage=run.record_damaged_cache,
    ) as engine:
        yield Session(
            config=config,
            run=run,
            origin=origin,
            stop=stop,
            on_event=on_event,
            problem=problem,
            engine=engine,
            changes=changes,
        )
