"""The logic of the curriculum: promotion, retries, failure, carry-over and review."""

import json

import pytest
from pydantic import ValidationError

from vtrain.config.schema import CurriculumConfig, StageConfig
from vtrain.config.section import CATEGORIES
from vtrain.environment.sampler import Membership
from vtrain.training.curriculum import Curriculum, StageResult

FIRST = StageConfig(
    name="first", categories=("simple",), success_share=0.5, min_updates=2, max_updates=4
)
SECOND = StageConfig(name="second", categories=("simple", "text"))
CONFIG = CurriculumConfig(window=10, stages=(FIRST, SECOND))


def stages(first: dict[str, object], second: dict[str, object] | None = None) -> CurriculumConfig:
    """The two stages with other settings."""
    return CurriculumConfig(
        window=10,
        stages=(FIRST.model_copy(update=first), SECOND.model_copy(update=second or {})),
    )


def ends(curriculum: Curriculum, gain: float, updates: int) -> list[tuple[str, int, str, str]]:
    """What ends within so many updates of one episode each."""
    results = [curriculum.after_update([gain]) for _ in range(updates)]
    return [
        (result.stage, result.attempt, result.reason, result.then) for result in results if result
    ]


def test_success_promotes_after_the_least_updates() -> None:
    curriculum = Curriculum(CONFIG)

    assert curriculum.after_update([1.0, 1.0]) is None
    result = curriculum.after_update([1.0, -1.0])

    assert result == StageResult(
        stage="first",
        attempt=1,
        updates=2,
        success_share=0.75,
        wanted_share=0.5,
        target=0.0,
        mean_gain=0.5,
        reason="success",
        then="next",
    )
    assert curriculum.membership().categories == ("simple", "text")


def test_without_success_a_stage_ends_at_its_limit() -> None:
    assert ends(Curriculum(CONFIG), -1.0, 40) == [("first", 1, "max-updates", "next")]


def test_a_success_is_a_gain_of_at_least_the_target() -> None:
    curriculum = Curriculum(stages({"target": 0.5}))

    curriculum.after_update([0.4, 0.4, 0.4])
    assert curriculum.success_share() == 0.0
    curriculum.after_update([0.5])
    assert curriculum.success_share() == 0.25


def test_a_stage_is_tried_again_as_often_as_it_may() -> None:
    curriculum = Curriculum(stages({"retries": 2}))

    assert ends(curriculum, -1.0, 12) == [
        ("first", 1, "max-updates", "retry"),
        ("first", 2, "max-updates", "retry"),
        ("first", 3, "max-updates", "next"),
    ]
    assert curriculum.stage.name == "second"


def test_a_retry_counts_its_own_episodes() -> None:
    curriculum = Curriculum(stages({"retries": 1}))
    ends(curriculum, -1.0, 4)

    assert ends(curriculum, 1.0, 2) == [("first", 2, "success", "next")]


def test_a_stage_that_may_not_fail_ends_training() -> None:
    curriculum = Curriculum(stages({"retries": 1, "on_failure": "stop"}))

    assert ends(curriculum, -1.0, 7) == [("first", 1, "max-updates", "retry")]
    before = curriculum.failed
    result = curriculum.after_update([-1.0])

    assert result is not None
    assert (result.reason, result.then) == ("max-updates", "stop")
    assert (before, curriculum.failed) == (None, result)
    assert curriculum.finish() is None


@pytest.mark.parametrize(
    "more", [{"on_failure": "next"}, {"retries": 1}, {"max_updates": 6}, {"success_share": 0.0}]
)
def test_a_failed_stage_goes_on_when_it_is_given_more(more: dict[str, object]) -> None:
    failed = Curriculum(stages({"on_failure": "stop"}))
    ends(failed, -1.0, 4)
    again = Curriculum(stages({"on_failure": "stop", **more}))

    again.restore(json.loads(json.dumps(failed.state())))

    assert failed.failed is not None
    assert again.failed is None
    again.after_update([-1.0])
    assert again.failed is None


