"""Whatever the server in the place of Prefect responds, callers get Unavailable, or an answer that is not wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from adapters.orchestration.prefect_deployments import PrefectDeployments
from application.ports.dispatch.deployments import DeploymentRun, FlowLogPosition
from application.ports.dispatch.orchestrator import FlowRunRejected
from domain.errors import Unavailable
from tests.fakes import FakeClock
from tests.support.prefect_stub import Answer, a_prefect_stub, respond

ID = "00000000-0000-4000-8000-000000000001"
DEPLOYMENT = {"id": ID, "name": "train", "flow_id": ID}
Call = Callable[[PrefectDeployments], Awaitable[Any]]


def create(port: PrefectDeployments) -> Awaitable[Any]:
    return port.create_flow_run(DeploymentRun("ml/train", "key", "nightly#1 train", {"day": 3}))


LISTS: dict[str, Call] = {
    "list_all": lambda port: port.list_all(),
    "find": lambda port: port.find("ml/train"),
    "find_flow_run": lambda port: port.find_flow_run("ml/train", "key"),
    "observe": lambda port: port.observe([ID]),
    "read_log": lambda port: port.read_log(ID, FlowLogPosition(), is_over=True),
    "read_output": lambda port: port.read_output(ID),
    "find_pool_problems": lambda port: port.find_pool_problems(["k8s"]),
    "create_flow_run": create,
}
CALLS: dict[str, Call] = LISTS | {
    "cancel": lambda port: port.cancel(ID),
    "force_cancelled": lambda port: port.force_cancelled(ID),
}
FAILURES: dict[str, bytes | None] = {
    "500": respond({"exception_message": "Internal Server Error"}, 500),
    "503 of a proxy": respond(b"<html>Service Unavailable</html>", 503),
    "429": respond({"detail": "Too many requests"}, 429),
    "401": respond({"exception_message": "Unauthorized"}, 401),
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTML": respond(b"<html>Welcome</html>"),
    "half of a response": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{",
    "deep JSON": respond(b"[" * 100_000),
    "no UTF-8": respond(b'["\xff"]'),
    "closed": b"",
    "hangs": None,
}
ODD_BODIES: list[Any] = [
    None,
    {},
    5,
    "text",
    [5],
    [[]],
    [{}],
    [{"id": "no id"}],
    [{"id": ID, "state": "x", "state_name": 5, "timestamp": 5}],
]


@asynccontextmanager
async def a_port(answer: Answer, seconds: float = 10.0) -> AsyncIterator[PrefectDeployments]:
    async with a_prefect_stub(answer) as url:
        port = PrefectDeployments(url, "user:a-password", FakeClock(), seconds=seconds)
        try:
            yield port
        finally:
            await port.close()


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("call", CALLS)
async def test_a_failing_server_is_unavailable(call: str, failure: str) -> None:
    response = FAILURES[failure]
    async with a_port(lambda path, body: response, 0.2 if response is None else 10.0) as port:
        with pytest.raises(Unavailable) as raised:
            await CALLS[call](port)

    assert "a-password" not in str(raised.value)
    assert not isinstance(raised.value, FlowRunRejected)


@pytest.mark.parametrize("call", LISTS)
async def test_a_server_without_prefects_paths_is_unavailable(call: str) -> None:
    """A wrong URL must not look like flow runs that are gone."""
    async with a_port(lambda path, body: respond({"detail": "Not Found"}, 404)) as port:
        with pytest.raises(Unavailable) as raised:
            await LISTS[call](port)
    assert not isinstance(raised.value, FlowRunRejected)


@pytest.mark.parametrize("body", ODD_BODIES, ids=str)
@pytest.mark.parametrize("call", CALLS)
async def test_an_odd_response_raises_nothing_but_unavailable(call: str, body: Any) -> None:
    async with a_port(lambda path, sent: respond(body)) as port:
        with suppress(Unavailable):
            await CALLS[call](port)


async def test_a_response_that_drips_is_cut_off() -> None:
    has_ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"[")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        has_ended.set()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = PrefectDeployments(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api", None, FakeClock(), seconds=1.0)
        with pytest.raises(Unavailable, match="does not respond"):
            await port.list_all()
        await port.close()
        async with asyncio.timeout(20):
            await has_ended.wait()


async def test_an_endless_response_is_cut_off() -> None:
    endless = respond(b" " * (33 * 1024 * 1024))

    async with a_port(lambda path, body: endless) as port:
        with pytest.raises(Unavailable):
            await port.find("ml/train")


async def test_a_state_of_an_unknown_type_counts_as_scheduled() -> None:
    record = {"id": ID, "state_type": "DREAMING", "state_name": "Dreaming", "state": {"message": "a\0b"}, "estimated_run_time": None}

    async with a_port(lambda path, body: respond([record])) as port:
        seen = (await port.observe([ID]))[ID]

    assert (seen.state, seen.state_name, seen.message, seen.run_seconds) == ("scheduled", "Dreaming", "a\ufffdb", 0.0)


async def test_flow_runs_with_large_parameters_are_all_seen() -> None:
    ids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(40)]

    def answer(path: str, body: Any) -> bytes:
        wanted = body["flow_runs"]["id"]["any_"]
        return respond([{"id": each, "state_type": "RUNNING", "parameters": {"text": "x" * 500_000}} for each in wanted])

    async with a_prefect_stub(answer) as url:
        port = PrefectDeployments(url, None, FakeClock())
        seen = await port.observe(ids)
        await port.close()

    assert set(seen) == set(ids)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (409, {"detail": "Validation failed for field 'day'."}, "Prefect rejected the flow run: Validation failed for field 'day'."),
        (400, {"detail": "Invalid jinja"}, "400 to POST /deployments/.*: Invalid jinja"),
        (
            422,
            {
                "exception_message": "Invalid request received.",
                "exception_detail": [{"loc": ["body", "name"], "msg": "too long", "input": "a-secret"}],
                "request_body": {"name": "a-secret"},
            },
            "422 to POST /deployments/.*: body.name: too long$",
        ),
    ],
)
async def test_a_rejection_has_prefects_message_and_not_the_request(status: int, body: Any, message: str) -> None:
    def answer(path: str, sent: Any) -> bytes:
        return respond([DEPLOYMENT]) if path == "/deployments/filter" else respond(body, status)

    async with a_port(answer) as port:
        with pytest.raises(FlowRunRejected, match=message) as raised:
            await create(port)

    assert "a-secret" not in str(raised.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
async def test_parameters_that_are_no_json_are_rejected(value: float) -> None:
    async with a_port(lambda path, body: respond([DEPLOYMENT])) as port:
        with pytest.raises(FlowRunRejected, match="as JSON"):
            await port.create_flow_run(DeploymentRun("ml/train", "key", "run", {"day": value}))


async def test_the_id_of_a_deployment_is_looked_up_once() -> None:
    paths: list[str] = []

    def answer(path: str, body: Any) -> bytes:
        paths.append(path)
        return respond([DEPLOYMENT]) if path == "/deployments/filter" else respond({"id": ID}, 201)

    async with a_port(answer) as port:
        await create(port)
        await create(port)

    assert paths == ["/deployments/filter", *[f"/deployments/{ID}/create_flow_run"] * 2]


async def test_messages_with_many_bytes_are_read_by_smaller_pages_and_one_that_is_too_large_is_left_out() -> None:
    lines = [
        {"id": f"00000000-0000-4000-8000-{number:012d}", "timestamp": f"2026-03-02T09:00:{number:02d}Z", "level": 20, "message": text}
        for number, text in enumerate(["a" * 3_000_000, "b" * 5_000_000, "c"])
    ]

    def answer(path: str, body: Any) -> bytes:
        return respond(lines[body["offset"] : body["offset"] + body["limit"]])

    async with a_prefect_stub(answer) as url:
        port = PrefectDeployments(url, None, FakeClock())
        page = await port.read_log(ID, FlowLogPosition(), is_over=True)
        await port.close()

    assert [line.text[0] for line in page.lines] == ["a", "c"]
