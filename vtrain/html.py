"""HTML written so that text can never become markup: the only way in is through `element`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

_VOID = ("img", "input", "meta")
_STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1a1a1a; --quiet: #595959; --line: #ddd;
  --strong: #999; --block: #f5f5f5; --note: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --page: #17191c; --text: #e6e6e6; --quiet: #a9a9a9;
  --line: #3a3d42; --strong: #777; --block: #24272b; --note: #3b3115; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
  max-width: 1180px;
  margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
.quiet { color: var(--quiet); }
.lead p { margin: .35rem 0; } .lead .sub { margin-left: 1.5rem; }
.note { background: var(--note); border-left: 4px solid #b58900; padding: .4rem .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem .25rem 0; text-align: left; white-space: nowrap; }
th { border-bottom: 2px solid var(--strong); font-weight: 600; }
td { border-bottom: 1px solid var(--line); }
img.plot { max-width: 100%; height: auto; }
.logo { margin: 1.1rem 0; overflow-wrap: anywhere; content-visibility: auto;
  contain-intrinsic-size: auto 290px; }
.pictures { display: flex; gap: .8rem; overflow-x: auto; }
figure { margin: 0; flex: 1 0 162px; max-width: 220px; }
figure .paper { display: flex; width: 100%; height: 170px; padding: 8px; box-sizing: border-box;
  align-items: center; justify-content: center; border: 1px solid #ccc;
  color: #1a1a1a; background: #fff; }
figure .dark { color: #e6e6e6; background: #202020; }
figure .paper img { width: 100%; height: 100%; object-fit: contain; }
html:has(#large:checked) figure { flex: 0 0 1042px; max-width: none; }
html:has(#large:checked) .paper { height: auto; }
html:has(#large:checked) .paper img { height: auto; }
@media (max-width: 600px) { figure .paper { height: 130px; } }
figcaption { font-size: .8rem; color: var(--quiet); }
pre { background: var(--block); padding: .8rem; overflow-x: auto; font-size: .8rem; }
"""


@dataclass(frozen=True, slots=True)
class Markup:
    """Finished HTML."""

    text: str


Child = str | Markup


def element(name: str, /, *children: Child, kind: str = "", **attributes: str) -> Markup:
    """An element; text children and attribute values are escaped.

    Args:
        name: Tag, as the code has it: never user text.
        children: Text, or finished markup.
        kind: The ``class`` attribute.
        attributes: Other attributes by name.
    """
    given = {**({"class": kind} if kind else {}), **attributes}
    words = "".join(f' {key}="{escape(value, quote=True)}"' for key, value in given.items())
    if name in _VOID:
        return Markup(f"<{name}{words}>")
    return Markup(f"<{name}{words}>{join(children).text}</{name}>")


def join(children: Iterable[Child], between: str = "") -> Markup:
    """Children one after another, with a fixed text between them."""
    texts = (
        child.text if isinstance(child, Markup) else escape(child, quote=False)
        for child in children
    )
    return Markup(between.join(texts))


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Markup:
    """A table of texts, in a frame that scrolls when it is too wide."""
    head = element("tr", *(element("th", column) for column in columns))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    return element(
        "div", element("table", element("thead", head), element("tbody", *body)), kind="wide"
    )


def image(data: bytes, media: str, alt: str, kind: str = "", *, lazy: bool = False) -> Markup:
    """An image inside the page.

    Args:
        data: The file.
        media: Its media type, such as ``image/png``.
        alt: What it shows.
        kind: The ``class`` attribute.
        lazy: Whether it is decoded only when it comes into view.
    """
    source = f"data:{media};base64,{base64.b64encode(data).decode()}"
    loading = {"loading": "lazy"} if lazy else {}
    return element("img", kind=kind, src=source, alt=alt, **loading)


def page(title: str, *children: Child, style: str = "", script: str = "") -> str:
    """A whole document that loads nothing and may be mailed as it is.

    SVGs are shown as images, in which browsers run no script and fetch nothing.

    Args:
        title: Of the document.
        children: Its body.
        style: Rules beside the common ones.
        script: The one script that may run, as the code has it: never user text. The policy names
            its digest, so that no other can.
    """
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        Markup(f"<style>{_STYLE}{style}</style>"),
    )
    last = (Markup(f"<script>{script}</script>"),) if script else ()
    body = element("body", join((*children, *last), "\n"))
    return f'<!doctype html>\n<html lang="en">\n{head.text}\n{body.text}\n</html>\n'
