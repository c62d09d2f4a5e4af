"""A worker with several addresses uses any web that answers. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from random import Random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.worker.client.api_client import ApiClient, RequestRejected, WorkerIdentity
from tests.simulation.runtime.virtual_loop import VirtualLoop
from tests.support.log_records import recorded_log

URLS = ("http://web-1", "http://web-2", "http://web-3")
HEARTBEAT_ANSWER = {"renewed": [], "refused": [], "stop": [], "wake": [], "claims": []}
ADVANCE_ANSWER = {"answers": [], "starts": [], "more": False, "stop": False, "ended": True}
ANSWERS = {"heartbeat": HEARTBEAT_ANSWER, "advance": ADVANCE_ANSWER}
FAILURES = ("refused", "reset", "silent", "stopping")
MOVE_SECONDS = 2.0


class Webs(httpx.AsyncBaseTransport):
    """The webs by host name. Those in `failing` fail in that way; the others answer."""

    def __init__(self, failing: Mapping[str, str]) -> None:
        self.failing = dict(failing)
        self.requests: list[tuple[str, str, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.path
        self.requests.append((host, path, await request.aread()))
        match self.failing.get(host):
            case "refused":
                raise httpx.ConnectError("refused", request=request)
            case "reset":
                raise httpx.ReadError("reset", request=request)
            case "silent":
                await asyncio.sleep(request.extensions["timeout"]["read"])
                raise httpx.ReadTimeout("no answer", request=request)
            case "stopping":
                return httpx.Response(503, json={"detail": "stopping"})
        if path == "/worker/stream":
            return httpx.Response(200, stream=_Pings(self, host))
        return httpx.Response(200, json=ANSWERS.get(path.rpartition("/")[2], {}))


class _Pings(httpx.AsyncByteStream):
    """A ping every eight seconds. A web that fails sends nothing more, and breaks the connection unless it is silent."""

    def __init__(self, webs: Webs, host: str) -> None:
        self._webs, self._host = webs, host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b'{"type":"ping"}\n'
            for _ in range(80):
                await asyncio.sleep(0.1)
                if self._webs.failing.get(self._host) in ("refused", "reset"):
                    raise httpx.ReadError("reset")
            while self._host in self._webs.failing:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


def build_client(webs: Webs) -> ApiClient:
    return ApiClient("http://public", "token", WorkerIdentity("worker-1", "headgate", 4), webs, web_urls=URLS)


some_fail = st.dictionaries(st.sampled_from([url.removeprefix("http://") for url in URLS]), st.sampled_from(FAILURES), max_size=2)


@given(failing=some_fail, request_name=st.sampled_from(["advance", "log", "record", "recorded", "cancel", "heartbeat", "leave"]))
def test_any_request_is_answered_by_a_web_that_works(failing: dict[str, str], request_name: str) -> None:
    webs = Webs(failing)

    async def send() -> float:
        api, started = build_client(webs), asyncio.get_running_loop().time()
        match request_name:
            case "advance":
                await api.advance((1, 1), b'{"reports":["with an event id"]}')
            case "log":
                await api.append_log(1, "a", 1, [b'[0,"now","stdout","line"]'])
            case "record":
                await api.record_dispatch((1, 1))
            case "recorded":
                await api.record_flow_run((1, 1), "flow-run")
            case "cancel":
                await api.report_prefect_cancel("flow-run")
            case "heartbeat":
                await api.heartbeat(4, None, True, [])
            case "leave":
                await api.unregister()
        return asyncio.get_running_loop().time() - started

    seconds = VirtualLoop(Random(0)).run(send())

    hosts = [host for host, _, _ in webs.requests]
    assert hosts[-1] not in failing
    assert len(hosts) == len(set(hosts))
    assert len({body for _, _, body in webs.requests}) == 1
    assert seconds <= MOVE_SECONDS * len(failing)


@given(failing=some_fail)
def test_the_stream_opens_at_a_web_that_works(failing: dict[str, str]) -> None:
    webs = Webs(failing)

    async def open_stream() -> float:
        api = build_client(webs)
        while True:
            try:
                async for _ in api.stream_messages(4):
                    return asyncio.get_running_loop().time()
            except (httpx.HTTPError, RequestRejected):
                continue

    seconds = VirtualLoop(Random(0)).run(open_stream())

    assert [host for host, _, _ in webs.requests][-1] not in failing
    assert seconds <= MOVE_SECONDS * len(failing)


@pytest.mark.parametrize("failure", ["reset", "silent"])
def test_an_open_stream_ends_when_its_web_stops_answering(failure: str) -> None:
    webs = Webs({})

    async def read_until_broken() -> float:
        api, loop = build_client(webs), asyncio.get_running_loop()
        loop.call_at(5.0, webs.failing.update, {"web-1": failure})
        with pytest.raises(httpx.TransportError):
            async for _ in api.stream_messages(4):
                pass
        broken_at = loop.time()
        async for _ in api.stream_messages(4):
            break
        return broken_at

    seconds = VirtualLoop(Random(0)).run(read_until_broken()) - 5.0

    assert webs.requests[-1][:2] == ("web-2", "/worker/stream")
    assert seconds <= MOVE_SECONDS


def test_a_web_that_is_only_slow_gets_to_answer() -> None:
    class SlowWebs(Webs):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.extensions["timeout"]["read"] < 3.0:
                self.failing = {url.removeprefix("http://"): "silent" for url in URLS}
            else:
                self.failing = {}
            return await super().handle_async_request(request)

    webs = SlowWebs({})

    async def send() -> None:
        api = build_client(webs)
        await api.advance((1, 1), b"{}")
        for _ in range(2):
            with pytest.raises(httpx.ReadTimeout):
                await api.heartbeat(4, None, True, [])
        await api.heartbeat(4, None, True, [])

    VirtualLoop(Random(0)).run(send())


def test_a_move_is_logged_once() -> None:
    webs = Webs({"web-1": "refused"})

    async def send() -> None:
        api = build_client(webs)
        for _ in range(3):
            await api.unregister()

    with recorded_log("headgate.worker") as log:
        VirtualLoop(Random(0)).run(send())

    assert log.messages == ["Headgate did not respond at http://web-1; requests now go to http://web-2"]
    assert [host for host, _, _ in webs.requests] == ["web-1", "web-2", "web-2", "web-2"]
