"""The HTTP transport of a simulated worker: its requests travel over the simulated network to one of the web processes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import httpx

from application.ports.dispatch.worker_messages import WorkerMessage
from application.ports.persistence.workers import WorkerStatus
from domain.errors import Conflict, HeadgateError, NotFound, Unavailable
from entrypoints.api.shared.models import ResponseModel
from entrypoints.api.workers.requests import AdvanceRequest, AppendLogRequest, ClaimRequest, FlowRunRecordedRequest, HeartbeatRequest
from entrypoints.api.workers.responses import (
    AdvanceResponse,
    ClaimResponse,
    HeartbeatResponse,
    RecordDispatchResponse,
    StoredLinesResponse,
    encode_message,
)
from tests.simulation.actors.web import Web
from tests.simulation.context import SimulationContext
from tests.simulation.runtime.network import NoAnswer
from tests.simulation.runtime.stream import SimulatedStream
from tests.support.invariants import Acknowledged

T = TypeVar("T")
DISCONNECT_SECONDS = 0.05


class WorkerTransport(httpx.AsyncBaseTransport):
    """Calls the routes' use cases with the routes' own models, and records in the ledger what the worker gets to know."""

    def __init__(self, context: SimulationContext) -> None:
        self._context = context
        self.stream: SimulatedStream[WorkerMessage | None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/worker/").split("/")
        if path == ["stream"]:
            return await self._open_stream(request)
        try:
            answer = await self._post(path, json.loads(request.content), request.extensions["timeout"]["read"])
        except NoAnswer as error:
            raise httpx.ReadError(str(error), request=request) from None
        except Unavailable as error:
            return httpx.Response(503, text=str(error))
        except NotFound as error:
            return httpx.Response(404, text=str(error))
        except Conflict as error:
            return httpx.Response(409, text=str(error))
        except HeadgateError as error:
            self._context.report_defect(f"{request.url.path} was answered with {error!r}")
            return httpx.Response(422, text=str(error))
        return httpx.Response(204) if answer is None else httpx.Response(200, content=answer.model_dump_json())

    async def _post(self, path: list[str], body: Any, timeout: float) -> ResponseModel | None:
        match path:
            case ["heartbeat"]:
                return await self._heartbeat(body, timeout)
            case ["dispatches", run_id, epoch, "claim"]:
                claim = ClaimRequest.model_validate(body)
                call = lambda web: web.claim(int(run_id), int(epoch), claim.worker_id, claim.capacity)  # noqa: E731
                return ClaimResponse.from_view(await self._call("claim", call, timeout))
            case ["dispatches", run_id, epoch, "advance"]:
                return await self._advance(int(run_id), int(epoch), body, timeout)
            case ["dispatches", run_id, epoch, "recorded"]:
                flow_run_id = FlowRunRecordedRequest.model_validate(body).flow_run_id
                await self._call("recorded", lambda web: web.recorded(int(run_id), int(epoch), flow_run_id), timeout)
                return None
            case ["dispatches", run_id, epoch, "record"]:
                return RecordDispatchResponse(recorded=await self._call("record", lambda web: web.record(int(run_id), int(epoch)), timeout))
            case ["logs"]:
                return await self._append_log(body, timeout)
            case ["leave"]:
                return None
        raise ValueError(f"no route for {path}")

    async def _call(self, what: str, work: Callable[[Web], Awaitable[T]], timeout: float) -> T:
        web = self._context.pick_web()
        return await self._context.network.call(web, what, lambda: work(web), timeout)

    async def _heartbeat(self, body: Any, timeout: float) -> HeartbeatResponse:
        command = HeartbeatRequest.model_validate(body).to_command()
        sent_at = asyncio.get_running_loop().time()
        answer = await self._call("heartbeat", lambda web: web.heartbeat(command), timeout)
        renewals = self._context.ledger.renewals
        for key in answer.renewed:
            renewals[key] = max(sent_at, renewals.get(key, sent_at))
        return HeartbeatResponse.from_view(answer)

    async def _advance(self, run_id: int, epoch: int, body: Any, timeout: float) -> AdvanceResponse:
        request = AdvanceRequest.model_validate(body)
        command = request.to_command(run_id, epoch)
        answer = await self._call("advance", lambda web: web.advance(command, request.free, request.received), timeout)
        ledger = self._context.ledger
        for sent, result in zip(command.reports, answer.answers, strict=True):
            ledger.record_answer(run_id, request.worker_id, sent.event_id, result)
            if result.applied:
                ledger.acknowledged.append(Acknowledged(run_id, result.seq, sent.report.stage, sent.report.status))
        return AdvanceResponse.from_view(answer)

    async def _append_log(self, body: Any, timeout: float) -> StoredLinesResponse:
        request = AppendLogRequest.model_validate(body)
        attempt = request.run_id, request.stage, request.attempt
        self._context.ledger.lines_sent(attempt, [index for index, *_ in request.lines])
        response = await self._call(
            "log", lambda web: web.append_log(*attempt, request.to_lines(), request.tail, request.unfinished_lines), timeout
        )
        self._context.ledger.lines_acknowledged(attempt, [index for index, *_ in request.lines])
        return response

    async def _open_stream(self, request: httpx.Request) -> httpx.Response:
        query, web = request.url.params, self._context.pick_web()
        if not web.is_up:
            raise httpx.ConnectError("connection refused", request=request)
        worker = WorkerStatus(query["worker_id"], query["name"], query["pool"], int(query["slots"]), int(query["free"]), query["version"])
        stream = self.stream = SimulatedStream[WorkerMessage | None](self._context.network)
        stream.server = web.run_in_background(web.stream(worker, stream))
        try:
            await stream.next()
        except EOFError:
            raise httpx.ReadError("the stream broke", request=request) from None
        except asyncio.CancelledError:
            stream.cut(DISCONNECT_SECONDS)
            raise
        return httpx.Response(200, stream=_StreamBody(stream))


class _StreamBody(httpx.AsyncByteStream):
    def __init__(self, stream: SimulatedStream[WorkerMessage | None]) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                message = await self._stream.next()
            except EOFError:
                return
            if message is not None:
                yield encode_message(message)

    async def aclose(self) -> None:
        self._stream.cut(DISCONNECT_SECONDS)
