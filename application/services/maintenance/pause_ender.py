"""Resumes pipelines whose pause has an end that has passed."""

from application.commands.pipelines.change_activation import store_activation
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.schedules.schedule_pauses import SchedulePauses
from domain.access.actor import Actor
from domain.access.audit import AuditAction

BATCH_SIZE = 100
INTERVAL_SECONDS = 1.0
HEADGATE = Actor("Headgate", auth_method="headgate")
"""The actor in the audit log for what Headgate does by itself."""


class PauseEnder:
    """Each pipeline is resumed in a transaction of its own. Several processes may do so at once."""

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: Wakeups, schedule_pauses: SchedulePauses) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups
        self._schedule_pauses = schedule_pauses

    async def run_once(self) -> None:
        async with self._open_unit_of_work() as work:
            ended = await work.pipelines.find_ended_pauses(self._clock.now(), BATCH_SIZE)
        for pipeline_id in ended:
            await self._resume(pipeline_id)

    async def _resume(self, pipeline_id: int) -> None:
        """Resume unless a person has changed the pause meanwhile."""
        async with self._open_unit_of_work() as work:
            pipeline = await work.pipelines.find(pipeline_id, lock=True)
            now = self._clock.now()
            if pipeline is None or pipeline.paused_at is None or pipeline.activation.is_paused(now):
                return
            resumed, action = pipeline.activation.resume(), AuditAction.PIPELINE_RESUMED
            await store_activation(work, pipeline, resumed, action, HEADGATE, now, self._schedule_pauses)
            await work.commit()
        self._wakeups.notify_committed()
        self._wakeups.notify_schedules_changed()
