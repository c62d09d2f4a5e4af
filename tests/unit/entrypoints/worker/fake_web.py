"""A stand-in for the web: the worker's routes over the real use cases and services, on fakes, with faults to order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from adapters.system.clock import SystemClock
from adapters.system.json_schema import JsonSchemaValidator
from adapters.system.worker_streams import InMemoryWorkerStreams
from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceDispatch, WorkerReport
from application.commands.dispatches.cancel_from_prefect import CancelFromPrefect
from application.commands.dispatches.claim_dispatch import ClaimDispatch
from application.commands.dispatches.claims import DispatchRules
from application.commands.dispatches.eager_claim import EagerClaimer
from application.commands.dispatches.record_flow_run import RecordFlowRun
from application.commands.pipelines.create_pipeline import CreatePipeline
from application.commands.runs.append_log import AppendLog
from application.commands.runs.apply_run_action import ApplyRunAction
from application.commands.runs.cancel_run import CancelRun
from application.commands.runs.cancel_stage import CancelStage
from application.commands.runs.decide_approval import DecideApproval
from application.commands.runs.retry_run import RetryRun
from application.commands.runs.trigger_pipeline import TriggerCommand, TriggerPipeline
from application.commands.workers.record_heartbeat import HeartbeatCommand, HeldDispatch, RecordHeartbeat
from application.ports.dispatch.worker_messages import Claim, StopRun
from application.ports.persistence.logs import NewLogLine
from application.ports.persistence.workers import WorkerStatus
from application.services.dispatch.dispatcher import Dispatcher
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.loop import run_service, wait_seconds
from application.services.maintenance.due_run_sweeper import DueRunSweeper
from application.services.maintenance.lease_sweeper import LeaseSweeper
from domain.errors import Conflict, HeadgateError, NotFound, Unavailable
from domain.reports.report import Report
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from tests.fakes import FakeAdapters

TOKEN = "worker-token"


class FakeWeb:
    """`faults[path's end]` is how many of the next answers get lost after the work was done; `away` answers 503 to everything;
    `slowness` is how many seconds a step takes."""

    def __init__(self, lease_seconds: float = 20.0) -> None:
        self.fakes = FakeAdapters(SystemClock())  # type: ignore[arg-type]
        self.links = InMemoryWorkerStreams()
        self.faults: Counter[str] = Counter()
        self.requests: list[tuple[str, bytes]] = []
        self.recorded: list[tuple[int, int, str]] = []
        self.is_down = False
        self.advance_delay = 0.0
        self.streams = 0
        opened, clock = self.fakes.open_unit_of_work, self.fakes.clock
        rules = DispatchRules(uuid.uuid4().hex, lease_seconds)
        self.wakeups = LocalWakeups(self.links, frozenset({"headgate"}))
        self.create = CreatePipeline(opened, JsonSchemaValidator(), clock, self.wakeups)
        self.cancel = CancelRun(opened, clock, self.wakeups)
        control = ApplyRunAction(opened, clock, self.wakeups)
        self.retry, self.cancel_stage = RetryRun(control), CancelStage(control)
        self.decide = DecideApproval(control, JsonSchemaValidator())
        self.claim = ClaimDispatch(opened, self.fakes.tokens, clock, self.wakeups, rules)
        self.advance = AdvanceDispatch(opened, self.fakes.tokens, clock, self.wakeups, rules)
        self.heartbeat = RecordHeartbeat(opened, self.fakes.tokens, clock, self.links, self.claim, rules)
        self.append = AppendLog(opened, clock, self.wakeups, 10_000_000)
        self.note = RecordFlowRun(opened, self.wakeups)
        self.cancel_from_prefect = CancelFromPrefect(opened, self.cancel)
        self._expire = LeaseSweeper(opened, clock, self.wakeups, lease_seconds)
        self._due = DueRunSweeper(opened, clock, self.wakeups)
        self._offer = Dispatcher(self.links, self.wakeups, self.claim, opened)
        given = EagerClaimer(self.links, self.fakes.tokens, lambda: rules, {"headgate"}, self._offer.has_waiting_dispatch)
        self.trigger = TriggerPipeline(opened, JsonSchemaValidator(), clock, self.wakeups, self.fakes.disk_space, given)
        self._tasks: list[asyncio.Task[Any]] = []
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self.port = 0
        self.failures: list[Exception] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[FakeWeb]:
        loops = [
            run_service(self._offer, self._offer.wait, self._record_failure),
            run_service(self._expire, wait_seconds(0.2), self._record_failure),
            run_service(self._due, wait_seconds(0.05), self._record_failure),
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
        """Listen: on a port of its own, the same one every time."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        routes = [
            Route("/worker/stream", self._stream),
            Route("/worker/{rest:path}", self._post, methods=["POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="critical", lifespan="off", timeout_graceful_shutdown=0)
        self._server = _Server(config)
        self._socket = listening
        self._tasks = [asyncio.create_task(self._server.serve([listening]))]
        while not self._server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """As when the process dies: every connection is cut."""
        assert self._server is not None and self._socket is not None
        self._server.should_exit = self._server.force_exit = True
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()  # type: ignore[union-attr]
        await asyncio.gather(*self._tasks)
        self._socket.close()
        for worker in [api.worker.id for api in self.links._links.values()]:
            self.links._close(worker)

    async def create_pipeline(self, *stages: dict[str, Any], **more: Any) -> int:
        view = await self.create({"name": f"p{len(self.fakes.store.committed.pipelines) + 1}", "stages": list(stages), **more})
        return view.id

    async def run(self, pipeline_id: int, **parameters: Any) -> int:
        """Trigger; the run's id."""
        view = await self.trigger(TriggerCommand(pipeline_id, parameters))
        return view.run_id

    def get_run(self, run_id: int) -> Run:
        return self.fakes.store.committed.runs[run_id]

    def statuses(self, run_id: int) -> dict[str, str]:
        return {name: stage.status.value for name, stage in self.get_run(run_id).stages.items()}

    def log(self, run_id: int, stage: str) -> list[tuple[str, str]]:
        rows = sorted(self.fakes.store.committed.log_lines.items())
        return [(line.stream, line.text) for (run, _), line in rows if run == run_id and line.stage == stage]

    async def wait_until_over(self, run_id: int, seconds: float = 20) -> Run:
        """The run once it is over and its dispatch closed."""
        await eventually(lambda: self.get_run(run_id).is_over and self.get_run(run_id).dispatch.state == "none", seconds)
        return self.get_run(run_id)

    def _record_failure(self, service: str, error: Exception) -> None:
        self.failures.append(error)

    # -- routes -----------------------------------------------------------------------------------------------------

    async def _stream(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        query = request.query_params
        slots = int(query["slots"])
        seen = WorkerStatus(query["worker_id"], query["name"], query["pool"], slots, slots)
        self.streams += 1

        async def lines() -> AsyncIterator[bytes]:
            yield b'{"type":"ping"}\n'
            async for message in self.links.open(seen):
                kind = "claim" if isinstance(message, Claim) else "stop" if isinstance(message, StopRun) else "wake"
                yield orjson.dumps({"type": kind, **orjson.loads(orjson.dumps(message))}) + b"\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def _post(self, request: Request) -> Response:
        raw = await request.body()
        path = request.path_params["rest"]
        self.requests.append((path, raw))
        if refusal := self._refusal(request):
            return refusal
        try:
            answer = await self._act(path.split("/"), json.loads(raw))
        except Unavailable as error:
            return JSONResponse({"detail": str(error)}, 503)
        except NotFound as error:
            return JSONResponse({"detail": str(error)}, 404)
        except Conflict as error:
            return JSONResponse({"detail": str(error), "kind": error.kind}, 409)
        except (HeadgateError, ValueError) as error:
            return JSONResponse({"detail": str(error)}, 422)
        name = path.rpartition("/")[2]
        if self.faults[name] > 0:
            self.faults[name] -= 1
            return JSONResponse({"detail": "the answer got lost"}, 503)
        return Response(status_code=204) if answer is None else Response(orjson.dumps(answer), media_type="application/json")

    def _refusal(self, request: Request) -> Response | None:
        if self.is_down:
            return JSONResponse({"detail": "away"}, 503)
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return JSONResponse({"detail": "unauthorized"}, 401)
        return None

    async def _act(self, path: list[str], body: dict[str, Any]) -> Any:
        match path:
            case ["heartbeat"]:
                return await self.heartbeat(_beat(body))
            case ["dispatches", run_id, epoch, "claim"]:
                return await self.claim(int(run_id), int(epoch), body["worker_id"], body["capacity"])
            case ["dispatches", run_id, epoch, "advance"]:
                await asyncio.sleep(self.advance_delay)
                answer = await self.advance(_step(int(run_id), int(epoch), body))
                if body["received"] is not None:
                    self.links.set_free_slots(body["worker_id"], body["free"] - len(answer.starts), body["received"])
                return answer
            case ["dispatches", run_id, epoch, "recorded"]:
                await self.note(int(run_id), int(epoch), body["flow_run_id"])
                self.recorded.append((int(run_id), int(epoch), body["flow_run_id"]))
            case ["logs"]:
                return {"stored": await self.append(body["run_id"], body["stage"], body["attempt"], list(_lines(body)))}
            case ["cancelled-in-prefect"]:
                await self.cancel_from_prefect(body["flow_run_id"])
            case ["leave"]:
                self.links._close(body["worker_id"])
        return None


class _Server(uvicorn.Server):
    """Leaves signals to the tests."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition; fails at the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def _beat(body: dict[str, Any]) -> HeartbeatCommand:
    worker = WorkerStatus(body["worker_id"], body["name"], body["pool"], body["slots"], body["free"], body["version"])
    dispatches = [HeldDispatch(b["run_id"], b["epoch"], frozenset((s, n) for s, n in b["holding"])) for b in body["dispatches"]]
    return HeartbeatCommand(worker, dispatches, body["received"], body["takes_work"])


def _step(run_id: int, epoch: int, body: dict[str, Any]) -> AdvanceCommand:
    reports = [
        WorkerReport(
            item["event_id"],
            Report(
                status=Status(item["status"]),
                stage=item["stage"],
                attempt=item["attempt"],
                records_processed=item.get("records_processed"),
                error_message=item.get("error_message"),
                message=item.get("message"),
                output=item.get("output"),
                reason=Reason(item["reason"]) if item.get("reason") else None,
            ),
        )
        for item in body["reports"]
    ]
    holding = frozenset((stage, attempt) for stage, attempt in body["holding"])
    return AdvanceCommand(body["worker_id"], run_id, epoch, body["capacity"], reports, holding, body["hand_back"])


def _lines(body: dict[str, Any]) -> Iterator[NewLogLine]:
    for index, at, stream, text in body["lines"]:
        yield NewLogLine(index, datetime.fromisoformat(at), stream, text)
