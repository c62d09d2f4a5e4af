"""Worker processes with a real Prefect server, for a web process on fakes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import uuid
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from adapters.orchestration.prefect_api_client import PrefectApiClient
from adapters.orchestration.prefect_environment import build_client_environment
from adapters.orchestration.prefect_orchestrator import PrefectOrchestrator
from application.ports.dispatch.orchestrator import FlowRunRequest
from bench.support.counting_proxy import counting_proxy
from domain.runs.status import Status
from entrypoints.worker.runner.idle_window import IdleWindow
from tests.support.ports import find_free_port
from tests.support.prefect_server import RunningPrefect
from tests.support.served_headgate import TOKEN, ServedHeadgate
from tests.support.waiting import eventually, eventually_finds
from tests.unit.entrypoints.worker.running_worker import sh

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def web() -> AsyncIterator[ServedHeadgate]:
    """A Headgate for the workers of one test."""
    async with a_served_headgate() as web:
        yield web


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared_web() -> AsyncIterator[ServedHeadgate]:
    """A Headgate for the tests that stop no worker."""
    async with a_served_headgate() as web:
        yield web


def a_served_headgate() -> contextlib.AbstractAsyncContextManager[ServedHeadgate]:
    """Return a Headgate with its own installation id: others use the same Prefect, where an idempotency key finds an earlier flow run."""
    return ServedHeadgate(ports={"installation": uuid.uuid4().hex}).open()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def warm_worker(
    shared_web: ServedHeadgate, prefect: RunningPrefect, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Process]:
    """A worker that is connected to the shared web and registered in Prefect. It takes more than a second of processor time to start."""
    view = PrefectView(prefect)
    async with a_warm_worker(shared_web, prefect, view, tmp_path_factory.mktemp("warm")) as process:
        await view.close()
        yield process


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def process_pool(shared_web: ServedHeadgate, prefect: RunningPrefect, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The name of a pool that Prefect's own worker serves."""
    folder, pool = tmp_path_factory.mktemp("pool"), f"elsewhere-{uuid.uuid4().hex[:6]}"
    argv = ("-m", "prefect", "worker", "start", "--type", "process", "--pool", pool)
    async with a_process(folder, environment(shared_web, prefect, folder) | {"PREFECT_WORKER_QUERY_SECONDS": "0.5"}, *argv):
        yield pool


class PrefectView(PrefectOrchestrator):
    """The orchestrator, and direct requests for what it does not offer."""

    def __init__(self, prefect: RunningPrefect) -> None:
        super().__init__(prefect.api_url, prefect.auth_string)
        self.api = PrefectApiClient(prefect.api_url, prefect.auth_string)

    async def close(self) -> None:
        await super().close()
        await self.api.close()


@pytest_asyncio.fixture(loop_scope="module")
async def rest(prefect: RunningPrefect) -> AsyncIterator[PrefectView]:
    view = PrefectView(prefect)
    yield view
    await view.close()


def environment(web: ServedHeadgate, prefect: RunningPrefect, folder: Path) -> dict[str, str]:
    own = {
        "HEADGATE_HOME": str(folder / "home"),
        "HEADGATE_URL": web.url,
        "HEADGATE_WORKER_TOKEN": TOKEN,
        "HEADGATE_WORKDIR": str(folder),
        "HEADGATE_PREFECT_API_URL": prefect.api_url,
        "HEADGATE_PREFECT_API_AUTH_STRING": prefect.auth_string,
        "HEADGATE_HEARTBEAT_SECONDS": "1",
        "HEADGATE_WORKER_SLOTS": "4",
        "PYTHONPATH": str(ROOT),
    }
    return build_client_environment(folder, prefect.api_url, prefect.auth_string, os.environ) | own


@contextlib.asynccontextmanager
async def a_process(folder: Path, environment: dict[str, str], *argv: str) -> AsyncIterator[Process]:
    """Run a process. At the end, terminate it, kill it if it does not stop, and print its output."""
    log = folder / f"{uuid.uuid4().hex}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", *argv, env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            process.kill()
            await process.wait()
        print(log.read_text())


