"""Read models of the ticks of a day: consecutive ticks with the same outcome are one group."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.schedules.tick import TickReason, TickState


@dataclass(frozen=True, slots=True)
class TickWindow:
    """The ticks of a pipeline's schedules of one name, from `since` to `until` (excluded). Each tick in `apart` is a group of its own."""

    schedule: str
    since: datetime
    until: datetime
    apart: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class TickGroup:
    """Consecutive ticks with the same state, reason and message. `window` is the index of their window.

    `rows` is the number of rows. The last one may stand for `last_count` ticks; the times of all but its first are not stored.
    `run_ids` are the first runs of `runs`. `is_queued` is True if their runs wait to start,
    `is_limited` if a concurrency limit is the reason. `is_before` marks the last row before
    the window, whose further ticks may be in it. The ticks of a `mixed` group are among those of others.
    """

    window: int
    state: TickState
    reason: TickReason | None
    message: str | None
    first_due_at: datetime
    last_due_at: datetime
    last_decided_at: datetime
    count: int
    last_count: int = 1
    run_ids: Sequence[int] = ()
    runs: int = 0
    is_queued: bool = False
    is_limited: bool = False
    is_before: bool = False
    is_mixed: bool = False
