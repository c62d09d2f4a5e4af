"""Which runs share an incident."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.concurrency_key import MAX_LENGTH, get_concurrency_key, has_concurrency_key
from tests.support.builders import a_definition

CUSTOMER = {"limit": 1, "key": {"parameter": "customer"}}
REGION = {"limit": 1, "key": {"parameter": "region"}}


def get_key(*limits: dict[str, Any], **parameters: Any) -> str:
    return get_concurrency_key(a_definition(concurrency=list(limits)), parameters)


@pytest.mark.parametrize(
    ("limits", "parameters", "expected"),
    [
        ((), {"customer": "acme"}, ""),
        (({"limit": 1},), {"customer": "acme"}, ""),
        ((CUSTOMER,), {}, ""),
        ((CUSTOMER,), {"customer": "acme", "day": 1}, "customer=acme"),
        ((CUSTOMER, REGION), {"region": "eu", "customer": 7}, "customer=7, region=eu"),
        ((CUSTOMER,), {"customer": 7.0}, "customer=7"),
        ((CUSTOMER,), {"customer": {"b": [1, None], "a": "ü"}}, 'customer={"a":"ü","b":[1,null]}'),
        ((CUSTOMER,), {"customer": "a\0b\ud800"}, "customer=a\ufffdb\ufffd"),
    ],
)
def test_the_values_of_the_parameters_of_limits_are_the_key(limits: Any, parameters: dict[str, Any], expected: str) -> None:
    assert get_key(*limits, **parameters) == expected


def test_long_values_that_differ_have_different_short_keys() -> None:
    one, two = (get_key(CUSTOMER, customer="x" * 1_000 + end) for end in "ab")

    assert one != two
    assert len(one) <= MAX_LENGTH and len(two) <= MAX_LENGTH


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=5), max_leaves=20))
def test_every_value_has_a_short_key_that_can_be_stored(value: Any) -> None:
    key = get_key(CUSTOMER, customer=value)

    assert len(key) <= MAX_LENGTH
    assert "\0" not in key
    key.encode()


def test_only_limits_with_a_key_split_the_runs() -> None:
    assert has_concurrency_key(a_definition(concurrency=[{"limit": 1}, CUSTOMER]))
    assert not has_concurrency_key(a_definition(concurrency=[{"limit": 1}, {"group": "warehouse", "limit": 2}]))
