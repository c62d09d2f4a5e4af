"""Join neighbouring entries of a schedule that say the same."""

from collections.abc import Iterable
from dataclasses import replace

from application.queries.explain_day.entries import MAX_RUN_IDS, DayState, ExplainedTicks


def join_neighbours(entries: Iterable[ExplainedTicks]) -> list[ExplainedTicks]:
    """Return the entries of one schedule in order. Those that are next to each other, with the same outcome, are one."""
    joined: list[ExplainedTicks] = []
    for entry in sorted(entries, key=lambda each: (each.start, each.end)):
        if joined and _says_the_same(joined[-1], entry):
            joined[-1] = _join(joined[-1], entry)
        else:
            joined.append(entry)
    return joined


def _says_the_same(first: ExplainedTicks, second: ExplainedTicks) -> bool:
    is_plain = all(each.count and each.shift is None and not each.is_mixed for each in (first, second))
    return is_plain and first.end < second.start and _get_outcome(first) == _get_outcome(second)


def _get_outcome(entry: ExplainedTicks) -> tuple[object, ...]:
    until = None if entry.state is DayState.LATE else entry.until
    return entry.state, entry.reason, entry.message, entry.blocked_by, entry.is_queued, until


def _join(first: ExplainedTicks, second: ExplainedTicks) -> ExplainedTicks:
    run_ids = (*first.run_ids, *second.run_ids)[:MAX_RUN_IDS]
    return replace(
        first, end=second.end, count=first.count + second.count, run_ids=run_ids, runs=first.runs + second.runs, until=second.until
    )
