"""The worker's HTTP client for Headgate's API. It repeats a request until it is answered, at each of the webs in turn."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from adapters.http_client import open_http_client
from application.ports.dispatch.worker_messages import Claim, WorkerMessage
from entrypoints.worker.client.connectivity import ConnectivityMonitor
from entrypoints.worker.client.web_addresses import UNAVAILABLE_STATUSES, WebAddresses
from entrypoints.worker_protocol.messages import (
    PROTOCOL_HEADER,
    PROTOCOL_VERSION,
    AdvanceResponse,
    AttemptKey,
    DispatchKey,
    HeartbeatResponse,
    LogTailStart,
    encode_json,
    parse_claim,
    parse_message,
)

log = logging.getLogger("headgate.worker")

_RETRIED_STATUSES: Final = (408, 429)
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
_TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0, pool=None)
_HEARTBEAT_TIMEOUT: Final = httpx.Timeout(4.0, pool=None)
_LEAVE_TIMEOUT: Final = httpx.Timeout(1.0, pool=None)
_STREAM_TIMEOUT: Final = 25.0
"""Seconds without a byte after which the stream counts as broken. Headgate sends a ping at least every 10 s."""
_OPEN_TIMEOUT: Final = 1.8
"""Seconds in which a stream must open, if there is another address."""
_PROBE_SECONDS: Final = 0.9
"""With several addresses: seconds without a message after which the stream's web is asked whether it answers, and which it has to do so."""


class RequestRejected(Exception):
    """Headgate answered with an error that repeating the request cannot change.

    `status` is the HTTP status, `problem` the kind of Headgate's problem; None if something else answered, such as a proxy.
    """

    def __init__(self, status: int, text: str, problem: str | None = None) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status
        self.problem = problem

    @classmethod
    def from_response(cls, response: httpx.Response) -> RequestRejected:
        """Build the error with the sentence of a problem, or with the text of another error page."""
        try:
            body = response.json()
            return cls(response.status_code, str(body["detail"]), str(body["problem"]))
        except (ValueError, TypeError, KeyError):
            return cls(response.status_code, response.text)


class TokenRejected(Exception):
    """Headgate refuses the worker's token. It accepts nothing from this process any more."""


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """How a worker process identifies itself. `id` starts with the name, which people recognise, and is unique per process."""

    name: str
    pool: str
    slots: int
    version: str = ""
    suffix: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def id(self) -> str:
        return f"{self.name}-{self.suffix}"


