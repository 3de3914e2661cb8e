import pytest

from vtrain.config.schema import CurriculumConfig, StageConfig
from vtrain.config.section import CATEGORIES
from vtrain.environment.sampler import Membership
from vtrain.training.curriculum import Curriculum

CONFIG = CurriculumConfig(
    window=10,
    stages=(
        StageConfig(
            name="first", categories=("simple",), success_share=0.5, min_updates=2, max_updates=4
        ),
        StageConfig(name="second", categories=("simple", "text")),
    ),
)


def test_success_promotes_after_the_least_updates() -> None:
    curriculum = Curriculum(CONFIG)

    assert curriculum.after_update([1.0, 1.0]) is None
    result = curriculum.after_update([1.0, -1.0])

    assert result is not None
    assert (result.stage, result.reason, result.updates) == ("first", "success", 2)
    assert result.success_share == pytest.approx(0.75)
    assert curriculum.membership().categories == ("simple", "text")


def test_without_success_a_stage_ends_at_its_limit() -> None:
    curriculum = Curriculum(CONFIG)

    results = [curriculum.after_update([-1.0]) for _ in range(4)]

    assert results[:3] == [None, None, None]
    assert results[3] is not None
    assert results[3].reason == "max-updates"


def test_the_last_stage_never_ends() -> None:
    curriculum = Curriculum(CONFIG)
    for _ in range(40):
        curriculum.after_update([1.0])

    assert curriculum.stage.name == "second"


def test_without_stages_every_category_is_drawn() -> None:
    assert Curriculum(CurriculumConfig(enabled=False)).membership() == Membership(CATEGORIES)


def test_a_restored_curriculum_goes_on_alike() -> None:
    one = Curriculum(CONFIG)
    one.after_update([1.0, -1.0, -1.0])
    other = Curriculum(CONFIG)
    other.restore(one.state())

    assert one.after_update([1.0]) == other.after_update([1.0])
    assert one.state() == other.state()
