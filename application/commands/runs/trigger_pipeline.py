"""Start a run of a pipeline's newest revision."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from application.commands.dispatches.eager_claim import EagerClaimer, EagerClaims
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.ports.system.disk_space import DiskSpace
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, AuditEntry, create_audit_entry
from domain.errors import HeadgateError, InsufficientDiskSpace, InvalidInput, NotFound
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


@dataclass(frozen=True, slots=True)
class TriggerResult:
    """The run as it was started. `replayed` is True if an earlier request with the same key started it."""

    run_id: int
    number: int
    pipeline_id: int
    pipeline: str
    status: Status
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "replayed"}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "status": Status(stored["status"])}, replayed=True)


@dataclass(frozen=True, slots=True)
class TriggerPipeline:
    """Store a run with its stages, first events and dispatch request, in one transaction.

    With an `eager_claimer`, the same transaction claims the dispatch for a free worker. Raises NotFound; InvalidInput;
    InsufficientDiskSpace; IdempotencyKeyReused; Conflict `in_progress`.
    """

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups
    disk_space: DiskSpace
    eager_claimer: EagerClaimer | None = None

    async def __call__(self, command: TriggerCommand) -> TriggerResult:
        with self._begin_eager_claims() as eager_claims:
            async with self.open_unit_of_work() as work:
                if command.key and (stored := await work.idempotency.find(command.key, self.clock.now())) is not None:
                    return TriggerResult.from_json(stored)
                self._check_disk_space()
                run, result = await self._open(work, await work.pipelines.find(command.pipeline, lock=True), command, eager_claims)
                await work.audit.add([_create_audit_entry(command, run)])
                if command.key:
                    await work.idempotency.add(command.key, result.as_json())
                await work.commit()
            self._notify([run], eager_claims)
        return result

    async def process_batch(self, commands: Sequence[TriggerCommand]) -> list[TriggerResult | HeadgateError]:
        """Process commands without keys for the same pipeline, in order, in one transaction. Returns a result or an error for each."""
        results: list[TriggerResult | HeadgateError] = []
        opened: list[tuple[TriggerCommand, Run]] = []
        with self._begin_eager_claims() as eager_claims:
            async with self.open_unit_of_work() as work:
                self._check_disk_space()
                pipeline = await work.pipelines.find(commands[0].pipeline, lock=True)
                for command in commands:
                    try:
                        run, result = await self._open(work, pipeline, command, eager_claims)
                    except (NotFound, InvalidInput) as error:
                        results.append(error)
                    else:
                        results.append(result)
                        opened.append((command, run))
                await work.audit.add([_create_audit_entry(command, run) for command, run in opened])
                await work.commit()
            self._notify([run for _, run in opened], eager_claims)
        return results

    async def _open(
        self, work: UnitOfWork, pipeline: StoredPipeline | None, command: TriggerCommand, eager_claims: EagerClaims | None
    ) -> tuple[Run, TriggerResult]:
        if pipeline is None:
            raise NotFound("pipeline", command.pipeline)
        unstorable = find_unstorable(command.parameters, "parameters")
        problems = [unstorable] if unstorable else self.schemas.find_problems(command.parameters, pipeline.definition.parameters)
        if problems:
            raise InvalidInput(problems)
        run = await new_run(work, pipeline, command, self.schemas, self.clock)
        status = run.status
        if eager_claims is not None:
            eager_claims.reserve(run, run.created_at)
        await work.runs.add(run)
        if eager_claims is not None:
            await eager_claims.grant_lease(work, run)
        return run, TriggerResult(run.id, run.number, run.pipeline_id, run.definition.name, status)

    @contextmanager
    def _begin_eager_claims(self) -> Iterator[EagerClaims | None]:
        eager_claims = self.eager_claimer.begin() if self.eager_claimer is not None else None
        try:
            yield eager_claims
        finally:
            if eager_claims is not None:
                eager_claims.release_unsent()

    def _notify(self, runs: Sequence[Run], eager_claims: EagerClaims | None) -> None:
        if eager_claims is not None:
            eager_claims.send_claims()
        for run in runs:
            self.wakeups.notify_committed([run], skip_worker=run.dispatch.holder)

    def _check_disk_space(self) -> None:
        if (shortage := self.disk_space.shortage()) is not None:
            raise InsufficientDiskSpace(shortage)


def _create_audit_entry(command: TriggerCommand, run: Run) -> AuditEntry:
    details = {"pipeline": run.definition.name, "by": command.trigger.kind, "again": command.trigger.repeats}
    return create_audit_entry(command.actor, AuditAction.TRIGGERED, f"run {run.id}", run.created_at, **details)


async def new_run(work: UnitOfWork, pipeline: StoredPipeline, command: TriggerCommand, schemas: ParameterSchemas, clock: Clock) -> Run:
    """Return a new run, not stored yet. The caller has locked the pipeline."""
    return Run.open(
        pipeline_id=pipeline.id,
        definition=pipeline.definition,
        revision=pipeline.revision,
        number=await work.runs.next_number(pipeline.id),
        trigger=command.trigger,
        parameters=schemas.apply_defaults(command.parameters, pipeline.definition.parameters),
        now=clock.now(),
        trace=command.trace,
    )


async def open_run(work: UnitOfWork, pipeline: StoredPipeline, command: TriggerCommand, schemas: ParameterSchemas, clock: Clock) -> Run:
    """Start and store a new run. The caller has locked the pipeline."""
    run = await new_run(work, pipeline, command, schemas, clock)
    await work.runs.add(run)
    return run
