"""The steps of training from top to bottom, over what `train` has opened."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

from stable_baselines3 import PPO

from vtrain.agent.network import PolicyNetwork
from vtrain.checkpoints.compare import Change
from vtrain.checkpoints.request import requested
from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.config.schema import Config
from vtrain.environment.engine import Engine
from vtrain.environment.measurement import Measurement
from vtrain.errors import CheckpointError, NonFiniteError, Stopped, StorageError
from vtrain.rundir import JsonlWriter, RunDirectory, write_jsonl
from vtrain.training.averaging import WeightAverage
from vtrain.training.check import Check, check_policy
from vtrain.training.curriculum import Curriculum, StageResult
from vtrain.training.curve import continue_curve
from vtrain.training.due import CheckDue, Due
from vtrain.training.early_stopping import EarlyStopping
from vtrain.training.events import StatefulCallback, TrainingCallback, TrainingEvent
from vtrain.training.failure import keep_failure
from vtrain.training.lineage import Origin
from vtrain.training.metrics import Clock, update_record
from vtrain.training.model import (
    Update,
    make_model,
    policy_weights,
    start,
    updates,
)
from vtrain.training.problem import Problem, measure_defaults, measured_table, portfolio_of
from vtrain.training.result import TrainingResult
from vtrain.training.saving import Saving
from vtrain.training.stages import StageResults, begin_with_best, stage_check, stage_event
from vtrain.training.state import ExactState, capture, restore
from vtrain.training.stop import Interrupted, StopRequest
from vtrain.training.tensorboard import tensorboard_writers
from vtrain.training.vec_env import TraceVecEnv
from vtrain.training.warm_start import fit_table
from vtrain.validation.table import MeasuredTable


class Session:
    """One call of `train`: what is open, and the steps from top to bottom.

    Args:
        config: The configuration.
        run: The run directory, locked by the caller.
        origin: Where to start from; None to start anew.
        stop: Asked between updates.
        on_event: Called with progress.
        problem: What is trained on.
        engine: Measures.
        changes: What differs from the checkpoint that is gone on from.
    """

    def __init__(
        self,
        *,
        config: Config,
        run: RunDirectory,
        origin: Origin | None,
        stop: StopRequest,
        on_event: TrainingCallback,
        problem: Problem,
        engine: Engine,
        changes: Sequence[Change] = (),
    ) -> None:
        self._changes = changes
        self._config, self._run, self._origin = config, run, origin
        self._stop, self._tell = stop, on_event
        self._problem, self._engine = problem, engine
        self._saving = Saving(config, run, problem)
        self._due = Due(config.checkpoints)
        self._check_due = CheckDue(config.validation)
        self._curriculum = Curriculum(config.curriculum)
        self._results = StageResults(run)
        self._early = EarlyStopping(config.early_stopping)
        self._env = TraceVecEnv(
            problem.rules,
            problem.sampler,
            engine,
            count=config.ppo.n_envs,
            membership=self._curriculum.membership,
        )
        self._model: PPO = make_model(
            self._env,
            config.ppo,
            seed=config.seed,
            writers=tensorboard_writers(run.root / "tensorboard"),
        )
        self._average = WeightAverage(config.ppo.average_updates)
        self._clock = Clock()
        self._update = 0
        self._defaults: dict[str, Measurement] = {}
        self._saved_at = self._checked_at = -1
        self._check_seconds = 0.0
        self._last_check: Check | None = None
        self._boundary: ExactState | None = None

    @property
    def failed_stage(self) -> StageResult | None:
        """The stage that ended training without success."""
        return self._curriculum.failed

    def run(self) -> TrainingResult:
        """Prepare, then update by update until the end.

        Raises:
            CheckpointError: The run directory cannot be written any more. What was learned is saved
                elsewhere when it can be.
            NonFiniteError: A value was not finite. The last good state is saved, and what shows the
                failure again is in ``failures/``.
            Stopped: A callback had enough.
        """
        with closing(self._saving):
            try:
                try:
                    return self._work()
                except NonFiniteError as error:
                    raise self._failure(error) from error
            except (CheckpointError, StorageError) as error:
                if self._boundary is None:
                    raise
                raise self._saving.rescue(
                    self._boundary, error, stage=self._curriculum.stage.name
                ) from error

    def _work(self) -> TrainingResult:
        try:
            self._prepare()
            self._learn()
        except Interrupted:
            if self._boundary is None:
                return self._result()
            self._go_back(self._boundary)
        except Stopped:
            # A callback has had enough, and is told nothing more.
            self._tell = _tell_nobody
            self._break_off()
            raise
        return self._end()

    def _go_back(self, boundary: ExactState) -> None:
        """Count no update that was broken off."""
        self._update = int(boundary.document["update"])
        self._curriculum.restore(boundary.document["curriculum"])
        self._early.restore(boundary.document["early_stopping"])
        self._results.begin(self._update)

    def _prepare(self) -> None:
        """Measure what learning starts from, and put the policy there."""
        self._tell(TrainingEvent("phase", "Measuring VTracer's default"))
        self._defaults = measure_defaults(
            self._engine, self._problem, self._progress("Measuring VTracer's default")
        )
        self._saving.check_space(policy_weights(self._model))
        message = "Measuring settings"
        table = measured_table(
            self._run,
            self._config,
            self._problem,
            self._engine,
            on_begin=lambda: self._tell(TrainingEvent("phase", message)),
            on_progress=self._progress(message),
        )
        start(self._model, self._config.ppo.total_traces)
        self._saving.portfolio = portfolio_of(table, self._config.environment.tastes)
        self._begin(table)

    def _learn(self) -> None:
        """Update by update. A signal breaks a rollout off: the state before it is what is saved."""
        self._tell(TrainingEvent("phase", "Learning"))
        self._clock.start(self._engine)
        total = self._config.ppo.total_traces
        learning = updates(self._model, self._env, self._config, total=total)
        with JsonlWriter(self._run.metrics) as metrics:
            self._boundary = self._capture()
            longest = 0.0
            # A run that was stopped early stays so when it is gone on from. And neither another
            # update nor the last check may end beyond the time limit.
            while not (
                self._early.reason
                or self._curriculum.failed
                or self._stop.wanted
                or self._stop.ends_within(longest + self._check_seconds)
            ):
                began = time.monotonic()
                if self._model.num_timesteps < total:
                    self._carry_over()
                update = next(learning, None)
                if update is None:
                    break
                self._after(update, metrics)
                self._boundary = self._capture()
                longest = max(longest, time.monotonic() - began)

    def _capture(self) -> ExactState:
        state = capture(
            self._model, self._env, self._curriculum, self._average, update=self._update
        )
        state.document["early_stopping"] = self._early.state()
        since_check = self._check_due.state()
        if since_check is not None:
            state.document["since_check"] = since_check
        if isinstance(self._tell, StatefulCallback):
            # A copy: the callback goes on while it is written.
            state.document["callback"] = json.loads(json.dumps(self._tell.state()))
        return state

    def _progress(self, message: str) -> Callable[[int, int], None]:
        tell = progress(self._tell, message)

        def report(done: int, total: int) -> None:
            tell(done, total)
            self._stop.interrupt(by_time=True)

        return report

    def _begin(self, table: MeasuredTable) -> None:
        """Put the policy where learning starts: resumed, forked, or fitted to the table."""
        if self._origin and self._origin.resumed:
            self._origin.give_policy(self._model)
            self._update = restore(
                self._origin.state, self._model, self._env, self._curriculum, self._average
            )
            self._saving.best = self._origin.best
            self._early.restore(self._origin.state.document.get("early_stopping"))
            self._check_due.restore(self._origin.state.document.get("since_check"))
            if isinstance(self._tell, StatefulCallback):
                self._tell.restore(self._origin.state.document.get("callback"))
            # What is saved and checked already is not saved again when nothing is learned on top.
            self._saved_at = self._update
            if self._origin.checkpoint.info.get("check") is not None:
                self._checked_at = self._update
            self._continue_curve()
            self._event(
                "resumed",
                update=self._update,
                traces=self._model.num_timesteps,
                changes=[asdict(change) for change in self._changes],
            )
            return
        write_jsonl(self._run.metrics, [])
        self._results.begin(0)
        if self._origin:
            self._origin.give_policy(self._model)
            origin = self._origin
            self._event("forked", run=str(origin.run), checkpoint=origin.checkpoint.name)
        elif self._config.ppo.warm_start.enabled:
            self._tell(TrainingEvent("phase", "Fitting the policy to the measured settings"))
            warm = fit_table(
                self._model,
                table,
                self._problem.rules,
                environment=self._config.environment,
                config=self._config.ppo.warm_start,
                seed=self._config.seed,
            )
            self._event("warm-start", **asdict(warm))
        self._average.start(policy_weights(self._model))
        state = self._capture()
        self._save(state, self._check(state))

    def _continue_curve(self) -> None:
        """Go on with the curve and the stages' results of what was learned already."""
        missing = continue_curve(self._run, self._update)
        self._results.begin(self._update)
        if missing:
            told = f"{self._run.metrics} lacks {len(missing)} of {self._update} updates"
            self._event("metrics-lost", updates=missing)
            self._tell(TrainingEvent("warning", f"{told}, from {missing[0]} on; they are lost."))

    def _after(self, update: Update, metrics: JsonlWriter) -> None:
        """Record an update; check, save and promote when due."""
        self._update += 1
        self._average.add(policy_weights(self._model))
        self._clock.spend("rollout", update.rollout_seconds)
        self._clock.spend("learn", update.learn_seconds)
        stage, attempt = self._curriculum.stage.name, self._curriculum.attempt
        ended = self._curriculum.after_update([episode.gain for episode in update.episodes])
        share = ended.success_share if ended else self._curriculum.success_share()
        traces = self._model.num_timesteps
        scheduled = self._check_due.now(self._update)
        check = self._check(self._capture()) if scheduled or ended else None
        if check:
            self._early.after_check(check.utility)
        if ended:
            self._early.new_stage()
        record = update_record(
            update,
            number=self._update,
            traces=traces,
            stage=stage,
            attempt=attempt,
            success_share=share,
            defaults=self._defaults,
            scoring=self._config.scoring,
            check=check,
            wall=self._clock.lap(self._engine),
        )
        # Before the checkpoint: a resume drops records that are newer than its checkpoint, and
        # finds those that are missing only where there is a checkpoint of the same update.
        metrics.write(record)
        metrics.sync()
        if ended:
            self._stage_ended(ended, check)
        total = self._config.ppo.total_traces
        # Before the checkpoint too, which holds what a callback makes of it.
        self._tell(TrainingEvent("update", "Learning", traces, total, data=record))
        due = self._due.now(self._update, traces, stage_ended=ended is not None)
        # What only the result of a stage asked for must not choose the best by who else saves.
        counts = scheduled or self._config.checkpoints.at_stage_ends
        if scheduled or due or requested(self._run):
            self._save(self._capture(), check if counts else None, record)
        self._tell_saved(self._saving.finished())

    def _stage_ended(self, result: StageResult, check: Check | None) -> None:
        """Keep a stage's result, and tell it."""
        result = replace(result, check=stage_check(check))
        if self._results.keep(self._update, result):
            self._tell(stage_event(result))

    def _break_off(self) -> None:
        """Go back to the last boundary, and keep what was learned up to it."""
        if self._boundary is not None:
            self._go_back(self._boundary)
            if self._saved_at != self._update:
                self._save(self._boundary, self._own_check)
            result = self._curriculum.finish()
            if result:
                self._results.keep(self._update, result)
        self._tell_saved(self._saving.settle())

    def _carry_over(self) -> None:
        """Put the policy in place that the stage begins with, unless it goes on with its own."""
        if self._curriculum.wants_best:
            # The best check's checkpoint may be the one that is being written.
            self._tell_saved(self._saving.settle())
            lost = begin_with_best(self._model, self._curriculum, self._run, self._saving.best)
            if lost:
                self._tell(lost)
            else:
                self._average.start(policy_weights(self._model))

    @property
    def _own_check(self) -> Check | None:
        """The check of the present update, if there was one."""
        return self._last_check if self._checked_at == self._update else None

    def _check(self, state: ExactState) -> Check:
        network = PolicyNetwork.from_arrays(
            self._saving.policy(state), name="the policy in training"
        )
        began = time.monotonic()
        check = check_policy(network, self._problem, self._engine, self._config.scoring)
        self._check_seconds = time.monotonic() - began
        self._clock.spend("check", self._check_seconds)
        self._check_due.checked()
        self._checked_at, self._last_check = self._update, check
        self._tell(TrainingEvent("check", "Checked", data=check.as_dict()))
        return check

    def _save(
        self, state: ExactState, check: Check | None, figures: Mapping[str, Any] | None = None
    ) -> None:
        began = time.monotonic()
        self._saving.save(state, check, stage=self._curriculum.stage.name, figures=figures)
        self._saved_at = self._update
        self._clock.spend("save", time.monotonic() - began)
        self._due.saved(int(state.document["traces"]))
        self._tell_saved(self._saving.finished())

    def _tell_saved(self, names: Sequence[str]) -> None:
        for name in names:
            self._tell(TrainingEvent("checkpoint", f"Saved {name}"))

    def _end(self) -> TrainingResult:
        """Save what is not saved yet."""
        if self._boundary is not None:
            # Whoever stops us is waiting: no check then.
            fresh = self._checked_at != self._update and not self._stop.urgent
            check = self._check(self._boundary) if fresh else self._own_check
            result = self._curriculum.finish()
            if result:
                self._stage_ended(result, check)
            if fresh or self._saved_at != self._update:
                self._save(self._boundary, check)
        self._tell_saved(self._saving.settle())
        return self._result()

    def _failure(self, error: NonFiniteError) -> NonFiniteError:
        """Save the last state that was good, and what shows the failure again; what to raise."""
        self._break_off()
        store = CheckpointStore(self._run.checkpoints)
        found = store.resolve("latest") if self._boundary is not None else None
        checkpoint = found.name if found is not None else None
        kept = keep_failure(
            error,
            self._run,
            update=self._update + 1 if self._boundary else 0,
            checkpoint=checkpoint,
            model=self._model,
            env=self._env,
            problem=self._problem,
        )
        if found is not None:
            self._pin(store, found)
        self._event("non-finite", what=kept.what, images=list(kept.images), checkpoint=checkpoint)
        return kept

    def _pin(self, store: CheckpointStore, found: Checkpoint) -> None:
        """Keep the state before a failure when training has gone on."""
        try:
            if found.name not in store.pins():
                store.pin(found, "before a value that was not finite: failures/")
        except (CheckpointError, StorageError) as error:  # the failure itself is what is to be told
            self._tell(TrainingEvent("warning", f"{found.name} could not be pinned: {error}"))

    def _result(self) -> TrainingResult:
        traces = self._boundary.document["traces"] if self._boundary else 0
        best = self._saving.best
        result = TrainingResult(
            updates=self._update,
            traces=int(traces),
            best_utility=best.utility if best else None,
            best_step=best.step if best else None,
            seconds=time.monotonic() - self._clock.began,
            stopped=self._reason(),
        )
        self._event("end", **asdict(result))
        self._tell(TrainingEvent("end", f"Training ended: {result.stopped}", data=asdict(result)))
        return result

    def _reason(self) -> str:
        if self._stop.signal is not None:
            return self._stop.signal.name
        if self._stop.cancelled():
            return "cancelled"
        if self._curriculum.failed:
            return "stage-failed"
        if self._early.reason:
            return self._early.reason
        return "time-limit" if self._stop.out_of_time else "done"

    def _event(self, kind: str, **fields: Any) -> None:
        self._run.record_event(kind, **fields)


def _tell_nobody(_event: TrainingEvent, /) -> None:
    """Keep it."""


def progress(on_event: TrainingCallback, message: str) -> Callable[[int, int], None]:
    """A progress function that tells `on_event` under a message."""

    def report(done: int, total: int) -> None:
        on_event(TrainingEvent("progress", message, done, total))

    return report
