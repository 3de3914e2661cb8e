import numpy as np

from tests.training.conftest import tiny
from vtrain.environment.engine import Engine, LocalBackend
from vtrain.environment.episode import Rules
from vtrain.environment.features import FEATURES
from vtrain.environment.measurement import Bench
from vtrain.environment.observation import Normaliser
from vtrain.environment.sampler import EpisodeSampler, Membership
from vtrain.tracing.parameters import PRESETS, canonical, encode_settings
from vtrain.training.model import make_model
from vtrain.training.vec_env import TraceVecEnv
from vtrain.training.warm_start import fit_table
from vtrain.validation.table import MeasuredTable


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
