"""Open runs in a given transaction, for everything that starts runs."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from application.commands.dispatches.eager_claim import EagerClaimer, EagerClaims
from application.commands.runs.slot_admission import LimitFull, SlotAdmission, SlotDemand, get_demand
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.unit_of_work import PreparedRuns, UnitOfWork
from application.ports.system.clock import Clock
from application.ports.system.disk_space import DiskSpace
from application.ports.system.parameter_schemas import ParameterSchemas
from application.services.flow_runs.deployment_checks import DeploymentChecks, has_deployments
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, AuditEntry, create_audit_entry
from domain.concurrency.allocation import OpeningSlots
from domain.errors import FieldProblem, HeadgateError, InsufficientDiskSpace, InvalidInput
from domain.runs.run import Run
from domain.runs.status import Status
from domain.runs.trigger import Trigger
from domain.storable_json import find_unstorable

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TriggerCommand:
    """A request to start a run. `trace` is the trace context of the request, which the run's spans continue.

    `priority` replaces that of the definition. `over_limit` starts the run even if its concurrency limits have no free slot.
    """

    pipeline: PipelineRef
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trigger: Trigger = field(default_factory=lambda: Trigger("api"))
    trace: Mapping[str, str] = field(default_factory=dict)
    key: IdempotencyKey | None = None
    actor: Actor = ANONYMOUS_ACTOR
    priority: int | None = None
    over_limit: bool = False


class OpenedRun(NamedTuple):
    """A stored run, and its status before a worker claimed it in the same transaction."""

    run: Run
    status: Status


class UncheckedRun(NamedTuple):
    """A run that was not opened yet, since the deployments of its stages have to be checked first."""

    pipeline: StoredPipeline
    command: TriggerCommand


@dataclass(frozen=True, slots=True)
class RunOpener:
    """Opens runs: checks parameters and concurrency limits, stores the runs, and claims dispatches for free workers.

    Without an `eager_claimer`, workers are offered the dispatches after the commit. Without `deployment_checks`, what Prefect knows of the
    deployments is not compared with the parameters.
    """

    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups
    disk_space: DiskSpace
    eager_claimer: EagerClaimer | None = None
    deployment_checks: DeploymentChecks | None = None

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

    async def open_checked(self, open_run: Callable[[int | None], Awaitable[Result | UncheckedRun]]) -> Result:
        """Return the result of `open_run`, a transaction. If the run needs a check, call it again with the revision that was checked."""
        result = await open_run(None)
        while isinstance(result, UncheckedRun):
            await self.check_deployments(result.pipeline, result.command)
            result = await open_run(result.pipeline.revision)
        return result

    def needs_check(self, pipeline: StoredPipeline, checked_revision: int | None) -> bool:
        """Return True if deployments have to be checked, outside of a transaction, before a person or a program starts a run."""
        return self.deployment_checks is not None and pipeline.revision != checked_revision and has_deployments(pipeline.definition)

    async def check_deployments(self, pipeline: StoredPipeline, command: TriggerCommand) -> None:
        """Raise InvalidInput if the pipeline's schema, or that of a deployment, does not allow the parameters."""
        if problems := self.find_problems(pipeline, command):
            raise InvalidInput(problems)
        if self.deployment_checks is not None:
            await self.deployment_checks.check_parameters(pipeline.definition, command.parameters)

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
        self.cancelled: list[Run] = []
        """The runs that new ones replaced."""
        self.locked: Mapping[int, Run] = {}
        """The stored runs that are locked."""

    async def open(self, work: UnitOfWork, pipeline: StoredPipeline, command: TriggerCommand) -> OpenedRun:
        """Open one run, as `open_all` does. Raise InvalidInput for its parameters; Conflict `limit_full`, or TooManyWaiting."""
        (opened,) = await self.open_all(work, [(pipeline, command)])
        if isinstance(opened, HeadgateError):
            raise opened
        return opened

    async def open_all(
        self, work: UnitOfWork, commands: Sequence[tuple[StoredPipeline, TriggerCommand]], also_lock: Collection[int] = ()
    ) -> list[OpenedRun | HeadgateError]:
        """Open runs of locked pipelines, in order. Return the run, or why none was opened, for each command.

        Runs with concurrency limits take their slots or wait for them. If that locks runs, it locks `also_lock` with them.
        """
        requests = [self._check(pipeline, command) for pipeline, command in commands]
        demands = [request.demand for request in requests if isinstance(request, _CheckedCommand)]
        buckets = {bucket for demand in demands for bucket in demand.buckets}
        prepared = await work.prepare_runs({pipeline.id for pipeline, _ in commands}, buckets) if commands else PreparedRuns({}, {})
        numbers = dict(prepared.numbers)
        admission = await SlotAdmission.begin(work, prepared.states, demands, self._opener.clock, also_lock)
        answers: list[_CheckedCommand | LimitFull | HeadgateError] = []
        for request in requests:
            answer = self._build_run(request, admission, numbers) if isinstance(request, _CheckedCommand) else request
            answers.append(answer)
        await admission.save(work)
        self.cancelled, self.locked = list(admission.cancelled.values()), admission.runs
        accepted = [answer for answer in answers if isinstance(answer, _CheckedCommand)]
        await self._store(work, [answer.opened.run for answer in accepted])
        await work.audit.add([entry for answer in accepted for entry in _create_audit_entries(answer.command, answer.opened.run)])
        return [_to_result(answer, pipeline) for answer, (pipeline, _) in zip(answers, commands, strict=True)]

    def _check(self, pipeline: StoredPipeline, command: TriggerCommand) -> "_CheckedCommand | InvalidInput":
        if problems := self._opener.find_problems(pipeline, command):
            return InvalidInput(problems)
        definition = pipeline.definition
        parameters = self._opener.schemas.apply_defaults(command.parameters, definition.parameters) if definition.concurrency else {}
        return _CheckedCommand(pipeline, command, get_demand(pipeline, parameters))

    def _build_run(
        self, request: "_CheckedCommand", admission: SlotAdmission, numbers: dict[int, int]
    ) -> "_CheckedCommand | LimitFull | HeadgateError":
        """Add the run to the request unless its concurrency limits refuse it."""
        pipeline, command = request.pipeline, request.command
        if (refusal := admission.admit(request.demand, pipeline.name, command.over_limit)) is not None:
            return refusal
        number = numbers[pipeline.id]
        numbers[pipeline.id] += 1
        if not command.over_limit:
            admission.replace_others(request.demand, number, pipeline, command.actor.name)
        slots = admission.begin_run(command.over_limit)
        run = build_run(pipeline, command, number, self._opener.schemas, self._opener.clock.now(), slots)
        admission.opened.append(run)
        request.opened = OpenedRun(run, run.status)
        return request

    def notify(self) -> None:
        """Send the claims to their workers, and wake the services of this process."""
        if self._eager_claims is not None:
            self._eager_claims.send_claims()
        if self.cancelled:
            self._opener.wakeups.notify_committed(self.cancelled)
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


