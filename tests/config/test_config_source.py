"""YAML as untrusted input: refused with a place, never a crash, never slow."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vtrain.config.source import MAX_BYTES, Source, read_source


def read(text: str | bytes) -> Source:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.yaml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_source(path, "a.yaml")


def bomb() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for old, new in itertools.pairwise("abcdefghi"):
        lines.append(f"{new}: &{new} [{', '.join(['*' + old] * 9)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1\n", "a.yaml:1:1: must hold sections (key: value), not a list"),
        ("word\n", "a.yaml:1:1: must hold sections (key: value), not 'word'"),
        ("a: [\n", "a.yaml:2:1: not YAML"),
        ("a:\n\tb: 1\n", "a.yaml:2:1: a tab where YAML wants spaces"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2:1: holds more than one document"),
        ("a: b: c\n", "a.yaml:1:5: a ':' where none can stand"),
        ("a: *b\n", "a.yaml:1:4: not YAML: found undefined alias"),
        ("a: &a [*a]\n", "aliases make it too large"),
        ("a: !!python/object/apply:os.system [x]\n", "a.yaml:1:4: a: the tag"),
        ("a: !!python/name:os.system\n", "is not allowed"),
        ("[1, 2]: 3\n", "a.yaml:1:1: a key must be a word"),
        ("a: {b: 1, b: 2}\n", "a.yaml:1:11: a.b: given twice"),
        ("a: 1\n<<: 3\n", "'<<' needs a section"),
        ('a: "\\ud800"\n', "lone surrogate"),
        (b"a: \xff\n", "a.yaml:1:4: not UTF-8"),
        (b"a: 1\nb: \xe4\n", "a.yaml:2:4: not UTF-8"),
        (b"a: \x00\n", "not YAML"),
        (b"#" * (MAX_BYTES + 1), "larger than 256 KiB"),
        ("[" * 100_000, "nested deeper than 16 levels"),
        ("a:\n" + "".join(" " * n + "- \n" for n in range(1, 200)), "nested deeper"),
        (bomb(), "aliases make it too large"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str | bytes, said: str) -> None:
    found = [str(problem) for problem in read(text).problems]

    assert any(said in line for line in found), found


def test_a_byte_order_mark_is_fine() -> None:
    assert read(b"\xef\xbb\xbfseed: 3\n").data == {"seed": 3}


def test_words_stay_words() -> None:
    data = read("a: no\nb: 12:30\nc: 2024-01-01\nd: .nan\ne: 0x\nf: 1e\n").data

    assert data == {"a": "no", "b": "12:30", "c": "2024-01-01", "d": ".nan", "e": "0x", "f": "1e"}


@given(st.text() | st.text("ab:[]{}&*!|>'\"-#\n ,<?%@`.e0", max_size=40) | st.binary(max_size=40))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    if isinstance(text, str):
        text = text.encode(errors="surrogatepass")
    source = read(text)

    assert isinstance(source.data, dict)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_as_they_were_written(value: float) -> None:
    assert read(f"a: {value!r}\n").data == {"a": value}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aé .:-#'\"{[\n", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), values, max_size=4))
def test_what_other_programs_write_reads_back(data: dict[str, Any]) -> None:
    source = read(yaml.safe_dump(data))

    assert source.problems == []
    assert source.data == data
