"""Fast parsing gives the same result as checking every value."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from entrypoints.http import strict_json
from entrypoints.http.strict_json import MAX_DEPTH

NUMBERS = st.integers() | st.floats() | st.sampled_from([2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 0, -0.0])
VALUES = st.recursive(st.none() | st.booleans() | NUMBERS | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
TEXTS = st.builds(lambda value, ascii_only: json.dumps(value, ensure_ascii=ascii_only), VALUES, st.booleans())
BODIES = TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
PLAIN = b'{"run_id": 7, "status": "running", "reported_at": "2026-11-27T09:30:00+01:00", "output": {"a": [1.5e10]}}'


def apply(parse: Any, body: bytes) -> tuple[str, object]:
    """Return the result of parsing, comparable by type too."""
    try:
        return "parsed", repr(parse(body))
    except InvalidInput as error:
        return "refused", error.problems


def parse_then_check(body: bytes) -> Any:
    return strict_json.check(strict_json.parse(body))


@given(BODIES | st.binary(max_size=40))
@example(b'{"n": 1e400}')
@example(b'{"n": 1E+400}')
@example(b'{"n": -0}')
@example(b'{"n": 9223372036854775808}')
@example(b'{"n": 18446744073709551616}')
@example(b'{"n": 1234567890123456789}')
@example(b'{"t": NaN}')
@example(b'{"t": "\\u0000"}')
@example(b'{"t": "\\ud800"}')
@example(b'{"a": 1, "a": 2}')
@example(b"\xef\xbb\xbf1")
@example(b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH)
@example(b"[" * (MAX_DEPTH + 1) + b"1" + b"]" * (MAX_DEPTH + 1))
@example(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
def test_fast_parsing_accepts_and_refuses_what_the_full_check_does(body: bytes) -> None:
    assert apply(strict_json.parse_and_check, body) == apply(parse_then_check, body)


@given(BODIES)
def test_a_value_marked_as_checked_passes_the_check(body: bytes) -> None:
    try:
        value, is_checked = strict_json.parse_fast(body)
    except InvalidInput:
        return
    if is_checked:
        assert strict_json.check(value) is value


@pytest.mark.parametrize("body", [PLAIN, b"[]"])
def test_a_plain_body_needs_no_check(body: bytes) -> None:
    assert strict_json.parse_fast(body) == (json.loads(body), True)
