"""A second, minimal implementation of the rules for reports."""

from dataclasses import dataclass, field
from typing import Any

HOLDER = ("worker-1", 1)
"""The worker and the epoch that hold the dispatch."""
ENDS = {"completed", "failed", "cancelled", "skipped", "lost"}
TABLE = {
    "queued": {"running", "cancelled", "failed", "lost"},
    "running": {"waiting", "completed", "failed", "cancelled", "lost"},
    "waiting": {"queued", "running", "completed", "failed", "skipped", "cancelled"},
}


@dataclass(frozen=True, slots=True)
class ReportInput:
    """A received report. `worker` is the (name, epoch) that claims to hold the dispatch; `token` is the attempt of its token."""

    event_id: str
    reporter: str | None
    stage: str
    status: str
    attempt: int | None = None
    seq: int | None = None
    records: int | None = None
    worker: tuple[str, int] | None = None
    token: tuple[str, int] | None = None


@dataclass(slots=True)
class StageModel:
    """`attempts` are (status, records), newest last. A stage run by a worker has one immediate retry; an external one has none."""

    by_worker: bool
    attempts: list[list[Any]] = field(default_factory=list)

    def say(self, said: ReportInput, last_seq: int | None) -> tuple[str, str | None]:
        """(outcome, kind of problem); moves when it is applied."""
        number, (here, records) = len(self.attempts), self.attempts[-1]
        speaks_by_token = said.token == (said.stage, number) and said.status == here == "running"
        if self.by_worker and said.worker != HOLDER and not speaks_by_token:
            return "refused", "not_yours"
        if said.attempt not in (None, number):
            return "refused", "stale_attempt" if 1 <= (said.attempt or 0) < number else "unknown_attempt"
        if said.reporter is not None and said.seq is not None and last_seq is not None and said.seq <= last_seq:
            return "ignored", None
        if here in ENDS and (said.status not in ENDS or said.status == here):
            return "ignored", None
        if said.status == here:
            news = said.records not in (None, records)
            self.attempts[-1][1] = said.records if news else records
            return "applied" if news else "ignored", None
        if here in ENDS:
            return "refused", "late_report"
        if said.status not in TABLE[here]:
            return "refused", "impossible_move"
        self.attempts[-1] = [said.status, records if said.records is None else said.records]
        if said.status == "failed" and self.by_worker and number == 1:
            self.attempts.append(["queued", None])
        return "applied", None
