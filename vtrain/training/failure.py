"""What is kept of a value that was not finite: enough to look at it, and to see it again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO

from vtrain.checkpoints.checkpoint import pack
from vtrain.data.records import Entry
from vtrain.environment.sampler import Draw
from vtrain.errors import NonFiniteError, quoted
from vtrain.rundir import RunDirectory, write_bytes, write_json
from vtrain.training.problem import Problem
from vtrain.training.vec_env import TraceVecEnv

_NAMED = 3
"""Images that the message names (count); the file names all."""
_SCHEMA = 1


def keep_failure(
    error: NonFiniteError,
    run: RunDirectory,
    *,
    update: int,
    checkpoint: str | None,
    model: PPO,
    env: TraceVecEnv,
    problem: Problem,
) -> NonFiniteError:
    """Write ``failures/nonfinite-UPDATE/`` and say what to raise.

    Args:
        error: What was seen.
        run: The run directory.
        update: Number of the update that it was seen in; 0 before learning.
        checkpoint: Name of the checkpoint before it; None when there is none.
        model: Holds the rollout, where there is one.
        env: Knows what the rollout was about.
        problem: Names the images.

    Raises:
        StorageError: It cannot be written.
    """
    folder = run.failures / f"nonfinite-{update:05d}"
    rollout = _rollout(model)
    drawn = env.drawn
    concerned = error.images or _concerned(rollout, drawn)
    named = {entry.id: entry for entry in problem.catalog.entries}
    command = f"vtrain train --run {quoted(run.root)}" + (" --resume" if checkpoint else "")
    if rollout:
        write_bytes(folder / "rollout.safetensors", pack(rollout))
    write_json(
        folder / "nonfinite.json",
        {
            "update": update,
            "what": error.what,
            "message": error.message,
            "images": [_described(image, named, [*drawn, env.under_way]) for image in concerned],
            "drawn": {
                "images": [[draw.image for draw in step] for step in drawn],
                "tastes": [[draw.taste for draw in step] for step in drawn],
            },
            "checkpoint": checkpoint,
            "command": command,
        },
        schema=_SCHEMA,
    )
    saved = f"The policy before it is {checkpoint}. " if checkpoint else ""
    on = "go on with --resume --accept-changes" if checkpoint else "begin again"
    return NonFiniteError(
        f"{error.message} It was seen in update {update}, with {_sentence(concerned, named)}. "
        f"{saved}What reproduces it is in {folder}.",
        what=error.what,
        images=concerned,
        hint=f"`{command}` shows it again. Lower ppo.learning_rate or leave the images out, and "
        f"{on}.",
    )


def _rollout(model: PPO) -> dict[str, NDArray[Any]]:
    """The arrays of the rollout as far as it came, each of shape (steps, envs, ...)."""
    buffer = model.rollout_buffer
    steps = buffer.buffer_size if buffer.full else buffer.pos
    if not steps:
        return {}
    names = ["observations", "actions", "rewards", "values", "log_probs"]
    if buffer.full:
        names += ["advantages", "returns"]
    arrays = {}
    for name in names:
        array = getattr(buffer, name)
        if buffer.generator_ready and name != "rewards":  # learning flattens the others, in place
            parts = array.reshape(buffer.n_envs, buffer.buffer_size, -1)
            array = parts.swapaxes(0, 1).squeeze(2) if parts.shape[2] == 1 else parts.swapaxes(0, 1)
        arrays[name] = np.ascontiguousarray(array[:steps])
    return arrays


def _concerned(rollout: dict[str, NDArray[Any]], drawn: list[tuple[Draw, ...]]) -> tuple[str, ...]:
    """Images whose own numbers are not finite; all of the rollout when none stands out."""
    everything = [draw.image for step in drawn for draw in step]
    bad = np.zeros((len(drawn), len(drawn[0]) if drawn else 0), np.bool_)
    for array in rollout.values():  # the last step drawn may not be part of the rollout yet
        bad[: len(array)] |= ~np.isfinite(array.reshape(*array.shape[:2], -1)).all(axis=2)
    single = [
        draw.image
        for step, row in zip(drawn, bad, strict=True)
        for draw, wrong in zip(step, row, strict=True)
        if wrong
    ]
    return tuple(dict.fromkeys(single or everything))


def _described(
    image: str, named: dict[str, Entry], drawn: list[tuple[Draw, ...]]
) -> dict[str, Any]:
    entry = named.get(image)
    tastes = {draw.taste for step in drawn for draw in step if draw.image == image}
    return {
        "id": image,
        "name": entry.name if entry else None,
        "category": entry.category if entry else None,
        "tastes": sorted(tastes),
    }


def _sentence(images: tuple[str, ...], named: dict[str, Entry]) -> str:
    if not images:
        return "no image drawn yet"
    shown = [
        f"{image} ({named[image].name})" if image in named else image for image in images[:_NAMED]
    ]
    more = f" and {len(images) - _NAMED} more" if len(images) > _NAMED else ""
    return f"image{'s' if len(images) > 1 else ''} {', '.join(shown)}{more}"
