"""SVG sources: sized right, closed to the outside, and bounded in cost."""

from __future__ import annotations

import base64
import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vtrain.images.svg
from vtrain.errors import ImageRefused
from vtrain.images import Limits, decode, render_svg

NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
RECT = '<rect width="10" height="10" fill="red"/>'


def svg(body: str, root: str = 'viewBox="0 0 10 10"') -> str:
    return f"<svg {NS} {root}>{body}</svg>"


def refusal(text: str) -> str:
    with pytest.raises(ImageRefused) as caught:
        decode(text.encode(), name="it")
    return caught.value.reason


@pytest.mark.parametrize(
    ("root", "shape"),
    [
        ('viewBox="0 0 20 10"', (50, 100, 4)),
        ('width="10" height="40" viewBox="0 0 10 40"', (100, 25, 4)),
        ('width="20mm" height="10mm" viewBox="0 0 10 5"', (50, 100, 4)),
        ('width="30" height="30"', (100, 100, 4)),
    ],
)
def test_longest_side_is_the_one_asked_for(root: str, shape: tuple[int, ...]) -> None:
    assert render_svg(svg(RECT, root), 100).shape == shape


def test_ground_is_transparent_and_alpha_is_straight() -> None:
    body = '<rect width="5" height="10" fill="#ff0000" fill-opacity="0.5"/>'

    rgba = render_svg(svg(body), 20)

    assert rgba[10, 15].tolist() == [0, 0, 0, 0]
    assert rgba[10, 5, :3].tolist() == [255, 0, 0]
    assert abs(int(rgba[10, 5, 3]) - 128) <= 1


@pytest.mark.parametrize(
    "opening",
    ["", "\ufeff", '<?xml version="1.0" encoding="ISO-8859-1"?>\n', "<!-- a comment -->\n"],
)
def test_svg_is_known_by_its_content(opening: str) -> None:
    assert decode((opening + svg(RECT)).encode(), name="logo.png").format == "SVG"


def test_utf16_is_read() -> None:
    assert decode(svg(RECT).encode("utf-16"), name="it").format == "SVG"


def test_illustrators_entities_are_harmless() -> None:
    doctype = '<!DOCTYPE svg [<!ENTITY ns_svg "http://www.w3.org/2000/svg">]>'
    text = f'{doctype}<svg xmlns="&ns_svg;" viewBox="0 0 10 10">{RECT}</svg>'

    assert decode(text.encode(), name="it", svg_side=8).rgba[4, 4].tolist() == [255, 0, 0, 255]


def test_live_text_is_drawn_in_a_shipped_font_and_noted() -> None:
    picture = decode(svg('<text y="9" font-size="10">W</text>').encode(), name="it")

    assert picture.rgba[..., 3].any()
    assert "live text drawn in DejaVu" in picture.notes


def test_scripts_are_ignored_and_noted() -> None:
    picture = decode(svg(f"<script>alert(1)</script>{RECT}").encode(), name="it")

    assert "scripts ignored" in picture.notes


def test_local_files_are_not_drawn(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (4, 4), "red").save(secret)

    for target in (str(secret), f"file://{secret}", "http://example.com/x.png"):
        body = f'<image width="10" height="10" xlink:href="{target}"/>'
        assert refusal(svg(body)) == "external-resource"


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_embedded_images_are_drawn_within_limits() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), "blue").save(buffer, "PNG")
    body = f'<image width="10" height="10" href="{data_uri(buffer.getvalue())}"/>'

    assert render_svg(svg(body), 16)[8, 8].tolist() == [0, 0, 255, 255]
    with pytest.raises(ImageRefused) as caught:
        decode(svg(body).encode(), name="it", limits=Limits(max_pixels=1000), svg_side=16)
    assert caught.value.reason == "too-large"


def test_svg_within_svg_is_refused() -> None:
    inner = base64.b64encode(svg(RECT).encode()).decode()

    body = f'<image width="9" height="9" href="data:image/svg+xml;base64,{inner}"/>'

    assert refusal(svg(body)) == "unsafe-svg"


def doubling(kind: str, part: str) -> str:
    """Seven levels of `kind`, each drawing the one before it ten times."""
    levels = [f"<{kind} id='a0'><path d='M0 0h9v9z'/></{kind}>"]
    levels += [f"<{kind} id='a{n + 1}'>{part.format(n) * 10}</{kind}>" for n in range(7)]
    return "".join(levels)


