"""A status update as it came in, before anyone knows which run it is about."""

from dataclasses import dataclass, replace

from application.ports.access.execution_tokens import AttemptClaims
from application.ports.persistence.pipelines import PipelineRef
from domain.reports.report import Report, Reporter
from domain.value_object import value_object


@dataclass(frozen=True, slots=True)
class TokenReporter:
    """A program that reports by a token of its own. `pipeline_id`: the one pipeline it may report about."""

    name: str
    pipeline_id: int | None = None

    def can_report_on(self, pipeline_id: int) -> bool:
        return self.pipeline_id in (None, pipeline_id)


@value_object
class StatusUpdate:
    """One item. `digest` is the hash of an item with an event id as it came, so that the same id with another body is found out."""

    report: Report
    pipeline: PipelineRef | None = None
    run_id: int | None = None
    event_id: str | None = None
    reporter: str | None = None
    digest: bytes = b""
    token: AttemptClaims | None = None
    token_reporter: TokenReporter | None = None

    @property
    def effective_reporter(self) -> Reporter:
        """The token says who reports; without one the field `reporter` does; else nobody."""
        if self.token is not None:
            name = f"attempt {self.token.run_id}/{self.token.stage}/{self.token.attempt}"
            return Reporter(name, attempt=(self.token.stage, self.token.attempt))
        if self.token_reporter is not None:
            return Reporter(f"token {self.token_reporter.name}")
        return _NOBODY if self.reporter is None else Reporter(self.reporter)

    def apply_token_scope(self) -> "StatusUpdate":
        """What the token leaves unsaid it says itself: which run, stage and attempt, or which pipeline."""
        if self.token is None:
            bound = self.token_reporter.pipeline_id if self.token_reporter else None
            return self if bound is None or self.pipeline is not None or self.run_id is not None else replace(self, pipeline=bound)
        report = replace(self.report, stage=self.report.stage or self.token.stage, attempt=self.report.attempt or self.token.attempt)
        return replace(self, report=report, run_id=self.run_id or self.token.run_id)


_NOBODY = Reporter()
