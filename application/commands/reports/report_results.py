"""The answer to a report, as it is given and as it is stored for a repeat."""

from collections.abc import Iterable, Mapping
from dataclasses import field, fields
from typing import Any, Self

from domain.reports.report import ReportDecision
from domain.runs.run import Run
from domain.runs.status import Status
from domain.value_object import value_object


@value_object
class ReportResult:
    """`http_status` is 200 or what the problem maps to; `problem` its stable kind; `facts` what the state is;
    `replayed`: the answer was given before."""

    http_status: int
    applied: bool
    why: str | None = None
    run_id: int | None = None
    seq: int | None = None
    status: Status | None = None
    problem: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    replayed: bool = field(default=False, compare=False)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STORED}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        status = stored.get("status")
        return cls(**{**stored, "status": Status(status) if status else None}, replayed=True)


_STORED = tuple(told.name for told in fields(ReportResult) if told.compare)


class ReportResults(list[ReportResult]):
    """One an item, in order. `replayed`: they were given to an earlier list with the same key."""

    def __init__(self, answers: Iterable[ReportResult] = (), *, replayed: bool = False) -> None:
        super().__init__(answers)
        self.replayed = replayed


def to_report_result(run: Run, ruling: ReportDecision) -> ReportResult:
    return ReportResult(
        ruling.http_status, ruling.applied, ruling.why, run.id, ruling.seq, ruling.status, ruling.problem, ruling.facts or {}
    )
