"""The groups of a day's ticks, from the fake store."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

from application.queries.views.ticks import TickGroup, TickWindow
from domain.concurrency.slots import SlotState
from domain.runs.status import Status
from domain.schedules.tick import Tick
from tests.fakes.persistence import FakeStore

MAX_RUN_IDS = 10


def list_tick_groups(store: FakeStore, pipeline_id: int, windows: Sequence[TickWindow], limit: int) -> list[TickGroup]:
    """Return the groups of each window."""
    found: list[TickGroup] = []
    for index, window in enumerate(windows):
        ticks = sorted(_list_ticks(store, pipeline_id, window.schedule), key=lambda tick: (tick.due_at, tick.schedule_id))
        groups = _join(store, index, window, [tick for tick in ticks if window.since <= tick.due_at < window.until])
        found += [*_find_before(store, index, window, ticks), *(_mix(groups) if len(groups) > limit else groups)]
    return found


def _list_ticks(store: FakeStore, pipeline_id: int, name: str) -> Iterator[Tick]:
    for tick in store.committed.ticks.values():
        if tick.pipeline_id == pipeline_id and store.schedule_names[tick.schedule_id] == name:
            yield tick


def _find_before(store: FakeStore, index: int, window: TickWindow, ticks: Sequence[Tick]) -> list[TickGroup]:
    last = {tick.schedule_id: tick for tick in ticks if tick.due_at < window.since}
    found = [tick for tick in last.values() if tick.count > 1]
    return [replace(_group(store, index, [tick]), is_before=True) for tick in found]


def _join(store: FakeStore, index: int, window: TickWindow, ticks: Sequence[Tick]) -> list[TickGroup]:
    def get_key(tick: Tick) -> tuple[Any, ...]:
        return (
            tick.state,
            tick.reason,
            tick.message,
            _is_queued(store, tick),
            _is_limited(store, tick),
            tick.due_at if tick.due_at in window.apart else None,
        )

    return [_group(store, index, list(group)) for _, group in groupby(ticks, get_key)]


def _group(store: FakeStore, index: int, ticks: Sequence[Tick]) -> TickGroup:
    first, last, runs = ticks[0], ticks[-1], [tick.run_id for tick in ticks if tick.run_id is not None]
    return TickGroup(
        index,
        first.state,
        first.reason,
        first.message,
        first.due_at,
        last.due_at,
        max(tick.decided_at for tick in ticks),
        sum(tick.count for tick in ticks),
        last.count,
        tuple(runs[:MAX_RUN_IDS]),
        len(runs),
        _is_queued(store, first),
        _is_limited(store, first),
    )


def _mix(groups: Sequence[TickGroup]) -> list[TickGroup]:
    by_hour: defaultdict[tuple[Any, ...], list[TickGroup]] = defaultdict(list)
    for group in groups:
        by_hour[_get_hour(group.first_due_at), group.state, group.reason, group.is_queued, group.is_limited].append(group)
    mixed = [
        replace(
            each[0],
            message=None,
            last_due_at=each[-1].last_due_at,
            last_decided_at=max(group.last_decided_at for group in each),
            count=sum(group.count for group in each),
            last_count=each[-1].last_count,
            run_ids=tuple(group.run_ids[0] for group in each if group.run_ids)[:MAX_RUN_IDS],
            runs=sum(group.runs for group in each),
            is_mixed=True,
        )
        for each in by_hour.values()
    ]
    return sorted(mixed, key=lambda group: (group.first_due_at, group.state, group.reason or ""))


def _get_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _is_queued(store: FakeStore, tick: Tick) -> bool:
    run = store.committed.runs.get(tick.run_id) if tick.run_id is not None else None
    return run is not None and run.status in (Status.QUEUED, Status.PENDING)


def _is_limited(store: FakeStore, tick: Tick) -> bool:
    run = store.committed.runs.get(tick.run_id) if tick.run_id is not None else None
    return _is_queued(store, tick) and run is not None and run.slot_state is SlotState.WAITING
