"""Speaks to a running Headgate over HTTP for the commands of the terminal."""

import json
import os
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from entrypoints.network_addresses import is_loopback

JSON = Any
# Longer than the server's heartbeat on a silent stream, so that only a dead one runs into it.
_STREAM_SECONDS = 75.0
_LOG_PAGE = 1_000


class Unreachable(Exception):
    """Nothing that is a Headgate answers at the address; the message is one line that names it."""


class ApiError(Exception):
    """Headgate answered, and said no. `problems` are (field, message) pairs when it named fields."""

    def __init__(self, status: int, sentence: str, problems: list[tuple[str, str]]) -> None:
        super().__init__(sentence)
        self.status = status
        self.problems = problems

    @property
    def is_transient(self) -> bool:
        """True when the same request may well be answered a little later."""
        return self.status in (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """One server-sent event of a run: `cursor` is where to resume, `event` what the history would list."""

    cursor: str
    event: dict[str, JSON]


def _credentials() -> dict[str, str]:
    token = os.environ.get("HEADGATE_API_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


class HeadgateClient:
    """An open connection to one Headgate. Every call raises Unreachable or Refused."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            # A proxy named in the environment is for the world outside, not for this machine.
            outside = not is_loopback(urlsplit(url).hostname or "")
            self._http = httpx.AsyncClient(base_url=url, headers=_credentials(), timeout=httpx.Timeout(30, connect=5), trust_env=outside)
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"{url} is no address: {error}") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: str | int) -> JSON:
        """The JSON at `path`."""
        return await self._send("GET", path, query=query)

    async def post(self, path: str, body: JSON) -> JSON:
        return await self._send("POST", path, body)

    async def put(self, path: str, body: JSON) -> JSON:
        return await self._send("PUT", path, body)

    async def pipeline(self, name: str) -> JSON | None:
        """The pipeline, by name or id; None when there is none."""
        try:
            return await self.get(f"/pipelines/{quote(name, safe='')}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def run(self, run_id: int) -> tuple[JSON, list[JSON]]:
        """The run as it stands, and its stages in the definition's order."""
        return await self.get(f"/runs/{run_id}"), await self.get(f"/runs/{run_id}/stages")

    async def get_log_tail(self, run_id: int, stage: str, attempt: int, count: int) -> list[JSON]:
        """The end of an attempt's log. The log is bounded, so it is read through, a page at a time."""
        kept: deque[JSON] = deque(maxlen=count)
        after = 0
        while page := await self.get(f"/runs/{run_id}/logs", stage=stage, attempt=attempt, after=after, limit=_LOG_PAGE):
            kept.extend(page)
            after = page[-1]["n"]
            if len(page) < _LOG_PAGE:
                break
        return list(kept)

    async def events(self, run_id: int, after: str | None) -> AsyncIterator[StreamedEvent]:
        """The run's events as they happen, those after the cursor `after` first; ends when the server ends the stream."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        try:
            async with self._http.stream("GET", f"/runs/{run_id}/events", headers=headers, timeout=_STREAM_SECONDS) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise _to_api_error(answer)
                async for message in _messages(answer.aiter_bytes()):
                    yield message
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    async def _send(self, method: str, path: str, body: JSON = None, query: dict[str, str | int] | None = None) -> JSON:
        try:
            answer = await self._http.request(method, path, json=body, params=query or None)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from None
        except UnicodeEncodeError:
            raise ApiError(422, "this is not Unicode text and cannot be sent", []) from None
        if answer.is_error:
            raise _to_api_error(answer)
        try:
            return answer.json()
        except ValueError:
            raise Unreachable(f"{self.url} answers, but it is not Headgate: no JSON at {path}") from None

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"Headgate does not answer at {self.url} ({str(error) or type(error).__name__}); is it running, is HEADGATE_URL right?"
        )


def _to_api_error(answer: httpx.Response) -> ApiError:
    """The problem document (RFC 9457) in the answer; the status alone when it holds none."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    problem = problem if isinstance(problem, dict) else {}
    errors = [error for error in problem.get("errors") or [] if isinstance(error, dict)]
    sentence = problem.get("detail") or problem.get("title") or f"it answered {answer.status_code} {answer.reason_phrase}"
    return ApiError(answer.status_code, str(sentence), [(str(error.get("field", "")), str(error.get("message", ""))) for error in errors])


async def _messages(chunks: AsyncIterator[bytes]) -> AsyncIterator[StreamedEvent]:
    """Server-sent events, by the WHATWG's rules for `id`, `data` and comments."""
    cursor, data = "", list[str]()
    async for line in _lines(chunks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            cursor = value
        elif name == "data":
            data.append(value)
        elif not line and data:
            parsed = json.loads("\n".join(data))
            data.clear()
            if isinstance(parsed, dict):
                yield StreamedEvent(cursor, parsed)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Split at line feeds alone: a text may hold what Python also counts as the end of a line."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
