"""A client for Prefect's REST API. It does not import Prefect."""

from __future__ import annotations

import base64
from typing import Any

import httpx
from pydantic import SecretStr

from adapters.http_client import open_http_client
from application.ports.dispatch.orchestrator import FlowRunRejected
from domain.errors import Unavailable

_TEMPORARY_STATUSES = (408, 425, 429)
_TIMEOUT = httpx.Timeout(10.0, connect=2.0)


class PrefectApiClient:
    """Sends requests over keep-alive connections. `auth` is the server's auth string, `user:password`.

    Methods raise Unavailable if Prefect does not respond or fails, and FlowRunRejected if it rejects the request.
    """

    def __init__(self, api_url: str, auth: str | SecretStr | None = None) -> None:
        self.api_url = api_url.rstrip("/")
        auth_string = auth.get_secret_value() if isinstance(auth, SecretStr) else auth
        headers = {"Authorization": "Basic " + base64.b64encode(auth_string.encode()).decode()} if auth_string else {}
        self._http = open_http_client([self.api_url], base_url=self.api_url, headers=headers, timeout=_TIMEOUT)

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> Any:
        """Return the JSON response; None for 404."""
        return await self._request("GET", path, None)

    async def post(self, path: str, body: object) -> Any:
        """Return the JSON response, `{}` if it is empty; None for 404."""
        return await self._request("POST", path, body)

    async def is_healthy(self, seconds: float) -> bool:
        """Return True if the health endpoint responds with 200 within `seconds`."""
        try:
            return (await self._http.get("/health", timeout=seconds)).status_code == 200
        except httpx.HTTPError:
            return False

    async def _request(self, method: str, path: str, body: object) -> Any:
        try:
            response = await self._http.request(method, path, json=body)
        except httpx.ProxyError as error:
            raise Unavailable(f"Prefect at {self.api_url} cannot be reached through the proxy: {error}.") from error
        except httpx.HTTPError as error:
            raise Unavailable(f"Prefect at {self.api_url} does not respond ({type(error).__name__}).") from error
        if response.status_code == 404:
            return None
        if response.status_code in (401, 403):
            raise Unavailable(f"Prefect at {self.api_url} rejected the auth string.")
        if not response.is_success and response.status_code != 409:
            is_rejected = response.is_client_error and response.status_code not in _TEMPORARY_STATUSES
            error_type = FlowRunRejected if is_rejected else Unavailable
            raise error_type(f"Prefect responded with {response.status_code} to {method} {path}: {response.text[:200]}")
        return response.json() if response.content else {}
