"""Where training starts from when it does not start anew: resume and fork."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stable_baselines3 import PPO

from vtrain.checkpoints.store import Checkpoint, CheckpointStore, Loaded
from vtrain.config.schema import Config
from vtrain.errors import CheckpointError
from vtrain.rundir import RunDirectory
from vtrain.tracing.parameters import TABLE_DIGEST
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
        return {"kind": kind, "run": str(self.run), "checkpoint": self.checkpoint.name}

    @property
    def state(self) -> ExactState:
        """The exact state of training."""
        tensors = self.loaded.tensors
        return ExactState(
            weights=tensors["policy"],
            optimizer=tensors.get("optimizer", {}),
            generators=tensors["generators"],
            document=self.loaded.documents["state"],
        )

    @property
    def best(self) -> tuple[float, int] | None:
        """Utility and step of the best check so far."""
        best = self.loaded.documents["state"]["best"]
        return None if best is None else (float(best[0]), int(best[1]))

    def check_fits(self, config: Config, dataset: str, model: PPO) -> None:
        """Say what stands in the way of going on exactly where the checkpoint was.

        Args:
            config: The configuration to go on with.
            dataset: Digest of the catalog.
            model: A learner built from the configuration.

        Raises:
            CheckpointError: The images, the network or the number of environments differ.
        """
        if self.checkpoint.info.get("dataset") != dataset:
            raise CheckpointError(
                f"{self.checkpoint.name} was trained on other images than {self.run} holds now.",
                hint="Prepare the same images again, or start from its policy in another run "
                f"with --fork {self.run}.",
            )
        saved = len(self.loaded.documents["state"]["environments"]["episodes"])
        if saved != config.ppo.n_envs:
            raise CheckpointError(
                f"{self.checkpoint.name} was trained with ppo.n_envs={saved}, and now it is "
                f"{config.ppo.n_envs}.",
                hint=f"Go on with --set ppo.n_envs={saved}, or use --fork {self.run}.",
            )
        self.give_policy(model)

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
    name, _, step = (fork or "").partition("@")
    source = RunDirectory.open(Path(name)) if fork else run
    store = CheckpointStore(source.checkpoints)
    checkpoint = store.resolve(step or ("best" if fork else "latest"))
    table = checkpoint.info.get("table")
    if table != TABLE_DIGEST:
        raise CheckpointError(
            f"{checkpoint.name} in {source.root} was trained with another parameter table.",
            hint="Train anew: `vtrain train` without --resume and --fork.",
        )
    return Origin(checkpoint, store.load(checkpoint), resumed=fork is None, run=source.root)
