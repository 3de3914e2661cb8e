"""Loading: what wins, where each value came from, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.config.dump import dump_yaml
from vtrain.config.keys import all_keys, section_at
from vtrain.config.load import known_configs, load_config
from vtrain.config.schema import Config, CurriculumConfig
from vtrain.errors import ConfigError


def write(tmp_path: Path, text: str, name: str = "my.yaml") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def problems(*sources: str, overrides: tuple[str, ...] = ()) -> list[str]:
    """The lines of the error that loading raises, without the file's folder."""
    with pytest.raises(ConfigError) as caught:
        load_config(sources, overrides)
    assert caught.value.exit_code == 2
    lines = caught.value.message.splitlines()[1:]
    return [
        line.replace(str(Path(sources[0]).parent) + "/", "") if sources else line for line in lines
    ]


def test_nothing_given_means_the_defaults() -> None:
    loaded = load_config()

    assert loaded.config == Config()
    assert set(loaded.origins.values()) == {"default"}


def test_later_files_win_over_earlier_ones_and_flags_over_both(tmp_path: Path) -> None:
    first = write(tmp_path, "seed: 1\nppo:\n  n_envs: 2\n  n_steps: 3\n  n_epochs: 9\n", "a.yaml")
    second = write(tmp_path, "ppo:\n  n_steps: 4\n  n_epochs: 8\n", "b.yaml")

    loaded = load_config([first, second], ["ppo.n_epochs=7"])

    ppo = loaded.config.ppo
    assert (loaded.config.seed, ppo.n_envs, ppo.n_steps, ppo.n_epochs) == (1, 2, 4, 7)
    assert loaded.origins["seed"] == f"{first}:1"
    assert loaded.origins["ppo.n_envs"] == f"{first}:3"
    assert loaded.origins["ppo.n_steps"] == f"{second}:2"
    assert loaded.origins["ppo.n_epochs"] == "--set"
    assert loaded.origins["ppo.gamma"] == "default"


def test_named_values_merge_and_lists_are_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, "data: {category_names: {Marken: text}}\nppo: {hidden: [8]}\n")

    config = load_config([path]).config

    assert config.data.category_names["Marken"] == "text"
    assert config.data.category_names["icons"] == "simple"
    assert config.ppo.hidden == (8,)


@pytest.mark.parametrize(
    ("text", "value"), [("3e-4", 3e-4), ("1e-3", 1e-3), ("1", 1.0), (".5", 0.5), ("+2.5e-1", 0.25)]
)
def test_numbers_are_what_a_person_means(tmp_path: Path, text: str, value: float) -> None:
    path = write(tmp_path, f"ppo:\n  learning_rate: {text}\n")

    assert load_config([path]).config.ppo.learning_rate == value
    assert load_config([], [f"ppo.learning_rate={text}"]).config.ppo.learning_rate == value


@pytest.mark.parametrize(("text", "value"), [("1e6", 10**6), ("64_000", 64_000), ("007", 7)])
def test_whole_numbers_may_be_written_in_short(text: str, value: int) -> None:
    assert load_config([], [f"ppo.total_traces={text}"]).config.ppo.total_traces == value


def test_an_empty_file_and_an_empty_section_change_nothing(tmp_path: Path) -> None:
    empty = write(tmp_path, "# nothing\n", "a.yaml")
    section = write(tmp_path, "ppo:\n  # n_envs: 3\ndata:\n", "b.yaml")

    assert load_config([empty, section]).config == Config()


def test_anchors_are_followed(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "curriculum:\n  stages:\n    - &all\n      name: a\n      categories: [text]\n"
        "    - <<: *all\n      name: b\n",
    )

    stages = load_config([path]).config.curriculum.stages

    assert [stage.name for stage in stages] == ["a", "b"]
    assert [stage.categories for stage in stages] == [("text",), ("text",)]


def test_every_mistake_is_named_at_once_with_its_place(tmp_path: Path) -> None:
    first = write(
        tmp_path,
        "ppo:\n  n_env: 3\n  gamma: x\n  n_envs: 0\n  hidden: [4, 0]\nsede: 3\n"
        "data:\n  default_category: texts\n",
        "a.yaml",
    )
    second = write(tmp_path, "seed: 1\nseed: 2\nenvironment: 3\n", "b.yaml")

    found = problems(first, second, overrides=("ppo.clip_range=-1", "ppo.n_steps"))

    category = "must be simple, text, gradient or complex, not 'texts'. Did you mean text?"
    assert found == [
        "a.yaml:2:3: ppo.n_env: unknown key. Did you mean ppo.n_envs?",
        "a.yaml:3:10: ppo.gamma: must be a number, not 'x'.",
        "a.yaml:4:11: ppo.n_envs: must be at least 1, not 0.",
        "a.yaml:5:15: ppo.hidden[1]: must be at least 1, not 0.",
        "a.yaml:6:1: sede: unknown key. Did you mean seed?",
        f"a.yaml:8:21: data.default_category: {category}",
        "b.yaml:2:1: seed: given twice, first on line 1; keep one",
        "b.yaml:3:14: environment: must be a section (key: value), not 3.",
        "--set ppo.clip_range=-1: ppo.clip_range: must be above 0.0, not -1.",
        "--set ppo.n_steps: needs the form section.key=value",
    ]


