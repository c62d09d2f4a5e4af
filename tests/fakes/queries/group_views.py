"""Builds read models of concurrency groups from stored rows."""

from application.queries.views.groups import (
    GROUP_PREFIX,
    FullBucketView,
    GroupDetailView,
    GroupUseView,
    GroupView,
    SlotHolderView,
    SlotWaitView,
)
from tests.fakes.persistence.store import OF_RUN, SlotRow, SlotWaitRow, Tables

MAX_FULL_BUCKETS = 20
HOLDERS_NAMED = 3


def list_groups(tables: Tables) -> list[GroupView]:
    """Return the groups by name."""
    used = {name for name, pipeline_id in tables.group_uses if tables.pipelines[pipeline_id].deleting_at is None}
    limited = {name.removeprefix(GROUP_PREFIX) for name in tables.limits if name.startswith(GROUP_PREFIX)}
    return [_build_group(tables, name) for name in sorted(used | limited)]


def find_group(tables: Tables, name: str, holders: int, waiting: int) -> GroupDetailView | None:
    """Return the group with at most so many holders and waiting requests."""
    group = next((group for group in list_groups(tables) if group.name == name), None)
    if group is None:
        return None
    bucket = GROUP_PREFIX + name
    waits = [
        SlotWaitView(*_name_run(tables, run_id), _get_stage(tables, run_id, position), row.priority, row.waits_since, place)
        for place, (run_id, position, row) in enumerate(_get_line(tables, bucket), 1)
    ]
    return GroupDetailView(group, _get_holders(tables, bucket)[:holders], waits[:waiting])


def list_full_buckets(tables: Tables, run_id: int) -> list[FullBucketView]:
    """Return the full buckets for which the run waits: the run's own first."""
    full = []
    for bucket, limit_name in {(name, row.limit_name) for (name, waiting, _), row in tables.slot_waits.items() if waiting == run_id}:
        limit, holders = tables.limits.get(limit_name), _get_holders(tables, bucket)
        if limit is None or len(holders) < limit.limit:
            continue
        own = [(place, position) for place, (other, position, _) in enumerate(_get_line(tables, bucket), 1) if other == run_id]
        place, position = own[0]
        stage = _get_stage(tables, run_id, position)
        full.append(FullBucketView(bucket, limit_name, limit.limit, len(holders), place, stage, len(own), holders[:HOLDERS_NAMED]))
    return sorted(full, key=lambda view: (view.stage is not None, view.limit_name, view.bucket))[:MAX_FULL_BUCKETS]


def _build_group(tables: Tables, name: str) -> GroupView:
    row = tables.limits.get(GROUP_PREFIX + name)
    bucket = GROUP_PREFIX + name
    uses = [
        GroupUseView(pipeline_id, tables.pipelines[pipeline_id].name, use.limit, use.by_run, use.stages)
        for (group, pipeline_id), use in tables.group_uses.items()
        if group == name and tables.pipelines[pipeline_id].deleting_at is None
    ]
    set_by = row.set_by if row else None
    return GroupView(
        name,
        row.limit if row else None,
        set_by,
        row.set_at if row and set_by is not None else None,
        len(_get_holders(tables, bucket)),
        len(_get_line(tables, bucket)),
        sorted(uses, key=lambda use: use.pipeline),
    )


def _get_holders(tables: Tables, bucket: str) -> list[SlotHolderView]:
    """Return the holders, the longest first."""
    rows: list[tuple[int, int, SlotRow]] = [(run, position, row) for (name, run, position), row in tables.slots.items() if name == bucket]
    rows.sort(key=lambda each: (each[2].taken_at, each[0], each[1]))
    return [
        SlotHolderView(*_name_run(tables, run), _get_stage(tables, run, position), row.taken_at, row.over_limit)
        for run, position, row in rows
    ]


def _get_line(tables: Tables, bucket: str) -> list[tuple[int, int, SlotWaitRow]]:
    """Return the requests that wait, as run id, position and row, in the order in which they get a slot."""
    rows = [(run, position, row) for (name, run, position), row in tables.slot_waits.items() if name == bucket]
    return sorted(rows, key=lambda each: (-each[2].priority, each[2].waits_since, each[0], each[1]))


def _name_run(tables: Tables, run_id: int) -> tuple[int, int, int, str]:
    run = tables.runs[run_id]
    return run_id, run.number, run.pipeline_id, tables.pipelines[run.pipeline_id].name


def _get_stage(tables: Tables, run_id: int, position: int) -> str | None:
    """Return the stage at the position; None for the run itself."""
    return None if position == OF_RUN else tables.runs[run_id].definition.stages[position].name
