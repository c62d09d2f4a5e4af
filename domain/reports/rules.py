"""How a report is judged: the rows of the table in order, the first that fits decides (DESIGN, "How a report is judged")."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.pipelines.definition import StageKind
from domain.runs.attempt import REPORTABLE_FIELDS, Attempt, StageRun
from domain.runs.events import Event, EventType
from domain.runs.run import Run
from domain.runs.status import ATTEMPT_MOVES, Reason, Status
from domain.value_object import value_object


@value_object
class Reporter:
    """Who speaks. `name` scopes `seq` and `event_id`; `worker` and `epoch` are set for a worker that claims to hold the dispatch;
    `attempt` is set for a token that is good for one (stage, attempt)."""

    name: str | None = None
    worker: str | None = None
    epoch: int | None = None
    attempt: tuple[str, int] | None = None

    def holds_dispatch_of(self, run: Run) -> bool:
        return self.worker is not None and self.epoch is not None and run.dispatch.is_held_by(self.worker, self.epoch)


@value_object
class Report:
    """A status update about a stage, or about the run when `stage` is None. `reported_at` is shown, never used to order."""

    status: Status
    stage: str | None = None
    attempt: int | None = None
    records_processed: int | None = None
    error_message: str | None = None
    message: str | None = None
    output: Any = None
    seq: int | None = None
    reason: Reason | None = None
    reported_at: datetime | None = None

    @property
    def details(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self.records_processed is not None:
            told["records_processed"] = self.records_processed
        if self.error_message is not None:
            told["error_message"] = self.error_message
        if self.message is not None:
            told["message"] = self.message
        if self.output is not None:
            told["output"] = self.output
        if self.reported_at is not None:
            told["reported_at"] = self.reported_at.isoformat()
        return told


_OF_ATTEMPT = frozenset(REPORTABLE_FIELDS)
"""What of a report's details its attempt keeps; the rest is told in its event alone."""


@value_object
class ReportDecision:
    """What became of a report. `http_status` is 200 or 409; `problem` is the stable kind of a refusal; `seq` the event it left, if any."""

    http_status: int
    applied: bool
    status: Status
    why: str | None = None
    seq: int | None = None
    problem: str | None = None
    facts: dict[str, Any] | None = None


def judge_report(run: Run, report: Report, reporter: Reporter, last_seq: int | None, now: datetime) -> ReportDecision:
    """Apply the report to the run if it may be, and say what became of it.

    `last_seq` is the highest `seq` of this reporter that was judged for this run before. Event ids are the caller's: they need the store.
    """
    if report.stage is None:
        return _judge_run(run, report, reporter, last_seq, now)
    stage = run.stages.get(report.stage)
    if stage is None:
        return ReportDecision(409, False, run.status, f"Run {run.number} has no stage named {report.stage:.100}.", problem="unknown_stage")
    return _StageJudgement(run, stage, stage.current, report, report.details, reporter, last_seq, now).ruling()


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
        for row in _ROWS:
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
        if _is_older(self.report, self.reporter, self.last_seq):
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
        return {key: value for key, value in self.details.items() if key in _OF_ATTEMPT and getattr(self.attempt, key) != value}

    def _take(self, told: Mapping[str, Any]) -> None:
        for key, value in told.items():
            if key in _OF_ATTEMPT:
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


_ROWS: tuple[Callable[[_StageJudgement], ReportDecision | None], ...] = (
    _StageJudgement._from_a_stranger,
    _StageJudgement._about_another_attempt,
    _StageJudgement._out_of_order,
    _StageJudgement._nothing_moves,
    _StageJudgement._another_end,
    _StageJudgement._impossible,
)
"""The table's, in its order."""


def _is_older(report: Report, reporter: Reporter, last_seq: int | None) -> bool:
    """A reporter nobody named has no order."""
    return reporter.name is not None and report.seq is not None and last_seq is not None and report.seq <= last_seq


def _judge_run(run: Run, report: Report, reporter: Reporter, last_seq: int | None, now: datetime) -> ReportDecision:
    actor = reporter.worker or reporter.name
    if _is_older(report, reporter, last_seq):
        return ReportDecision(200, False, run.status, "A later report of this reporter was judged already.")
    if run.is_over:
        return _judge_finished_run(run, report, actor, now)
    if report.status is Status.RUNNING:
        if report.message is None:
            return ReportDecision(200, False, run.status, "The run is open already.")
        event = run.record(EventType.STAGE_PROGRESS, now, status=run.status, actor=actor, data=report.details)
        return ReportDecision(200, True, run.status, seq=event.seq)
    if report.status is Status.SKIPPED:
        possible = [Status.CANCELLED, Status.COMPLETED, Status.FAILED]
        sentence = f"A run cannot be skipped; possible: {', '.join(possible)}."
        return ReportDecision(409, False, run.status, sentence, problem="impossible_move", facts={"status": run.status, "possible": possible})
    if run.stop_requested_at is not None:
        return ReportDecision(200, False, run.status, "The run is ending already.")
    if report.status is Status.COMPLETED:
        left = [stage.name for stage in run.unfinished() if stage.definition.kind is not StageKind.EXTERNAL]
        if left:
            sentence = f"The run cannot be completed while {', '.join(left)} {'is' if len(left) == 1 else 'are'} not over."
            return ReportDecision(409, False, run.status, sentence, problem="not_over", facts={"not_over": left})
    run.set_verdict(report.status, now, actor, report.error_message or report.message)
    return ReportDecision(200, True, run.status, seq=run.last_seq)


def _judge_finished_run(run: Run, report: Report, actor: str | None, now: datetime) -> ReportDecision:
    if report.status is run.status:
        return ReportDecision(200, False, run.status, f"The run is {run.status} already.")
    if not report.status.is_terminal:
        return ReportDecision(200, False, run.status, f"The run is over already: it is {run.status}.")
    event = run.record(EventType.REPORT_LATE, now, status=report.status, actor=actor, data=report.details)
    sentence = f"The run is {run.status}, which is final; the report is kept in the history."
    return ReportDecision(409, False, run.status, sentence, event.seq, "late_report", {"status": run.status})


_HAS_ENDED = {
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "was cancelled",
    Status.SKIPPED: "was skipped",
    Status.LOST: "was lost",
}
