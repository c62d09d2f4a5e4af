import asyncio

import httpx
import pytest

from entrypoints.worker.client.api_client import ApiClient, RequestRejected, WorkerIdentity
from entrypoints.worker_protocol.messages import PROTOCOL_HEADER, PROTOCOL_VERSION


async def test_a_rejection_has_the_sentence_of_the_problem() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(426, json={"problem": "protocol_version", "detail": "Update the worker."})

    api = ApiClient("http://127.0.0.1", "token", WorkerIdentity("worker-1", "headgate", 4), httpx.MockTransport(answer))

    with pytest.raises(RequestRejected, match=r"^426: Update the worker\.$"):
        _ = [message async for message in api.stream_messages(4)]

    assert requests[0].headers[PROTOCOL_HEADER] == str(PROTOCOL_VERSION)
    await api.close()


async def test_a_claim_with_an_invalid_token_is_not_repeated() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(401, json={"problem": "unauthorized", "detail": "The token is invalid."}))
    api = ApiClient("http://127.0.0.1", "token", WorkerIdentity("worker-1", "headgate", 4), transport)

    async with asyncio.timeout(10):
        with pytest.raises(RequestRejected, match=r"^401: The token is invalid\.$"):
            await api.claim((1, 1), 4)

    await api.close()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx.Response(401, json={"problem": "unauthorized", "detail": "The token is invalid."}), "unauthorized"),
        (httpx.Response(403, text="<h1>Forbidden by the proxy</h1>"), None),
        (httpx.Response(403, json=["no problem of Headgate"]), None),
    ],
)
async def test_a_rejection_tells_headgates_problems_from_those_of_a_proxy(answer: httpx.Response, problem: str | None) -> None:
    api = ApiClient("http://127.0.0.1", "token", WorkerIdentity("worker-1", "headgate", 4), httpx.MockTransport(lambda _: answer))

    with pytest.raises(RequestRejected) as error:
        await api.heartbeat(4, None, True, [])

    assert (error.value.status, error.value.problem) == (answer.status_code, problem)
    await api.close()
