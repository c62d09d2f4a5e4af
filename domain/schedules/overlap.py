"""Decide what a tick does while an earlier run of its schedule is not over."""

from enum import Enum
from typing import Final

from domain.schedules.definition import OverlapPolicy

MAX_WAITING: Final = 1_000
"""Ticks of a schedule that may wait."""


class OverlapAction(Enum):
    """The decision about a tick that meets earlier runs."""

    START = "start"
    WAIT = "wait"
    SKIP = "skip"
    CANCEL = "cancel"
    """Cancel the earlier runs, and start when they have ended. Ticks that wait are skipped."""


def decide_overlap(policy: OverlapPolicy, unfinished: int, waiting: int) -> OverlapAction:
    """Return the action of a tick, for the number of unfinished runs of its schedule and of its ticks that wait already."""
    if policy is OverlapPolicy.ALLOW or not unfinished + waiting:
        return OverlapAction.START
    match policy:
        case OverlapPolicy.QUEUE_ONE:
            return OverlapAction.SKIP if waiting else OverlapAction.WAIT
        case OverlapPolicy.QUEUE_ALL:
            return OverlapAction.WAIT if waiting < MAX_WAITING else OverlapAction.SKIP
        case OverlapPolicy.CANCEL_RUNNING:
            return OverlapAction.CANCEL
        case _:
            return OverlapAction.SKIP
