"""A judgement made of numbers, and a run with a policy of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.validation.judging import TASTES, Bench, Fixed, entry, measurement
from vtrain.agent.network import policy_arrays
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import dump_yaml
from vtrain.config.schema import Config
from vtrain.config.scoring import ScoringConfig
from vtrain.data.prepare import prepare
from vtrain.environment.features import FEATURES
from vtrain.environment.measurement import Measurement, Request
from vtrain.environment.observation import OBSERVATION_SIZE, Normaliser
from vtrain.rundir import RunDirectory, write_text
from vtrain.tracing.parameters import ACTION_LEVELS, TABLE_DIGEST
from vtrain.validation.judge import Judgement, judge


@pytest.fixture(scope="session")
def judgement() -> Judgement:
    """A policy that gains 1 on even and 3 on odd images over a default of 10, at half the size."""
    default = (0, 0, 0, 0, 0, 0, 4, 2, 4, 2, 1, 1, 2, 0, 0)
    ours = (1, 1, 3, 0, 1, 0, 4, 4, 3, 2, 1, 1, 2, 2, 1)

    def measured(request: Request) -> Measurement:
        if request.action == default:
            return measurement(10.0, 1000)
        return measurement(11.0 if int(request.image, 16) % 2 == 0 else 13.0, 500)

    entries = [entry(n, ("simple", "text")[n % 2]) for n in range(12)]
    return judge(
        [Fixed("policy", ours), Fixed("default", default)],
        entries,
        engine=Bench(measured),
        tastes=TASTES,
        traces=1,
        scoring=ScoringConfig(),
    )


@pytest.fixture(scope="session")
def config() -> Config:
    values = Config().model_dump()
    values["data"] |= {"sample_count": 16, "input_size": 64}
    values["validation"] |= {"resamples": 200}
    values["resources"] |= {"workers": 1}
    return Config.model_validate(values)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, config: Config) -> RunDirectory:
    """A run with prepared samples and a policy of random weights, at step 512."""
    run = RunDirectory.create(Path(tmp_path_factory.mktemp("runs")) / "random", name="random")
    write_text(run.config, dump_yaml(config))
    prepare((), run=run, config=config.data)
    generator = np.random.default_rng(0)
    weights = {
        "mlp_extractor.policy_net.0.weight": generator.normal(size=(8, OBSERVATION_SIZE)),
        "mlp_extractor.policy_net.0.bias": np.zeros(8),
        "action_net.weight": generator.normal(size=(sum(ACTION_LEVELS), 8)),
        "action_net.bias": np.zeros(sum(ACTION_LEVELS)),
    }
    normaliser = Normaliser(np.zeros(len(FEATURES), np.float32), np.ones(len(FEATURES), np.float32))
    arrays = policy_arrays(
        {key: value.astype(np.float32) for key, value in weights.items()},
        normaliser,
        input_size=64,
    )
    CheckpointStore(run.checkpoints).save(
        512,
        tensors={"policy": arrays},
        documents={},
        info={"utility": 0.0, "table": TABLE_DIGEST},
    )
    return run
