"""Builders of definitions, runs and timestamps for tests."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.pipelines.definition import PipelineDefinition, StageDefinition, StageKind
from domain.pipelines.parsing import parse_definition
from domain.runs.attempt import Attempt
from domain.runs.run import Run
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger
from tests.fakes.system.clock import START

NOW = START
WORKER = "worker-1"


def an_hour_later(moment: datetime = NOW) -> datetime:
    return moment + timedelta(hours=1)


def seconds_later(seconds: float, moment: datetime = NOW) -> datetime:
    return moment + timedelta(seconds=seconds)


def a_stage(name: str = "a", kind: str = "command", **keys: Any) -> dict[str, Any]:
    """Return a stage as its author writes it, with work to do."""
    work = {
        "command": {"command": ["true"]},
        "python": {"callable": "jobs:main"},
        "prefect": {"deployment": "ml/train"},
        "external": {},
        "approval": {},
    }[kind]
    return {"name": name, "kind": kind, **work, **keys}


def some_stages(stages: int | Iterable[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return stages in sequence: 3 gives a, b, c; names give stages with these names; mappings are used unchanged."""
    if isinstance(stages, int):
        stages = [chr(ord("a") + index) for index in range(stages)]
    return [a_stage(stage) if isinstance(stage, str) else dict(stage) for stage in stages]


def a_definition(name: str = "nightly", stages: int | Iterable[str | Mapping[str, Any]] = 3, **keys: Any) -> PipelineDefinition:
    """Return a parsed definition."""
    return parse_definition({"name": name, "stages": some_stages(stages), **keys})


def an_external_definition(name: str = "remote", stages: Iterable[str] = ("a", "b")) -> PipelineDefinition:
    return a_definition(name, [a_stage(stage, "external") for stage in stages])


def a_run(
    stages: int | Iterable[str | Mapping[str, Any]] = 3,
    *,
    definition: PipelineDefinition | None = None,
    pipeline_id: int = 1,
    revision: int = 1,
    number: int = 1,
    parameters: Mapping[str, Any] | None = None,
    now: datetime = NOW,
    **keys: Any,
) -> Run:
    """Return a run as a trigger opens it, not stored yet. `keys` go to the definition."""
    return Run.open(
        pipeline_id=pipeline_id,
        definition=definition or a_definition(stages=stages, **keys),
        revision=revision,
        number=number,
        trigger=Trigger("api"),
        parameters=parameters or {},
        now=now,
    )


def a_run_of(pipeline: StoredPipeline, number: int = 1, **keys: Any) -> Run:
    return a_run(definition=pipeline.definition, pipeline_id=pipeline.id, revision=pipeline.revision, number=number, **keys)


def a_claimed_run(stages: int | Iterable[str | Mapping[str, Any]] = 3, *, worker: str = WORKER, now: datetime = NOW, **keys: Any) -> Run:
    """Return a run whose first dispatch the worker holds, without started stages."""
    run = a_run(stages, now=now, **keys)
    run.claim(run.dispatch.epoch, worker, now)
    return run


def a_started_run(stages: int | Iterable[str | Mapping[str, Any]] = 3, *, worker: str = WORKER, now: datetime = NOW, **keys: Any) -> Run:
    """Return a run whose first stages run under the worker's dispatch."""
    run = a_claimed_run(stages, worker=worker, now=now, **keys)
    run.start_ready_stages(100, worker, now)
    return run


def a_stage_run(
    name: str = "a",
    status: Status = Status.PENDING,
    *,
    reason: Reason | None = None,
    kind: StageKind = StageKind.COMMAND,
    due_at: datetime | None = None,
    **definition: Any,
) -> StageRun:
    """Return a stage run in any status, for rules that only read it."""
    attempt = Attempt(1, NOW, status=status, reason=reason, due_at=due_at)
    return StageRun(StageDefinition(name, kind, **definition), [attempt])


async def a_pipeline(
    open_unit_of_work: OpenUnitOfWork, name: str = "nightly", stages: int | Iterable[str | Mapping[str, Any]] = 3, **keys: Any
) -> StoredPipeline:
    """Store and commit a pipeline."""
    async with open_unit_of_work() as work:
        pipeline = await work.pipelines.add(a_definition(name, stages, **keys), NOW)
        await work.commit()
        return pipeline


async def a_stored_run(open_unit_of_work: OpenUnitOfWork, pipeline: StoredPipeline, *, now: datetime = NOW) -> int:
    """Store and commit a run of the pipeline, and return its id."""
    async with open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        number = (await work.runs.next_numbers([pipeline.id]))[pipeline.id]
        run_id = await work.runs.add(a_run_of(pipeline, number, now=now))
        await work.commit()
        return run_id
