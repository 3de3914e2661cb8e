"""Policies whose choices are those of chance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtrain.agent.network import policy_arrays
from vtrain.environment.features import FEATURES
from vtrain.environment.observation import Normaliser, observation_size
from vtrain.tracing.parameters import ACTION_LEVELS

HIDDEN = 12


def arrays(seed: int = 0, features: int = len(FEATURES)) -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(seed)

    def normal(*shape: int) -> NDArray[np.float32]:
        return generator.normal(0, 0.5, shape).astype(np.float32)

    weights = {
        "mlp_extractor.policy_net.0.weight": normal(HIDDEN, observation_size(features)),
        "mlp_extractor.policy_net.0.bias": normal(HIDDEN),
        "mlp_extractor.policy_net.2.weight": normal(HIDDEN, HIDDEN),
        "mlp_extractor.policy_net.2.bias": normal(HIDDEN),
        "action_net.weight": normal(sum(ACTION_LEVELS), HIDDEN),
        "action_net.bias": normal(sum(ACTION_LEVELS)),
    }
    blank = np.zeros(features, np.float32)
    return policy_arrays(weights, Normaliser(blank, blank + 1), input_size=256)
