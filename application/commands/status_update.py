"""A status update as it came in, before anyone knows which run it is about."""

from dataclasses import dataclass, replace

from application.ports.persistence import PipelineRef
from application.ports.tokens import AttemptClaims
from domain.reports import Report, Reporter


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """One item. `digest` is the hash of the item as it came, so that the same event id with another body is found out."""

    report: Report
    pipeline: PipelineRef | None = None
    run_id: int | None = None
    event_id: str | None = None
    reporter: str | None = None
    digest: bytes = b""
    token: AttemptClaims | None = None

    @property
    def speaker(self) -> Reporter:
        """The token says who reports; without one the field `reporter` does; else nobody."""
        if self.token is not None:
            name = f"attempt {self.token.run_id}/{self.token.stage}/{self.token.attempt}"
            return Reporter(name, attempt=(self.token.stage, self.token.attempt))
        return Reporter(self.reporter)

    def narrowed_to_token(self) -> "StatusUpdate":
        """What the token leaves unsaid it says itself: which run, stage and attempt."""
        if self.token is None:
            return self
        report = replace(self.report, stage=self.report.stage or self.token.stage, attempt=self.report.attempt or self.token.attempt)
        return replace(self, report=report, run_id=self.run_id or self.token.run_id)
