"""The worker's HTTP link to Headgate: one keep-alive client, and patience."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from application.ports.dispatch.worker_messages import Claim, WorkerMessage
from entrypoints.worker.client.connectivity import ConnectivityMonitor
from entrypoints.worker_protocol.messages import (
    AdvanceResponse,
    AttemptKey,
    DispatchKey,
    HeartbeatResponse,
    encode_json,
    parse_claim,
    parse_message,
)

log = logging.getLogger("headgate.worker")

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
_STREAM_TIMEOUT: Final = 25.0
"""Seconds without a byte after which the stream counts as dead; pings come at least every 10 s."""


class RequestRejected(Exception):
    """The web will not take this request, however often it is sent. `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """Who this worker process is to Headgate. `id` begins with the name, so that a history reads well; another process has another."""

    name: str
    pool: str
    slots: int
    version: str = ""
    suffix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def id(self) -> str:
        return f"{self.name}-{self.suffix}"


class ApiClient:
    """Everything a worker says to the web. Calls repeat identical bytes until they are answered, unless they say otherwise."""

    def __init__(self, url: str, token: str, identity: WorkerIdentity, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.identity = identity
        self.url = url.rstrip("/")
        self.connectivity = ConnectivityMonitor(self.url)
        loopback = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=httpx.Timeout(10.0, connect=3.0, pool=None),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=60),
            trust_env=not loopback,
            transport=transport,
            verify=self.url.startswith("https://"),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def claim(self, dispatch: DispatchKey, capacity: int) -> Claim:
        """Claim a requested dispatch. Refused 409 when another took it or it was closed, 404 when there is no such run."""
        body = encode_json({"worker_id": self.identity.id, "capacity": capacity})
        return parse_claim(await self._post_until_answered(f"/worker/dispatches/{dispatch[0]}/{dispatch[1]}/claim", body))

    async def advance(self, dispatch: DispatchKey, body: bytes, trace: Mapping[str, str] | None = None) -> AdvanceResponse:
        """Say how attempts ended and hear what may start. A dispatch that is gone or another's is an answer too."""
        try:
            return AdvanceResponse.parse(
                await self._post_until_answered(f"/worker/dispatches/{dispatch[0]}/{dispatch[1]}/advance", body, trace)
            )
        except RequestRejected as rejection:
            if rejection.status in (404, 409):
                return AdvanceResponse(refused=True)
            raise

    async def append_log(self, run_id: int, stage: str, attempt: int, lines: Sequence[bytes]) -> None:
        """Hand over lines, each encoded as `[index, at, stream, text]`. Lines the web refuses are dropped."""
        head = encode_json({"run_id": run_id, "stage": stage, "attempt": attempt})
        body = head[:-1] + b',"lines":[' + b",".join(lines) + b"]}"
        try:
            await self._post_until_answered("/worker/logs", body)
        except RequestRejected as rejection:
            log.warning("Lines of %s of run %s were refused: %s", stage, run_id, rejection)

    async def record_flow_run(self, dispatch: DispatchKey, flow_run_id: str, trace: Mapping[str, str] | None = None) -> None:
        """The dispatch stands in Prefect as this flow run."""
        body = encode_json({"worker_id": self.identity.id, "flow_run_id": flow_run_id})
        await self._post_until_answered(f"/worker/dispatches/{dispatch[0]}/{dispatch[1]}/recorded", body, trace)

    async def report_prefect_cancel(self, flow_run_id: str) -> None:
        await self._post_until_answered("/worker/cancelled-in-prefect", encode_json({"flow_run_id": flow_run_id}))

    async def heartbeat(
        self, free: int, received: int | None, takes_work: bool, dispatches: Sequence[tuple[DispatchKey, Sequence[AttemptKey]]]
    ) -> HeartbeatResponse:
        """One sign of life, sent once: the next one says more. Raises httpx.HTTPError or Refused."""
        who = self.identity
        body = encode_json(
            {
                "worker_id": who.id,
                "name": who.name,
                "pool": who.pool,
                "slots": who.slots,
                "free": free,
                "version": who.version,
                "received": received,
                "takes_work": takes_work,
                "dispatches": [{"run_id": run_id, "epoch": epoch, "holding": holding} for (run_id, epoch), holding in dispatches],
            }
        )
        return HeartbeatResponse.parse(_parse_response(await self._http.post("/worker/heartbeat", content=body, timeout=4.0)))

    async def leave(self) -> None:
        """Say goodbye, once: a web that does not hear it finds out by itself. Raises httpx.HTTPError or Refused."""
        _parse_response(await self._http.post("/worker/leave", content=encode_json({"worker_id": self.identity.id}), timeout=1.0))

    async def stream_messages(self, free: int) -> AsyncIterator[WorkerMessage | None]:
        """What the web pushes, from one open stream; the first item, None, says that it is open.

        Ends, or raises httpx.HTTPError or Refused, when the stream does: open another.
        """
        who = self.identity
        query: dict[str, str | int] = {"worker_id": who.id, "name": who.name, "pool": who.pool, "slots": who.slots, "free": free}
        timeout = httpx.Timeout(_STREAM_TIMEOUT, connect=3.0)
        async with self._http.stream("GET", "/worker/stream", params=query | {"version": who.version}, timeout=timeout) as response:
            if response.status_code != 200:
                await response.aread()
                raise RequestRejected(response.status_code, response.text)
            self.connectivity.record_success()
            yield None
            async for line in response.aiter_lines():
                if line and (message := parse_message(line)) is not None:
                    yield message

    async def _post_until_answered(self, path: str, body: bytes, trace: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Repeat the same bytes while the web is away or overloaded. Raises Refused for any other answer than success."""
        pause = _FIRST_PAUSE
        while True:
            try:
                response = await self._http.post(path, content=body, headers=trace)
                self.connectivity.record_success()
                if response.status_code < 500 and response.status_code not in (401, 408, 429):
                    return _parse_response(response)
                log.debug("%s answered %s", path, response.status_code)
            except httpx.HTTPError as error:
                self.connectivity.record_failure(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _parse_response(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        raise RequestRejected(response.status_code, response.text)
    body: dict[str, Any] = response.json() if response.content else {}
    return body