@dataclass(slots=True)
class _CheckedCommand:
    """A command with valid parameters, and the run that it opened unless its concurrency limits refused it."""

    pipeline: StoredPipeline
    command: TriggerCommand
    demand: SlotDemand
    opened: OpenedRun = field(init=False)


def _to_result(answer: _CheckedCommand | LimitFull | HeadgateError, pipeline: StoredPipeline) -> OpenedRun | HeadgateError:
    if isinstance(answer, LimitFull):
        return answer.to_error(pipeline.name)
    return answer.opened if isinstance(answer, _CheckedCommand) else answer


def build_run(
    pipeline: StoredPipeline,
    command: TriggerCommand,
    number: int,
    schemas: ParameterSchemas,
    now: datetime,
    slots: OpeningSlots | None = None,
) -> Run:
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
        priority=command.priority,
        slots=slots,
    )


async def open_reported_run(
    work: UnitOfWork, pipeline: StoredPipeline, command: TriggerCommand, schemas: ParameterSchemas, clock: Clock
) -> Run:
    """Store a run that a report opens, whose parameters are not checked. The caller has locked the pipeline."""
    numbers = await work.runs.next_numbers([pipeline.id])
    run = build_run(pipeline, command, numbers[pipeline.id], schemas, clock.now())
    await work.runs.add_all([run])
    return run


def _create_audit_entries(command: TriggerCommand, run: Run) -> list[AuditEntry]:
    details = {"pipeline": run.definition.name, "by": command.trigger.kind, "again": command.trigger.repeats}
    actions = [AuditAction.TRIGGERED, AuditAction.STARTED_OVER_LIMIT] if run.over_limit else [AuditAction.TRIGGERED]
    return [create_audit_entry(command.actor, action, f"run {run.id}", run.created_at, **details) for action in actions]
