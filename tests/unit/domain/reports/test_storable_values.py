import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.reports.storable_values import MAX_OUTPUT_DEPTH, MAX_REPORT_TEXT, add_note, cut_name, cut_text, describe_changes, make_storable
from domain.text_validation import find_json_problems

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(exclude_categories=()))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4))


def nest(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "stored", "changes"),
    [
        ({"mean": math.nan}, {"mean": None}, ["output.mean is NaN and was stored as null"]),
        ({"max": math.inf}, {"max": None}, ["output.max is Infinity and was stored as null"]),
        ({"rows": [1, -math.inf]}, {"rows": [1, None]}, ["output.rows[1] is -Infinity and was stored as null"]),
        ({"id": 2**63}, {"id": str(2**63)}, ["output.id has more than 64 bits and was stored as text"]),
        ({"id": -(2**63) - 1}, {"id": str(-(2**63) - 1)}, ["output.id has more than 64 bits and was stored as text"]),
        ({"id": 10**5_000}, {"id": None}, ["output.id has too many digits and was left out"]),
        ({"text": "a\0b\ud800"}, {"text": "a\ufffdb\ufffd"}, ["output.text has characters that cannot be stored, which became \ufffd"]),
        ({"a\0": 1}, {"a\ufffd": 1}, ["a key of output cannot be stored and was stored as a\ufffd"]),
        ({1: "a"}, {"1": "a"}, ["a key of output cannot be stored and was stored as 1"]),
        ({"a\ufffd": 1, "a\0": 2}, {"a\ufffd": 2}, ["output has two keys a\ufffd and the last was stored"]),
        (math.nan, None, ["output is NaN and was stored as null"]),
        ({"a": [1, 2.5, True, None, "x", {}]}, {"a": [1, 2.5, True, None, "x", {}]}, []),
        ({"a": 2**63 - 1, "b": -(2**63), "c": 1.7e308}, {"a": 2**63 - 1, "b": -(2**63), "c": 1.7e308}, []),
    ],
)
def test_a_value_that_cannot_be_stored_is_changed_and_named(value: Any, stored: Any, changes: list[str]) -> None:
    assert make_storable(value) == (stored, changes)


def test_deep_values_are_left_out() -> None:
    stored, changes = make_storable({"deep": nest(MAX_OUTPUT_DEPTH + 10), "flat": 1})

    assert stored["flat"] == 1
    assert len(changes) == 1
    assert changes[0].endswith("is nested deeper than 50 levels and was left out")
    assert make_storable(nest(MAX_OUTPUT_DEPTH)) == (nest(MAX_OUTPUT_DEPTH), [])


@given(VALUES)
def test_every_value_can_be_stored_afterwards(value: Any) -> None:
    stored, changes = make_storable(value)

    assert list(find_json_problems(stored, "output")) == []
    assert make_storable(stored) == (stored, [])
    assert all("output" in change for change in changes)


def test_changes_are_described_in_one_sentence() -> None:
    _, changes = make_storable([math.nan] * 5)

    assert describe_changes([]) is None
    assert describe_changes(changes[:1]) == "Not stored as reported: output[0] is NaN and was stored as null."
    assert (describe_changes(changes) or "").endswith("output[2] is NaN and was stored as null; and 2 more.")


@pytest.mark.parametrize(
    ("message", "note", "joined"), [("a", "b", "a\nb"), (None, "b", "b"), ("a", None, "a"), (None, None, None), ("", "b", "b")]
)
def test_a_note_follows_the_message(message: str | None, note: str | None, joined: str | None) -> None:
    assert add_note(message, note) == joined


@pytest.mark.parametrize("length", [0, 1, MAX_REPORT_TEXT])
def test_a_text_within_the_limit_stays(length: int) -> None:
    assert cut_text("x" * length) == "x" * length


@pytest.mark.parametrize("length", [MAX_REPORT_TEXT + 1, 70_000, 1_000_000])
def test_a_longer_text_keeps_its_beginning_and_its_end(length: int) -> None:
    cut = cut_text("a" * (length // 2) + "b" * (length - length // 2))
    beginning, mark, end = cut.split("\n")

    assert len(cut) <= MAX_REPORT_TEXT
    assert (set(beginning), set(end)) == ({"a"}, {"b"})
    assert mark == f"… {length - len(beginning) - len(end):,} characters left out …"


@pytest.mark.parametrize(("name", "cut"), [("cron", "cron"), ("r" * 200, "r" * 200), ("a" * 300 + "z", "a" * 160 + "…" + "a" * 38 + "z")])
def test_a_long_name_keeps_its_beginning_and_its_end(name: str, cut: str) -> None:
    assert cut_name(name) == cut
    assert len(cut_name(name)) <= 200
