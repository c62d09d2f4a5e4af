"""A Prefect worker of type `headgate`, which shows this worker in its work pool."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult


class HeadgateWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):  # type: ignore[misc]
    """Sends heartbeats to Prefect. Its work arrives from Headgate, not from Prefect."""

    type = "headgate"
    job_configuration = BaseJobConfiguration
    _description = "Runs the stages of Headgate's pipelines in a long-lived worker process."

    async def run(self, flow_run: FlowRun, configuration: BaseJobConfiguration, task_status: Any = None) -> BaseWorkerResult:
        raise NotImplementedError("Headgate's worker gets its work from Headgate.")

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Submit nothing: each flow run of this pool is created by the worker that executes its dispatch."""
        return []
