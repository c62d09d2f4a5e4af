"""A worker that has no access to Prefect has the web show its runs there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from domain.flow_runs.flow_state import FlowState
from entrypoints.worker.client.api_client import ApiClient, RequestRejected
from entrypoints.worker.prefect.web_recorder import WebRecorder
from entrypoints.worker_protocol.messages import DispatchKey
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.running_worker import RunningWorker, running_worker, sh


class ClientOfAnOlderWeb(ApiClient):
    """A client of a web that does not have the request, and counts the tries."""

    tries = 0

    async def record_dispatch(self, dispatch: DispatchKey, trace: Mapping[str, str] | None = None) -> bool:
        self.tries += 1
        raise RequestRejected(404, "Not Found")


def show_runs(running: RunningWorker) -> None:
    running.worker.set_recorder(WebRecorder(running.api, running.worker.idle_window))


def list_flow_states(web: ServedHeadgate) -> list[FlowState]:
    return list(web.fakes.orchestrator.states.values())


async def test_a_run_is_shown_while_it_runs_and_ended_when_it_ends(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("only", f"until test -e {tmp_path}/go; do sleep 0.01; done"))

    async with running_worker(web, tmp_path) as running:
        show_runs(running)
        await web.trigger(pipeline)
        await eventually(lambda: list_flow_states(web) == [FlowState.RUNNING])
        (tmp_path / "go").touch()
        await eventually(lambda: list_flow_states(web) == [FlowState.COMPLETED])

        assert await running.worker.wait_until_recorded(20)


async def test_a_run_is_shown_once_prefect_responds(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("only", f"until test -e {tmp_path}/go; do sleep 0.01; done"))
    web.fakes.orchestrator.is_down = True

    async with running_worker(web, tmp_path) as running:
        show_runs(running)
        await web.trigger(pipeline)
        await eventually(lambda: any(path.endswith("/record") for path, _ in web.faults.answered))
        web.fakes.orchestrator.is_down = False
        await eventually(lambda: list_flow_states(web) == [FlowState.RUNNING])
        (tmp_path / "go").touch()
        await eventually(lambda: list_flow_states(web) == [FlowState.COMPLETED])


async def test_a_web_that_does_not_have_the_request_is_asked_once_for_each_run(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("only", "true"))

    async with running_worker(web, tmp_path, client=ClientOfAnOlderWeb) as running:
        show_runs(running)
        run = await web.wait_until_over(await web.trigger(pipeline))
        assert await running.worker.wait_until_recorded(20)

        assert isinstance(running.api, ClientOfAnOlderWeb)
        assert (run.stages["only"].status.value, running.api.tries) == ("completed", 1)
