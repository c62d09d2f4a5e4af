"""The text in which the outcomes of runs are stored, and consecutive failures."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.rule_state import Mark, Outcome, RuleKey, RuleState, parse_outcomes, serialize_outcomes

NOW = datetime(2026, 11, 29, 18, tzinfo=UTC)
SUBJECTS = st.integers(1, 2**63).map(str) | st.integers(0, 2**40).map("@{}".format)
OUTCOMES = st.builds(Outcome, st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)), SUBJECTS, st.sampled_from(Mark))


@given(st.lists(OUTCOMES, max_size=10))
def test_outcomes_survive_their_text(outcomes: list[Outcome]) -> None:
    assert parse_outcomes(serialize_outcomes(outcomes)) == tuple(outcomes)


@pytest.mark.parametrize("text", ["17", "g17", "17z5", "17g", "@g5"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown outcome|is not a valid Mark"):
        parse_outcomes(text)


@pytest.mark.parametrize(("marks", "expected"), [("", 0), ("g", 0), ("b", 1), ("bbgb", 1), ("gbb", 2), ("gbxwb", 2), ("bbg", 0)])
def test_failures_since_the_last_good_run_are_consecutive(marks: str, expected: int) -> None:
    outcomes = tuple(Outcome(NOW, str(index), Mark(mark)) for index, mark in enumerate(marks, 1))

    assert RuleState(RuleKey(1, "team"), outcomes).consecutive == expected
