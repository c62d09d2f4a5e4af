"""Find a schedule of a pipeline and lock it."""

from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.schedules import LockedSchedule
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.errors import NotFound


async def lock_schedule(work: UnitOfWork, ref: PipelineRef, name: str) -> LockedSchedule:
    """Return the schedule with its pipeline, whose lock covers both. Raises NotFound."""
    pipeline = await work.pipelines.find(ref, lock=True)
    if pipeline is None:
        raise NotFound("pipeline", ref)
    for schedule in await work.schedules.list_of(pipeline.id):
        if schedule.name == name:
            return LockedSchedule(schedule, pipeline)
    raise NotFound("schedule", name, f"pipeline {pipeline.name}")
