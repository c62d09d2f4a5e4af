"""An in-process Headgate that real workers reach over a socket, through faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, Final

from adapters.system.clock import SystemClock
from application.commands.runs.run_opener import TriggerCommand
from application.services.loop import run_service, wait_seconds
from domain.runs.run import Run
from tests.fakes import FakeExecutionTokens
from tests.support.faults import Faults
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer
from tests.support.waiting import eventually

TOKEN: Final = FakeExecutionTokens().issue_worker_token()
"""The token that its workers send."""


class ServedHeadgate(InProcessHeadgate):
    """Serves itself within `open()`, with the services that dispatch runs; `start` and `stop` begin and end the web process."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(clock=SystemClock(), **settings)
        self.faults = Faults(self.app)
        self.failures: list[Exception] = []
        self._server = LoopServer(self.faults)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def recorded_flow_runs(self) -> list[tuple[int, int, str]]:
        """The run, the epoch and the flow run of every dispatch that workers recorded in Prefect."""
        found = [(path.split("/"), body) for path, body in self.faults.answered if path.endswith("/recorded")]
        return [(int(parts[-3]), int(parts[-2]), json.loads(body)["flow_run_id"]) for parts, body in found]

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[ServedHeadgate]:
        """Serve, and run the services, within the block; fail afterwards if a service failed."""
        dispatcher = self.application.dispatcher()
        loops = [
            run_service(dispatcher, dispatcher.wait, self._record_failure),
            run_service(self.application.lease_sweeper(), wait_seconds(0.2), self._record_failure),
            run_service(self.application.due_run_sweeper(), wait_seconds(0.05), self._record_failure),
        ]
        services = [asyncio.create_task(loop) for loop in loops]
        await self.start()
        try:
            yield self
        finally:
            await self.stop()
            for service in services:
                service.cancel()
            await asyncio.gather(*services, return_exceptions=True)
        assert not self.failures, self.failures

    async def start(self) -> None:
        """Listen, on the same port every time."""
        await self._server.start()

    async def stop(self) -> None:
        """Cut every connection, as when the process dies."""
        await self._server.stop()

    async def create_pipeline(self, *stages: dict[str, Any], **more: Any) -> int:
        """Create a pipeline under a name of its own and return its id."""
        name = f"p{len(self.fakes.store.committed.pipelines) + 1}"
        view = await self.application.create_pipeline()({"name": name, "stages": list(stages), **more})
        return int(view.id)

    async def trigger(self, pipeline_id: int, **parameters: Any) -> int:
        """Trigger the pipeline and return the run's id."""
        result = await self.application.trigger_pipeline()(TriggerCommand(pipeline_id, parameters))
        return int(result.run_id)

    def get_run(self, run_id: int) -> Run:
        return self.fakes.store.committed.runs[run_id]

    def get_stage_statuses(self, run_id: int) -> dict[str, str]:
        return {name: stage.status.value for name, stage in self.get_run(run_id).stages.items()}

    def get_log(self, run_id: int, stage: str) -> list[tuple[str, str]]:
        """Return the stream and the text of a stage's log lines, in order."""
        rows = sorted(self.fakes.store.committed.log_lines.items())
        return [(line.stream, line.text) for (run, _), line in rows if run == run_id and line.stage == stage]

    async def wait_until_over(self, run_id: int, seconds: float = 20) -> Run:
        """Return the run once it is over and its dispatch is closed."""
        await eventually(lambda: self.get_run(run_id).is_over and self.get_run(run_id).dispatch.state == "none", seconds)
        return self.get_run(run_id)

    def _record_failure(self, service: str, error: Exception) -> None:
        self.failures.append(error)