class ApiClient:
    """The requests of a worker. Each call sends the same bytes until they are answered, unless its docstring says otherwise."""

    def __init__(
        self,
        url: str,
        token: str,
        identity: WorkerIdentity,
        transport: httpx.AsyncBaseTransport | None = None,
        web_urls: Sequence[str] = (),
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """`url` is the address that stages use, and the worker too unless `web_urls` has others. `environment` has the proxies."""
        self.identity = identity
        self.url = url.rstrip("/")
        self._addresses = WebAddresses(web_urls or [self.url])
        self._failed_heartbeats = 0
        self.connectivity = ConnectivityMonitor(", ".join(self._addresses.urls))
        self._http = open_http_client(
            self._addresses.urls,
            environment,
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                PROTOCOL_HEADER: str(PROTOCOL_VERSION),
            },
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=60),
            transport=transport,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def claim(self, dispatch: DispatchKey, capacity: int) -> Claim:
        """Claim a requested dispatch.

        Raises RequestRejected: 409 if it is claimed or closed, 404 if the run does not exist, 401 if the token is invalid.
        """
        body = encode_json({"worker_id": self.identity.id, "capacity": capacity})
        path = f"/worker/dispatches/{dispatch[0]}/{dispatch[1]}/claim"
        return parse_claim(await self._post_until_answered(path, body, retried=_RETRIED_STATUSES))

    async def advance(self, dispatch: DispatchKey, body: bytes, trace: Mapping[str, str] | None = None) -> AdvanceResponse:
        """Report results and learn what to start. A dispatch that is gone or claimed by another worker is answered with `refused`."""
        try:
            return AdvanceResponse.parse(
                await self._post_until_answered(f"/worker/dispatches/{dispatch[0]}/{dispatch[1]}/advance", body, trace)
            )
        except RequestRejected as rejection:
            if rejection.status in (404, 409):
                return AdvanceResponse(refused=True)
            raise

    async def append_log(
        self,
        run_id: int,
        stage: str,
        attempt: int,
        lines: Sequence[bytes],
        *,
        is_tail: bool = False,
        unfinished: Mapping[str, Any] | None = None,
    ) -> LogTailStart | None:
        """Store lines and the state of unfinished ones. Lines that Headgate rejects are dropped.

        A line is encoded as `[index, at, stream, text]`, with `true` as fifth item if its order is approximate.

        Returns where the tail begins once Headgate stores no more lines of the head.
        """
        options = ({"tail": True} if is_tail else {}) | ({"unfinished": unfinished} if unfinished else {})
        head = encode_json({"run_id": run_id, "stage": stage, "attempt": attempt, **options})
        body = head[:-1] + b',"lines":[' + b",".join(lines) + b"]}"
        try:
            return LogTailStart.parse(await self._post_until_answered("/worker/logs", body))
        except RequestRejected as rejection:
            log.warning("Run %s: lines of stage %s were rejected: %s", run_id, stage, rejection)
            return None

    async def record_flow_run(self, dispatch: DispatchKey, flow_run_id: str, trace: Mapping[str, str] | None = None) -> None:
        """Report which flow run in Prefect shows the dispatch."""
        body = encode_json({"worker_id": self.identity.id, "flow_run_id": flow_run_id})
        await self._post_until_answered(f"/worker/dispatches/{dispatch[0]}/{dispatch[1]}/recorded", body, trace)

    async def record_dispatch(self, dispatch: DispatchKey, trace: Mapping[str, str] | None = None) -> bool:
        """Have the web create the dispatch's flow run in Prefect, or end it if the dispatch has ended. Return False if Prefect is down."""
        path = f"/worker/dispatches/{dispatch[0]}/{dispatch[1]}/record"
        return bool((await self._post_until_answered(path, b"{}", trace)).get("recorded"))

    async def report_prefect_cancel(self, flow_run_id: str) -> None:
        """Report that a person cancelled this flow run in Prefect."""
        await self._post_until_answered("/worker/cancelled-in-prefect", encode_json({"flow_run_id": flow_run_id}))

    async def heartbeat(
        self, free: int, received: int | None, takes_work: bool, dispatches: Sequence[tuple[DispatchKey, Sequence[AttemptKey]]]
    ) -> HeartbeatResponse:
        """Send one heartbeat, once to each address, because the next one is newer. Raises httpx.HTTPError or RequestRejected."""
        identity = self.identity
        body = encode_json(
            {
                "worker_id": identity.id,
                "name": identity.name,
                "pool": identity.pool,
                "slots": identity.slots,
                "free": free,
                "version": identity.version,
                "received": received,
                "takes_work": takes_work,
                "dispatches": [{"run_id": run_id, "epoch": epoch, "holding": holding} for (run_id, epoch), holding in dispatches],
            }
        )
        self._failed_heartbeats += 1  # until it is answered
        answer = _parse_response(await self._post("/worker/heartbeat", body, _HEARTBEAT_TIMEOUT, self._failed_heartbeats - 1))
        self._failed_heartbeats = 0
        return HeartbeatResponse.parse(answer)

    async def unregister(self) -> None:
        """Report that this worker stops, once: without it, Headgate notices later. Raises httpx.HTTPError or RequestRejected."""
        _parse_response(await self._post("/worker/leave", encode_json({"worker_id": self.identity.id}), _LEAVE_TIMEOUT, 0))

    async def stream_messages(self, free: int) -> AsyncIterator[WorkerMessage | None]:
        """Yield the messages of one stream. The first item, None, says that it is open.

        Ends, or raises httpx.HTTPError or RequestRejected, when the stream ends.
        """
        identity = self.identity
        query: dict[str, str | int] = {
            "worker_id": identity.id,
            "name": identity.name,
            "pool": identity.pool,
            "slots": identity.slots,
            "free": free,
            "version": identity.version,
        }
        url = self._addresses.current
        try:
            response = await self._open_stream(url, query)
            try:
                self._record_answer(url)
                yield None
                async for line in self._read_lines(url, response):
                    if line and (message := parse_message(line)) is not None:
                        yield message
            finally:
                await response.aclose()
        except httpx.TransportError:
            self._addresses.leave(url)
            raise

    async def _open_stream(self, url: str, query: Mapping[str, str | int]) -> httpx.Response:
        timeout = httpx.Timeout(_STREAM_TIMEOUT, connect=3.0)
        request = self._http.build_request("GET", f"{url}/worker/stream", params=query, timeout=timeout)
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT if self._addresses.has_others else None):
                response = await self._http.send(request, stream=True)
        except TimeoutError:
            raise httpx.ReadTimeout("The stream did not open.", request=request) from None
        if response.status_code != 200:
            await response.aread()
            if response.status_code in UNAVAILABLE_STATUSES:
                self._addresses.leave(url)
            raise RequestRejected.from_response(response)
        return response

    async def _read_lines(self, url: str, response: httpx.Response) -> AsyncIterator[str]:
        """Yield the lines of a stream. Raises httpx.TransportError if its web stops answering and there is another one."""
        lines = response.aiter_lines()
        silence = _PROBE_SECONDS if self._addresses.has_others else None
        while True:
            reading = asyncio.ensure_future(anext(lines, None))
            try:
                while not (await asyncio.wait({reading}, timeout=silence))[0]:
                    await self._http.get(f"{url}/livez", timeout=_PROBE_SECONDS)
            finally:
                reading.cancel()
                await asyncio.wait({reading})
            line = reading.result()
            if line is None:
                return
            yield line

    async def _post_until_answered(
        self, path: str, body: bytes, trace: Mapping[str, str] | None = None, retried: Collection[int] = (401, *_RETRIED_STATUSES)
    ) -> dict[str, Any]:
        """Send the same bytes until a web is neither unavailable nor overloaded. Raises RequestRejected for any other error.

        A 401 is retried too, since the heartbeats end the worker if its token is invalid.
        """
        pause = _FIRST_PAUSE
        failed_rounds = 0
        while True:
            try:
                response = await self._post(path, body, _TIMEOUT, failed_rounds, trace)
                if response.status_code < 500 and response.status_code not in retried:
                    return _parse_response(response)
                log.debug("%s responded with %s", path, response.status_code)
            except httpx.HTTPError as error:
                self.connectivity.record_failure(error)
            failed_rounds += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _post(
        self, path: str, body: bytes, timeout: httpx.Timeout, failed_rounds: int, trace: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a request to the current address and, as long as none answers, once to each of the others.

        Returns the last response; raises httpx.HTTPError if the last address did not respond.
        """
        timeout = self._addresses.limit_timeout(timeout, failed_rounds)
        tries_left = len(self._addresses.urls)
        while True:
            tries_left -= 1
            url = self._addresses.current
            try:
                response = await self._http.post(f"{url}{path}", content=body, headers=trace, timeout=timeout)
            except httpx.TransportError as error:
                self._addresses.leave(url)
                if not tries_left:
                    raise
                log.debug("%s%s: %r", url, path, error)
                continue
            if response.status_code not in UNAVAILABLE_STATUSES:
                self._record_answer(url)
                return response
            self._addresses.leave(url)
            if not tries_left:
                return response

    def _record_answer(self, url: str) -> None:
        self.connectivity.record_success()
        self._addresses.record_answer(url)


def _parse_response(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        raise RequestRejected.from_response(response)
    body: dict[str, Any] = response.json() if response.content else {}
    return body
