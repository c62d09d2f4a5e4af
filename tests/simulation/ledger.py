"""Observations of the simulated machines, to be compared with the database."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from application.services.maintenance.due_run_sweeper import GRACE_SECONDS
from tests.support.invariants import DOUBLED, LOST, WRONG, Acknowledged, Violation

AttemptId = tuple[int, str, int]
"""(run id, stage, attempt)."""
SHORT_OUTAGE_SECONDS = 6.0
"""The longest outage of the store that a sweeper of deadlines may miss here, where it looks every two seconds."""


class Ledger:
    """Starts, received answers and visible violations. `may_overlap` allows attempts of one stage to overlap."""

    def __init__(self, *, may_overlap: bool) -> None:
        self.starts: Counter[AttemptId] = Counter()
        self._started_at: dict[AttemptId, float] = {}
        self.live: dict[tuple[AttemptId, str], None] = {}
        self.acknowledged: list[Acknowledged] = []
        self.answers: dict[tuple[int, str, str], object] = {}
        self.applied: dict[tuple[int, str], dict[int, int]] = {}
        self.renewals: dict[tuple[int, int], float] = {}
        self._sent_lines: dict[AttemptId, set[int]] = {}
        self._acknowledged_lines: dict[AttemptId, set[int]] = {}
        self._outages: list[tuple[float, float]] = []
        self.violations: list[Violation] = []
        self._may_overlap = may_overlap

    def record_start(self, attempt: AttemptId, worker: str) -> None:
        """Record that a process of this attempt started."""
        self.starts[attempt] += 1
        self._started_at[attempt] = asyncio.get_running_loop().time()
        run_id, stage, number = attempt
        if not self._may_overlap:
            for (run, name, other), holder in self.live:
                if (run, name) == (run_id, stage):
                    sentence = f"run {run_id}: attempt {number} of {stage} began on {worker} while {other} still ran on {holder}"
                    self.violations.append(Violation(DOUBLED, sentence))
        self.live[attempt, worker] = None

    def record_end(self, attempt: AttemptId, worker: str) -> None:
        self.live.pop((attempt, worker), None)

    def record_answer(self, run_id: int, reporter: str, event_id: str, answer: object) -> None:
        """Record an answer. The same event id must always get the same answer."""
        first = self.answers.setdefault((run_id, reporter, event_id), answer)
        if first != answer:
            self.violations.append(Violation(DOUBLED, f"{event_id} of {reporter} was answered {first}, then {answer}"))

    def record_store(self, *, is_available: bool) -> None:
        """Record once a second whether the store answers."""
        now = asyncio.get_running_loop().time()
        if not is_available and self._outages and now - self._outages[-1][1] <= 1.5:
            self._outages[-1] = self._outages[-1][0], now
        elif not is_available:
            self._outages.append((now, now))

    def check_end(self) -> list[Violation]:
        still = [Violation(WRONG, f"{attempt} still runs on {worker}") for attempt, worker in self.live]
        return [*self.violations, *still, *self._out_of_order()]

    def _out_of_order(self) -> Iterator[Violation]:
        """Applied reports of one reporter must be stored in the reporter's own order."""
        for (run_id, reporter), applied in self.applied.items():
            seqs = [applied[seq] for seq in sorted(applied)]
            if seqs != sorted(seqs):
                yield Violation(WRONG, f"run {run_id}: {reporter}'s reports were applied in the order {seqs}")

    def lines_sent(self, attempt: AttemptId, indexes: Iterable[int]) -> None:
        self._sent_lines.setdefault(attempt, set()).update(indexes)

    def lines_acknowledged(self, attempt: AttemptId, indexes: Iterable[int]) -> None:
        self._acknowledged_lines.setdefault(attempt, set()).update(indexes)

    def check_lines(self, stored: Mapping[AttemptId, int]) -> Iterator[Violation]:
        """Every acknowledged line must be stored, and no line twice."""
        for attempt, sent in self._sent_lines.items():
            least, count = len(self._acknowledged_lines.get(attempt, ())), stored.get(attempt, 0)
            if not least <= count <= len(sent):
                kind = LOST if count < least else DOUBLED
                yield Violation(kind, f"{attempt} has {count} lines, though {least} of {len(sent)} were acknowledged")

    def check_early_fence(self, attempt: AttemptId, at: float, least: float) -> Violation | None:
        """A worker must not end an attempt because of an outage from before its start."""
        started = self._started_at.get(attempt, -least)
        if at >= started + least:
            return None
        return Violation(LOST, f"{attempt} began at {started:.3f}, and its worker ended it at {at:.3f} because its lease was old")

    def check_early_loss(self, run_id: int, epoch: int, at: float, term: float) -> Violation | None:
        """A dispatch must not be lost within a lease term after a renewal that its worker knows of."""
        renewed = self.renewals.get((run_id, epoch), -term)
        if at >= renewed + term:
            return None
        return Violation(LOST, f"run {run_id}: dispatch {epoch} was lost at {at:.3f}, though renewed at {renewed:.3f}")

    def check_early_timeout(self, run_id: int, at: float) -> Violation | None:
        """A stage must not fail by its deadline within the grace after an outage that its reporter could not report in."""
        for began, ended in self._outages:
            if ended - began > SHORT_OUTAGE_SECONDS and ended < at < ended + GRACE_SECONDS:
                return Violation(LOST, f"run {run_id}: a stage timed out at {at:.3f}, though the store was away from {began} to {ended}")
        return None