def test_a_mistake_counts_even_where_a_later_source_overrides_it(tmp_path: Path) -> None:
    path = write(tmp_path, "seed: x\n")

    assert problems(path, overrides=("seed=3",)) == [
        "my.yaml:1:7: seed: must be a whole number, not 'x'."
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ppo: {every_updates: 3}", "another section: checkpoints.every_updates or validation"),
        ("learning_rate: 1", "another section: ppo.learning_rate."),
        ("max_updates: 3", "curriculum.stages[].max_updates"),
        ("ppo.n_envs: 3", "write 'ppo:' and below it 'n_envs: ...'"),
        ("ppo: {resampels: 3}", "Did you mean validation.resamples?"),
        ("xyz: {}", "The sections and keys at the top are name, seed, data"),
        (
            "curriculum: {stages: [{nam: x, categories: [text]}]}",
            "Did you mean curriculum.stages[0].name?",
        ),
    ],
)
def test_an_unknown_key_says_what_was_meant(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in line for line in problems(write(tmp_path, text)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: true", "must be a whole number, not true"),
        ("seed: 1.5", "must be a whole number, not 1.5"),
        ("seed: '3'", "must be a whole number, not '3'"),
        ("seed: 1e999", "must be a whole number"),
        ("ppo: {gamma: .nan}", "must be a number, not '.nan'"),
        ("ppo: {gamma: .inf}", "must be a number, not '.inf'"),
        ("ppo: {gamma: true}", "must be a number, not true"),
        ("monitoring: {enabled: maybe}", "must be true or false, not 'maybe'"),
        ("name: 3", "must be text, not 3"),
        ("name: ../up", "must match"),
        ("ppo: {hidden: 3}", "must be a list ([a, b]), not 3"),
        ("ppo: {hidden: []}", "needs 1 item(s) or more, not 0"),
        ("ppo: [1]", "must be a section (key: value), not a list"),
        ("data: {category_names: 3}", "must be a section (key: value), not 3"),
        ("data: {category_names: {a: b}}", "must be simple, text, gradient or complex, not 'b'"),
        ("curriculum: {stages: [{name: a}]}", "curriculum.stages[0].categories: missing"),
    ],
)
def test_a_wrong_value_says_what_is_wanted(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in line for line in problems(write(tmp_path, text)))


def test_what_must_hold_between_keys_is_placed_at_the_section(tmp_path: Path) -> None:
    path = write(tmp_path, "seed: 1\ndata:\n  split:\n    train: 0.5\n")

    assert problems(path) == [
        "my.yaml:3:3: data.split: train + validation + test must be 1, and is 0.8."
    ]


def test_what_must_hold_within_a_stage_is_placed_at_the_stages(tmp_path: Path) -> None:
    stage = "{name: a, categories: [text], complexity: [0.5, 0.2]}"
    path = write(tmp_path, f"seed: 1\ncurriculum:\n  stages: [{stage}]\n")

    (problem,) = problems(path)

    assert problem.startswith("my.yaml:3:")
    assert "curriculum.stages[0]: complexity must begin below its end, not [0.5, 0.2]." in problem


def test_what_must_hold_between_keys_is_judged_on_all_sources_together(tmp_path: Path) -> None:
    path = write(tmp_path, "data: {split: {train: 0.5}}\n")

    split = load_config([path], ["data.split.validation=0.35"]).config.data.split

    assert (split.train, split.validation, split.test) == (0.5, 0.35, 0.15)


def test_a_terminal_cannot_be_steered_by_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, '"\\e[31mred": "\\e[2J"\n')

    assert "\x1b" not in "".join(problems(path))


def test_an_unknown_name_lists_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match="curriculum, default") as caught:
        load_config(["smok"])

    assert "Did you mean smoke?" in caught.value.hint


def test_a_folder_is_not_a_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config([str(tmp_path)])


@pytest.mark.parametrize("name", ["default", "smoke", "curriculum"])
def test_the_configs_that_come_with_it_load_by_name(name: str) -> None:
    assert name in known_configs()
    assert isinstance(load_config([name]).config, Config)


def test_the_default_config_holds_the_defaults() -> None:
    assert load_config(["default"]).config == Config()


def test_every_key_has_a_meaning() -> None:
    sections = [Config, *(section_at(tuple(key.split("."))) for key in all_keys())]

    for section in filter(None, sections):
        for name, field in section.model_fields.items():
            assert field.description, name
            assert field.description.endswith("."), name


leaves = sorted(key for key in all_keys() if "[" not in key)


@given(
    st.sampled_from(leaves) | st.text("abc._=", max_size=8),
    st.one_of(
        st.text(max_size=12),
        st.text("[]{}&*!|>'\"%@`:,#?-~ \t\n0e.", max_size=12),
        st.floats().map(repr),
        st.integers().map(str),
    ),
)
def test_an_override_loads_or_is_a_config_error(key: str, value: str) -> None:
    flag = f"{key}={value}"
    try:
        origins = set(load_config([], [flag]).origins.values())
        lines = []
    except ConfigError as error:
        origins = set()
        lines = error.message.splitlines()

    assert origins <= {"default", "--set"}
    assert all(line.startswith("--set ") for line in lines[1:])


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("seed: 1\n", False),
        ("curriculum: {window: 8}\n", False),
        ("curriculum: {stages: [{name: a, categories: [text]}]}\n", True),
        ("curriculum: {enabled: false, stages: [{name: a, categories: [text]}]}\n", False),
    ],
)
def test_stages_that_are_given_are_used_unless_it_is_said_otherwise(
    tmp_path: Path, text: str, *, used: bool
) -> None:
    config = load_config([write(tmp_path, text)]).config

    assert config.curriculum.enabled is used
    # What is written of it says so itself.
    again = write(tmp_path, dump_yaml(config), "again.yaml")
    assert load_config([again]).config == config
    assert CurriculumConfig(stages=config.curriculum.stages).enabled
