"""Slots: places in buckets, which a run or one stage of it waits for and holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.concurrency.bucket import Bucket

SLOT_TIMEOUT: Final = 604_800.0
"""Seconds after which a stage fails that waits for a slot."""


class SlotState(StrEnum):
    """Whether a run, or one of its stages, has its slots."""

    NONE = "none"
    """It needs no slots, or it is over."""
    WAITING = "waiting"
    HELD = "held"
    RELEASED = "released"
    """The run has given its slots back, since only approvals are open."""


@dataclass(frozen=True, slots=True)
class SlotRequest:
    """A run that waits for a slot in each of `buckets`, or one of its stages if `position` is its index in the definition."""

    run_id: int
    position: int | None
    buckets: tuple[Bucket, ...]
    priority: int
    waits_since: datetime


@dataclass(frozen=True, slots=True)
class SlotChange:
    """The slots of a run, or of the stage at `position`, as they are from now on: it waits for `buckets`, holds them, or neither.

    It replaces all that is stored about the position. `at` is when the wait began or the slots were taken.
    """

    position: int | None
    state: SlotState
    buckets: tuple[Bucket, ...]
    priority: int
    at: datetime
    over_limit: bool = False


def sort_requests(requests: Iterable[SlotRequest]) -> list[SlotRequest]:
    """Return the requests in the order in which they get slots: by priority, then by age."""
    return sorted(requests, key=_get_order)


def _get_order(request: SlotRequest) -> tuple[int, datetime, int, int]:
    return -request.priority, request.waits_since, request.run_id, -1 if request.position is None else request.position
