"""Messages that the web process sends to a worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AttemptStart:
    """An attempt for the worker to start; it has the status `running` already. `timeout` is in seconds, `spec` the serialized stage, and
    `given` are further parameters: the values of approvals before the stage. An attempt that `holds_slot` of a concurrency limit must end
    before the lease does, because another one may start then."""

    stage: str
    attempt: int
    token: str
    kind: str
    timeout: float
    spec: Mapping[str, Any]
    given: Mapping[str, Any] = field(default_factory=dict)
    holds_slot: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed dispatch with everything that the worker needs to execute it.

    `starts` are the attempts to start now; `more` is True if further stages are queued. `key` is Prefect's idempotency key.
    `scheduled_for` is the time of the tick that opened the run, in RFC 3339.
    """

    run_id: int
    number: int
    epoch: int
    pipeline: str
    pool: str
    stages: Sequence[str]
    parameters: Mapping[str, Any]
    starts: Sequence[AttemptStart]
    more: bool
    key: str
    trace: Mapping[str, str]
    scheduled_for: str | None = None


@dataclass(frozen=True, slots=True)
class StopRun:
    """Stop all attempts of this run."""

    run_id: int


@dataclass(frozen=True, slots=True)
class WakeRun:
    """Advance this run: stages of it became startable, or attempts must stop."""

    run_id: int


WorkerMessage = Claim | StopRun | WakeRun
