"""Keep what a stage writes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.logs import NewLogLine
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.errors import Conflict

MAX_CLOCK_SKEW = timedelta(days=1)
"""A worker's clock further off than this is not believed: its lines would be kept too long, or forgotten at once."""


@dataclass(frozen=True, slots=True)
class AppendLog:
    """Store lines of one attempt, each once however often it is sent, up to the limit; returns how many were new.

    Conflict `unknown_attempt` when the run has no such attempt.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups
    limit_bytes: int

    async def __call__(self, run_id: int, stage: str, attempt: int, lines: Sequence[NewLogLine]) -> int:
        lines = [_timed(line, self.clock.now()) for line in lines]
        async with self.open_unit_of_work() as work:
            try:
                stored = await work.logs.append(run_id, stage, attempt, lines, self.limit_bytes)
            except LookupError as error:
                raise Conflict("unknown_attempt", f"Run {run_id} has no attempt {attempt} of {stage:.100}.") from error
            await work.commit()
        if stored:
            self.wakeups.notify_committed(log_run_ids=[run_id])
        return stored


def _timed(line: NewLogLine, now: datetime) -> NewLogLine:
    return line if abs(line.at - now) <= MAX_CLOCK_SKEW else replace(line, at=now)
