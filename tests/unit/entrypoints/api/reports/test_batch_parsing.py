"""A batch of status updates is parsed as its items are one by one."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from application.commands.reports.status_update import TokenReporter
from entrypoints.api.reports.parsing import parse_batch
from entrypoints.api.reports.principal import ANONYMOUS, Principal

GOOD = {"run_id": 3, "stage_name": "a", "status": "running"}
FIELDS = st.fixed_dictionaries(
    {"status": st.sampled_from(["running", "success", "Completed ", "paused", 1])},
    optional={
        "run_id": st.sampled_from([1, 0, "1", "etl#12", "etl#0", None]),
        "pipeline_id": st.sampled_from(["a", "7", 7, "", None, 1.0]),
        "stage_name": st.sampled_from(["a", "", None]),
        "records_processed": st.sampled_from([0, 5, -1, 2.0, True]),
        "event_id": st.sampled_from(["e", "", None]),
        "reported_at": st.sampled_from(["2026-11-27T09:30:00Z", "2026-11-27", 0]),
        "output": st.sampled_from([None, {"a": [1]}, 0.5]),
        "typo": st.just(1),
    },
)
ITEMS = st.lists(st.just(GOOD) | FIELDS | st.sampled_from([None, 7, [], "x"]), max_size=5)
PRINCIPALS = st.sampled_from([ANONYMOUS, Principal(token_reporter=TokenReporter("m", 4))])


@given(ITEMS, PRINCIPALS)
@example([GOOD, GOOD], ANONYMOUS)
@example([GOOD, {"status": "running"}, GOOD], ANONYMOUS)
def test_items_are_parsed_together_as_they_are_alone(items: list[Any], principal: Principal) -> None:
    alone = [parse_batch([item], principal, is_checked=False)[0] for item in items]

    assert list(parse_batch(items, principal, is_checked=True)) == alone
    assert list(parse_batch(items, principal, is_checked=False)) == alone
