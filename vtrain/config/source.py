"""YAML with the place of every key and value.

The reader is PyYAML's safe one, stopped before it builds anything: nodes become plain data here,
under limits, so that a hostile file costs little. Scalars follow YAML 1.2, where ``no`` is a word,
and a number is whatever a person would call one: ``3e-4`` and ``1e6`` too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vtrain.config.problems import Key, Place, Problem, describe, dotted
from vtrain.errors import ConfigError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_NODES = 20_000


@dataclass(slots=True)
class Source:
    """What one file or flag says.

    Args:
        place: The whole file or flag.
        data: Its mapping, in JSON's types.
        keys: Where each key was written.
        values: Where each value starts.
        problems: What is wrong with it as YAML; `data` holds the rest.
    """

    place: Place
    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[Key, Place] = field(default_factory=dict)
    values: dict[Key, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2; only ever used to compose nodes."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - declared so by PyYAML


_INT = re.compile(r"[-+]?(?:0x[0-9a-fA-F]+|0o[0-7]+|[0-9](?:_?[0-9])*)$")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][-+]?[0-9]+)?$"
)
_TAG = "tag:yaml.org,2002:"
for _name, _pattern, _first in (
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("merge", re.compile(r"<<$"), "<"),
):
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, list(_first))


class _Refused(Exception):
    """The document cannot be used beyond this point."""

    def __init__(self, text: str, mark: Any) -> None:
        super().__init__(text)
        self.text = text
        self.mark = mark


def read_source(path: Path, name: str) -> Source:
    """Read one file.

    Args:
        path: The file.
        name: What to call it in messages.

    Returns:
        What it says; what is wrong with it as YAML is in `problems`.

    Raises:
        ConfigError: It cannot be opened.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"The config {name} cannot be read: {error.strerror}.",
            hint="Check the path and its permissions.",
        ) from error
    source = Source(Place(name))
    if len(content) > MAX_BYTES:
        source.problems.append(Problem(source.place, "", f"larger than {MAX_BYTES // 1024} KiB"))
        return source
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        source.problems.append(Problem(Place(name, line, column), "", "not UTF-8 text"))
        return source
    value = _Reader(source).read(text)
    if isinstance(value, dict):
        source.data = value
    elif value is not None:
        source.problems.append(
            Problem(
                Place(name, 1, 1), "", f"must hold sections (key: value), not {describe(value)}"
            )
        )
    return source


def read_override(flag: str) -> Source:
    """Read one ``a.b=value`` of ``--set``; the value is YAML, by the same rules as in a file."""
    source = Source(Place(f"--set {flag}"))
    dotted, equals, text = flag.partition("=")
    names = tuple(name.strip() for name in dotted.split("."))
    if not equals:
        source.problems.append(Problem(source.place, "", "needs the form section.key=value"))
        return source
    if not all(names):
        source.problems.append(Problem(source.place, "", "the key before '=' has an empty part"))
        return source
    data = _Reader(source, flag=True, prefix=names).read(text)
    if source.problems:
        return source
    for depth in range(len(names), 0, -1):
        data = {names[depth - 1]: data}
        source.keys[names[:depth]] = source.values[names[:depth]] = source.place
    source.data = data
    return source


class _Reader:
    """Turns one document into plain data, noting places and problems in a `Source`."""

    def __init__(self, source: Source, *, flag: bool = False, prefix: Key = ()) -> None:
        self._source = source
        self._flag = flag
        self._prefix = prefix
        self._nodes = 0

    def read(self, text: str) -> Any:
        try:
            self._check_depth(text)
            node = yaml.compose(text, Loader=_Loader)
            return None if node is None else self._value(node, self._prefix, 0)
        except _Refused as error:
            self._problem(error.mark, error.text)
        except yaml.MarkedYAMLError as error:
            self._problem(error.problem_mark, _explain(error))
        except yaml.YAMLError as error:
            self._problem(None, f"not YAML: {str(error).splitlines()[0]}")
        return None

    def _check_depth(self, text: str) -> None:
        # PyYAML composes by recursion; its events come without.
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise _Refused(f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def _place(self, mark: Any) -> Place:
        if self._flag or mark is None:
            return self._source.place
        return Place(self._source.place.name, mark.line + 1, mark.column + 1)

    def _problem(self, mark: Any, text: str, key: Key = ()) -> None:
        self._source.problems.append(Problem(self._place(mark), dotted(key), text))

    def _value(self, node: yaml.Node, key: Key, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:  # aliases repeat and may recurse
            raise _Refused("aliases make it too large", node.start_mark)
        self._source.values[key] = self._place(node.start_mark)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in (_TAG + "map", _TAG + "seq"):
            self._problem(node.start_mark, f"the tag {node.tag!r} is not allowed", key)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key, depth)
        if isinstance(node, yaml.SequenceNode):
            return [
                self._value(item, (*key, index), depth + 1) for index, item in enumerate(node.value)
            ]
        return self._scalar(node, key)

    def _mapping(self, node: yaml.MappingNode, key: Key, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        seen: dict[str, yaml.Mark] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or not _is_unicode(key_node.value):
                self._problem(key_node.start_mark, "a key must be a word", key)
                continue
            name = key_node.value
            if key_node.tag == _TAG + "merge":
                merged = self._merge(value_node, key, depth)
                data = {**merged, **data}
                continue
            if name in seen:
                first = seen[name].line + 1
                where = "" if self._flag else f" on line {first}"
                self._problem(
                    key_node.start_mark, f"given twice, first{where}; keep one", (*key, name)
                )
                continue
            seen[name] = key_node.start_mark
            self._source.keys[(*key, name)] = self._place(key_node.start_mark)
            data[name] = self._value(value_node, (*key, name), depth + 1)
        return data

    def _merge(self, node: yaml.Node, key: Key, depth: int) -> dict[str, Any]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for item in nodes:
            if not isinstance(item, yaml.MappingNode):
                raise _Refused("'<<' needs a section to merge", node.start_mark)
            kept = dict(self._source.values)
            part = self._value(item, key, depth + 1)
            self._source.values.update(kept)
            merged = {**part, **merged}
        return merged

    def _scalar(self, node: yaml.Node, key: Key) -> Any:
        kind = node.tag.removeprefix(_TAG)
        text: str = node.value
        if kind == "null":
            return None
        if not _is_unicode(text):
            self._problem(node.start_mark, "holds half of a character (a lone surrogate)", key)
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float") and len(text) <= 400:
            number = _number(text)
            return text if number is None else number
        if kind in ("bool", "int", "float", "str"):
            return text
        self._problem(node.start_mark, f"the tag {node.tag!r} is not allowed", key)
        return None


def _is_unicode(text: str) -> bool:
    """Whether `text` can be written as UTF-8; an escaped half of a surrogate pair cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _number(text: str) -> int | float | None:
    """The number `text` writes; a whole one as int (``1e6``); None when it is none or too large."""
    digits = text.lower()
    if _INT.match(text):
        bases = {"0x": 16, "0o": 8}
        return int(digits, bases.get(digits.lstrip("+-")[:2], 10))
    if not _FLOAT.match(text):
        return None
    number = float(digits)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _explain(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's complaint, with what usually lies behind it."""
    text = error.problem or "cannot be understood"
    if "'\\t'" in text:
        return "a tab where YAML wants spaces; indent with spaces"
    if error.context and "single document" in error.context:
        return "holds more than one document ('---'); keep one"
    if "could not find expected ':'" in text:
        return "a key without ':'"
    if "mapping values are not allowed" in text:
        return "a ':' where none can stand; check the indentation, or quote the text"
    return f"not YAML: {text}"
