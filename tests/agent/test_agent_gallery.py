"""The page of drawings loads nothing, runs nothing, and shows names as text."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.agent import TraceAgent, TraceResult
from vtrain.agent import gallery as pages
from vtrain.agent.gallery import gallery

HARM = "'\"><script>alert(1)</script><img src=x onerror=alert(1)>.png"


@pytest.fixture
def result(agent: TraceAgent, badge: NDArray[np.uint8]) -> TraceResult:
    return agent.trace(badge, compare=True)


def show(*drawings: tuple[str, TraceResult]) -> str:
    return gallery(drawings, policy="<b>it</b>", prefer="balanced")


def files(page: str) -> list[bytes]:
    return [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)\"", page)]


def test_the_page_holds_source_default_and_drawing(result: TraceResult) -> None:
    page = show(("badge.png", result))

    assert result.comparison is not None
    assert result.comparison.default_svg is not None
    held = files(page)
    assert held.count(result.svg.encode()) == 2, "on a light and on a dark page"
    assert held.count(result.comparison.default_svg.encode()) == 2
    assert held.count(result.comparison.source) == 2
    assert f"{result.comparison.chosen.bytes:,} bytes" in page
    assert all('loading="lazy"' in tag for tag in re.findall(r"<img [^>]*>", page))


def test_an_opaque_image_is_shown_once(agent: TraceAgent) -> None:
    opaque = np.full((40, 40, 4), 255, np.uint8)
    opaque[10:30, 10:30] = (200, 0, 0, 255)

    page = show(("page.png", agent.trace(opaque, compare=True)))

    assert len(files(page)) == 3


def test_names_are_only_text(result: TraceResult) -> None:
    page = show((HARM, result))

    assert "<script" not in page
    assert "onerror=alert(1)>" not in page
    assert "<b>it</b>" not in page
    assert len(re.findall(r"<img ", page)) == 6
    assert "default-src 'none'; img-src data:" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)


def test_a_large_drawing_is_shown_as_pixels(
    monkeypatch: pytest.MonkeyPatch, result: TraceResult
) -> None:
    monkeypatch.setattr(pages, "_LARGEST_SVG", 10)

    page = show(("badge.png", result))

    assert "image/svg+xml" not in page
    assert all(data.startswith(b"\x89PNG") for data in files(page))
