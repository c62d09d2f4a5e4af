"""A stage within a run."""

from dataclasses import dataclass, field

from domain.pipelines.definition import StageDefinition
from domain.runs.attempt import Attempt
from domain.runs.status import Reason, Status


@dataclass(slots=True)
class StageRun:
    """A stage within a run: its definition and its attempts, oldest first; never without an attempt."""

    definition: StageDefinition
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def current(self) -> Attempt:
        return self.attempts[-1]

    @property
    def status(self) -> Status:
        return self.current.status

    @property
    def is_over(self) -> bool:
        return self.status.is_terminal

    @property
    def is_satisfied(self) -> bool:
        """What a stage that needs this one asks for."""
        if self.status in (Status.FAILED, Status.LOST):
            return self.definition.allow_failure
        if self.status is Status.SKIPPED:
            return self.current.by_person and self.current.reason is not Reason.UPSTREAM
        return self.status is Status.COMPLETED

    @property
    def retries_left(self) -> int:
        """A person's retry begins the count again."""
        asked = max((index for index, attempt in enumerate(self.attempts) if attempt.by_person), default=0)
        return max(0, self.definition.retries - (len(self.attempts) - 1 - asked))

    def should_retry(self) -> bool:
        """True when the attempt that just ended gets another: `retries` counts failed and lost ends alike."""
        if not self.retries_left or self.status not in (Status.FAILED, Status.LOST):
            return False
        return self.status is Status.FAILED or self.definition.retry_on_loss
