"""The parameters of flow runs."""

from hypothesis import given
from hypothesis import strategies as st

from domain.pipelines.parameter_references import find_references, resolve_parameters

DAY = {"parameter": "day"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=10,
)


def test_a_reference_is_replaced_by_the_parameter_of_the_run() -> None:
    assert resolve_parameters({"day": DAY, "rows": 5}, {"day": "2026-11-29", "other": 1}) == {"day": "2026-11-29", "rows": 5}


def test_a_reference_is_replaced_at_any_depth() -> None:
    template = {"range": {"from": DAY, "to": None}, "days": ["2026-01-01", DAY, [DAY]]}

    resolved = resolve_parameters(template, {"day": "2026-11-29"})

    assert resolved == {"range": {"from": "2026-11-29", "to": None}, "days": ["2026-01-01", "2026-11-29", ["2026-11-29"]]}


def test_a_parameter_that_is_null_is_passed_on() -> None:
    assert resolve_parameters({"day": DAY}, {"day": None}) == {"day": None}


def test_what_refers_to_a_missing_parameter_is_left_out_so_that_its_default_applies() -> None:
    assert resolve_parameters({"day": DAY, "days": [1, DAY], "range": {"from": DAY}}, {}) == {"days": [1], "range": {}}


def test_a_value_of_a_parameter_is_not_resolved_again() -> None:
    assert resolve_parameters({"day": DAY}, {"day": DAY}) == {"day": DAY}


def test_an_object_with_further_keys_or_another_type_is_no_reference() -> None:
    template = {"one": {"parameter": "day", "unit": "d"}, "two": {"parameter": 7}}

    assert resolve_parameters(template, {"day": 1}) == template


def test_all_references_of_a_value_are_found() -> None:
    value = {"from": DAY, "deep": {"list": [{"parameter": "region"}, [DAY]], "text": "day"}}

    assert find_references(value) == ["day", "region", "day"]
    assert find_references(DAY) == ["day"]
    assert find_references({"parameter": 7}) == find_references("day") == []


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3))
def test_a_template_without_references_stays_as_it_is(template: dict[str, object]) -> None:
    assert resolve_parameters(template, {"a": 1}) == template
