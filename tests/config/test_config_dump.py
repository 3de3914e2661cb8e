"""What is written reads back equal, with every key explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrain.config.data import DataConfig
from vtrain.config.dump import commented, config_hash, dump_yaml, json_schema
from vtrain.config.load import known_configs, load_config, read_config
from vtrain.config.schema import Config, CurriculumConfig, PPOConfig
from vtrain.errors import ConfigError

characters = st.characters(codec="utf-8")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dump") / "config.yaml"


def test_the_default_config_file_is_what_init_writes() -> None:
    assert known_configs()["default"].read_text(encoding="utf-8") == commented(Config())


@settings(max_examples=40)
@given(
    st.floats(min_value=1e-300, max_value=1e300),
    st.lists(st.integers(1, 65_536), min_size=1, max_size=60),
    st.dictionaries(st.text(characters, max_size=100), st.just("text"), max_size=4),
    st.text(characters, min_size=1),
)
def test_what_is_written_reads_back_equal(
    path: Path, rate: float, hidden: list[int], names: dict[str, str], baseline: str
) -> None:
    before = Config().model_dump(mode="json")
    before["ppo"] |= {"learning_rate": rate, "hidden": hidden}
    before["data"]["category_names"] = names
    before["environment"]["baseline"] = baseline
    config = Config.model_validate(before)

    path.write_text(dump_yaml(config), encoding="utf-8")

    assert read_config(path) == config


def test_an_empty_curriculum_reads_back(path: Path) -> None:
    config = Config(curriculum=CurriculumConfig(stages=()), data=DataConfig(category_names={}))
    path.write_text(dump_yaml(config), encoding="utf-8")

    assert read_config(path) == config


def test_every_key_has_its_meaning_above_it() -> None:
    lines = dump_yaml(Config()).splitlines()

    at = lines.index("  n_envs: 64")
    assert lines[at - 1] == "  # Environments stepped together (count)."


def test_small_numbers_are_numbers_for_other_readers_too() -> None:
    text = dump_yaml(Config(ppo=PPOConfig(final_learning_rate=3e-5)))

    assert "final_learning_rate: 3.0e-05" in text


def test_a_damaged_run_config_is_a_config_error(path: Path) -> None:
    path.write_text("ppo: {n_env: 3}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"config.yaml:1:7: ppo.n_env: unknown key"):
        read_config(path)


def test_the_schema_describes_every_section() -> None:
    schema = json_schema()

    assert list(Config.model_fields) == list(schema["properties"])
    assert schema["$defs"]["PPOConfig"]["properties"]["n_envs"]["minimum"] == 1
    assert not schema["additionalProperties"]


def test_the_hash_follows_the_values_not_their_origin() -> None:
    same = load_config([], ["seed=0"]).config

    assert config_hash(same) == config_hash(Config())
    assert config_hash(Config(seed=1)) != config_hash(Config())
