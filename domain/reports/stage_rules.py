"""Rules for reports about a stage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.pipelines.definition import StageKind
from domain.reports.report import ATTEMPT_FIELDS, Report, ReportDecision, Reporter, is_out_of_order
from domain.runs.attempt import Attempt
from domain.runs.events import Event, EventType
from domain.runs.run import Run
from domain.runs.stage_run import StageRun
from domain.runs.status import ATTEMPT_MOVES, Reason, Status


@dataclass(slots=True)
class _StageJudgement:
    run: Run
    stage: StageRun
    attempt: Attempt
    report: Report
    details: dict[str, Any]
    reporter: Reporter
    last_seq: int | None
    now: datetime

    def ruling(self) -> ReportDecision:
        for row in STAGE_RULES:
            ruling = row(self)
            if ruling is not None:
                return ruling
        return self._apply()

    def _from_a_stranger(self) -> ReportDecision | None:
        kind = self.stage.definition.kind
        if kind is StageKind.APPROVAL:
            return self._refuse("needs_decision", f"{self.stage.name} is decided by a person: approve or reject it.")
        if not kind.runs_on_worker or self.reporter.holds_dispatch_of(self.run):
            return None
        if self.reporter.attempt == (self.stage.name, self.attempt.number) and self.report.status is self.attempt.status is Status.RUNNING:
            return None
        if self.reporter.worker is not None:
            return self._refuse("not_yours", "This worker does not hold the run's dispatch any more.", note=True)
        return self._refuse("not_yours", f"{self.stage.name} is run by a worker; only that worker may say how it stands.")

    def _about_another_attempt(self) -> ReportDecision | None:
        number = self.report.attempt
        if number is None or number == self.attempt.number:
            return None
        known = 1 <= number < self.attempt.number
        kind = "stale_attempt" if known else "unknown_attempt"
        sentence = f"{self.stage.name} is at attempt {self.attempt.number}; attempt {number} " + (
            "is over." if known else "does not exist."
        )
        return self._refuse(kind, sentence, note=True)

    def _out_of_order(self) -> ReportDecision | None:
        if is_out_of_order(self.report, self.reporter, self.last_seq):
            return self._pass_over("A later report of this reporter was judged already.")
        return None

    def _nothing_moves(self) -> ReportDecision | None:
        here, said = self.attempt.status, self.report.status
        if here.is_terminal and not said.is_terminal:
            return self._pass_over(f"{self.stage.name} is over already: it is {here}.")
        if here is not said:
            return None
        if here.is_terminal:
            return self._pass_over(f"{self.stage.name} is {here} already.")
        news = self._news()
        if not news:
            return self._pass_over(f"{self.stage.name} is {here} already, and nothing in the report is new.")
        self._take(news)
        event = self.run.record(EventType.STAGE_PROGRESS, self.now, stage=self.stage, status=here, actor=self._actor, data=self.details)
        return ReportDecision(200, True, here, seq=event.seq)

    def _another_end(self) -> ReportDecision | None:
        here = self.attempt.status
        if not here.is_terminal:
            return None
        event = self._note(EventType.REPORT_LATE, self.report.status)
        sentence = (
            f"{self.stage.name} is {here}, which is final; the report that it {_HAS_ENDED[self.report.status]} is kept in the history."
        )
        return ReportDecision(409, False, here, sentence, event.seq, "late_report", {"status": here})

    def _impossible(self) -> ReportDecision | None:
        here = self.attempt.status
        if self.attempt.can_move(self.report.status):
            return None
        moves = sorted(ATTEMPT_MOVES[here])
        sentence = f"{self.stage.name} is {here}; it cannot become {self.report.status}. Possible: {', '.join(moves)}."
        return ReportDecision(409, False, here, sentence, problem="impossible_move", facts={"status": here, "possible": moves})

    def _apply(self) -> ReportDecision:
        self._take(self.details)
        reason = self.report.reason
        if self.report.status is Status.FAILED and reason is None:
            reason = Reason.ERROR
        if self.report.status is Status.RUNNING and self.stage.definition.kind.runs_on_worker and self.reporter.worker is not None:
            self.run.start_stage(self.stage, self.reporter.worker, self.now)
        else:
            self.run.move(self.stage, self.report.status, self.now, reason=reason, actor=self._actor)
        seq = self.run.last_seq
        self.run.propagate(self.now)
        return ReportDecision(200, True, self.report.status, seq=seq)

    def _news(self) -> dict[str, Any]:
        """The details that the attempt keeps and does not have yet."""
        return {key: value for key, value in self.details.items() if key in ATTEMPT_FIELDS and getattr(self.attempt, key) != value}

    def _take(self, told: Mapping[str, Any]) -> None:
        for key, value in told.items():
            if key in ATTEMPT_FIELDS:
                setattr(self.attempt, key, value)

    def _note(self, type: EventType, status: Status) -> Event:
        return self.run.record(type, self.now, stage=self.stage, status=status, actor=self._actor, data=self.details)

    @property
    def _actor(self) -> str | None:
        return self.reporter.worker or self.reporter.name

    def _pass_over(self, why: str) -> ReportDecision:
        return ReportDecision(200, False, self.attempt.status, why)

    def _refuse(self, kind: str, sentence: str, *, note: bool = False) -> ReportDecision:
        seq = None
        if note:
            data = {"problem": kind, **self.details}
            seq = self.run.record(
                EventType.REPORT_REFUSED,
                self.now,
                stage=self.stage,
                attempt=self.report.attempt or self.attempt.number,
                status=self.report.status,
                actor=self._actor,
                data=data,
            ).seq
        facts = {"status": self.attempt.status, "attempt": self.attempt.number}
        return ReportDecision(409, False, self.attempt.status, sentence, seq, kind, facts)


STAGE_RULES: tuple[Callable[[_StageJudgement], ReportDecision | None], ...] = (
    _StageJudgement._from_a_stranger,
    _StageJudgement._about_another_attempt,
    _StageJudgement._out_of_order,
    _StageJudgement._nothing_moves,
    _StageJudgement._another_end,
    _StageJudgement._impossible,
)
"""The table's, in its order."""


_HAS_ENDED = {
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.SKIPPED: "was skipped",
    Status.LOST: "was lost",
}
