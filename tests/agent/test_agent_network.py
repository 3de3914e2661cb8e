from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from tests.agent.policies import HIDDEN, arrays
from vtrain.agent import PolicyNetwork, TraceAgent
from vtrain.agent.network import _by_probability
from vtrain.environment.features import FEATURE_COUNTS
from vtrain.environment.observation import OBSERVATION_SIZE
from vtrain.errors import CheckpointError
from vtrain.tracing.parameters import ACTION_LEVELS, canonical


def test_the_network_equals_torchs() -> None:
    saved = arrays()
    layers: list[torch.nn.Module] = []
    for name in ("mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"):
        weight = torch.from_numpy(saved[f"{name}.weight"])
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.load_state_dict({"weight": weight, "bias": torch.from_numpy(saved[f"{name}.bias"])})
        layers += [layer, torch.nn.Tanh()]
    observation = np.random.default_rng(1).normal(0, 1, OBSERVATION_SIZE).astype(np.float32)

    with torch.no_grad():
        logits = torch.nn.Sequential(*layers[:-1])(torch.from_numpy(observation))
    expected = [torch.log_softmax(row, 0).numpy() for row in logits.split(list(ACTION_LEVELS))]

    found = PolicyNetwork.from_arrays(saved, name="it").log_probabilities(observation)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_the_most_probable_actions_come_in_order_and_are_distinct() -> None:
    network = PolicyNetwork.from_arrays(arrays(), name="it")
    observation = np.zeros(OBSERVATION_SIZE, np.float32)

    actions = network.most_probable(observation, 20)

    rows = network.log_probabilities(observation)
    first = canonical([int(row.argmax()) for row in rows])
    assert actions[0] == first
    assert len(set(actions)) == 20
    assert all(action == canonical(action) for action in actions)


def test_draws_come_as_often_as_they_are_probable() -> None:
    network = PolicyNetwork.from_arrays(arrays(), name="it")
    observation = np.zeros(OBSERVATION_SIZE, np.float32)
    generator = np.random.default_rng(0)

    drawn = [network.draw(observation, generator) for _ in range(2000)]

    # The first row (alpha) is never inert: its level is what was drawn.
    share = np.bincount([action[0] for action in drawn], minlength=2) / len(drawn)
    expected = np.exp(network.log_probabilities(observation)[0])
    assert share == pytest.approx(expected, abs=0.04)
    assert all(action == canonical(action) for action in drawn)
    again = np.random.default_rng(0)
    assert drawn[:20] == [network.draw(observation, again) for _ in range(20)]


def test_joint_actions_come_by_falling_probability() -> None:
    generator = np.random.default_rng(4)
    rows = [np.log(generator.dirichlet(np.ones(n))).astype(np.float32) for n in (2, 3, 4)]

    actions = list(_by_probability(rows))

    def probability(action: tuple[int, ...]) -> float:
        return sum(float(row[level]) for row, level in zip(rows, action, strict=True))

    assert len(actions) == len(set(actions)) == 24
    values = [probability(action) for action in actions]
    assert values == pytest.approx(sorted(values, reverse=True))


@pytest.mark.parametrize("missing", ["action_net.bias", "normaliser.mean", "meta.table_digest"])
def test_a_policy_with_a_part_missing_is_refused_by_name(missing: str) -> None:
    saved = arrays()
    del saved[missing]

    with pytest.raises(CheckpointError, match=missing):
        PolicyNetwork.from_arrays(saved, name="it")


def test_a_policy_of_another_parameter_table_is_refused() -> None:
    saved = {**arrays(), "meta.table_digest": np.frombuffer(b"0123456789abcdef", np.uint8)}

    with pytest.raises(CheckpointError, match="another parameter table"):
        PolicyNetwork.from_arrays(saved, name="it")


def test_a_policy_of_another_shape_is_refused() -> None:
    saved = {**arrays(), "action_net.weight": np.zeros((7, HIDDEN), np.float32)}

    with pytest.raises(CheckpointError, match="does not fit"):
        PolicyNetwork.from_arrays(saved, name="it")


def test_a_policy_of_fewer_features_sees_those_alone() -> None:
    known, later = FEATURE_COUNTS[0], FEATURE_COUNTS[-1] - FEATURE_COUNTS[0]
    network = PolicyNetwork.from_arrays(arrays(features=known), name="before")
    generator = np.random.default_rng(5)
    features = generator.normal(0, 1, known + later).astype(np.float32)

    found = network.candidates(network.normaliser.apply(features), 1.2, 8)
    features[known:] = generator.normal(0, 1, later)
    again = network.candidates(network.normaliser.apply(features), 1.2, 8)

    assert found == again
    assert len(set(found)) == 8


def test_a_policy_of_features_that_never_were_is_refused() -> None:
    with pytest.raises(CheckpointError, match="trained with other features"):
        PolicyNetwork.from_arrays(arrays(features=FEATURE_COUNTS[0] - 1), name="it")


@pytest.mark.parametrize("count", [FEATURE_COUNTS[0] - 1, FEATURE_COUNTS[-1]])
def test_a_normaliser_that_does_not_fit_is_named(count: int) -> None:
    saved = {**arrays(features=FEATURE_COUNTS[0]), "normaliser.scale": np.ones(count, np.float32)}

    with pytest.raises(CheckpointError, match="its normaliser has shapes"):
        PolicyNetwork.from_arrays(saved, name="it")


def test_a_policy_file_is_read_and_a_damaged_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    data = safetensors.numpy.save(arrays())
    path.write_bytes(data)

    assert TraceAgent.from_file(path).network.input_size == 256
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="no policy file"):
        TraceAgent.from_file(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        TraceAgent.from_file(tmp_path / "absent")
