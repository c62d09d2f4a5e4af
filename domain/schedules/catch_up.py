"""Decide which missed ticks run late."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.schedules.definition import CatchUpPolicy
from domain.schedules.tick import TickReason

LATE_AFTER: Final = timedelta(seconds=60)
"""A tick that could not fire until then is missed."""
MAX_CAUGHT_UP: Final = 100


class CatchUpPlan(NamedTuple):
    """The missed ticks that run late, oldest first, and the reason for each that never runs."""

    late: list[datetime]
    missed: dict[datetime, TickReason]

    def drop_late(self) -> "CatchUpPlan":
        """Return the plan in which no missed tick runs, since a later tick that is on time runs instead."""
        return CatchUpPlan([], self.missed | dict.fromkeys(self.late, TickReason.SUPERSEDED))


def is_late(fire_at: datetime, now: datetime) -> bool:
    """Return True if a tick that was to fire at `fire_at` is missed by now."""
    return now - fire_at > LATE_AFTER


def plan_catch_up(policy: CatchUpPolicy, window: float, missed: Sequence[datetime], now: datetime) -> CatchUpPlan:
    """Plan the missed ticks, which are in ascending order. `window` is in seconds; ticks missed longer ago than that never run."""
    oldest = now - timedelta(seconds=window)
    recent = [tick for tick in missed if tick >= oldest]
    match policy:
        case CatchUpPolicy.NONE:
            late = []
        case CatchUpPolicy.LATEST:
            late = recent[-1:]
        case CatchUpPolicy.ALL:
            late = recent[:MAX_CAUGHT_UP]
    chosen = set(late)
    return CatchUpPlan(late, {tick: _get_reason(tick, policy, oldest) for tick in missed if tick not in chosen})


def _get_reason(tick: datetime, policy: CatchUpPolicy, oldest: datetime) -> TickReason:
    if policy is CatchUpPolicy.NONE:
        return TickReason.OUTAGE
    return (
        TickReason.OUTSIDE_WINDOW if tick < oldest else TickReason.SUPERSEDED if policy is CatchUpPolicy.LATEST else TickReason.QUEUE_FULL
    )
