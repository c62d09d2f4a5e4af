"""Concurrency groups as pages and terminals show them."""

from datetime import datetime

from application.queries.views.groups import GroupDetailView, GroupUseView, GroupView, SlotHolderView, SlotWaitView
from entrypoints.web.text_pages import format_group, format_groups
from entrypoints.web.view_models.groups import build_group_item, build_group_page
from tests.support.builders import NOW, seconds_later

SALES = GroupUseView(1, "sales", 4, by_run=True, stages=0)
REPORTS = GroupUseView(2, "reports", None, by_run=True, stages=2)


def a_group(limit: int | None = 4, set_by: str | None = None, held: int = 1, waiting: int = 1) -> GroupView:
    return GroupView("warehouse", limit, set_by, NOW if set_by else None, held, waiting, [REPORTS, SALES])


def a_detail(group: GroupView, taken_at: datetime = NOW) -> GroupDetailView:
    holder = SlotHolderView(7, 1_012, 1, "sales", None, taken_at, over_limit=True)
    wait = SlotWaitView(9, 3, 2, "reports", "load", 5, seconds_later(60), 1)
    return GroupDetailView(group, [holder], [wait])


def test_the_page_says_who_set_the_limit() -> None:
    assert build_group_page(a_detail(a_group())).source == "The limit is from the definition of sales."
    assert build_group_page(a_detail(a_group(set_by="mara"))).source == "The limit was set by mara. Definitions cannot change it."
    assert build_group_page(a_detail(a_group(limit=None))).source == "No limit is set: runs and stages start at once."


def test_the_page_counts_what_it_does_not_list() -> None:
    page = build_group_page(a_detail(a_group(held=3, waiting=2)))

    assert (page.more_holders, page.more_waiting) == ("2 more are not listed.", "1 more is not listed.")
    assert build_group_page(a_detail(a_group())).more_holders == ""


def test_the_page_says_how_each_pipeline_uses_the_group() -> None:
    uses = build_group_page(a_detail(a_group())).uses

    assert [(use.pipeline, use.use, use.limit) for use in uses] == [("reports", "Each run, 2 stages", "–"), ("sales", "Each run", "4")]


def test_a_row_names_three_pipelines_and_counts_the_others() -> None:
    group = GroupView("warehouse", 4, pipelines=[GroupUseView(id, f"p{id}", None, True, 0) for id in range(7)])

    assert build_group_item(group).pipelines == "p0, p1, p2 and 4 more"


def test_a_terminal_shows_the_holders_and_the_queue() -> None:
    text = format_group(build_group_page(a_detail(a_group())))
    lines = [" ".join(line.split()) for line in text.splitlines()]

    assert lines[0] == "warehouse 1 of 4 slots is in use"
    assert f"sales#1012 7 whole run {NOW.day} {NOW:%b %Y %H:%M:%S} UTC over the limit" in lines
    assert any(line.startswith("1 reports#3 9 load +5 ") for line in lines)
    assert "reports Each run, 2 stages –" in lines


def test_a_terminal_shows_the_list() -> None:
    lines = [" ".join(line.split()) for line in format_groups([build_group_item(a_group())]).splitlines()]

    assert lines == ["GROUP IN USE LIMIT WAITING PIPELINES", "warehouse 1 4 1 reports and sales"]
    assert format_groups([]) == "No pipeline uses a group.\n"
