"""What cronsim knows beyond numbers; its local times are compared with those of the fake in the contracts."""

from datetime import datetime
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.system.cronsim_expressions import CronsimExpressions
from domain.text_validation import find_text_problem
from tests.fakes import FakeCronExpressions

CRON = CronsimExpressions()
AFTER = datetime(2026, 2, 27, 12, 30)


@pytest.mark.parametrize(
    ("expression", "ticks"),
    [
        ("0 0 L * *", ["02-28", "03-31", "04-30"]),
        ("0 0 * * 5L", ["03-27", "04-24"]),
        ("0 0 * * FRI#2", ["03-13", "04-10"]),
        ("0 0 1 JAN,jul *", ["07-01", "01-01"]),
        ("0 0 * * mon-wed", ["03-02", "03-03", "03-04", "03-09"]),
        ("0 0 LW * *", ["03-31", "04-30", "05-29"]),
    ],
)
def test_names_last_days_and_nth_weekdays(expression: str, ticks: list[str]) -> None:
    assert CRON.find_problem(expression) is None
    assert [f"{tick:%m-%d}" for tick in islice(CRON.iterate(expression, AFTER), len(ticks))] == ticks


@pytest.mark.parametrize("expression", ["0 0 * * MON#6", "0 0 * * L", "0 0 * * FRI-MON", "0 0 XL * *", "0 0 15W * *", "0 0 * FOO *"])
def test_what_cronsim_refuses_is_explained(expression: str) -> None:
    problem = CRON.find_problem(expression)

    assert problem is not None
    assert problem.startswith("has an invalid ")
    assert "; write * or " in problem


FIELDS = st.lists(st.text("0123456789*/,-LW#MONFRI", min_size=1, max_size=6), min_size=5, max_size=5).map(" ".join)


@settings(deadline=None, max_examples=500)
@given(FIELDS | st.text(max_size=30))
def test_any_text_is_an_expression_or_has_a_problem(text: str) -> None:
    problem = CRON.find_problem(text)

    if problem is None:
        assert CRON.explain(text)
        assert next(CRON.iterate(text, AFTER)) > AFTER
    else:
        assert find_text_problem(problem.encode(errors="replace").decode(), 1_000) is None


def a_field(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    span = st.tuples(value, value).map(lambda pair: f"{min(pair)}-{max(pair)}")
    wide = st.integers(low, high - 1).flatmap(lambda first: st.integers(first + 1, high).map(lambda last: f"{first}-{last}"))
    step = st.tuples(st.just("*") | wide, st.integers(1, 15)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.just("*") | st.lists(value.map(str) | span | step, min_size=1, max_size=3).map(",".join)


EXPRESSIONS = st.tuples(a_field(0, 59), a_field(0, 23), a_field(1, 28), a_field(1, 12), a_field(0, 7)).map(" ".join)


@settings(deadline=None, max_examples=150)
@given(EXPRESSIONS, st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1)))
def test_local_times_are_those_found_by_comparing_every_minute(expression: str, after: datetime) -> None:
    assert CRON.find_problem(expression) is None
    assert list(islice(CRON.iterate(expression, after), 20)) == list(islice(FakeCronExpressions().iterate(expression, after), 20))
