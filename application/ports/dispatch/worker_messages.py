"""Messages that the web process sends to a worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AttemptStart:
    """A stage's attempt that the worker shall start now: it is `running` already. `spec` has the definition's keys as written; `given`
    are parameters beside the run's own: what the approvals before it said."""

    stage: str
    attempt: int
    token: str
    kind: str
    timeout: float
    spec: Mapping[str, Any]
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """A dispatch, claimed for one worker, with all it needs to carry it. `more`: stages are queued that `starts` leaves out."""

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
    """Prefect's idempotency key of this dispatch."""
    trace: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StopRun:
    """Kill what runs of this run."""

    run_id: int


@dataclass(frozen=True, slots=True)
class WakeRun:
    """Something of this run became startable: ask."""

    run_id: int


WorkerMessage = Claim | StopRun | WakeRun
