"""A stage within a run."""

from dataclasses import dataclass, field

from domain.pipelines.definition import StageDefinition
from domain.runs.attempt import Attempt
from domain.runs.status import Reason, Status


@dataclass(slots=True)
class StageRun:
    """A stage within a run. `attempts` are in order, oldest first; there is always at least one."""

    definition: StageDefinition
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def current(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]

    def get_attempt(self, number: int) -> Attempt:
        """Return the attempt of this number; the first one is 1."""
        return self.attempts[number - 1]

    @property
    def status(self) -> Status:
        return self.current.status

    @property
    def is_over(self) -> bool:
        return self.status.is_terminal

    @property
    def is_satisfied(self) -> bool:
        """True if stages that need this one can run: it completed, a person skipped it, or it may fail and has failed."""
        if self.status in (Status.FAILED, Status.LOST):
            return self.definition.allow_failure
        if self.status is Status.SKIPPED:
            return self.current.by_person and self.current.reason is not Reason.UPSTREAM
        return self.status is Status.COMPLETED

    @property
    def retries_left(self) -> int:
        """The automatic retries left since the last attempt that a person requested. Fenced attempts used none."""
        first = max((index for index, attempt in enumerate(self.attempts) if attempt.by_person), default=0)
        used = sum(attempt.reason is not Reason.FENCED for attempt in self.attempts[first:-1])
        return max(0, self.definition.retries - used)

    def should_retry(self) -> bool:
        """Return True if the attempt that just ended gets an automatic retry."""
        if self.current.reason is Reason.FENCED:
            return self.definition.retry_on_loss
        if not self.retries_left or self.status not in (Status.FAILED, Status.LOST):
            return False
        return self.status is Status.FAILED or self.definition.retry_on_loss
