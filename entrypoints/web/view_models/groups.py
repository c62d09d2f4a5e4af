"""Concurrency groups as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.views.groups import GroupDetailView, GroupUseView, GroupView
from domain.name_lists import format_names
from entrypoints.web.charts.slot_chart import SlotChart, describe_slots, lay_out_slots
from entrypoints.web.view_models.formatting import DASH, Timestamp, format_timestamp, pluralize

"""Pipelines that a row of the list names."""


@dataclass(frozen=True, slots=True)
class GroupItem:
    """A row of the list. `pipelines` names some that use the group."""

    name: str
    limit: str
    held: str
    waiting: str
    slots: str
    chart: SlotChart | None
    pipelines: str


@dataclass(frozen=True, slots=True)
class UseItem:
    """How a pipeline uses the group, in words."""

    pipeline: str
    use: str
    limit: str


@dataclass(frozen=True, slots=True)
class HolderItem:
    """A run, or with `stage` one stage of it, that holds a slot."""

    run_id: int
    name: str
    stage: str
    since: Timestamp | None
    is_over_limit: bool


@dataclass(frozen=True, slots=True)
class WaitItem:
    """A run, or with `stage` one stage of it, that waits."""

    place: str
    run_id: int
    name: str
    stage: str
    priority: str
    since: Timestamp | None


@dataclass(frozen=True, slots=True)
class GroupPage:
    """A group's page. `source` says where the limit comes from; `more_holders` and `more_waiting` count what is not listed."""

    name: str
    slots: str
    source: str
    chart: SlotChart | None
    holders: Sequence[HolderItem]
    more_holders: str
    waiting: Sequence[WaitItem]
    more_waiting: str
    uses: Sequence[UseItem]


def build_group_item(group: GroupView) -> GroupItem:
    """Return the group's row."""
    return GroupItem(
        name=group.name,
        limit=f"{group.limit:,}" if group.limit is not None else DASH,
        held=f"{group.held:,}",
        waiting=f"{group.waiting:,}",
        slots=describe_slots(group.limit, group.held),
        chart=lay_out_slots(group.limit, group.held),
        pipelines=format_names([use.pipeline for use in group.pipelines]),
    )


def build_group_page(detail: GroupDetailView) -> GroupPage:
    """Return the group's page."""
    group = detail.group
    return GroupPage(
        name=group.name,
        slots=describe_slots(group.limit, group.held),
        source=describe_source(group),
        chart=lay_out_slots(group.limit, group.held),
        holders=[
            HolderItem(
                each.run_id, _name_run(each.pipeline, each.number), each.stage or "", format_timestamp(each.taken_at), each.over_limit
            )
            for each in detail.holders
        ],
        more_holders=_describe_rest(group.held - len(detail.holders)),
        waiting=[
            WaitItem(
                f"{each.position_in_line:,}",
                each.run_id,
                _name_run(each.pipeline, each.number),
                each.stage or "",
                format_priority(each.priority),
                format_timestamp(each.waits_since),
            )
            for each in detail.waiting
        ],
        more_waiting=_describe_rest(group.waiting - len(detail.waiting)),
        uses=[UseItem(use.pipeline, describe_use(use), f"{use.limit:,}" if use.limit is not None else DASH) for use in group.pipelines],
    )


def describe_source(group: GroupView) -> str:
    """Return who set the group's limit."""
    if group.limit is None:
        return "No limit is set: runs and stages start at once."
    if group.set_by is not None:
        return f"The limit was set by {group.set_by}. Definitions cannot change it."
    names = [use.pipeline for use in group.pipelines if use.limit is not None]
    return f"The limit is from the definition of {names[0]}." if names else ""


def describe_use(use: GroupUseView) -> str:
    """Return what of the pipeline holds slots: "Each run", "2 stages"."""
    parts = (["Each run"] if use.by_run else []) + ([pluralize(use.stages, "stage")] if use.stages else [])
    return ", ".join(parts) or DASH


def format_priority(priority: int) -> str:
    """Return the priority with its sign: "+5", "-5", "0"."""
    return f"{priority:+d}" if priority else "0"


def _name_run(pipeline: str, number: int) -> str:
    return f"{pipeline}#{number}"


def _describe_rest(count: int) -> str:
    return f"{count:,} more are not listed." if count > 1 else "1 more is not listed." if count == 1 else ""
