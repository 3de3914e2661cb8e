"""`vtrain config` as a user meets it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from vtrain.config.load import load_config
from vtrain.config.schema import Config

Vtrain = Callable[..., subprocess.CompletedProcess[str]]


def test_init_writes_a_config_that_check_accepts(vtrain: Vtrain, tmp_path: Path) -> None:
    assert vtrain("config", "init", "my.yaml").returncode == 0
    assert load_config([str(tmp_path / "my.yaml")]).config == Config()
    assert vtrain("config", "check", "my.yaml").returncode == 0


def test_init_can_start_from_another_config(vtrain: Vtrain, tmp_path: Path) -> None:
    done = vtrain("config", "init", "-", "-c", "smoke")
    (tmp_path / "a.yaml").write_text(done.stdout)

    assert load_config([str(tmp_path / "a.yaml")]).config == load_config(["smoke"]).config


def test_init_does_not_replace_a_file_unless_told_to(vtrain: Vtrain, tmp_path: Path) -> None:
    path = tmp_path / "vtrain.yaml"
    path.write_text("mine")

    refused = vtrain("config", "init")

    assert refused.returncode == 2
    assert "vtrain.yaml exists already" in refused.stderr
    assert path.read_text() == "mine"
    assert vtrain("config", "init", "--force").returncode == 0
    assert path.read_text() != "mine"


def test_show_prints_yaml_that_loads_back(vtrain: Vtrain, tmp_path: Path) -> None:
    done = vtrain("config", "show", "-c", "smoke", "--set", "seed=3")
    (tmp_path / "a.yaml").write_text(done.stdout)

    assert (done.returncode, done.stderr) == (0, "")
    assert (
        load_config([str(tmp_path / "a.yaml")]).config == load_config(["smoke"], ["seed=3"]).config
    )


def test_show_names_the_origin_of_each_value(vtrain: Vtrain, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("ppo:\n  n_envs: 3\n")

    lines = vtrain(
        "config", "show", "-c", "my.yaml", "--set", "seed=3", "--origin"
    ).stdout.splitlines()

    said = {line.partition(":")[0]: line.partition("#")[2].strip() for line in lines}
    assert said["seed"] == "--set"
    assert said["ppo.n_envs"] == "my.yaml:2"
    assert said["ppo.n_steps"] == "default"


def test_json_is_alone_on_standard_output(vtrain: Vtrain) -> None:
    done = vtrain("config", "show", "--json", "--origin", "--set", "ppo.gamma=0.5")
    shown = json.loads(done.stdout)

    assert done.stderr == ""
    assert shown["schema"] == 1
    assert shown["config"]["ppo"]["gamma"] == 0.5
    assert shown["origins"]["ppo.gamma"] == "--set"
    assert json.loads(vtrain("config", "schema").stdout)["title"] == "vtrain configuration"


def test_check_says_everything_that_is_wrong(vtrain: Vtrain, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("ppo:\n  n_env: 3\n  gamma: 2\n")

    done = vtrain("config", "check", "my.yaml", "--set", "sed=1")

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[:4] == [
        "Config error: 3 problems in the configuration:",
        "my.yaml:2:3: ppo.n_env: unknown key. Did you mean ppo.n_envs?",
        "my.yaml:3:10: ppo.gamma: must be at most 1.0, not 2.",
        "--set sed=1: sed: unknown key. Did you mean seed?",
    ]


def test_a_missing_config_is_a_config_error(vtrain: Vtrain) -> None:
    done = vtrain("config", "show", "-c", "nowhere.yaml")

    assert done.returncode == 2
    assert "There is no config 'nowhere.yaml'" in done.stderr
