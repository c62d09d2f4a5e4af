"""HTTP client for a Headgate server."""

import os
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from adapters.http_client import open_http_client
from domain.errors import FieldProblem
from entrypoints.cli.client.errors import ApiError, Unreachable
from entrypoints.cli.client.event_stream import StreamedEvent, parse_events

JSON = Any
Query = Mapping[str, str | int | Sequence[str]]
_STREAM_TIMEOUT_SECONDS = 75.0
"""Longer than the server's heartbeat interval, so that only a dead stream times out."""
_LOG_PAGE_SIZE = 1_000
_LIST_PAGE_SIZE = 1_000


class HeadgateClient:
    """An open connection to one Headgate. Every method raises Unreachable or ApiError."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            timeout = httpx.Timeout(30, connect=5)
            self._http = open_http_client([url], base_url=url, headers=_get_headers(), timeout=timeout)
        except (httpx.InvalidURL, ValueError) as error:
            raise Unreachable(f"{url} is not a valid URL: {error}") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: str | int | Sequence[str]) -> JSON:
        return await self._send("GET", path, query=query)

    async def get_all(self, path: str, page_size: int = _LIST_PAGE_SIZE) -> list[JSON]:
        """Return all items of a list whose `Link` header leads to the next page."""
        found: list[JSON] = []
        query: Query = {"limit": page_size}
        while True:
            response = await self._request("GET", path, query=query)
            found += response.json()
            if "next" not in response.links:
                return found
            query = dict(httpx.URL(response.links["next"]["url"]).params)

    async def get_text(self, path: str) -> str:
        """Return a resource that is text."""
        return (await self._request("GET", path)).text

    async def post(self, path: str, body: JSON) -> JSON:
        return await self._send("POST", path, body)

    async def put(self, path: str, body: JSON) -> JSON:
        return await self._send("PUT", path, body)

    async def send_yaml(self, method: str, path: str, text: str) -> JSON:
        """Send a definition as it is written."""
        return await self._send(method, path, content=text.encode())

    async def delete(self, path: str, **query: str | int) -> None:
        await self._request("DELETE", path, query=query)

    async def delete_and_read(self, path: str) -> JSON:
        """Delete a resource that the server keeps, and return it as it is afterwards."""
        return await self._send("DELETE", path)

    async def find_pipeline(self, name_or_id: str) -> JSON | None:
        """Return the pipeline, or None if there is none."""
        try:
            return await self.get(f"/pipelines/{quote(name_or_id, safe='')}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def get_run(self, run: int | str) -> tuple[JSON, list[JSON]]:
        """Return the run with this id or name, and its stages in the order of the definition."""
        path = f"/runs/{quote(str(run), safe='')}"
        return await self.get(path), await self.get(f"{path}/stages")

    async def get_log_tail(self, run_id: int, stage: str, attempt: int, count: int) -> list[JSON]:
        """Return the last `count` lines of an attempt's log. Reads the whole log, page by page; its size is bounded."""
        tail: deque[JSON] = deque(maxlen=count)
        after = 0
        while page := await self.get(f"/runs/{run_id}/logs", stage=stage, attempt=attempt, after=after, limit=_LOG_PAGE_SIZE):
            tail.extend(page)
            after = page[-1]["n"]
            if len(page) < _LOG_PAGE_SIZE:
                break
        return list(tail)

    async def stream_events(self, run_id: int, after: str | None) -> AsyncIterator[StreamedEvent]:
        """Yield the run's events after the cursor `after`, then new ones as they happen, until the server closes the stream."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        try:
            async with self._http.stream("GET", f"/runs/{run_id}/events", headers=headers, timeout=_STREAM_TIMEOUT_SECONDS) as response:
                if response.is_error:
                    await response.aread()
                    raise _to_api_error(response)
                async for event in parse_events(response.aiter_bytes()):
                    yield event
        except httpx.TransportError as error:
            raise self._to_unreachable(error) from None

    async def _send(self, method: str, path: str, body: JSON = None, query: Query | None = None, content: bytes | None = None) -> JSON:
        response = await self._request(method, path, body, query, content)
        try:
            return response.json()
        except ValueError:
            raise Unreachable(f"The server at {self.url} is not Headgate: it sent no JSON for {path}") from None

    async def _request(
        self, method: str, path: str, body: JSON = None, query: Query | None = None, content: bytes | None = None
    ) -> httpx.Response:
        """Send `body` as JSON, or `content` as YAML."""
        headers = {"Content-Type": "application/yaml"} if content is not None else None
        try:
            response = await self._http.request(method, path, json=body, params=query or None, content=content, headers=headers)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._to_unreachable(error) from None
        except UnicodeEncodeError:
            raise ApiError(422, "The input is not valid Unicode text and cannot be sent.") from None
        if response.is_error:
            raise _to_api_error(response)
        return response

    def _to_unreachable(self, error: Exception) -> Unreachable:
        reason = str(error) or type(error).__name__
        return Unreachable(f"Headgate does not respond at {self.url} ({reason}). Is it running, and is HEADGATE_URL right?")


def _get_headers() -> dict[str, str]:
    """Return the token, and the name by which the server records that a run was triggered from a terminal."""
    token = os.environ.get("HEADGATE_API_TOKEN", "").strip()
    return {"User-Agent": "headgate-cli"} | ({"Authorization": f"Bearer {token}"} if token else {})


def _to_api_error(response: httpx.Response) -> ApiError:
    """Read the problem document (RFC 9457) in the response; use the status line if there is none."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    problem = problem if isinstance(problem, dict) else {}
    errors = [error for error in problem.get("errors") or [] if isinstance(error, dict)]
    message = problem.get("detail") or problem.get("title") or f"Headgate answered {response.status_code} {response.reason_phrase}"
    problems = [FieldProblem(str(error.get("field", "")), str(error.get("message", "")), _get_line(error)) for error in errors]
    return ApiError(response.status_code, str(message), problems)


def _get_line(error: Mapping[str, Any]) -> int | None:
    line = error.get("line")
    return line if isinstance(line, int) else None
