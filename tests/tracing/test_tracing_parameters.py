from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.errors import UsageError
from vtrain.tracing.parameters import (
    ACTION_LEVELS,
    PARAMETERS,
    PRESETS,
    Settings,
    canonical,
    decode_action,
    describe,
    encode_settings,
    preset,
)

actions = st.tuples(*(st.integers(0, levels - 1) for levels in ACTION_LEVELS))


@given(actions)
def test_an_action_decodes_and_encodes_back(action: tuple[int, ...]) -> None:
    assert action == encode_settings(decode_action(action))


@given(actions)
def test_canonical_is_idempotent_and_only_touches_inert_rows(action: tuple[int, ...]) -> None:
    once = canonical(action)

    assert once == canonical(once)
    for row, before, after in zip(PARAMETERS, action, once, strict=True):
        if row.matters(decode_action(action)):
            assert before == after


def test_shapes_that_are_cut_out_are_not_fitted() -> None:
    plain = Settings(mode="polygon", hierarchical="cutout")
    fitted = replace(plain, simplify=1.0, smooth=60, path_precision=0)

    assert canonical(encode_settings(fitted)) == canonical(encode_settings(plain))


def test_decimals_matter_where_there_are_curves() -> None:
    def same(one: Settings) -> bool:
        other = replace(one, path_precision=0)
        return canonical(encode_settings(one)) == canonical(encode_settings(other))

    assert same(Settings(mode="polygon"))
    assert not same(Settings(mode="polygon", smooth=60))
    assert not same(Settings(mode="spline", smooth=60))


def test_polygons_do_not_depend_on_spline_parameters() -> None:
    one = Settings(mode="polygon", corner_threshold=20, splice_threshold=120)
    other = Settings(mode="polygon", length_threshold=10.0)

    assert canonical(encode_settings(one)) == canonical(encode_settings(other))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_member_of_the_table(name: str) -> None:
    assert decode_action(encode_settings(PRESETS[name])) == PRESETS[name]


def test_vtracers_own_presets_have_its_values() -> None:
    default, photo = PRESETS["default"], PRESETS["photo"]

    assert (default.filter_speckle, default.color_precision, default.layer_difference) == (4, 6, 16)
    assert (photo.filter_speckle, photo.layer_difference, photo.corner_threshold) == (10, 48, 180)
    assert PRESETS["poster"].color_precision == 8


def test_what_is_handed_over_as_it_is_is_not_snapped() -> None:
    plain = canonical(encode_settings(Settings()))

    assert plain == canonical(encode_settings(Settings(colours=16, edge_snap=True)))
    assert plain != canonical(encode_settings(Settings(alpha="cut", colours=16)))


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'fancy'.*Known: default"):
        preset("fancy")


def test_a_value_that_is_no_level_is_refused() -> None:
    with pytest.raises(UsageError, match="filter_speckle = 5"):
        encode_settings(Settings(filter_speckle=5))


@pytest.mark.parametrize("action", [(0,) * 12, (0,) * 14, (-1, *(0,) * 12), (2, *(0,) * 12)])
def test_an_action_out_of_range_is_refused(action: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"entries|level"):
        decode_action(action)


def test_a_description_names_only_what_differs() -> None:
    assert describe(Settings(colours=16, mode="polygon")) == "colours=16 mode=polygon"
    assert describe(Settings()) == "default"
