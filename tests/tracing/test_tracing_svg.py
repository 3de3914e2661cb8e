"""Titles of drawings."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vtrain.images import render_svg
from vtrain.tracing.parameters import PRESETS
from vtrain.tracing.svg import empty, titled
from vtrain.tracing.trace import trace

SVG = "{http://www.w3.org/2000/svg}"
BARE, _ = empty(8, 8, (0, 0, 8, 8))


@pytest.mark.parametrize(
    "title", ["Acme & Co", '<img src="x" onerror="alert(1)">', "it's", "</title>", "]]>", "  a  "]
)
def test_a_title_is_only_text(title: str) -> None:
    root = ET.fromstring(titled(BARE, title))  # noqa: S314 - the program's own output

    assert [child.tag for child in root] == [f"{SVG}title"]
    assert root[0].text == title
    assert (root.get("role"), root.get("aria-label")) == ("img", title)


@given(st.text(st.characters()))
def test_any_name_can_be_a_title(name: str) -> None:
    svg = titled(BARE, name)

    root = ET.fromstring(svg.encode())  # noqa: S314 - the program's own output
    assert len(root[0].text or "") == len(name)
    assert (root[0].text or "") == root.get("aria-label")


def test_a_title_does_not_change_the_picture(ring: NDArray[np.uint8]) -> None:
    bare = trace(ring, PRESETS["recipe"]).svg
    named = titled(bare, 'C" d="M0 0L1 1" fill="#123456')

    np.testing.assert_array_equal(render_svg(named, 64), render_svg(bare, 64))
