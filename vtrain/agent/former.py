"""Policies of former parameter tables, brought up to the present one.

New rows of the table come last, and their first level changes nothing. A policy from before them
goes on choosing what it chose: it never takes another level of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.environment.observation import BEFORE_ACTION
from vtrain.tracing.parameters import ACTION_LEVELS, FORMER_TABLES, TABLE_DIGEST

DIGEST = "meta.table_digest"
"""Name of the array that says which table a policy belongs to."""
_NEVER = -1e4
"""Logit of a level that is never taken."""
_FIRST = ("mlp_extractor.policy_net.0.weight", "mlp_extractor.value_net.0.weight")

Arrays = dict[str, NDArray[Any]]


def brought_up(arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """The arrays of a policy for the present table; those of an unknown table as they are.

    Args:
        arrays: Of a ``policy.safetensors``. Arrays of unexpected shapes are left alone: whoever
            uses them checks them.

    Raises:
        KeyError: There is no `DIGEST`.
    """
    found = dict(arrays)
    rows = FORMER_TABLES.get(bytes(arrays[DIGEST]).decode("ascii", "replace"))
    if rows is None:
        return found
    more = ACTION_LEVELS[rows:]
    bias = np.concatenate([[0.0] + [_NEVER] * (levels - 1) for levels in more])
    if "action_net.weight" in arrays and arrays["action_net.weight"].ndim == 2:
        weight = arrays["action_net.weight"]
        found["action_net.weight"] = np.pad(weight, ((0, sum(more)), (0, 0)))
    if "action_net.bias" in arrays and arrays["action_net.bias"].ndim == 1:
        found["action_net.bias"] = np.append(arrays["action_net.bias"], bias).astype(np.float32)
    if "portfolio.actions" in arrays and arrays["portfolio.actions"].ndim == 3:
        actions = arrays["portfolio.actions"]
        found["portfolio.actions"] = np.pad(actions, ((0, 0), (0, 0), (0, len(more))))
    if "normaliser.mean" in arrays and arrays["normaliser.mean"].ndim == 1:
        # What was tried last is part of an observation: the new rows come after the others there.
        place = len(arrays["normaliser.mean"]) + BEFORE_ACTION + rows
        for name in _FIRST:
            if name in arrays and arrays[name].ndim == 2 and arrays[name].shape[1] >= place:
                blank = np.zeros((len(arrays[name]), len(more)), np.float32)
                parts = (arrays[name][:, :place], blank, arrays[name][:, place:])
                found[name] = np.concatenate(parts, axis=1)
    found[DIGEST] = np.frombuffer(TABLE_DIGEST.encode(), np.uint8)
    return found


def leaves_rows_alone(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a policy was brought up, so that it never takes some levels, nor learns to."""
    return bool((arrays["action_net.bias"] <= _NEVER / 2).any())