def test_the_last_stage_lasts_until_training_ends() -> None:
    curriculum = Curriculum(CONFIG)
    ends(curriculum, 1.0, 40)

    assert curriculum.stage.name == "second"
    result = curriculum.finish()
    assert result is not None
    assert (result.updates, result.reason, result.then) == (38, "end", "end")


def test_the_last_stage_can_fail_until_it_has_succeeded() -> None:
    config = stages({}, {"on_failure": "stop", "retries": 1, "max_updates": 5})
    hopeless, good = Curriculum(config), Curriculum(config)

    assert ends(hopeless, -1.0, 4 + 10)[1:] == [
        ("second", 1, "max-updates", "retry"),
        ("second", 2, "max-updates", "stop"),
    ]
    ends(good, 1.0, 2 + 5)
    assert ends(good, -1.0, 20) == []
    assert good.failed is None


def test_nothing_is_under_way_before_the_first_update_of_a_stage() -> None:
    curriculum = Curriculum(CONFIG)

    assert curriculum.finish() is None
    ends(curriculum, 1.0, 2)
    assert curriculum.finish() is None


def test_the_best_policy_is_wanted_where_a_stage_begins_with_it() -> None:
    curriculum = Curriculum(stages({"begin": "best", "retries": 1}, {"begin": "last"}))

    wanted = [curriculum.wants_best]  # the first attempt begins with the only one there is
    ends(curriculum, -1.0, 4)
    wanted.append(curriculum.wants_best)
    curriculum.carried_over()
    wanted.append(curriculum.wants_best)
    ends(curriculum, -1.0, 4)
    wanted.append(curriculum.wants_best)

    assert wanted == [False, True, False, False]
    assert curriculum.stage.name == "second"


def test_a_review_draws_from_the_stages_before_as_they_were() -> None:
    curriculum = Curriculum(
        stages({"complexity": (0.0, 0.5), "review": 0.5}, {"complexity": (0.2, 1.0), "review": 0.3})
    )

    assert curriculum.membership() == Membership(("simple",), (0.0, 0.5), 0.5, ())
    ends(curriculum, 1.0, 2)
    assert curriculum.membership() == Membership(
        ("simple", "text"), (0.2, 1.0), 0.3, (Membership(("simple",), (0.0, 0.5)),)
    )


def test_without_stages_every_category_is_drawn() -> None:
    assert Curriculum(CurriculumConfig(enabled=False)).membership() == Membership(CATEGORIES)


@pytest.mark.parametrize("updates", range(1, 14))
def test_a_restored_curriculum_goes_on_alike(updates: int) -> None:
    config = stages({"retries": 2, "begin": "best"}, {"retries": 1, "on_failure": "stop"})
    one, other = Curriculum(config), Curriculum(config)
    ends(one, -1.0, updates)

    other.restore(json.loads(json.dumps(one.state())))

    assert (one.wants_best, one.attempt) == (other.wants_best, other.attempt)
    for _ in range(50):
        assert one.after_update([-1.0]) == other.after_update([-1.0])
    assert one.state() == other.state()


def test_a_state_of_an_earlier_version_goes_on() -> None:
    curriculum = Curriculum(CONFIG)

    curriculum.restore({"index": 1, "updates": 3, "gains": [1.0, -1.0]})

    assert curriculum.stage.name == "second"
    assert (curriculum.attempt, curriculum.wants_best) == (1, False)
    assert curriculum.success_share() == 0.5


def test_names_of_stages_are_their_own() -> None:
    with pytest.raises(ValidationError, match="two stages are named 'first'"):
        CurriculumConfig(stages=(FIRST, FIRST))


@pytest.mark.parametrize("part", [(0.5, 0.5), (0.7, 0.2)])
def test_a_part_of_a_category_has_an_inside(part: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="complexity must begin below its end"):
        StageConfig(name="a", categories=("text",), complexity=part)
