"""The live list of concurrency groups, and the live page of one group."""

from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Final

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.groups import GroupDetailView, GroupView
from domain.concurrency.parsing import is_group_name
from domain.errors import NotFound
from domain.runs.events import EventType
from domain.runs.status import Status
from entrypoints.web.live.view import ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.groups import build_group_item, build_group_page

MAX_GROUPS: Final = 500
MAX_LISTED: Final = 100
"""Holders and waiting requests that the page lists."""
REFRESH_SECONDS: Final = 5.0
_MOVES: Final = frozenset(
    {
        EventType.RUN_OPENED,
        EventType.RUN_MOVED,
        EventType.RUN_REOPENED,
        EventType.RUN_LIMITED,
        EventType.RUN_GRANTED,
        EventType.STAGE_GRANTED,
        EventType.STAGE_MOVED,
        EventType.STAGE_RETRIED,
        EventType.STAGE_DECIDED,
    }
)
"""Events with which runs and stages take slots, give them back, or begin to wait. A stage that starts holds its slot already."""


def affects_slots(batch: ChangeBatch, pipeline_ids: Collection[int]) -> bool:
    """Return whether the batch can change which slots runs of these pipelines hold, or which limits there are."""
    if any(event.type.startswith(("group.", "pipeline.")) for event in batch.site_events):
        return True
    moves = (event for event in batch.events if event.type in _MOVES and not (event.stage and event.status is Status.RUNNING))
    return any(event.pipeline_id in pipeline_ids for event in moves)


class LiveGroupList(LiveView):
    """All groups."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._pipeline_ids: set[int] = set()

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return ChangeEffect(affects_slots(batch, self._pipeline_ids))

    async def render(self) -> RenderedView:
        return self.render_groups(await self.load())

    async def load(self) -> list[GroupView]:
        """Return one group more than the page lists, if there are more."""
        return await self._context.reader.groups(limit=MAX_GROUPS + 1)

    def render_groups(self, groups: Sequence[GroupView]) -> RenderedView:
        """Render groups that the caller has loaded."""
        self._pipeline_ids = {use.pipeline_id for group in groups for use in group.pipelines}
        items = [build_group_item(group) for group in groups[:MAX_GROUPS]]
        return _build_view("groups", str(render("live/groups.html", groups=items, has_more=len(groups) > MAX_GROUPS)))


class LiveGroupPage(LiveView):
    """One group: its slots, their holders, the queue, and the pipelines that use it."""

    def __init__(self, context: PageContext, name: str) -> None:
        self._context = context
        self._name = name
        self._pipeline_ids: set[int] = set()

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return ChangeEffect(affects_slots(batch, self._pipeline_ids))

    async def render(self) -> RenderedView:
        return self.render_group(await self.load())

    async def load(self) -> GroupDetailView:
        """Return the group. Raise NotFound if no pipeline uses it and it has no limit."""
        reader = self._context.reader
        found = await reader.group(self._name, holders=MAX_LISTED, waiting=MAX_LISTED) if is_group_name(self._name) else None
        if found is None:
            raise NotFound("group", self._name)
        return found

    def render_group(self, detail: GroupDetailView) -> RenderedView:
        """Render a group that the caller has loaded."""
        holders, waiting = {each.pipeline_id for each in detail.holders}, {each.pipeline_id for each in detail.waiting}
        self._pipeline_ids = {use.pipeline_id for use in detail.group.pipelines} | holders | waiting
        return _build_view("group", str(render("live/group.html", group=build_group_page(detail))))


def _build_view(name: str, html: str) -> RenderedView:
    return RenderedView({name: html}, sha256(html.encode()).hexdigest()[:12], REFRESH_SECONDS)
