"""The chart of a group's slots."""

import pytest

from entrypoints.web.charts.slot_chart import BAR_WIDTH, MAX_MARKS, SlotChart, describe_slots, lay_out_slots


def chart_of(limit: int, held: int) -> SlotChart:
    chart = lay_out_slots(limit, held)
    assert chart is not None
    return chart


@pytest.mark.parametrize(
    ("limit", "held", "kinds"),
    [
        (1, 0, ["free"]),
        (2, 1, ["held", "free"]),
        (3, 3, ["held"] * 3),
        (4, 5, ["held"] * 4 + ["over"]),
        (1, 3, ["held", "over", "over"]),
    ],
)
def test_each_slot_has_a_mark_of_its_kind(limit: int, held: int, kinds: list[str]) -> None:
    assert [mark.kind for mark in chart_of(limit, held).marks] == kinds


@pytest.mark.parametrize("limit", [1, 16, 17, MAX_MARKS])
def test_marks_do_not_overlap_and_stay_within_a_phone(limit: int) -> None:
    chart = chart_of(limit, limit // 2)

    assert len({(mark.x, mark.y) for mark in chart.marks}) == limit
    assert chart.width <= 328
    assert all(mark.x + mark.width <= chart.width and mark.y + mark.height <= chart.height for mark in chart.marks)


@pytest.mark.parametrize(("limit", "held"), [(65, 0), (10_000, 1), (10_000, 10_000), (100, 120), (60, 70)])
def test_many_slots_are_one_bar(limit: int, held: int) -> None:
    chart = chart_of(limit, held)

    assert len(chart.marks) <= 3
    assert sum(mark.width for mark in chart.marks) == pytest.approx(BAR_WIDTH, abs=0.1)


def test_without_a_limit_there_is_no_chart() -> None:
    assert lay_out_slots(None, 3) is None
    assert describe_slots(None, 3) == "3 in use, without a limit"


def test_the_words_say_how_many_slots_are_in_use() -> None:
    assert describe_slots(4, 3) == "3 of 4 slots are in use"
    assert describe_slots(1, 1) == "1 of 1 slot is in use"
    assert describe_slots(4, 5) == "5 of 4 slots are in use, 1 over the limit"