@contextlib.asynccontextmanager
async def a_warm_worker(web: ServedHeadgate, prefect: RunningPrefect, rest: PrefectView, folder: Path) -> AsyncIterator[Process]:
    """Run a worker that is connected to the web and registered in Prefect."""
    name = f"worker-{uuid.uuid4().hex[:6]}"
    surroundings = environment(web, prefect, folder) | {"HEADGATE_WORKER_NAME": name}
    async with a_process(folder, surroundings, "-m", "entrypoints.cli", "worker") as process:
        await until_in_prefect(lambda: registered(rest, "headgate", name))
        yield process


def find_recorded(web: ServedHeadgate, run_id: int) -> list[str]:
    """Return the flow runs of a run that its worker has recorded."""
    return [flow_run_id for each, _, flow_run_id in web.recorded_flow_runs if each == run_id]


async def registered(rest: PrefectView, pool: str, name: str) -> bool:
    workers = await rest.api.post(f"/work_pools/{pool}/workers/filter", {})
    return any((worker["name"], worker["status"]) == (name, "ONLINE") for worker in workers or ())


async def until_in_prefect(condition: Any, seconds: float = 60) -> None:
    await eventually_finds(condition, seconds)


async def flow_run(rest: PrefectView, flow_run_id: str) -> dict[str, Any]:
    return dict(await rest.api.get(f"/flow_runs/{flow_run_id}"))


