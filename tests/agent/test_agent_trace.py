"""What an agent draws, and which policy it takes."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.agent import TraceAgent
from vtrain.agent import agent as agents
from vtrain.agent.judge import Judge
from vtrain.errors import CheckpointError, TraceError, UsageError
from vtrain.rundir import write_text
from vtrain.scoring.score import Scores
from vtrain.tracing.parameters import (
    ACTION_LEVELS,
    Settings,
    canonical,
    decode_action,
    encode_settings,
)
from vtrain.tracing.render import render
from vtrain.tracing.trace import trace

actions = st.tuples(*(st.integers(0, levels - 1) for levels in ACTION_LEVELS))


def corners(svg: str) -> NDArray[np.uint8]:
    """Alpha of a drawing's corners."""
    return render(svg, 64, 64)[[0, 0, -1, -1], [0, -1, 0, -1], 3]


def fixed(monkeypatch: pytest.MonkeyPatch, agent: TraceAgent, *chosen: Settings) -> None:
    """Have an agent choose these settings."""
    wanted = [encode_settings(item) for item in chosen]
    monkeypatch.setattr(agent, "choose", lambda *_: wanted)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions)
def test_a_transparent_image_never_gets_a_background(
    agent: TraceAgent, discs: NDArray[np.uint8], action: tuple[int, ...]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        as_is = replace(decode_action(action), alpha="as-is")
        fixed(patch, agent, decode_action(canonical(encode_settings(as_is))))

        drawn = agent.trace(discs)

    assert not corners(drawn.svg).any()


def test_a_background_that_the_tracer_adds_is_left_out(
    monkeypatch: pytest.MonkeyPatch, agent: TraceAgent, discs: NDArray[np.uint8]
) -> None:
    fills = Settings(mode="polygon", hierarchical="cutout", color_precision=4)
    assert corners(trace(discs, fills).svg).all()
    fixed(monkeypatch, agent, fills)

    drawn = agent.trace(discs)

    assert not corners(drawn.svg).any()
    assert drawn.settings == replace(fills, alpha="cut")
    assert render(drawn.svg, 64, 64)[..., 3].any()


def test_a_haze_over_the_whole_image_is_no_background(
    monkeypatch: pytest.MonkeyPatch, agent: TraceAgent, badge: NDArray[np.uint8]
) -> None:
    hazy = badge.copy()
    hazy[badge[..., 3] == 0] = (90, 90, 90, 3)
    assert corners(trace(hazy, Settings()).svg).all(), "VTracer paints it"
    fixed(monkeypatch, agent, Settings())

    drawn = agent.trace(hazy)

    assert not corners(drawn.svg).any()
    assert drawn.settings.alpha == "cut"


def test_an_opaque_image_keeps_its_page(
    monkeypatch: pytest.MonkeyPatch, agent: TraceAgent, badge: NDArray[np.uint8]
) -> None:
    opaque = badge.copy()
    opaque[badge[..., 3] < 128] = 255
    opaque[..., 3] = 255
    fixed(monkeypatch, agent, Settings())

    drawn = agent.trace(opaque)

    assert drawn.settings == Settings()
    assert render(drawn.svg, 96, 96)[0, 0].tolist() == [255] * 4


@pytest.mark.parametrize("traces", [1, 3])
def test_the_same_image_gives_the_same_bytes(
    agent: TraceAgent, badge: NDArray[np.uint8], traces: int
) -> None:
    first = agent.trace(badge, traces=traces)

    assert agent.trace(badge.copy(), traces=traces) == first


def test_pure_colours_at_the_edges_leave_nothing_to_chance(discs: NDArray[np.uint8]) -> None:
    # Enlarging leaves all the colours that VTracer marks clear pixels with; it would draw one.
    chosen = Settings(
        upscale=3,
        hierarchical="cutout",
        color_precision=5,
        layer_difference=48,
        corner_threshold=40,
        length_threshold=3.5,
    )

    assert len({trace(discs, chosen).svg for _ in range(24)}) == 1


def test_of_several_traces_the_best_is_kept(
    monkeypatch: pytest.MonkeyPatch, agent: TraceAgent, badge: NDArray[np.uint8]
) -> None:
    poor = Settings(filter_speckle=12, color_precision=4, layer_difference=128)
    good = Settings(alpha="cut", upscale=3, colours=4)
    fixed(monkeypatch, agent, poor, good, poor)

    drawn = agent.trace(badge, prefer="0", traces=3)

    assert drawn.settings == good
    assert drawn.traces == 3


def test_a_comparison_holds_every_term_of_both(agent: TraceAgent, badge: NDArray[np.uint8]) -> None:
    terms = {field.name for field in fields(Scores)}

    found = agent.trace(badge, compare=True).comparison

    assert found is not None
    for side in found.as_dict().values():
        assert set(side) == terms | {"parts", "bytes", "segments", "cost", "utility"}
        assert sum(side["parts"].values()) == pytest.approx(side["appearance"])


def test_a_comparison_changes_no_drawing(agent: TraceAgent, badge: NDArray[np.uint8]) -> None:
    alone = agent.trace(badge)

    assert replace(agent.trace(badge, compare=True), comparison=None) == alone


def test_a_default_that_fails_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, agent: TraceAgent, badge: NDArray[np.uint8]
) -> None:
    judge = Judge.judge
    seen = []

    def fails_second(self: Judge, drawn: object) -> object:
        seen.append(drawn)
        if len(seen) == 2:
            raise TraceError("panic", "VTracer panicked")
        return judge(self, drawn)  # type: ignore[arg-type]

    monkeypatch.setattr(Judge, "judge", fails_second)

    found = agent.trace(badge, compare=True).comparison

    assert found is not None
    assert found.default is None
    assert found.as_dict()["default"] is None


def test_the_shipped_policy_is_used_where_there_is_no_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, policy: Path, badge: NDArray[np.uint8]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agents, "SHIPPED", policy)

    agent = TraceAgent.nearest()

    assert agent.name == "the policy that comes with vtrain"
    assert agent.trace(badge).svg == TraceAgent.from_file(policy).trace(badge).svg


def test_without_a_run_and_a_shipped_policy_a_run_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agents, "SHIPPED", tmp_path / "absent")

    with pytest.raises(UsageError, match="There is no run under runs"):
        TraceAgent.nearest()
    with pytest.raises(CheckpointError, match="comes without a policy"):
        TraceAgent.shipped()


def test_a_checkpoint_that_was_asked_for_is_not_replaced_by_the_shipped_policy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, policy: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agents, "SHIPPED", policy)

    with pytest.raises(UsageError, match="There is no run under runs"):
        TraceAgent.nearest("latest")


def test_a_newest_run_without_a_checkpoint_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, policy: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agents, "SHIPPED", policy)
    write_text(tmp_path / "runs" / "new" / "run.json", "{}")

    with pytest.raises(CheckpointError):
        TraceAgent.nearest()


def test_the_policy_that_comes_with_vtrain_is_small_and_draws_for_every_taste() -> None:
    agent = TraceAgent.shipped()
    rgba = np.zeros((120, 160, 4), np.uint8)
    rgba[20:100, 30:130] = (200, 30, 40, 255)

    sizes = [
        len(agent.trace(rgba, prefer=taste).svg) for taste in ("fidelity", "balanced", "compact")
    ]

    assert agents.SHIPPED.stat().st_size < 2_000_000
    assert sizes == sorted(sizes, reverse=True)
    assert (agents.SHIPPED.parent / "MODEL_CARD.md").is_file()
