"""Queue a run of a pipeline's newest revision."""

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


@dataclass(frozen=True, slots=True)
class TriggerCommand:
    """`trace` carries the caller's trace context on to the stages; the same `key` again gets the first answer again."""

    pipeline: PipelineRef
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trigger: Trigger = field(default_factory=lambda: Trigger("api"))
    trace: Mapping[str, str] = field(default_factory=dict)
    key: IdempotencyKey | None = None
    actor: Actor = ANONYMOUS_ACTOR


@dataclass(frozen=True, slots=True)
class TriggerResult:
    """The run as it was opened. `replayed`: by an earlier request with the same key."""

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
    """One transaction writes the run, its stage runs, its first events and its dispatch request.

    With `at_once` the dispatch is claimed for a worker in it too, if one is there. NotFound, InvalidInput; InsufficientDiskSpace while there is too
    little room; IdempotencyKeyReused, or Conflict `in_progress`, for a key that another request has.
    """

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups
    disk_space: DiskSpace
    eager_claimer: EagerClaimer | None = None

    async def __call__(self, command: TriggerCommand) -> TriggerResult:
        with self._giving() as given:
            async with self.open_unit_of_work() as work:
                if command.key and (stored := await work.idempotency.find(command.key, self.clock.now())) is not None:
                    return TriggerResult.from_json(stored)
                self._require_room()
                run, triggered = await self._open(work, await work.pipelines.find(command.pipeline, lock=True), command, given)
                await work.audit.add([_noted(command, run)])
                if command.key:
                    await work.idempotency.add(command.key, triggered.as_json())
                await work.commit()
            self._committed([run], given)
        return triggered

    async def process_batch(self, commands: Sequence[TriggerCommand]) -> list[TriggerResult | HeadgateError]:
        """Many of one pipeline, without a key, in one transaction, in order; for each what it opened, or why it did not."""
        answers: list[TriggerResult | HeadgateError] = []
        opened: list[tuple[TriggerCommand, Run]] = []
        with self._giving() as given:
            async with self.open_unit_of_work() as work:
                self._require_room()
                pipeline = await work.pipelines.find(commands[0].pipeline, lock=True)
                for command in commands:
                    try:
                        run, triggered = await self._open(work, pipeline, command, given)
                    except (NotFound, InvalidInput) as refusal:
                        answers.append(refusal)
                    else:
                        answers.append(triggered)
                        opened.append((command, run))
                await work.audit.add([_noted(command, run) for command, run in opened])
                await work.commit()
            self._committed([run for _, run in opened], given)
        return answers

    async def _open(
        self, work: UnitOfWork, pipeline: StoredPipeline | None, command: TriggerCommand, given: EagerClaims | None
    ) -> tuple[Run, TriggerResult]:
        if pipeline is None:
            raise NotFound("pipeline", command.pipeline)
        problems = self.schemas.find_problems(command.parameters, pipeline.definition.parameters)
        if problems:
            raise InvalidInput(problems)
        run = await new_run(work, pipeline, command, self.schemas, self.clock)
        status = run.status
        if given is not None:
            given.reserve(run, run.created_at)
        await work.runs.add(run)
        if given is not None:
            await given.grant(work, run)
        return run, TriggerResult(run.id, run.number, run.pipeline_id, run.definition.name, status)

    @contextmanager
    def _giving(self) -> Iterator[EagerClaims | None]:
        given = self.eager_claimer.given() if self.eager_claimer is not None else None
        try:
            yield given
        finally:
            if given is not None:
                given.release_unsent()

    def _committed(self, runs: Sequence[Run], given: EagerClaims | None) -> None:
        if given is not None:
            given.send_claims()
        for run in runs:
            self.wakeups.notify_committed([run], skip_worker=run.dispatch.holder)

    def _require_room(self) -> None:
        if (shortage := self.disk_space.shortage()) is not None:
            raise InsufficientDiskSpace(shortage)


def _noted(command: TriggerCommand, run: Run) -> AuditEntry:
    told = {"pipeline": run.definition.name, "by": command.trigger.kind, "again": command.trigger.repeats}
    return create_audit_entry(command.actor, AuditAction.TRIGGERED, f"run {run.id}", run.created_at, **told)


async def new_run(work: UnitOfWork, pipeline: StoredPipeline, command: TriggerCommand, schemas: ParameterSchemas, clock: Clock) -> Run:
    """Number and open a new run, to be stored; the pipeline's row is locked already."""
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
    """Number, open and store a new run; the pipeline's row is locked already."""
    run = await new_run(work, pipeline, command, schemas, clock)
    await work.runs.add(run)
    return run
