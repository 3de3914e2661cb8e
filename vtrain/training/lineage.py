"""Where training starts from when it does not start anew: resume and fork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from stable_baselines3 import PPO

from vtrain.agent.former import leaves_rows_alone
from vtrain.agent.network import PolicyNetwork
from vtrain.checkpoints.compare import Change, config_changes, version_changes
from vtrain.checkpoints.names import parse_source
from vtrain.checkpoints.store import Checkpoint, CheckpointStore, Loaded
from vtrain.config.schema import Config
from vtrain.environment.features import FEATURES
from vtrain.errors import CheckpointError, quoted
from vtrain.rundir import RunDirectory, library_versions
from vtrain.tracing.parameters import TABLE_DIGEST
from vtrain.training.best import Best
from vtrain.training.model import load_policy_weights
from vtrain.training.state import ExactState


@dataclass(frozen=True, slots=True)
class Origin:
    """A checkpoint that training starts from.

    Attributes:
        checkpoint: The checkpoint.
        loaded: What it holds.
        resumed: Whether everything goes on (resume), or only the policy is taken (fork).
        run: The run it belongs to.
    """

    checkpoint: Checkpoint
    loaded: Loaded
    resumed: bool
    run: Path

    @property
    def lineage(self) -> dict[str, Any]:
        """For run.json and events."""
        kind = "resumed" if self.resumed else "forked"
        run = str(self.run.absolute())
        return {"kind": kind, "run": run, "checkpoint": self.checkpoint.name}

    @property
    def state(self) -> ExactState:
        """The exact state of training."""
        tensors = self.loaded.tensors
        return ExactState(
            weights=tensors.get("learner", tensors["policy"]),
            averaged=tensors["policy"],
            optimizer=tensors.get("optimizer", {}),
            generators=tensors["generators"],
            document=self.loaded.documents["state"],
        )

    @property
    def best(self) -> Best | None:
        """The best check so far."""
        return Best.from_document(self.loaded.documents["state"]["best"])

    def changes(self, config: Config, dataset: str) -> list[Change]:
        """What differs between the checkpoint and what would go on from it.

        Args:
            config: The configuration to go on with.
            dataset: Digest of the catalog.
        """
        found = []
        saved = self.loaded.documents.get("config")
        if saved is not None:
            found += config_changes(_completed(saved), config.model_dump(mode="json"))
        if self.checkpoint.info.get("dataset") != dataset:
            found.append(Change("dataset", self.checkpoint.info.get("dataset"), dataset))
        threads = self.checkpoint.info.get("torch_threads")
        named = any(change.what == "resources.torch_threads" for change in found)
        if threads is not None and threads != torch.get_num_threads() and not named:
            found.append(Change("torch threads", threads, torch.get_num_threads()))
        return found + version_changes(self.checkpoint.manifest.versions, library_versions())

    def check_changes(self, config: Config, dataset: str, *, accept: bool) -> list[Change]:
        """Say what stands in the way of going on as if nothing had happened.

        Args:
            config: The configuration to go on with.
            dataset: Digest of the catalog.
            accept: Whether training may go on although something differs.

        Returns:
            What differs.

        Raises:
            CheckpointError: Something differs that makes the run another one, and it is not
                accepted; or the number of environments differs, which no state fits.
        """
        found = self.changes(config, dataset)
        serious = [change for change in found if not change.harmless]
        if serious and not accept:
            raise CheckpointError(
                f"{self.checkpoint.name} was made under other conditions than it would go on "
                f"under:\n{change_table(serious)}",
                hint="Restore them, add --accept-changes to go on as it is, or start another run "
                f"from its policy with --fork {quoted(self.run)}.",
            )
        saved = len(self.loaded.documents["state"]["environments"]["episodes"])
        if saved != config.ppo.n_envs:
            raise CheckpointError(
                f"{self.checkpoint.name} was trained with ppo.n_envs={saved}, and now it is "
                f"{config.ppo.n_envs}.",
                hint=f"Go on with --set ppo.n_envs={saved}, or use --fork {quoted(self.run)}.",
            )
        self.check_network(config)
        return found

    def check_network(self, config: Config) -> None:
        """Make sure that the policy fits, before anything is written.

        Raises:
            CheckpointError: The network has another shape, or cannot be used at all.
        """
        arrays = self.loaded.tensors["policy"]
        network = PolicyNetwork.from_arrays(arrays, name=self.checkpoint.name)
        if len(network.normaliser.mean) != len(FEATURES):
            raise CheckpointError(
                f"{self.checkpoint.name} saw {len(network.normaliser.mean)} features of "
                f"an image, and this version of vtrain has {len(FEATURES)}.",
                hint="Its policy can still be used; to learn more, train anew in another run "
                "directory, or with `vtrain run --force`.",
            )
        if leaves_rows_alone(arrays):
            raise CheckpointError(
                f"{self.checkpoint.name} comes from a parameter table with fewer rows, and would "
                "never take the other levels.",
                hint="Its policy can still be used; to learn more, train anew in another run "
                "directory.",
            )
        saved = tuple(len(bias) for _, bias in network.layers[:-1])
        if saved != tuple(config.ppo.hidden):
            raise CheckpointError(
                f"The policy of {self.checkpoint.name} has hidden layers of {list(saved)} units, "
                f"and ppo.hidden is {list(config.ppo.hidden)}.",
                hint=f"Use --set ppo.hidden=[{','.join(map(str, saved))}], or train anew in "
                "another run directory.",
            )

    def give_policy(self, model: PPO) -> None:
        """Put the checkpoint's policy into a model.

        Raises:
            CheckpointError: The network has another shape.
        """
        try:
            load_policy_weights(model, self.loaded.tensors["policy"])
        except (KeyError, RuntimeError) as error:
            raise CheckpointError(
                f"The policy of {self.checkpoint.name} does not fit this configuration: {error}.",
                hint="Use the same ppo.hidden as the run it comes from.",
            ) from error


def change_table(changes: Sequence[Change]) -> str:
    """Changes as lines of text: name, before, after."""
    rows = [(change.what, _short(change.before), _short(change.after)) for change in changes]
    wide = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(
        f"  {what:<{wide[0]}}  was {before:<{wide[1]}}  is {after}" for what, before, after in rows
    )


def _completed(saved: dict[str, Any]) -> dict[str, Any]:
    """A saved configuration with the defaults of keys that the version before did not have."""
    try:
        return Config.model_validate(saved).model_dump(mode="json")
    except ValidationError:  # it had keys that are no more: they are what differs
        return saved


def _short(value: object) -> str:
    text = "unset" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def find_origin(run: RunDirectory, *, resume: bool, fork: str | None) -> Origin | None:
    """The checkpoint to start from; None to start anew.

    Args:
        run: The run that is trained.
        resume: Go on with its own newest checkpoint.
        fork: ``RUN`` or ``RUN@STEP`` of another run, STEP also ``best`` or ``latest``.

    Raises:
        CheckpointError: There is none, or it belongs to another parameter table.
    """
    if not resume and fork is None:
        return None
    path, step = parse_source(fork, "best") if fork else (run.root, "latest")
    source = RunDirectory.open(path) if fork else run
    store = CheckpointStore(source.checkpoints)
    checkpoint = store.resolve(step, set_aside=resume)
    table = checkpoint.info.get("table")
    if table != TABLE_DIGEST:
        raise CheckpointError(
            f"{checkpoint.name} in {source.root} was trained with another parameter table.",
            hint="Train anew: `vtrain train` without --resume and --fork.",
        )
    loaded = store.load(checkpoint)
    if resume and "state" not in loaded.documents:
        raise CheckpointError(
            f"{checkpoint.path} holds a policy and no state of a training to go on with.",
            hint=f"Start another run from it: vtrain train --run NEW --fork {quoted(source.root)}",
        )
    return Origin(checkpoint, loaded, resumed=fork is None, run=source.root)
