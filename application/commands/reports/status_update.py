"""A status update as received, before its run is known."""

from dataclasses import dataclass, replace

from application.ports.access.execution_tokens import AttemptClaims
from application.ports.persistence.pipelines import PipelineRef
from domain.reports.report import Report, Reporter
from domain.runs.run_name import RunName
from domain.value_object import value_object


@dataclass(frozen=True, slots=True)
class TokenReporter:
    """A program that reports with its own API token. `pipeline_id` is the only pipeline the token may report on, None for all."""

    name: str
    pipeline_id: int | None = None

    def can_report_on(self, pipeline_id: int) -> bool:
        return self.pipeline_id in (None, pipeline_id)


@value_object
class StatusUpdate:
    """One update. `digest` is the hash of the received item; it detects an event id that is used again with another body.

    `token` is the attempt token that the update was sent with, `token_reporter` the API token. `unknown_run` is the name that the update
    gives its run if no run has that name.
    """

    report: Report
    pipeline: PipelineRef | None = None
    run_id: int | None = None
    event_id: str | None = None
    reporter: str | None = None
    digest: bytes = b""
    token: AttemptClaims | None = None
    token_reporter: TokenReporter | None = None
    unknown_run: RunName | None = None

    @property
    def effective_reporter(self) -> Reporter:
        """The reporter named by the token, else by the field `reporter`, else an anonymous one."""
        if self.token is not None:
            name = f"attempt {self.token.run_id}/{self.token.stage}/{self.token.attempt}"
            return Reporter(name, attempt=(self.token.stage, self.token.attempt))
        if self.token_reporter is not None:
            return Reporter(f"token {self.token_reporter.name}")
        return _ANONYMOUS if self.reporter is None else Reporter(self.reporter)

    def apply_token_scope(self) -> "StatusUpdate":
        """Return the update with its missing run, stage, attempt or pipeline filled in from the token."""
        if self.unknown_run is not None:
            return self
        if self.token is not None:
            report = replace(self.report, stage=self.report.stage or self.token.stage, attempt=self.report.attempt or self.token.attempt)
            return replace(self, report=report, run_id=self.run_id or self.token.run_id)
        pipeline_id = self.token_reporter.pipeline_id if self.token_reporter else None
        if pipeline_id is None or self.pipeline is not None or self.run_id is not None:
            return self
        return replace(self, pipeline=pipeline_id)


_ANONYMOUS = Reporter()
