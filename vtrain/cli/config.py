"""``vtrain config``: write, show and check configurations."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from vtrain.cli.options import ConfigOption, JsonOption, SetOption
from vtrain.cli.output import print_json, say

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Write, show and check configurations."
)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it; '-' is standard output.")] = Path(
        "vtrain.yaml"
    ),
    config: ConfigOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a configuration: every key, its default, its meaning.

    Example: vtrain config init my.yaml
    """
    from vtrain.config.dump import commented
    from vtrain.config.load import load_config
    from vtrain.errors import UsageError, quoted
    from vtrain.rundir import write_text

    text = commented(load_config(config or ()).config)
    if str(file) == "-":
        sys.stdout.write(text)
        return
    if file.exists() and not force:
        raise UsageError(f"{file} exists already.", hint="Give another name, or --force.")
    write_text(file, text)
    say(f"Wrote {file}. Use it with: vtrain run -c {quoted(file)}")


@app.command()
def show(
    config: ConfigOption = None,
    set_: SetOption = None,
    origin: Annotated[
        bool, typer.Option("--origin", help="Show the file or flag that each value came from.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the configuration that the same options give a run.

    Example: vtrain config show -c smoke --set ppo.n_envs=32 --origin
    """
    from vtrain.config.dump import dump_yaml
    from vtrain.config.load import flatten, load_config
    from vtrain.config.problems import dotted

    loaded = load_config(config or (), set_ or ())
    values = loaded.config.model_dump(mode="json")
    if as_json:
        origins = {"origins": loaded.origins} if origin else {}
        print_json({"config": values, **origins})
    elif origin:
        lines = [
            (f"{dotted(key)}: {json.dumps(value)}", loaded.origins[dotted(key)])
            for key, value in flatten(values)
        ]
        width = max(len(text) for text, _ in lines if len(text) <= 60)
        sys.stdout.writelines(f"{text:<{width}}  # {origin}\n" for text, origin in lines)
    else:
        sys.stdout.write(dump_yaml(loaded.config))


@app.command()
def check(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Names or files, merged in this order.")
    ],
    set_: SetOption = None,
) -> None:
    """Check configurations: say all that is wrong, and where; exit 2.

    Example: vtrain config check my.yaml
    """
    from vtrain.config.load import load_config

    load_config(files, set_ or ())
    say(f"{', '.join(files)}: no problems.")


@app.command()
def schema() -> None:
    """Print the JSON schema of a configuration, for editors.

    Example: vtrain config schema > vtrain.schema.json
    """
    from vtrain.config.dump import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
