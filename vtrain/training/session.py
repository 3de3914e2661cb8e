"""The steps of training from top to bottom, over what `train` has opened."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from stable_baselines3 import PPO

from vtrain.agent.network import PolicyNetwork
from vtrain.checkpoints.compare import Change
from vtrain.checkpoints.request import requested
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.schema import Config
from vtrain.environment.engine import Engine
from vtrain.environment.measurement import Measurement
from vtrain.errors import CheckpointError, Stopped, StorageError
from vtrain.rundir import JsonlWriter, RunDirectory, read_jsonl, write_json, write_jsonl
from vtrain.training.check import Check, check_policy
from vtrain.training.curriculum import Curriculum, StageResult
from vtrain.training.due import Due
from vtrain.training.early_stopping import EarlyStopping
from vtrain.training.events import StatefulCallback, TrainingCallback, TrainingEvent
from vtrain.training.lineage import Origin
from vtrain.training.metrics import Clock, update_record
from vtrain.training.model import Update, make_model, policy_weights, start, updates
from vtrain.training.problem import Problem, measure_defaults
from vtrain.training.saving import Saving
from vtrain.training.state import ExactState, capture, restore
from vtrain.training.stop import Interrupted, StopRequest
from vtrain.training.tensorboard import tensorboard_writers
from vtrain.training.vec_env import TraceVecEnv
from vtrain.training.warm_start import fit_table
from vtrain.validation.table import MeasuredTable, measure_table, table_identity


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How training ended.

    Attributes:
        updates: PPO updates over the run's whole life (count).
        traces: Environment steps over the run's whole life (count).
        best_utility: Best utility of a validation check over the baseline; None without a check.
        best_step: Traces behind the best checkpoint; None without a check.
        seconds: Time this call took (s).
        stopped: Why it ended: ``done``, ``early-stopping``, ``time-limit``, ``cancelled``,
            ``SIGTERM`` or ``SIGINT``.
    """

    updates: int
    traces: int
    best_utility: float | None
    best_step: int | None
    seconds: float
    stopped: str


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
        self._curriculum = Curriculum(config.curriculum)
        self._early = EarlyStopping(config.early_stopping)
        self._env = TraceVecEnv(
            problem.rules,
            problem.sampler,
            engine,
            count=config.ppo.n_envs,
            categories=self._curriculum.categories,
        )
        self._model: PPO = make_model(
            self._env,
            config.ppo,
            seed=config.seed,
            writers=tensorboard_writers(run.root / "tensorboard"),
        )
        self._clock = Clock()
        self._update = 0
        self._defaults: dict[str, Measurement] = {}
        self._saved_at = self._checked_at = -1
        self._check_seconds = 0.0
        self._boundary: ExactState | None = None

    def run(self) -> TrainingResult:
        """Prepare, then update by update until the end.

        Raises:
            CheckpointError: The run directory cannot be written any more. What was learned is saved
                elsewhere when it can be.
            Stopped: A callback had enough.
        """
        with closing(self._saving):
            try:
                return self._work()
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
            # A callback has had enough: what was learned up to the last boundary is kept.
            if self._boundary is not None:
                self._go_back(self._boundary)
                if self._saved_at != self._update:
                    self._save(self._boundary, None)
            self._saving.settle()
            raise
        return self._end()

    def _go_back(self, boundary: ExactState) -> None:
        """Count no update that was broken off."""
        self._update = int(boundary.document["update"])

    def _prepare(self) -> None:
        """Measure what learning starts from, and put the policy there."""
        self._tell(TrainingEvent("phase", "Measuring VTracer's default"))
        self._defaults = measure_defaults(
            self._engine, self._problem, self._progress("Measuring VTracer's default")
        )
        self._saving.check_space(policy_weights(self._model))
        table = self._table()
        start(self._model, self._config.ppo.total_traces)
        self._begin(table)

    def _learn(self) -> None:
        """Update by update. A signal breaks a rollout off: the state before it is what is saved."""
        self._tell(TrainingEvent("phase", "Learning"))
        self._clock.start(self._engine)
        total = self._config.ppo.total_traces
        learning = updates(self._model, self._env, total=total)
        with JsonlWriter(self._run.metrics) as metrics:
            self._boundary = self._capture()
            longest = 0.0
            # A run that was stopped early stays so when it is gone on from. And neither another
            # update nor the last check may end beyond the time limit.
            while not (
                self._early.stopped
                or self._stop.wanted
                or self._stop.ends_within(longest + self._check_seconds)
            ):
                began = time.monotonic()
                update = next(learning, None)
                if update is None:
                    break
                self._after(update, metrics)
                self._boundary = self._capture()
                longest = max(longest, time.monotonic() - began)

    def _capture(self) -> ExactState:
        state = capture(self._model, self._env, self._curriculum, update=self._update)
        state.document["early_stopping"] = self._early.state()
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

    def _table(self) -> MeasuredTable:
        """The table of measured settings: the one that is there, or a new one."""
        path = self._run.data_cache / "table.json"
        ids = [entry.id for entry in self._problem.train]
        identity = table_identity(
            self._config.environment.tastes,
            scoring=self._config.scoring,
            config=self._config.ppo.warm_start,
            seed=self._config.seed,
        )
        if path.is_file():
            table = MeasuredTable.load(path)
            if table.identity == identity and set(table.images) <= set(ids):
                return table
        message = "Measuring settings"
        self._tell(TrainingEvent("phase", message))
        table = measure_table(
            self._engine,
            ids,
            tastes=self._config.environment.tastes,
            scoring=self._config.scoring,
            config=self._config.ppo.warm_start,
            seed=self._config.seed,
            on_progress=self._progress(message),
        )
        table.save(path)
        return table

    def _begin(self, table: MeasuredTable) -> None:
        """Put the policy where learning starts: resumed, forked, or fitted to the table."""
        if self._origin and self._origin.resumed:
            self._origin.give_policy(self._model)
            self._update = restore(self._origin.state, self._model, self._env, self._curriculum)
            self._saving.best = self._origin.best
            self._early.restore(self._origin.state.document.get("early_stopping"))
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
        state = self._capture()
        self._save(state, self._check(state))

    def _continue_curve(self) -> None:
        """Keep each update's record once, up to the one that is gone on from.

        A line that was torn or lost comes back from its checkpoint.
        """
        records = {
            int(row["update"]): row
            for row in read_jsonl(self._run.metrics)
            if isinstance(row.get("update"), int)
        }
        for checkpoint in CheckpointStore(self._run.checkpoints).checkpoints():
            figures = checkpoint.info.get("figures")
            if checkpoint.update and figures:
                records.setdefault(checkpoint.update, {**figures, "wall": {}})
        wanted = range(1, self._update + 1)
        missing = [number for number in wanted if number not in records]
        if missing:
            told = f"{self._run.metrics} lacks {len(missing)} of {self._update} updates"
            self._event("metrics-lost", updates=missing)
            self._tell(TrainingEvent("warning", f"{told}, from {missing[0]} on; they are lost."))
        write_jsonl(self._run.metrics, [records[n] for n in wanted if n in records])

    def _after(self, update: Update, metrics: JsonlWriter) -> None:
        """Record an update; check, save and promote when due."""
        self._update += 1
        gains = [episode.gain for episode in update.episodes]
        stage = self._curriculum.stage.name
        success = self._curriculum.success_share()
        ended = self._curriculum.after_update(gains)
        traces = self._model.num_timesteps
        check = None
        if self._update % self._config.validation.every_updates == 0:
            check = self._check(self._capture())
            self._early.after_check(check.utility)
        record = update_record(
            update,
            number=self._update,
            traces=traces,
            stage=stage,
            success_share=success,
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
            self._stage_ended(ended)
        total = self._config.ppo.total_traces
        # Before the checkpoint too, which holds what a callback makes of it.
        self._tell(TrainingEvent("update", "Learning", traces, total, data=record))
        due = self._due.now(self._update, traces, stage_ended=ended is not None)
        if check or due or requested(self._run):
            self._save(self._capture(), check, record)
        self._tell_saved(self._saving.finished())

    def _stage_ended(self, result: StageResult) -> None:
        path = self._run.curriculum / f"stage-{self._update:05d}-{result.stage}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, result.as_dict())
        self._event("stage", **result.as_dict())
        self._tell(
            TrainingEvent(
                "stage", f"Stage {result.stage} ended ({result.reason})", data=result.as_dict()
            )
        )

    def _check(self, state: ExactState) -> Check:
        network = PolicyNetwork.from_arrays(
            self._saving.policy(state), name="the policy in training"
        )
        began = time.monotonic()
        check = check_policy(network, self._problem, self._engine, self._config.scoring)
        self._check_seconds = time.monotonic() - began
        self._checked_at = self._update
        self._tell(TrainingEvent("check", "Checked", data=check.as_dict()))
        return check

    def _save(
        self, state: ExactState, check: Check | None, figures: Mapping[str, Any] | None = None
    ) -> None:
        self._saving.save(state, check, stage=self._curriculum.stage.name, figures=figures)
        self._saved_at = self._update
        self._due.saved(int(state.document["traces"]))
        self._tell_saved(self._saving.finished())

    def _tell_saved(self, names: Sequence[str]) -> None:
        for name in names:
            self._tell(TrainingEvent("checkpoint", f"Saved {name}"))

    def _end(self) -> TrainingResult:
        """Save what is not saved yet."""
        if self._boundary is not None and self._checked_at != self._update:
            # Whoever stops us is waiting: no check then.
            check = None if self._stop.urgent else self._check(self._boundary)
            if check or self._saved_at != self._update:
                self._save(self._boundary, check)
        self._tell_saved(self._saving.settle())
        return self._result()

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
        if self._early.stopped:
            return "early-stopping"
        return "time-limit" if self._stop.out_of_time else "done"

    def _event(self, kind: str, **fields: Any) -> None:
        self._run.record_event(kind, **fields)


def progress(on_event: TrainingCallback, message: str) -> Callable[[int, int], None]:
    """A progress function that tells `on_event` under a message."""

    def report(done: int, total: int) -> None:
        on_event(TrainingEvent("progress", message, done, total))

    return report
