"""Rules for reports about a stage: a table of checks, of which the first that decides wins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.pipelines.definition import StageKind
from domain.reports.report import ATTEMPT_FIELDS, Report, ReportDecision, Reporter, applied, ignored, is_out_of_order, refused
from domain.runs.attempt import Attempt
from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.stage_run import StageRun
from domain.runs.status import ATTEMPT_MOVES, Reason, Status

_ENDED_AS = {
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.SKIPPED: "was skipped",
    Status.LOST: "was lost",
}


@dataclass(slots=True)
class StageReportJudge:
    """Judges one report about one stage.

    `attempt` is the stage's current attempt, `details` are those of the report. `is_placed` is True if the report names no run.
    """

    run: Run
    stage: StageRun
    attempt: Attempt
    report: Report
    details: dict[str, Any]
    reporter: Reporter
    last_seq: int | None
    now: datetime
    is_placed: bool = False

    def decide(self) -> ReportDecision:
        """Return the decision of the first rule that has one; apply the report if none has."""
        for rule in STAGE_RULES:
            decision = rule(self)
            if decision is not None:
                return decision
        return self._apply()

    def check_reporter(self) -> ReportDecision | None:
        """Refuse reporters that do not run the stage."""
        kind = self.stage.definition.kind
        if kind is StageKind.APPROVAL:
            return self._refuse("needs_decision", f"{self.stage.name} waits for a decision: approve or reject it.")
        if kind is StageKind.PREFECT:
            return self._refuse("not_yours", f"{self.stage.name} runs in Prefect, which reports its status.")
        if not kind.runs_on_worker or self.reporter.holds_dispatch(self.run):
            return None
        if self.reporter.attempt == (self.stage.name, self.attempt.number) and self.report.status is self.attempt.status is Status.RUNNING:
            return None
        if self.reporter.worker is not None:
            self._note_fence()
            return self._refuse("not_yours", "This worker no longer holds the run's dispatch.", record=True)
        return self._refuse("not_yours", f"{self.stage.name} runs on a worker, which reports its status.")

    def _note_fence(self) -> None:
        """Set the reason of a lost attempt whose worker says, after its lease expired, that it was fenced: it stops counting as a retry."""
        if self.report.reason is not Reason.FENCED:
            return
        reported = self.report.attempt, self.reporter.epoch, self.reporter.worker
        for attempt in self.stage.attempts:
            is_reported = (attempt.number, attempt.epoch, attempt.worker) == reported
            if is_reported and attempt.status is Status.LOST and attempt.reason is None:
                attempt.reason = Reason.FENCED

    def check_attempt(self) -> ReportDecision | None:
        """Refuse reports about another attempt than the current one."""
        number = self.report.attempt
        if number is None or number == self.attempt.number:
            return None
        is_known = 1 <= number < self.attempt.number
        ending = "has ended." if is_known else "does not exist."
        sentence = f"{self.stage.name} is at attempt {self.attempt.number}; attempt {number} {ending}"
        return self._refuse("stale_attempt" if is_known else "unknown_attempt", sentence, record=True)

    def check_order(self) -> ReportDecision | None:
        """Ignore a report that a later one of the same reporter has overtaken."""
        if is_out_of_order(self.report, self.reporter, self.last_seq):
            return ignored(self.attempt.status, "A later report from this reporter has already been processed.")
        return None

    def check_news(self) -> ReportDecision | None:
        """Ignore a report that repeats the status, unless it has new details; ignore `running` for an ended attempt.

        A second `running` that names no run is progress even without new details: the job began again, and its first end was not reported.
        """
        current, reported = self.attempt.status, self.report.status
        if current.is_terminal and not reported.is_terminal:
            return ignored(current, f"{self.stage.name} has already ended: it is {current}.")
        if current is not reported:
            return None
        if current.is_terminal:
            return ignored(current, f"{self.stage.name} is already {current}.")
        news = {key: value for key, value in self.details.items() if key in ATTEMPT_FIELDS and getattr(self.attempt, key) != value}
        if not news and not self.is_placed:
            return ignored(current, f"{self.stage.name} is already {current}, and the report adds nothing.")
        self._store_details(news)
        data, actor = self.details, self.reporter.actor
        event = self.run.record(EventType.STAGE_PROGRESS, self.now, stage=self.stage, status=current, actor=actor, data=data)
        return applied(current, event.seq)

    def check_final(self) -> ReportDecision | None:
        """Refuse a second, different end, and record it."""
        current, reported = self.attempt.status, self.report.status
        if not current.is_terminal:
            return None
        self.attempt.end_reported = True
        data, actor = self.details, self.reporter.actor
        event = self.run.record(EventType.REPORT_LATE, self.now, stage=self.stage, status=reported, actor=actor, data=data)
        sentence = f"{self.stage.name} is {current}, which is final. The run history records the report that it {_ENDED_AS[reported]}."
        return refused(current, "late_report", sentence, {"status": current}, event.seq)

    def check_move(self) -> ReportDecision | None:
        """Refuse a move that the table of moves does not have, and the start of a stage that waits for a slot."""
        current = self.attempt.status
        if self.report.status is Status.RUNNING and self.attempt.reason is Reason.LIMIT:
            sentence = f"{self.stage.name} is waiting for a slot of a concurrency limit and cannot start yet."
            return refused(current, "impossible_move", sentence, {"status": current})
        if self.attempt.can_move(self.report.status):
            return None
        possible = sorted(ATTEMPT_MOVES[current])
        sentence = f"{self.stage.name} is {current}; it cannot become {self.report.status}. Allowed: {', '.join(possible)}."
        return refused(current, "impossible_move", sentence, {"status": current, "possible": possible})

    def _apply(self) -> ReportDecision:
        self._store_details(self.details)
        reason = self.report.reason
        if self.report.status is Status.FAILED and reason is None:
            reason = Reason.ERROR
        if self.report.status is Status.RUNNING and self.stage.definition.kind.runs_on_worker and self.reporter.worker is not None:
            self.run.start_stage(self.stage, self.reporter.worker, self.now)
        else:
            self.attempt.end_reported = self.report.status.is_terminal
            self.run.move(self.stage, self.report.status, self.now, reason=reason, actor=self.reporter.actor, message=self.report.message)
        seq = self.run.last_seq
        self.run.propagate(self.now)
        return applied(self.report.status, seq)

    def _store_details(self, details: Mapping[str, Any]) -> None:
        for key, value in details.items():
            if key in ATTEMPT_FIELDS:
                setattr(self.attempt, key, value)

    def _refuse(self, problem: str, sentence: str, *, record: bool = False) -> ReportDecision:
        """Return a refusal. `record` adds it to the run's history."""
        seq = None
        if record:
            seq = self.run.record(
                EventType.REPORT_REFUSED,
                self.now,
                stage=self.stage,
                attempt=self.report.attempt or self.attempt.number,
                status=self.report.status,
                actor=self.reporter.actor,
                data={"problem": problem, **self.details},
            ).seq
        facts = {"status": self.attempt.status, "attempt": self.attempt.number}
        return refused(self.attempt.status, problem, sentence, facts, seq)


STAGE_RULES: tuple[Callable[[StageReportJudge], ReportDecision | None], ...] = (
    StageReportJudge.check_reporter,
    StageReportJudge.check_attempt,
    StageReportJudge.check_order,
    StageReportJudge.check_news,
    StageReportJudge.check_final,
    StageReportJudge.check_move,
)
