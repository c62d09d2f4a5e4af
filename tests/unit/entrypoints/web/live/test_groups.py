"""Which changes render the pages of groups again."""

from datetime import datetime

import pytest

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.events import EventView, SiteEventView
from domain.runs.events import EventType
from domain.runs.status import Status
from domain.site_events import SiteEventType
from entrypoints.web.live.groups import LiveGroupList, LiveGroupPage
from entrypoints.web.live.view import LiveView
from tests.support.builders import NOW
from tests.support.in_process import InProcessHeadgate
from tests.support.limited_pipelines import add_limited_pipelines, trigger

SALES, REPORTS, OTHER = 1, 2, 3
"""Pipelines: the first two use the group."""


def a_batch(type: EventType, pipeline_id: int = SALES, stage: str | None = None, status: Status | None = None) -> ChangeBatch:
    return ChangeBatch([EventView(1, pipeline_id, 1, type, NOW, stage, 1 if stage else None, status, None)], "1")


def a_site_batch(type: SiteEventType, at: datetime = NOW) -> ChangeBatch:
    return ChangeBatch([], "1", site_events=[SiteEventView(1, type, at, None, None)])


@pytest.fixture(params=["list", "page"])
async def view(request: pytest.FixtureRequest) -> LiveView:
    headgate = InProcessHeadgate()
    await add_limited_pipelines(headgate)
    await headgate.api.create_pipeline("other")
    await trigger(headgate)
    context = headgate.page_context
    live: LiveView = LiveGroupList(context) if request.param == "list" else LiveGroupPage(context, "warehouse")
    await live.render()
    return live


@pytest.mark.parametrize(
    "batch",
    [
        a_batch(EventType.RUN_LIMITED),
        a_batch(EventType.RUN_GRANTED),
        a_batch(EventType.STAGE_GRANTED, REPORTS, "load"),
        a_batch(EventType.RUN_MOVED, status=Status.COMPLETED),
        a_batch(EventType.STAGE_MOVED, REPORTS, "load", Status.FAILED),
        a_batch(EventType.STAGE_MOVED, SALES, "ask", Status.WAITING),
        a_site_batch(SiteEventType.GROUP_CHANGED),
        a_site_batch(SiteEventType.PIPELINE_CHANGED),
        a_site_batch(SiteEventType.PIPELINE_ARCHIVED),
    ],
)
async def test_changes_of_slots_and_limits_render_the_page_again(view: LiveView, batch: ChangeBatch) -> None:
    assert view.get_effect(batch).needs_render


@pytest.mark.parametrize(
    "batch",
    [
        a_batch(EventType.RUN_MOVED, OTHER, status=Status.COMPLETED),
        a_batch(EventType.STAGE_MOVED, SALES, "load", Status.RUNNING),
        a_batch(EventType.STAGE_PROGRESS, SALES, "load"),
        a_batch(EventType.DISPATCH_CLAIMED),
        a_site_batch(SiteEventType.TICK),
    ],
)
async def test_other_changes_do_not(view: LiveView, batch: ChangeBatch) -> None:
    assert not view.get_effect(batch).needs_render
