"""The results of status updates, as returned and as stored for repeated requests."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Self

from domain.reports.report import ReportDecision, ReportOutcome
from domain.runs.run import Run
from domain.runs.status import Status
from domain.value_object import value_object

_STORED_FIELDS = ("outcome", "why", "run_id", "seq", "status", "problem", "facts")
_OUTCOME_BY_PROBLEM = {
    "not_found": ReportOutcome.NOT_FOUND,
    "token_scope": ReportOutcome.FORBIDDEN,
    "invalid": ReportOutcome.INVALID,
    "event_id_reused": ReportOutcome.INVALID,
}


@value_object
class ReportResult:
    """The result of one status update.

    `why` is a sentence, None if the update was applied. `problem` is the stable kind of a refusal, and `facts` describe the state behind
    it. `replayed` is True if the same update got this result before.
    """

    outcome: ReportOutcome
    why: str | None = None
    run_id: int | None = None
    seq: int | None = None
    status: Status | None = None
    problem: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    replayed: bool = field(default=False, compare=False)

    @property
    def applied(self) -> bool:
        return self.outcome is ReportOutcome.APPLIED

    @property
    def is_refused(self) -> bool:
        return self.outcome not in (ReportOutcome.APPLIED, ReportOutcome.IGNORED)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STORED_FIELDS}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return a stored result as a replayed one. Results stored before there were outcomes are read too."""
        values = {name: stored.get(name) for name in _STORED_FIELDS}
        values["outcome"] = ReportOutcome(stored["outcome"]) if "outcome" in stored else _infer_outcome(stored)
        values["status"] = Status(stored["status"]) if stored.get("status") else None
        return cls(**values | {"facts": stored.get("facts") or {}}, replayed=True)


class ReportResults(list[ReportResult]):
    """One result for each update, in order. `replayed` is True if an earlier list with the same key got these results."""

    def __init__(self, results: Iterable[ReportResult] = (), *, replayed: bool = False) -> None:
        super().__init__(results)
        self.replayed = replayed


def to_report_result(run: Run, decision: ReportDecision) -> ReportResult:
    return ReportResult(decision.outcome, decision.why, run.id, decision.seq, decision.status, decision.problem, decision.facts or {})


def _infer_outcome(stored: Mapping[str, Any]) -> ReportOutcome:
    if stored["applied"]:
        return ReportOutcome.APPLIED
    problem = stored.get("problem")
    return ReportOutcome.IGNORED if problem is None else _OUTCOME_BY_PROBLEM.get(problem, ReportOutcome.REFUSED)
