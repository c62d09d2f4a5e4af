"""The names of groups, and the counts of their stages by status."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.runs.status import Status
from entrypoints.web.view_models.runs.stage_groups import (
    WORST_FIRST,
    build_status_counts,
    describe_statuses,
    find_worst_status,
    get_group_label,
    shorten_label,
)

STATUSES = st.lists(st.sampled_from(list(Status)), min_size=1, max_size=500)


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["load"], "load"),
        ([f"shard-{index:03}" for index in range(200)], "shard-000…199"),
        ([f"shard-{index}" for index in (1, 10, 2, 9)], "shard-1…10"),
        ([f"shard-{index}" for index in range(100, 120)], "shard-100…119"),
        (["extract-eu", "extract-us", "extract-asia"], "extract-asia…us"),
        (["load-orders", "load-offers"], "load-offers…orders"),
        (["s1", "s2"], "s1 … s2"),
        (["extract", "load", "publish"], "extract … publish"),
        (["x1-a", "x2-a"], "x1-a … x2-a"),
    ],
)
def test_a_group_is_named_by_what_its_stages_have_in_common(names: list[str], label: str) -> None:
    assert get_group_label(names) == label


def test_a_long_name_keeps_the_end_of_its_range() -> None:
    label = get_group_label([f"transform-customer-orders-{index:03}" for index in range(200)])

    assert shorten_label(label, 24) == "transform-customer-o…199"
    assert shorten_label("transform-customer-orders", 10) == "transform…"


@given(STATUSES)
def test_the_worst_status_is_one_of_the_stages_and_nothing_is_worse(statuses: list[Status]) -> None:
    worst = find_worst_status(statuses)

    assert worst in statuses
    assert all(WORST_FIRST.index(worst) <= WORST_FIRST.index(status) for status in statuses)
    assert set(WORST_FIRST) == set(Status)


@given(STATUSES, st.integers(120, 200))
def test_counts_stay_within_the_box_and_add_up_unless_an_ellipsis_says_so(statuses: list[Status], width: int) -> None:
    counts = build_status_counts(statuses, 0.0, float(width))

    assert all(count.text_x + 7 * len(count.text) <= width for count in counts)
    if counts[-1].status is not None:
        assert sum(int(count.text) for count in counts) == len(statuses)
    assert counts[0].status is not None and counts[0].status.key == find_worst_status(statuses).value


def test_a_groups_description_counts_every_status() -> None:
    statuses = [Status.COMPLETED] * 198 + [Status.FAILED, Status.RUNNING]

    assert describe_statuses(statuses) == "200 stages: 1 failed, 1 running, 198 completed"
