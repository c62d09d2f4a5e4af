"""Sentences that say why a tick opened no run, or opened it late."""

import re
from collections.abc import Mapping
from typing import Final

from domain.schedules.tick import TickReason

MESSAGES: Mapping[TickReason, str] = {
    TickReason.OUTAGE: "Headgate or its database was not available at that time.",
    TickReason.OUTSIDE_WINDOW: "Headgate or its database was not available at that time, and the catch-up window had passed.",
    TickReason.SUPERSEDED: "Headgate or its database was not available at that time, and a later tick ran instead.",
    TickReason.QUEUE_FULL: "Headgate or its database was not available at that time, and too many earlier ticks were caught up.",
    TickReason.PAUSED: "The schedule was paused.",
    TickReason.ARCHIVED: "The pipeline was archived.",
    TickReason.REMOVED: "The schedule was changed or removed before this tick could run.",
}
_BLOCKING_RUN: Final = re.compile(r"Run ([0-9]{1,18}) was not over\.")
SUPERSEDED_BY_TICK: Final = "A later tick ran instead."


def describe_overlap(run_id: int | None) -> str:
    """Return the sentence for a tick with an earlier run, or an earlier tick that waits, in its way."""
    return "An earlier tick was still waiting." if run_id is None else f"Run {run_id} was not over."


def parse_overlap(message: str | None) -> int | None:
    """Return the run that a sentence of `describe_overlap` names."""
    found = _BLOCKING_RUN.fullmatch(message or "")
    return int(found[1]) if found else None
