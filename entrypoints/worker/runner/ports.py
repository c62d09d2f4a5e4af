"""The ports through which a worker runs stages. Tests and the simulation pass their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from entrypoints.worker.stage_host.job import Job, JobSpec


class StageEnvironmentError(Exception):
    """The stage's definition asks for a directory, a secret or a kind of process that it cannot have."""


@dataclass(frozen=True, slots=True)
class StageStart:
    """An attempt to start. `spec` has the definition's keys: command, shell, callable, python, env, secrets, workdir."""

    run_id: int
    stage: str
    attempt: int
    kind: str
    spec: Mapping[str, Any]
    parameters: Mapping[str, Any]
    token: str
    url: str
    trace: Mapping[str, str] = field(default_factory=dict)
    scheduled_for: str | None = None


class JobBuilder(Protocol):
    """Prepares what a stage's process needs."""

    def build(self, start: StageStart) -> JobSpec:
        """Create the stage's directory and files, and return the process to start. Raises StageEnvironmentError."""
        ...


class JobRunner(Protocol):
    """Starts processes."""

    async def run(self, job: JobSpec) -> Job:
        """Start a process; return once it exists or could not be started, which `Job.wait` tells. Raises HostDied."""
        ...