async def task_runs(rest: PrefectView, flow_run_id: str) -> dict[str, str]:
    found = await rest.api.post("/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
    return {task["name"]: task["state_type"] for task in found}


@pytest.mark.usefixtures("warm_worker")
async def test_a_dispatch_of_headgates_worker_is_a_flow_run_with_a_task_per_stage(shared_web: ServedHeadgate, rest: PrefectView) -> None:
    web = shared_web
    good = await web.create_pipeline(sh("extract", "true"), sh("publish", "true"))
    bad = await web.create_pipeline(sh("extract", "exit 3", retries=1, retry_delay=0), sh("publish", "true"))

    first, second = await web.wait_until_over(await web.trigger(good)), await web.wait_until_over(await web.trigger(bad))
    await eventually(lambda: all(find_recorded(web, run.id) for run in (first, second)))
    ids = {run.id: flow_run_id for run in (first, second) for flow_run_id in find_recorded(web, run.id)}

    async def both_are_over() -> bool:
        states = await rest.get_states(list(ids.values()))
        return all(state.is_terminal for state in states.values())

    await until_in_prefect(both_are_over)
    shown = await flow_run(rest, ids[first.id])
    assert (shown["name"], shown["state_type"]) == (f"{first.definition.name}#1", "COMPLETED")
    assert shown["parameters"] == {"run_id": first.id, "number": 1, "epoch": 1}
    assert (await flow_run(rest, ids[second.id]))["state_type"] == "FAILED"

    async def tasks_are_shown() -> bool:
        done = await task_runs(rest, ids[first.id]) == {"extract": "COMPLETED", "publish": "COMPLETED"}
        return done and await task_runs(rest, ids[second.id]) == {"extract": "FAILED", "extract (attempt 2)": "FAILED"}

    await until_in_prefect(tasks_are_shown)
    assert [len(find_recorded(web, run.id)) for run in (first, second)] == [1, 1]


async def test_a_run_costs_five_calls_to_prefect_however_many_stages_it_has(
    web: ServedHeadgate, prefect: RunningPrefect, rest: PrefectView, tmp_path: Path
) -> None:
    pipeline = await web.create_pipeline(*(sh(f"s{number}", "true") for number in range(6)))

    async with counting_proxy(prefect.api_url) as (door, asked), a_warm_worker(web, replace(prefect, api_url=door), rest, tmp_path):
        await web.wait_until_over(await web.trigger(pipeline))
        await eventually(lambda: len(web.recorded_flow_runs) == 1)
        ((_, _, flow_run_id),) = web.recorded_flow_runs

        async def is_over() -> bool:
            return (await rest.get_states([flow_run_id]))[flow_run_id].is_terminal

        await until_in_prefect(is_over)
        of_the_run = [path for path in asked if "flow_run" in path and "/events" not in path]

    assert 3 <= len(of_the_run) <= 5, of_the_run
    assert not [path for path in asked if "task_run" in path]


@pytest.mark.usefixtures("warm_worker")
async def test_a_frozen_prefect_delays_the_record_but_not_the_run(
    shared_web: ServedHeadgate, prefect: RunningPrefect, rest: PrefectView
) -> None:
    web = shared_web
    pipeline = await web.create_pipeline(sh("extract", "true"), sh("publish", "true"))

    with prefect.frozen():
        run = await web.wait_until_over(await web.trigger(pipeline), 30)
        assert run.status is Status.COMPLETED
        assert not find_recorded(web, run.id)
    await eventually(lambda: bool(find_recorded(web, run.id)))
    (flow_run_id,) = find_recorded(web, run.id)

    async def completed() -> bool:
        return (await flow_run(rest, flow_run_id))["state_type"] == "COMPLETED"

    await until_in_prefect(completed)


async def test_the_worker_works_without_prefect(web: ServedHeadgate, prefect: RunningPrefect, tmp_path: Path) -> None:
    nowhere = {"HEADGATE_PREFECT_API_URL": f"http://127.0.0.1:{find_free_port()}/api"}
    pipeline = await web.create_pipeline(sh("only", "true"))
    run_id = await web.trigger(pipeline)

    async with a_process(tmp_path, environment(web, prefect, tmp_path) | nowhere, "-m", "entrypoints.cli", "worker") as process:
        assert (await web.wait_until_over(run_id, 30)).status is Status.COMPLETED
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0


@pytest.mark.usefixtures("warm_worker")
async def test_a_flow_run_cancelled_in_prefect_ends_the_stage(shared_web: ServedHeadgate, rest: PrefectView, tmp_path: Path) -> None:
    web, started = shared_web, tmp_path / "started"
    pipeline = await web.create_pipeline(sh("slow", f"touch {started}; sleep 60"))

    run_id = await web.trigger(pipeline)
    await eventually(lambda: started.exists() and bool(find_recorded(web, run_id)))
    (flow_run_id,) = find_recorded(web, run_id)

    async def runs() -> bool:
        return (await flow_run(rest, flow_run_id))["state_type"] == "RUNNING"

    await until_in_prefect(runs)
    await rest.api.post(f"/flow_runs/{flow_run_id}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    run = await web.wait_until_over(run_id, 30)
    assert run.status is Status.CANCELLED

    async def cancelled() -> bool:
        return (await flow_run(rest, flow_run_id))["state_type"] == "CANCELLED"

    await until_in_prefect(cancelled)


async def test_a_terminated_worker_finishes_running_stages_and_disconnects(
    web: ServedHeadgate, prefect: RunningPrefect, rest: PrefectView, tmp_path: Path
) -> None:
    started, go = tmp_path / "started", tmp_path / "go"
    pipeline = await web.create_pipeline(sh("slow", f"touch {started}; while ! test -e {go}; do sleep 0.01; done"), sh("after", "true"))

    async with a_warm_worker(web, prefect, rest, tmp_path) as process:
        run_id = await web.trigger(pipeline)
        await eventually(lambda: started.exists() and bool(web.recorded_flow_runs))
        process.terminate()
        await eventually(lambda: not web.fakes.worker_streams.pools_with_free_slots())
        go.touch()
        assert await asyncio.wait_for(process.wait(), 60) == 0

    assert web.get_stage_statuses(run_id) == {"slow": "completed", "after": "queued"}


async def test_a_terminated_worker_does_not_wait_for_prefect_and_crashes_no_flow_run(
    web: ServedHeadgate, prefect: RunningPrefect, rest: PrefectView, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    started, go = tmp_path / "started", tmp_path / "go"
    pipeline = await web.create_pipeline(sh("slow", f"touch {started}; while ! test -e {go}; do sleep 0.01; done"))

    async with a_warm_worker(web, prefect, rest, tmp_path) as process:
        run_id = await web.trigger(pipeline)
        await eventually(lambda: started.exists() and bool(web.recorded_flow_runs))
        flow_run_id = web.recorded_flow_runs[0][2]

        async def runs() -> bool:
            return (await flow_run(rest, flow_run_id))["state_type"] == "RUNNING"

        await until_in_prefect(runs)
        with prefect.frozen():
            process.terminate()
            go.touch()
            assert await asyncio.wait_for(process.wait(), 60) == 0

    assert web.get_stage_statuses(run_id) == {"slow": "completed"}
    assert (await flow_run(rest, flow_run_id))["state_type"] in ("RUNNING", "COMPLETED")
    assert "Crash detected" not in capfd.readouterr().out


async def test_prefects_own_worker_runs_a_dispatch_of_its_pool(
    shared_web: ServedHeadgate, rest: PrefectView, process_pool: str, tmp_path: Path
) -> None:
    web, pool, ran = shared_web, process_pool, tmp_path / "ran"
    pipeline = await web.create_pipeline(*(sh(name, f"echo {name} >> {ran}") for name in "ab"), pool=pool)
    run_id = await web.trigger(pipeline)
    request = FlowRunRequest(pool, f"key-{run_id}-{pool}", "elsewhere#1", {"run_id": run_id, "number": 1, "epoch": 1})
    flow_run_id = await rest.create_flow_run(request)

    run = await web.wait_until_over(run_id, 90)
    assert run.status is Status.COMPLETED
    assert ran.read_text().split() == ["a", "b"]

    async def shown() -> bool:
        is_over = (await flow_run(rest, flow_run_id))["state_type"] == "COMPLETED"
        return is_over and await task_runs(rest, flow_run_id) == {"a": "COMPLETED", "b": "COMPLETED"}

    await until_in_prefect(shown)


async def test_a_flow_run_whose_dispatch_no_longer_exists_ends_as_crashed(
    shared_web: ServedHeadgate, rest: PrefectView, process_pool: str
) -> None:
    web, pool = shared_web, process_pool
    run_id = await web.trigger(await web.create_pipeline(sh("only", "true"), pool=pool))
    request = FlowRunRequest(pool, f"key-{run_id}-{pool}", "elsewhere#1", {"run_id": run_id, "number": 1, "epoch": 9})
    flow_run_id = await rest.create_flow_run(request)

    async def crashed() -> bool:
        return (await flow_run(rest, flow_run_id))["state_type"] == "CRASHED"  # after a cancel it would look like one by a person

    await until_in_prefect(crashed, 90)

    assert web.get_stage_statuses(run_id) == {"only": "queued"}


async def test_a_worker_that_is_never_idle_is_recorded_with_a_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    from entrypoints.worker.prefect.recorder import PrefectRecorder

    idle_window = IdleWindow(quiet=3600.0, max_wait=3600.0)
    recorder = PrefectRecorder(prefect=None, api=None, idle_window=idle_window)  # type: ignore[arg-type]
    asked: list[object] = []

    async def created(*dispatch: object) -> None:
        asked.append(dispatch)

    monkeypatch.setattr(recorder, "_create_flow_run", created)
    idle_window.mark_activity()
    recorder.record(None, None)  # type: ignore[arg-type]
    for _ in range(20):
        await asyncio.sleep(0)
    assert not asked

    await recorder.close()
    recorder = PrefectRecorder(prefect=None, api=None, idle_window=IdleWindow())  # type: ignore[arg-type]
    monkeypatch.setattr(recorder, "_create_flow_run", created)
    recorder.record(None, None)  # type: ignore[arg-type]
    await eventually(lambda: bool(asked))
    await recorder.close()