# Each of these ended the process, or kept it busy for minutes, without the check.
COSTLY = {
    "nested groups": "<g opacity='.9'>" * 300 + RECT + "</g>" * 300,
    "very deep groups": "<g>" * 20_000 + RECT + "</g>" * 20_000,
    "layers": "<rect width='10' height='10' opacity='.5' stroke='red'/>" * 20_000,
    "uses of uses": doubling("g", "<use href='#a{}'/>"),
    "chained uses": RECT.replace("<rect", "<rect id='a0'")
    + "".join(f"<g id='a{n + 1}'><use href='#a{n}'/></g>" for n in range(100)),
    "morphology": "<filter id='f'><feMorphology operator='dilate' radius='200'/></filter>"
    "<rect width='9' height='9' filter='url(#f)'/>",
    "turbulence": "<filter id='f'><feTurbulence baseFrequency='1' numOctaves='99999'/></filter>"
    "<rect width='9' height='9' filter='url(#f)'/>",
    "styled layers": "<style>rect{opacity:.5}</style>" + RECT * 20_000,
    "nested masks": doubling("mask", "<path d='M0 0h9v9z' mask='url(#a{})'/>"),
}


@pytest.mark.parametrize("case", COSTLY)
def test_costly_documents_are_refused_before_rendering(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vtrain.images.svg, "_render", lambda *_, **__: pytest.fail("rendered"))

    assert refusal(svg(COSTLY[case])) == "too-costly"


def test_nesting_that_is_allowed_is_rendered() -> None:
    body = "<g opacity='.99'>" * 60 + RECT + "</g>" * 60

    assert render_svg(svg(body), 64)[32, 32, 3] > 100


@pytest.mark.parametrize(
    "doctype",
    [
        "<!ENTITY a0 'lol'>" + "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(9)),
        "<!ENTITY a '" + "x" * 60_000 + "'>",
        "<!ENTITY a SYSTEM 'file:///etc/passwd'>",
        "<!ENTITY % a SYSTEM 'http://example.com/x.dtd'>",
    ],
)
def test_dangerous_entities_are_refused(doctype: str) -> None:
    assert refusal(f"<!DOCTYPE svg [{doctype}]>{svg('<text>&a;</text>')}") == "unsafe-svg"


@pytest.mark.parametrize(
    "text",
    [
        "<svg viewBox='0 0 1 1'",
        svg("<g>"),
        svg(RECT, 'width="0" height="0"'),
        "<html><svg></svg></html>",
    ],
)
def test_broken_documents_are_refused(text: str) -> None:
    assert refusal(text) == "invalid-svg"


def test_reference_loops_are_drawn_once() -> None:
    body = f'<g id="a">{RECT}<use href="#a"/></g>'

    assert np.array_equal(render_svg(svg(body), 8)[4, 4], [255, 0, 0, 255])


def test_a_panic_of_the_renderer_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(**_: object) -> bytes:
        raise PanicException

    monkeypatch.setattr("vtrain.images.svg.resvg_py.svg_to_bytes", panic)

    with pytest.raises(ImageRefused) as caught:
        decode(svg(RECT).encode(), name="it", isolated=False)
    assert caught.value.reason == "renderer-panic"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import os; os.abort()", "renderer-panic"),
        ("import sys; sys.exit('a panic')", "renderer-panic"),
        ("import time; time.sleep(60)", "time-limit"),
        ("b = bytearray(2**33)", "renderer-panic"),
    ],
)
def test_a_renderer_that_dies_or_hangs_harms_only_its_own_image(
    script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child.py"
    limits = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))"
    child.write_text(f"{limits}\n{script}\n")
    monkeypatch.setattr("vtrain.images.svg._CHILD", child)
    monkeypatch.setattr("vtrain.images.svg._TIME_LIMIT", 1.0)

    assert refusal(svg(RECT)) == reason


def test_own_process_and_this_one_draw_the_same() -> None:
    text = svg("<circle cx='5' cy='5' r='4.3' fill='teal'/><text y='8'>A</text>").encode()

    apart = decode(text, name="it", svg_side=50)
    here = decode(text, name="it", svg_side=50, isolated=False)

    assert np.array_equal(apart.rgba, here.rgba)


def test_the_renderers_own_refusal_keeps_its_words() -> None:
    for isolated in (True, False):
        with pytest.raises(ImageRefused, match="invalid size") as caught:
            decode(svg(RECT, 'width="0" height="0"').encode(), name="it", isolated=isolated)
        assert caught.value.reason == "invalid-svg"


def test_what_the_renderer_prints_does_not_reach_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    # Coordinates far outside have made the rasteriser panic, with a backtrace.
    for far in ("9999999", "-1e30", "3e38"):
        with contextlib.suppress(ImageRefused):
            render_svg(svg(f"<path d='M1 1L{far} 5Q{far} {far} 9 9Z'/>"), 64)

    assert capfd.readouterr() == ("", "")
