from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tests.training.conftest import tiny
from vtrain.config.schema import Config
from vtrain.environment.engine import Engine, LocalBackend
from vtrain.environment.episode import Rules
from vtrain.environment.features import FEATURES
from vtrain.environment.measurement import Bench
from vtrain.environment.observation import Normaliser
from vtrain.environment.sampler import EpisodeSampler, Membership
from vtrain.rundir import RunDirectory
from vtrain.tracing.parameters import PRESETS, TABLE_DIGEST, canonical, encode_settings
from vtrain.training.model import make_model
from vtrain.training.problem import measured_table
from vtrain.training.vec_env import TraceVecEnv
from vtrain.training.warm_start import fit_table
from vtrain.validation.table import MeasuredTable, table_identity


def test_a_few_images_do_not_mislead_the_fit_on_others() -> None:
    # Every image prefers the same settings: what is learned on some must hold on the rest.
    config = tiny("ppo.hidden=[64,64]", "ppo.warm_start.epochs=30")
    generator = np.random.default_rng(0)
    images = [f"i{number}" for number in range(20)]
    features = {image: generator.normal(0, 1, len(FEATURES)).astype(np.float32) for image in images}
    rules = Rules(
        config.environment, config.scoring, Normaliser.fit(list(features.values())), features
    )
    sampler = EpisodeSampler({"simple": images}, tastes=(0.1, 1.0), seed=0, repeats=1)
    engine = Engine(LocalBackend(Bench(None, output_limit=1)))  # type: ignore[arg-type]
    env = TraceVecEnv(rules, sampler, engine, count=8, membership=lambda: Membership(("simple",)))
    model = make_model(env, config.ppo, seed=0)
    actions = tuple(canonical(encode_settings(settings)) for settings in PRESETS.values())
    table = MeasuredTable(
        actions,
        tuple(images),
        appearance=np.tile([0.0, 1.0, 0.5, 0.2, 3.0], (len(images), 1)),
        cost=np.zeros((len(images), len(actions))),
        identity="",
    )

    warm = fit_table(
        model,
        table,
        rules,
        environment=config.environment,
        config=config.ppo.warm_start,
        seed=0,
    )

    assert warm.loss < 1.5
    assert warm.loss < 0.2 * warm.start_loss


def test_a_table_of_another_version_is_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory.create(tmp_path / "run", name="run")
    config = Config()
    identity = table_identity(
        config.environment.tastes,
        scoring=config.scoring,
        config=config.ppo.warm_start,
        seed=config.seed,
    )
    action = canonical(encode_settings(PRESETS["recipe"]))
    made = MeasuredTable((action,), (), np.zeros((0, 1)), np.zeros((0, 1)), identity)
    path = run.data_cache / "table.json"
    begun: list[str] = []
    monkeypatch.setattr("vtrain.training.problem.new_table", lambda *_: made)

    def get() -> MeasuredTable:
        problem = SimpleNamespace(train=())
        return measured_table(
            run,
            config,
            cast("Any", problem),
            cast("Any", None),
            on_begin=lambda: begun.append("new"),
        )

    get()
    assert get().identity == identity
    assert len(begun) == 1
    path.write_text(path.read_text("utf-8").replace(TABLE_DIGEST, "another"), "utf-8")
    get()
    assert len(begun) == 2
    assert MeasuredTable.load(path).actions == (action,)
