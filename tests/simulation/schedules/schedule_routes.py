"""The use cases of a simulated web process that pause, archive and change scheduled pipelines."""

from collections.abc import Mapping
from typing import Any

from application.commands.pipelines.archive_pipeline import ArchivePipeline
from application.commands.pipelines.change_activation import ChangeActivation
from application.commands.pipelines.change_pipeline import ChangePipeline
from application.commands.pipelines.pause_pipeline import PausePipeline
from application.commands.pipelines.resume_pipeline import ResumePipeline
from application.commands.pipelines.unarchive_pipeline import UnarchivePipeline
from application.commands.schedules.change_pause import ChangePause
from application.commands.schedules.pause_schedule import PauseSchedule
from application.commands.schedules.resume_schedule import ResumeSchedule
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.flow_runs.deployment_checks import DeploymentChecks
from application.services.flow_runs.deployment_lookup import DeploymentLookup
from application.services.schedules.schedule_pauses import SchedulePauses
from application.services.schedules.schedule_sync import ScheduleSync
from application.services.schedules.schedule_times import ScheduleTimes
from tests.fakes import FakeParameterSchemas
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.fakes.system.cron_expressions import FakeCronExpressions
from tests.simulation.schedules.schedule_plan import Operation

TIMES = ScheduleTimes(FakeCronExpressions())


class ScheduleRoutes:
    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: Wakeups) -> None:
        pauses = SchedulePauses(TIMES)
        activation = ChangeActivation(open_unit_of_work, clock, wakeups, pauses)
        schemas, cron = FakeParameterSchemas(), FakeCronExpressions()
        self._activation_moves: Mapping[str, Any] = {
            "pause": PausePipeline(activation),
            "resume": ResumePipeline(activation),
            "archive": ArchivePipeline(activation),
            "unarchive": UnarchivePipeline(activation),
        }
        pause = ChangePause(open_unit_of_work, clock, wakeups)
        self._schedule_moves: Mapping[str, Any] = {
            "pause schedule": PauseSchedule(pause, pauses),
            "resume schedule": ResumeSchedule(pause, pauses),
        }
        checks = DeploymentChecks(DeploymentLookup(FakeDeployments()), schemas)
        self._change = ChangePipeline(open_unit_of_work, schemas, cron, clock, wakeups, ScheduleSync(TIMES), checks)

    async def perform(self, operation: Operation, raw: Mapping[str, Any]) -> None:
        """Perform an operation. `raw` is the definition of its pipeline. Operations on one schedule are on the first."""
        if move := self._activation_moves.get(operation.kind):
            await move(operation.pipeline)
        elif move := self._schedule_moves.get(operation.kind):
            await move(operation.pipeline, raw["schedules"][0]["name"])
        elif operation.kind == "apply":
            await self._change(operation.pipeline, {**raw, "parallelism": 3})
        else:
            await self._change(
                operation.pipeline, {**raw, "schedules": [{**each, "overlap": operation.overlap} for each in raw["schedules"]]}
            )
