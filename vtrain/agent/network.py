"""The policy network in numpy: observation in, level probabilities out.

The same multi-layer perceptron that stable-baselines3 trains, evaluated without torch, whose
import alone takes longer than a hundred traces.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.agent.former import DIGEST, brought_up
from vtrain.agent.portfolio import Portfolio, in_turn
from vtrain.config.tastes import MOST_LAMBDA
from vtrain.environment.features import FEATURE_COUNTS
from vtrain.environment.observation import Normaliser, Vector, observation_size, observe
from vtrain.errors import CheckpointError
from vtrain.tracing.parameters import ACTION_LEVELS, TABLE_DIGEST, Action, canonical

_HIDDEN = "mlp_extractor.policy_net.{}.{}"
_HEAD = "action_net.{}"
_MEAN, _SCALE = "normaliser.mean", "normaliser.scale"
_SIDE = "meta.input_size"
_NEAR = 1.7
"""Ratio of a taste to those beside it."""
_DRAWS_AN_ACTION = 4
"""Draws for each distinct action that is wanted, at most: a policy may be all but certain."""


@dataclass(frozen=True, slots=True)
class PolicyNetwork:
    """Weights of a policy and the normaliser that belongs to them.

    Attributes:
        layers: Weight (out, in) and bias (out,) of each layer, the head last; tanh between.
        normaliser: Brings features to the scale that the weights expect.
        input_size: Longest side of the images it was trained on (px).
        portfolio: Settings that are tried in turn with what it draws when several traces may be
            spent.
    """

    layers: tuple[tuple[Vector, Vector], ...]
    normaliser: Normaliser
    input_size: int
    portfolio: Portfolio | None = None

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], *, name: str) -> PolicyNetwork:
        """From the arrays of a ``policy.safetensors``.

        Args:
            arrays: Weights under stable-baselines3's names, normaliser and identity.
            name: File named in errors.

        Raises:
            CheckpointError: An array is missing, has the wrong shape, or the policy belongs to
                an unknown parameter table.
        """
        try:
            arrays = brought_up(arrays)
            digest = bytes(arrays[DIGEST]).decode("ascii", "replace")
            if digest != TABLE_DIGEST:
                raise CheckpointError(
                    f"{name} was trained with another parameter table ({digest}; this version of "
                    f"vtrain has {TABLE_DIGEST}).",
                    hint="Use the vtrain version that trained it, or train anew: `vtrain run`.",
                )
            layers = []
            index = 0
            while _HIDDEN.format(index, "weight") in arrays:
                layers.append(_layer(arrays, _HIDDEN.format(index, "{}")))
                index += 2  # activations take the odd places
            layers.append(_layer(arrays, _HEAD))
            normaliser = Normaliser(
                np.asarray(arrays[_MEAN], np.float32), np.asarray(arrays[_SCALE], np.float32)
            )
            portfolio = Portfolio.from_arrays(arrays, name=name)
            network = cls(tuple(layers), normaliser, int(arrays[_SIDE][0]), portfolio)
        except KeyError as error:
            raise CheckpointError(f"{name} is no policy: {error} is missing.") from error
        network._check(name)
        return network

    def _check(self, name: str) -> None:
        mean, scale = self.normaliser.mean, self.normaliser.scale
        if mean.ndim != 1 or len(mean) not in FEATURE_COUNTS or scale.shape != mean.shape:
            raise CheckpointError(
                f"{name} does not fit: its normaliser has shapes {mean.shape} and {scale.shape}, "
                f"and policies see {' or '.join(map(str, FEATURE_COUNTS))} features of an image.",
                hint="It was trained with other features; train anew: `vtrain run`.",
            )
        width = observation_size(len(mean))
        for weight, bias in self.layers:
            if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
                raise CheckpointError(
                    f"{name} does not fit: a layer of shape {weight.shape} follows {width} inputs.",
                    hint="It was trained with other features; train anew: `vtrain run`.",
                )
            width = weight.shape[0]
        if width != sum(ACTION_LEVELS):
            raise CheckpointError(
                f"{name} does not fit: it has {width} outputs, not {sum(ACTION_LEVELS)}.",
                hint="It was trained with another version; train anew: `vtrain run`.",
            )

    def log_probabilities(self, observation: Vector) -> list[Vector]:
        """Log-probabilities of the levels of each row of the parameter table.

        Args:
            observation: As `observe` gives it.
        """
        hidden = observation
        for weight, bias in self.layers[:-1]:
            hidden = np.tanh(weight @ hidden + bias)
        weight, bias = self.layers[-1]
        logits = weight @ hidden + bias
        rows = np.split(logits, np.cumsum(ACTION_LEVELS)[:-1])
        return [row - row.max() - np.log(np.exp(row - row.max()).sum()) for row in rows]

    def candidates(self, normalised: Vector, taste: float, count: int) -> list[Action]:
        """The actions to try, in canonical form, most promising first, all distinct.

        Its own most probable ones are much alike, and where the first does not do the second seldom
        does. So after the first come what it does at a finer taste, where that turns out cheap, and
        at a coarser one, between them one drawn by its probabilities, which differs where the
        policy is in doubt; then more that are drawn and those of the portfolio in turn, and when
        there are no more, its next most probable ones. The draws are the same each time.

        Args:
            normalised: Features after `Normaliser.apply`.
            taste: Lambda.
            count: At least 1.
        """
        observation = observe(normalised, taste)
        own = self.most_probable(observation, count)
        if count == 1:
            return own
        finer, coarser = (
            self.most_probable(observe(normalised, min(MOST_LAMBDA, taste * factor)), 1)
            for factor in (1 / _NEAR, _NEAR)
        )
        drawn = self._drawn(observation, count)
        portfolio = self.portfolio.at(taste) if self.portfolio else ()
        rest = in_turn(drawn[1:], portfolio)
        found = dict.fromkeys((*own[:1], *finer, *drawn[:1], *coarser, *rest, *own[1:]))
        return list(found)[:count]

    def _drawn(self, observation: Vector, count: int) -> list[Action]:
        """Up to `count` distinct actions drawn from the policy, the same for the same state."""
        rows, generator = self.log_probabilities(observation), np.random.default_rng(0)
        found: dict[Action, None] = {}
        for _ in range(_DRAWS_AN_ACTION * count):
            found[_draw(rows, generator)] = None
            if len(found) == count:
                break
        return list(found)

    def most_probable(self, observation: Vector, count: int) -> list[Action]:
        """The `count` most probable actions in canonical form, most probable first, all distinct.

        By the probability of all rows, inert ones too: the first has the most probable level of
        each row, which is what policies are checked and judged by.

        Args:
            observation: As `observe` gives it.
            count: At least 1.
        """
        found: dict[Action, None] = {}
        for action in _by_probability(self.log_probabilities(observation)):
            found[canonical(action)] = None
            if len(found) == count:
                break
        return list(found)

    def draw(self, observation: Vector, generator: np.random.Generator) -> Action:
        """An action drawn from the policy, in canonical form: what it does while it learns.

        Args:
            observation: As `observe` gives it.
            generator: Draws one number per row of the parameter table.
        """
        return _draw(self.log_probabilities(observation), generator)


def policy_arrays(
    weights: Mapping[str, NDArray[Any]],
    normaliser: Normaliser,
    *,
    input_size: int,
    portfolio: Portfolio | None = None,
) -> dict[str, NDArray[Any]]:
    """The arrays of a ``policy.safetensors``: weights, normaliser and identity in one file.

    Args:
        weights: The policy's state under stable-baselines3's names.
        normaliser: Belongs to the weights.
        input_size: Longest side of the training images (px).
        portfolio: Tried in turn with what the policy draws; None for that alone.
    """
    return {
        **weights,
        **(portfolio.as_arrays() if portfolio else {}),
        _MEAN: normaliser.mean,
        _SCALE: normaliser.scale,
        DIGEST: np.frombuffer(TABLE_DIGEST.encode(), np.uint8),
        _SIDE: np.array([input_size], np.int64),
    }


def _layer(arrays: Mapping[str, NDArray[Any]], pattern: str) -> tuple[Vector, Vector]:
    weight, bias = arrays[pattern.format("weight")], arrays[pattern.format("bias")]
    return np.asarray(weight, np.float32), np.asarray(bias, np.float32)


def _draw(rows: list[Vector], generator: np.random.Generator) -> Action:
    """An action by the log-probabilities of its levels, in canonical form."""
    levels = []
    for row in rows:
        edges = np.cumsum(np.exp(row, dtype=np.float64))
        levels.append(int(np.searchsorted(edges / edges[-1], generator.random(), "right")))
    return canonical(levels)


def _by_probability(rows: list[Vector]) -> Iterator[Action]:
    """All joint actions by falling probability, lazily: best-first over the sorted rows."""
    order = [np.argsort(-row, kind="stable") for row in rows]
    first = (0,) * len(rows)
    heap = [(0.0, first)]
    seen = {first}
    while heap:
        loss, ranks = heapq.heappop(heap)
        yield tuple(int(order[row][rank]) for row, rank in enumerate(ranks))
        for row, rank in enumerate(ranks):
            if rank + 1 == len(order[row]):
                continue
            child = (*ranks[:row], rank + 1, *ranks[row + 1 :])
            if child not in seen:
                seen.add(child)
                step = float(rows[row][order[row][rank]] - rows[row][order[row][rank + 1]])
                heapq.heappush(heap, (loss + step, child))
