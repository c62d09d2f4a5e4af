"""A client for Prefect's REST API. It does not import Prefect."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
from pydantic import SecretStr

from adapters.http_client import open_http_client
from application.ports.dispatch.orchestrator import FlowRunRejected
from domain.errors import Unavailable

MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024
RECORDS_PER_REQUEST: Final = 200
"""The most records that Prefect returns for one request."""
_TEMPORARY_STATUSES = (408, 425, 429)
_CONNECT_SECONDS: Final = 2.0
_HEADERS: Final = {"Content-Type": "application/json"}
_SHOWN: Final = 500

T = TypeVar("T")


class ResponseTooLarge(Unavailable):
    """The response has more bytes than the caller accepts."""


@dataclass(frozen=True, slots=True)
class Page:
    """Records of a list. With `has_skipped`, one record was left out because it alone has too many bytes."""

    records: list[dict[str, Any]]
    next_offset: int
    has_more: bool
    has_skipped: bool = False


class PrefectApiClient:
    """Sends requests over keep-alive connections. `auth` is the server's auth string, `user:password`.

    Methods raise Unavailable if Prefect does not respond within `seconds` or fails, and FlowRunRejected if it rejects the request.
    """

    def __init__(self, api_url: str, auth: str | SecretStr | None = None, seconds: float = 10.0) -> None:
        self.api_url = api_url.rstrip("/")
        self._seconds = seconds
        auth_string = auth.get_secret_value() if isinstance(auth, SecretStr) else auth
        headers = {"Authorization": "Basic " + base64.b64encode(auth_string.encode()).decode()} if auth_string else {}
        timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        self._http = open_http_client([self.api_url], base_url=self.api_url, headers=headers, timeout=timeout)

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> Any:
        """Return the JSON response; None for 404."""
        return await self._request("GET", path, None, MAX_RESPONSE_BYTES)

    async def post(self, path: str, body: object, max_bytes: int = MAX_RESPONSE_BYTES) -> Any:
        """Return the JSON response, `{}` if it is empty; None for 404. Raises ResponseTooLarge."""
        return await self._request("POST", path, body, max_bytes)

    async def filter(self, path: str, body: Mapping[str, Any], max_bytes: int = MAX_RESPONSE_BYTES) -> list[dict[str, Any]]:
        """Return the records of a list. Raises Unavailable if there is no such path: 404 must not look like "no records"."""
        records = await self.post(path, body, max_bytes)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise Unavailable(f"Prefect at {self.api_url} responded to {path} in an unknown form.")
        return records

    async def read_page(self, path: str, body: Mapping[str, Any], offset: int, max_bytes: int) -> Page:
        """Return records from an offset on: as many as Prefect returns for one request, or fewer if they have too many bytes."""
        limit = RECORDS_PER_REQUEST
        while True:
            try:
                records = await self.filter(path, {**body, "limit": limit, "offset": offset}, max_bytes)
                return Page(records, offset + len(records), has_more=len(records) == limit)
            except ResponseTooLarge:
                if limit == 1:
                    return Page([], offset + 1, has_more=True, has_skipped=True)
                limit = max(1, limit // 8)

    async def is_healthy(self, seconds: float) -> bool:
        """Return True if the health endpoint responds with 200 within `seconds`."""
        try:
            return (await self._http.get("/health", timeout=seconds)).status_code == 200
        except httpx.HTTPError:
            return False

    def parse(self, path: str, convert: Callable[[Any], T], response: Any) -> T:
        """Return the converted response. Raises Unavailable if it does not have the form that Prefect's responses have."""
        try:
            return convert(response)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Unavailable(f"Prefect at {self.api_url} responded to {path} in an unknown form.") from error

    async def _request(self, method: str, path: str, body: object, max_bytes: int) -> Any:
        try:
            async with asyncio.timeout(self._seconds):
                response, content = await self._send(method, path, body, max_bytes)
        except httpx.ProxyError as error:
            raise Unavailable(f"Prefect at {self.api_url} cannot be reached through the proxy: {error}.") from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unavailable(f"Prefect at {self.api_url} does not respond ({type(error).__name__}).") from error
        if response.status_code == 404:
            return None
        if response.status_code in (401, 403):
            raise Unavailable(f"Prefect at {self.api_url} rejected the auth string.")
        if not response.is_success and response.status_code != 409:
            is_rejected = response.is_client_error and response.status_code not in _TEMPORARY_STATUSES
            error_type = FlowRunRejected if is_rejected else Unavailable
            raise error_type(f"Prefect responded with {response.status_code} to {method} {path}: {_describe_problem(content)}")
        return self.parse(path, json.loads, content) if content else {}

    async def _send(self, method: str, path: str, body: object, max_bytes: int) -> tuple[httpx.Response, bytes]:
        async with self._http.stream(method, path, content=_to_json(body), headers=_HEADERS) as response:
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > max_bytes:
                    raise ResponseTooLarge(f"Prefect's response to {path} has more than {max_bytes:,} bytes.")
            return response, bytes(content)


def _to_json(body: object) -> bytes | None:
    try:
        return None if body is None else json.dumps(body, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise FlowRunRejected(f"Prefect cannot be sent this as JSON: {error}") from error


def _describe_problem(content: bytes) -> str:
    """Return Prefect's own message, without the request that Prefect repeats next to it."""
    try:
        problem = json.loads(content)
    except (ValueError, RecursionError):
        return content[:_SHOWN].decode(errors="replace")
    if not isinstance(problem, dict):
        return "unknown reason"
    return describe_detail(problem.get("detail") or problem.get("exception_detail") or problem.get("exception_message"))


def describe_detail(detail: object) -> str:
    """Return the reason in one line. Prefect gives a text, or a list of problems with their places."""
    problems = detail if isinstance(detail, list) else [detail]
    return "; ".join(_describe_part(each) for each in problems)[:_SHOWN] or "unknown reason"


def _describe_part(problem: object) -> str:
    if isinstance(problem, dict):
        place = ".".join(str(part) for part in problem.get("loc") or ())
        return f"{place}: {problem.get('msg')}" if place else str(problem.get("msg"))
    return problem if isinstance(problem, str) else "unknown reason"
