"""The use cases of a simulated web process that people use on limited runs and on limits."""

from collections.abc import Mapping
from typing import Any

from application.commands.concurrency.set_group_limit import SetGroupLimit
from application.commands.concurrency.start_over_limit import StartOverLimit
from application.commands.pipelines.change_activation import ChangeActivation
from application.commands.pipelines.change_pipeline import ChangePipeline
from application.commands.pipelines.pause_pipeline import PausePipeline
from application.commands.pipelines.resume_pipeline import ResumePipeline
from application.commands.runs.apply_run_action import ApplyRunAction
from application.commands.runs.cancel_stage import CancelStage
from application.commands.runs.decide_approval import DecideApproval
from application.commands.runs.retry_run import RetryRun, RetryRunCommand
from application.commands.runs.skip_stage import SkipStage
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.flow_runs.deployment_checks import DeploymentChecks
from application.services.flow_runs.deployment_lookup import DeploymentLookup
from application.services.schedules.schedule_pauses import SchedulePauses
from application.services.schedules.schedule_sync import ScheduleSync
from domain.access.actor import Actor
from domain.runs.approvals import Decision
from tests.fakes import FakeParameterSchemas
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.fakes.system.cron_expressions import FakeCronExpressions
from tests.simulation.schedules.schedule_routes import TIMES

MARA = Actor("mara")


class LimitRoutes:
    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: Wakeups) -> None:
        apply, schemas = ApplyRunAction(open_unit_of_work, clock, wakeups), FakeParameterSchemas()
        activation = ChangeActivation(open_unit_of_work, clock, wakeups, SchedulePauses(TIMES))
        self._activations: Mapping[str, Any] = {"pause pipeline": PausePipeline(activation), "resume pipeline": ResumePipeline(activation)}
        self._cancel_stage, self._skip_stage = CancelStage(apply), SkipStage(apply)
        self._retry, self._decide = RetryRun(apply), DecideApproval(apply, schemas)
        self._start_over_limit = StartOverLimit(apply)
        self._set_group_limit = SetGroupLimit(open_unit_of_work, clock, wakeups)
        checks = DeploymentChecks(DeploymentLookup(FakeDeployments()), schemas)
        self._change = ChangePipeline(open_unit_of_work, schemas, FakeCronExpressions(), clock, wakeups, ScheduleSync(TIMES), checks)

    async def cancel_stage(self, run_id: int, stage: str) -> None:
        await self._cancel_stage(run_id, stage, MARA)

    async def skip_stage(self, run_id: int, stage: str) -> None:
        await self._skip_stage(run_id, stage, MARA)

    async def retry(self, run_id: int) -> None:
        await self._retry(RetryRunCommand(run_id, actor=MARA))

    async def decide(self, run_id: int, stage: str, *, approves: bool) -> None:
        await self._decide(run_id, stage, Decision(approves), MARA)

    async def start_over_limit(self, run_id: int) -> None:
        await self._start_over_limit(run_id, None, MARA)

    async def set_group_limit(self, group: str, limit: int | None) -> None:
        await self._set_group_limit(group, limit, MARA)

    async def change(self, pipeline: str, raw: Mapping[str, Any]) -> None:
        await self._change(pipeline, raw)

    async def activate(self, kind: str, pipeline: str) -> None:
        await self._activations[kind](pipeline)
