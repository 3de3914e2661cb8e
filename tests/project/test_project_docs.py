"""The pages say what the program does: the reference is current, commands parse, links lead on."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vtrain.tracing.parameters import PARAMETERS

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def generator() -> ModuleType:
    path = REPOSITORY / "scripts" / "generate_docs.py"
    spec = importlib.util.spec_from_file_location("generate_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands_in(page: Path) -> list[str]:
    """The `vtrain` lines of a page's code blocks, continued lines joined, comments dropped."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    pieces = [piece.strip() for line in lines for piece in re.split(r"\s(?:\||&&|;)\s", line)]
    return [piece for piece in pieces if piece.startswith("vtrain ")]


WRITTEN = [
    pytest.param(line, id=f"{page.name}: {line}") for page in PAGES for line in commands_in(page)
]


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `words` name, and the words left for it."""
    documentation = generator()
    commands, path = documentation.verbs(), "vtrain"
    command = None
    while words and words[0] in commands:
        command, path = commands[words[0]], f"{path} {words[0]}"
        words = words[1:]
        commands = documentation.children(command, path)
    assert command is not None, f"{path} has no command {words[:1]}"
    alone = documentation.runs_alone(command) and "".join(words[:1]).startswith("-")
    assert not commands or not words or alone, f"{path} has no command {words[:1]}"
    return command, words


def check(line: str) -> None:
    """Fail unless every word of a written command is one that the program understands."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((i for i, word in enumerate(words) if word in {">", "<", "|"}), None)]
    if words[0].startswith("-"):
        assert words[0] in {"--help", "--version", "-v"}
        return
    command, rest = resolve(words)
    known = {name: option for option in command.params for name in option.opts}
    known.update({name: option for option in command.params for name in option.secondary_opts})
    arguments = [option for option in command.params if option.param_type_name == "argument"]
    given = 0
    while rest:
        word = rest.pop(0)
        name, equals, _ = word.partition("=")
        if not word.startswith("-") or word == "-":
            given += 1
        elif name != "--help":
            assert name in known, f"{line}: no option {name}"
            if not equals and not known[name].is_flag:
                if str(known[name].metavar).startswith("["):  # its value may be left out
                    rest = rest[1:] if rest and not rest[0].startswith("-") else rest
                    continue
                assert rest, f"{line}: {name} needs a value"
                rest.pop(0)
    if "--help" not in words:
        assert given >= sum(bool(argument.required) for argument in arguments), line
    assert given <= len(arguments) or any(argument.nargs == -1 for argument in arguments), line


@pytest.mark.parametrize("line", WRITTEN)
def test_a_written_command_is_one_that_the_program_has(line: str) -> None:
    check(line)


@pytest.mark.parametrize(
    "line",
    ["vtrain nothing", "vtrain monitor nothing", "vtrain monitor report --colour red"],
)
def test_a_command_that_the_program_lacks_is_noticed(line: str) -> None:
    with pytest.raises(AssertionError):
        check(line)


def test_every_verb_is_on_the_readme() -> None:
    text = "\n".join(commands_in(REPOSITORY / "README.md"))

    missing = [verb for verb in generator().verbs() if f"vtrain {verb}" not in text]

    assert missing == []


def test_every_command_has_help_with_an_example() -> None:
    documentation = generator()
    bare = []

    def look(command: Any, path: str) -> None:
        below = documentation.children(command, path)
        for name, child in below.items():
            look(child, f"{path} {name}")
        stands = not below or documentation.runs_alone(command)
        if stands and "Example: vtrain" not in " ".join((command.help or "").split()):
            bare.append(path)

    for name, command in documentation.verbs().items():
        look(command, f"vtrain {name}")

    assert bare == []


def test_the_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/generate_docs.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (page.parent / target).exists()] == []


def test_the_guide_lists_the_table_of_actions() -> None:
    text = (REPOSITORY / "docs" / "guide.md").read_text(encoding="utf-8")

    def words(levels: tuple[Any, ...]) -> str:
        return ", ".join(str(level) for level in levels).replace("False, True", "no, yes")

    rows = [f"| `{row.name}` | {words(row.levels)} |" for row in PARAMETERS]

    assert [row for row in rows if row not in text] == []


def test_the_two_commands_come_first() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")

    first = re.search(r"```sh\n(.*?)```", text, re.DOTALL)

    assert first is not None
    assert [line.split("#")[0].strip() for line in first.group(1).splitlines()] == [
        "make demo",
        "make test",
    ]


def test_make_targets_named_on_the_readme_exist() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    rules = (REPOSITORY / "Makefile").read_text(encoding="utf-8")

    named = set(re.findall(r"`make ([a-z-]+)`", text))

    assert {name for name in named if not re.search(rf"^{name}:", rules, re.MULTILINE)} == set()
