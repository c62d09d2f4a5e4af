"""Find the concurrency limits for which the runs of a day wait."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from application.ports.queries.reader import Reader
from application.queries.explain.slot_waits import describe_slot_waits
from application.queries.explain_day.entries import DayReason, ExplainedTicks

MAX_EXPLAINED: Final = 5
"""Entries whose first run is looked at."""


async def explain_queued(reader: Reader, entries: Sequence[ExplainedTicks]) -> list[ExplainedTicks]:
    """Return the entries. One with runs that wait for a limit has it as its reason, and the sentence about the first run."""
    queued = [entry for entry in entries if entry.is_queued and entry.run_ids][:MAX_EXPLAINED]
    if not queued:
        return list(entries)
    runs = {run.id: run for run in await reader.get_runs_by_id([entry.run_ids[0] for entry in queued])}
    found = list(entries)
    for index, entry in enumerate(found):
        run = runs.get(entry.run_ids[0]) if entry.is_queued and entry.run_ids else None
        if run is not None and (run.waits_for_slot or run.limited_stages):
            parts = describe_slot_waits(run, await reader.slot_waits(run.id))
            sentence = "".join(part.text for part in parts).strip()
            found[index] = replace(entry, reason=DayReason.LIMIT.value, message=sentence)
    return found
