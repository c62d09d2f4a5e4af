"""What alerts say about runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain.runs.status import Status

MAX_FAILED_STAGES: Final = 20
MAX_ERROR_LENGTH: Final = 2_000


@dataclass(frozen=True, slots=True)
class FailedStage:
    """A stage whose last attempt failed or was lost. `error_message` has at most MAX_ERROR_LENGTH characters, the last ones."""

    name: str
    status: Status
    error_message: str | None = None
    fingerprint: str | None = None
    worker: str | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as it is stored. `failed` are the first MAX_FAILED_STAGES failed stages in the definition's order.

    `waits_for` is the first stage that waits for an approval. `parameters` is empty unless they were asked for.
    """

    id: int
    pipeline_id: int
    number: int
    status: Status
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    failed: tuple[FailedStage, ...] = ()
    waits_for: str | None = None
    parameters: Mapping[str, Any] | None = None
    idle_seconds: float = 0.0
    idle_since: datetime | None = None
