"""The policy that learns: stable-baselines3's, told which rows of an action made a difference."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.distributions import MultiCategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs

from vtrain.tracing.parameters import mattering


def mattering_rows(actions: NDArray[Any]) -> NDArray[np.float32]:
    """One for each level that makes a difference, zero for the inert ones.

    Args:
        actions: Shape (n, rows of the parameter table), any numbers that are whole.

    Returns:
        Likewise.
    """
    whole = actions.astype(np.int64).tolist()
    return np.array([mattering(tuple(action)) for action in whole], np.float32)


class PictureDistribution(MultiCategoricalDistribution):
    """How probable the picture of an action is, whatever its inert rows say.

    Which rows are inert the others tell, so the probability of all actions of one picture is the
    product of the rows that matter. To learn from that of the whole action would be to learn from
    chance as well (Rao-Blackwell): a polygon says nothing of where splines should turn.
    """

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """Log-probability of the pictures of actions; shape (n,).

        Args:
            actions: Shape (n, rows of the parameter table).
        """
        return self.log_prob_of(actions, matters_to(actions))

    def log_prob_of(self, actions: torch.Tensor, matters: torch.Tensor) -> torch.Tensor:
        """As `log_prob`, where `matters_to` the actions is known."""
        rows = zip(self.distribution, torch.unbind(actions, dim=1), strict=True)
        found = [row.log_prob(levels) for row, levels in rows]  # type: ignore[no-untyped-call]
        return (torch.stack(found, dim=1) * matters).sum(dim=1)

    def entropy_of(self, matters: torch.Tensor) -> torch.Tensor:
        """Entropy (nats) of the rows that matter, as if those that decide it were given; (n,).

        A bonus for it spreads each row where the row counts. What choosing one curve or the other
        adds by the rows that come with it is left out on purpose: it would pay for rows, and
        splines have more of them.

        Args:
            matters: As `matters_to` gives it.
        """
        found = [row.entropy() for row in self.distribution]  # type: ignore[no-untyped-call]
        return (torch.stack(found, dim=1) * matters).sum(dim=1)


def matters_to(actions: torch.Tensor) -> torch.Tensor:
    """As `mattering_rows`."""
    return torch.from_numpy(mattering_rows(actions.numpy()))


class PicturePolicy(ActorCriticPolicy):
    """stable-baselines3's policy over pictures, for minibatches in which states come several times.

    The layers see each state once, which takes off half of an update's time where traces are
    shared; values, probabilities and gradients are as if each row were seen by itself.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = cast("MultiCategoricalDistribution", self.action_dist)
        self.action_dist = PictureDistribution(own.action_dims)

    def evaluate_actions(
        self, obs: PyTorchObs, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """As `ActorCriticPolicy.evaluate_actions`; equal neighbours are one state."""
        states, rows = torch.unique_consecutive(
            cast("torch.Tensor", obs), return_inverse=True, dim=0
        )
        for_policy, for_value = self.mlp_extractor(self.extract_features(states))
        latent = for_policy.index_select(0, rows)
        found = cast("PictureDistribution", self._get_action_dist_from_latent(latent))
        values = self.value_net(for_value).index_select(0, rows)
        matters = matters_to(actions)
        return values, found.log_prob_of(actions, matters), found.entropy_of(matters)
