"""What this worker is to Prefect: a worker of type `headgate`, registered and heartbeating in its pool."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult


class HeadgateWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):  # type: ignore[misc]
    """Seen in its work pool; its work arrives by Headgate's stream, not by Prefect's poll."""

    type = "headgate"
    job_configuration = BaseJobConfiguration
    _description = "Runs the stages of Headgate's pipelines in a long-lived worker process."

    async def run(self, flow_run: FlowRun, configuration: BaseJobConfiguration, task_status: Any = None) -> BaseWorkerResult:
        raise NotImplementedError("Headgate's worker gets its work from Headgate.")

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Nothing: a flow run of this pool is born Pending by the worker that carries it already."""
        return []
