"""Open runs in a given transaction, for everything that starts runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from application.commands.dispatches.eager_claim import EagerClaimer, EagerClaims
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.unit_of_work import UnitOfWork
from application.ports.system.clock import Clock
from application.ports.system.disk_space import DiskSpace
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, AuditEntry, create_audit_entry
from domain.errors import FieldProblem, InsufficientDiskSpace, InvalidInput
from domain.runs.run import Run
from domain.runs.status import Status
from domain.runs.trigger import Trigger
from domain.storable_json import find_unstorable


@dataclass(frozen=True, slots=True)
class TriggerCommand:
    """A request to start a run. `trace` is the trace context of the request, which the run's spans continue."""

    pipeline: PipelineRef
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trigger: Trigger = field(default_factory=lambda: Trigger("api"))
    trace: Mapping[str, str] = field(default_factory=dict)
    key: IdempotencyKey | None = None
    actor: Actor = ANONYMOUS_ACTOR


class OpenedRun(NamedTuple):
    """A stored run, and its status before a worker claimed it in the same transaction."""

    run: Run
    status: Status


@dataclass(frozen=True, slots=True)
class RunOpener:
    """Opens runs: checks parameters, stores the runs with their audit entries, and claims dispatches for free workers.

    Without an `eager_claimer`, workers are offered the dispatches after the commit.
    """

    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups
    disk_space: DiskSpace
    eager_claimer: EagerClaimer | None = None

    @contextmanager
    def begin(self) -> Iterator["OpeningRuns"]:
        """Return the opening of runs of one transaction. Claims that are not sent by the end of the block are released."""
        eager_claims = self.eager_claimer.begin() if self.eager_claimer is not None else None
        try:
            yield OpeningRuns(self, eager_claims)
        finally:
            if eager_claims is not None:
                eager_claims.release_unsent()

    def find_problems(self, pipeline: StoredPipeline, command: TriggerCommand) -> Sequence[FieldProblem]:
        """Return the problems of the command's parameters."""
        unstorable = find_unstorable(command.parameters, "parameters")
        return [unstorable] if unstorable else self.schemas.find_problems(command.parameters, pipeline.definition.parameters)

    def check_disk_space(self) -> None:
        """Raise InsufficientDiskSpace if the disk is too full for more runs."""
        if (shortage := self.disk_space.shortage()) is not None:
            raise InsufficientDiskSpace(shortage)


class OpeningRuns:
    """The runs that one transaction opens. Call `notify` after the commit."""

    def __init__(self, opener: RunOpener, eager_claims: EagerClaims | None) -> None:
        self._opener = opener
        self._eager_claims = eager_claims
        self._opened: list[Run] = []

    async def open(self, work: UnitOfWork, pipeline: StoredPipeline, command: TriggerCommand) -> OpenedRun:
        """Open one run, as `open_all` does. Raise InvalidInput for its parameters."""
        (opened,) = await self.open_all(work, [(pipeline, command)])
        if isinstance(opened, InvalidInput):
            raise opened
        return opened

    async def open_all(self, work: UnitOfWork, commands: Sequence[tuple[StoredPipeline, TriggerCommand]]) -> list[OpenedRun | InvalidInput]:
        """Open runs of locked pipelines, in order. Return the run, or the problems of its parameters, for each command."""
        results: list[OpenedRun | InvalidInput] = []
        accepted: list[tuple[TriggerCommand, Run]] = []
        numbers = dict(await work.runs.next_numbers({pipeline.id for pipeline, _ in commands})) if commands else {}
        for pipeline, command in commands:
            if problems := self._opener.find_problems(pipeline, command):
                results.append(InvalidInput(problems))
                continue
            run = build_run(pipeline, command, numbers[pipeline.id], self._opener.schemas, self._opener.clock.now())
            numbers[pipeline.id] += 1
            results.append(OpenedRun(run, run.status))
            accepted.append((command, run))
        await self._store(work, [run for _, run in accepted])
        await work.audit.add([_create_audit_entry(command, run) for command, run in accepted])
        return results

    def notify(self) -> None:
        """Send the claims to their workers, and wake the services of this process."""
        if self._eager_claims is not None:
            self._eager_claims.send_claims()
        for run in self._opened:
            self._opener.wakeups.notify_committed([run], skip_worker=run.dispatch.holder)

    async def _store(self, work: UnitOfWork, runs: Sequence[Run]) -> None:
        """Store the runs, those for which a worker is free with their claims."""
        if self._eager_claims is not None:
            for run in runs:
                self._eager_claims.reserve(run, run.created_at)
        await work.runs.add_all(runs)
        if self._eager_claims is not None:
            for run in runs:
                await self._eager_claims.grant_lease(work, run)
        self._opened += runs


def build_run(pipeline: StoredPipeline, command: TriggerCommand, number: int, schemas: ParameterSchemas, now: datetime) -> Run:
    """Return a new run, not stored yet."""
    return Run.open(
        pipeline_id=pipeline.id,
        definition=pipeline.definition,
        revision=pipeline.revision,
        number=number,
        trigger=command.trigger,
        parameters=schemas.apply_defaults(command.parameters, pipeline.definition.parameters),
        now=now,
        trace=command.trace,
    )


async def open_reported_run(
    work: UnitOfWork, pipeline: StoredPipeline, command: TriggerCommand, schemas: ParameterSchemas, clock: Clock
) -> Run:
    """Store a run that a report opens, whose parameters are not checked. The caller has locked the pipeline."""
    numbers = await work.runs.next_numbers([pipeline.id])
    run = build_run(pipeline, command, numbers[pipeline.id], schemas, clock.now())
    await work.runs.add_all([run])
    return run


def _create_audit_entry(command: TriggerCommand, run: Run) -> AuditEntry:
    details = {"pipeline": run.definition.name, "by": command.trigger.kind, "again": command.trigger.repeats}
    return create_audit_entry(command.actor, AuditAction.TRIGGERED, f"run {run.id}", run.created_at, **details)
