"""Write docs/cli.md and docs/config.md from the commands and the schema they describe.

python scripts/generate_docs.py           write both pages
python scripts/generate_docs.py --check   say which page is not current, and end with 1
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

import vtrain.cli
from vtrain.config.schema import Config

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
# The order of work, which is also the order of `vtrain --help`.
ORDER = ("run", "data", "train", "validate", "checkpoint", "monitor", "trace", "config")
NOTICE = "<!-- Written by scripts/generate_docs.py: change the source, then run `make docs`. -->"


def verbs() -> dict[str, Any]:
    """Every verb's command: modules of `vtrain.cli` that export `app` or `command`.

    The commands are typer's, whose classes have no public names: hence Any.
    """
    found = {}
    for module_info in pkgutil.iter_modules(vtrain.cli.__path__):
        module = importlib.import_module(f"vtrain.cli.{module_info.name}")
        application = getattr(module, "app", None)
        if application is None and hasattr(module, "command"):
            application = typer.Typer(add_completion=False)
            application.command(module_info.name)(module.command)
        if isinstance(application, typer.Typer) and module_info.name != "main":
            application._add_completion = False  # noqa: SLF001 - its options are on `vtrain` alone
            found[module_info.name] = typer.main.get_command(application)
    return dict(sorted(found.items(), key=lambda item: (*_rank(item[0]), item[0])))


def _rank(verb: str) -> tuple[int]:
    return (ORDER.index(verb) if verb in ORDER else len(ORDER),)


def cli_page() -> str:
    """The reference of every command: its help, arguments and options."""
    lines = [NOTICE, "", "# Commands", ""]
    lines += ["Every command answers `--help`. Exit codes are listed in the README.", ""]
    for name, command in verbs().items():
        lines += _command(f"vtrain {name}", command, level=2)
    return "\n".join(lines).rstrip() + "\n"


def config_page() -> str:
    """The reference of every key: its type, range, default and meaning."""
    schema = Config.model_json_schema()
    lines = [
        NOTICE,
        "",
        "# Configuration",
        "",
        "Values are taken from the defaults below, then from each `-c NAME|FILE` in order, then",
        "from each `--set SECTION.KEY=VALUE`. `vtrain config show --origin` tells where each value",
        "came from.",
        "",
    ]
    lines += ["## Top level", "", *_table(_rows(schema, schema, "")), ""]
    for name, field in schema["properties"].items():
        section = _resolve(field, schema)
        if "properties" in section:
            lines += [f"## {name}", "", section.get("description", ""), ""]
            lines += [*_table(_rows(section, schema, f"{name}.")), ""]
    lines += ["## A stage of curriculum.stages", ""]
    lines += _table(_rows(schema["$defs"]["StageConfig"], schema, ""))
    lines += ["", "## A protocol of validation.protocols", ""]
    lines += _table(_rows(schema["$defs"]["ProtocolConfig"], schema, ""))
    return "\n".join(lines).rstrip() + "\n"


def children(command: Any, path: str) -> dict[str, Any]:
    """The commands of a group by name; none for a command."""
    if not hasattr(command, "list_commands"):
        return {}
    context = typer.Context(command, info_name=path)
    names = command.list_commands(context)
    found = {name: command.get_command(context, name) for name in names}
    return {name: child for name, child in found.items() if child and not child.hidden}


def _command(path: str, command: Any, *, level: int) -> list[str]:
    lines = [f"{'#' * level} {path}", "", *_help(command)]
    below = children(command, path)
    if not below or runs_alone(command):
        lines += _usage(path, command)
    for name, child in below.items():
        lines += _command(f"{path} {name}", child, level=level + 1)
    return lines


def runs_alone(command: Any) -> bool:
    """Whether a group does something by itself, without one of its commands."""
    return bool(getattr(command, "invoke_without_command", False))


def _usage(path: str, command: Any) -> list[str]:
    context = typer.Context(command, info_name=path)
    pieces = command.collect_usage_pieces(context)
    if runs_alone(command):  # its commands have a place of their own
        pieces = [piece for piece in pieces if piece.startswith("[OPTIONS")]
    lines = ["```text", " ".join((path, *pieces)), "```", ""]
    rows = [_parameter(parameter, context) for parameter in command.params]
    if rows:
        lines += ["| | meaning | default |", "| --- | --- | --- |"]
        lines += [f"| {' | '.join(row)} |" for row in rows] + [""]
    return lines


def _help(command: Any) -> Iterator[str]:
    """The help's paragraphs; an example becomes a code block."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        text = " ".join(paragraph.replace("\b", "").split())
        before, mark, example = text.partition("Example: ")
        if before:
            yield from (before.rstrip(), "")
        if mark:
            yield from ("```sh", example, "```", "")


def _parameter(parameter: Any, context: typer.Context) -> tuple[str, str, str]:
    if parameter.param_type_name == "argument":
        names = f"`{parameter.name.upper()}`"
    else:
        names = ", ".join((*parameter.opts, *parameter.secondary_opts))
        if not parameter.is_flag:
            names += f" {parameter.metavar or parameter.display_type(context)}"
        names = f"`{names}`".replace("|", "\\|")
    default = parameter.default
    empty = default is None or default is False or default in ("", (), []) or callable(default)
    shown = "" if empty or parameter.required else f"`{default}`"
    meaning = " ".join((parameter.help or "").split())
    return names, _escape(meaning), "required" if parameter.required else shown


def _resolve(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a field's reference to the section that it holds."""
    reference = field.get("$ref") or next(
        (part["$ref"] for part in field.get("allOf", ()) if "$ref" in part), None
    )
    if reference is None:
        return field
    found: Mapping[str, Any] = schema["$defs"][reference.rsplit("/", 1)[-1]]
    return found


def _rows(
    section: Mapping[str, Any], schema: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, str, str, str]]:
    for name, field in section["properties"].items():
        target = _resolve(field, schema)
        if "properties" in target:
            if prefix:
                yield from _rows(target, schema, f"{prefix}{name}.")
            continue
        default = json.dumps(field["default"]) if "default" in field else ""
        if len(default) > 60:
            default = "see `vtrain config show`"
        elif default:
            default = f"`{default}`"
        yield (
            f"`{prefix}{name}`",
            _escape(_kind(target, schema)),
            _escape(default),
            _escape(field.get("description", "")),
        )


def _kind(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    field = _resolve(field, schema)
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    kind = str(field.get("type", "any"))
    if kind == "array" and isinstance(field.get("items"), Mapping):
        item = _resolve(field["items"], schema)
        return f"list of {'stages' if 'properties' in item else _kind(item, schema)}"
    if kind == "object":
        return f"map to {_kind(field.get('additionalProperties') or {}, schema)}"
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[key]:.10g}" for key, sign in signs.items() if key in field]
    return f"{kind} {', '.join(limits)}".strip()


def _table(rows: Iterator[tuple[str, str, str, str]]) -> list[str]:
    head = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    return head + [f"| {' | '.join(row)} |" for row in rows]


def _escape(text: str) -> str:
    text = text.replace("|", "\\|")
    return text if "`" in text else text.replace("<", "&lt;")


def main() -> int:
    """Write the pages or check them; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="change nothing; 1 when not current")
    check = parser.parse_args().check
    stale = []
    for name, text in (("cli.md", cli_page()), ("config.md", config_page())):
        path = DOCS / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(f"docs/{name}")
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"Not current: {', '.join(stale)}. Run 'make docs'.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
