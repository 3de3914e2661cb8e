"""Writing a configuration: as YAML with each key's meaning, as JSON schema, as a hash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from vtrain.config.schema import Config
from vtrain.config.section import Section

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*$")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_WIDTH = 100


def dump_yaml(config: Config, *, comments: bool = True) -> str:
    """Every key of `config` in order, under a comment with its meaning and unit.

    What it returns, read by `vtrain.config.load.read_config`, equals `config`.
    """
    return "\n".join(_section(config, "", comments=comments)) + "\n"


def commented(config: Config) -> str:
    """`dump_yaml` under a line that says what to do with it: what `vtrain config init` writes."""
    first = "# Use with 'vtrain run -c FILE'; keys that you leave out keep their default."
    return f"{first}\n\n{dump_yaml(config)}"


def json_schema() -> dict[str, Any]:
    """The JSON schema of a configuration file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
        "title": "vtrain configuration",
    }


def config_hash(config: Config) -> str:
    """SHA-256, in hex, of all values; equal for equal configurations."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _section(section: Section, indent: str, *, comments: bool) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        nested = isinstance(value, Section)
        if comments:
            if nested and not indent:
                yield ""
            yield f"{indent}# {field.description}"
        if isinstance(value, Section):
            yield f"{indent}{name}:"
            yield from _section(value, indent + "  ", comments=comments)
        elif isinstance(value, Mapping):
            yield from _mapping(name, value, indent)
        elif isinstance(value, tuple) and any(isinstance(item, Section) for item in value):
            yield f"{indent}{name}:"
            for item in value:
                yield from _item(item, indent + "  ")
        else:
            yield from _value(name, value, indent)


def _item(item: Section, indent: str) -> Iterator[str]:
    mark = "- "
    for line in _section(item, "", comments=False):
        yield f"{indent}{mark}{line}"
        mark = "  "


def _mapping(name: str, value: Mapping[str, Any], indent: str) -> Iterator[str]:
    if not value:
        yield f"{indent}{name}: {{}}"
        return
    yield f"{indent}{name}:"
    for key, item in value.items():
        yield f"{indent}  {_scalar(key)}: {_scalar(item)}"


def _value(name: str, value: Any, indent: str) -> Iterator[str]:
    if not isinstance(value, tuple):
        yield f"{indent}{name}: {_scalar(value)}"
        return
    line = f"{indent}{name}: [{', '.join(map(_scalar, value))}]"
    if len(line) <= _WIDTH:
        yield line
        return
    yield f"{indent}{name}:"
    for item in value:
        yield f"{indent}  - {_scalar(item)}"


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = repr(value)  # shortest that reads back equal
        mantissa, exponent, power = text.partition("e")
        # Other YAML readers take 3e-05 for text and 3.0e-05 for a number.
        return f"{mantissa}.0{exponent}{power}" if exponent and "." not in mantissa else text
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    return yaml.safe_dump(text, default_style='"', width=2**31).strip()
