"""Store the output of a stage."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.logs import AppendedLines, NewLogLine, UnfinishedLines
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.errors import Conflict
from domain.runs.attempt_log import LogLimit

MAX_CLOCK_SKEW = timedelta(days=1)
"""Lines whose time differs more than this from ours get our time; otherwise retention would delete them too late or too early."""


@dataclass(frozen=True, slots=True)
class AppendLog:
    """Store lines of one attempt, up to the limit. A repeated line is stored once.

    Raises Conflict `unknown_attempt`.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups
    limit_bytes: int

    async def __call__(
        self,
        run_id: int,
        stage: str,
        attempt: int,
        lines: Sequence[NewLogLine],
        *,
        is_tail: bool = False,
        unfinished: UnfinishedLines | None = None,
    ) -> AppendedLines:
        lines = [correct_time(line, self.clock.now()) for line in lines]
        async with self.open_unit_of_work() as work:
            try:
                appended = await work.logs.append(
                    run_id, stage, attempt, lines, LogLimit(self.limit_bytes), is_tail=is_tail, unfinished=unfinished
                )
            except LookupError as error:
                raise Conflict("unknown_attempt", f"Run {run_id} has no attempt {attempt} of {stage:.100}.") from error
            await work.commit()
        if appended.stored or appended.has_new_unfinished:
            self.wakeups.notify_committed(log_run_ids=[run_id])
        return appended


def correct_time(line: NewLogLine, now: datetime) -> NewLogLine:
    """Return the line with our time if its own differs by more than MAX_CLOCK_SKEW."""
    return line if abs(line.at - now) <= MAX_CLOCK_SKEW else replace(line, at=now)
