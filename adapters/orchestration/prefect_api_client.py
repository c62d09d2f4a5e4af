"""Requests to Prefect's REST API, with its failures in our words. Prefect itself is not imported."""

from __future__ import annotations

import base64
from typing import Any

import httpx
from pydantic import SecretStr

from application.ports.dispatch.orchestrator import FlowRunRejected
from domain.errors import Unavailable

_PASSING = (408, 425, 429)
_TIMEOUT = httpx.Timeout(10.0, connect=2.0)


class PrefectApiClient:
    """One keep-alive client. `auth` is the server's auth string, `user:password`."""

    def __init__(self, api_url: str, auth: str | SecretStr | None = None) -> None:
        self.api_url = api_url.rstrip("/")
        plain = auth.get_secret_value() if isinstance(auth, SecretStr) else auth
        headers = {"Authorization": "Basic " + base64.b64encode(plain.encode()).decode()} if plain else {}
        self._http = httpx.AsyncClient(base_url=self.api_url, headers=headers, timeout=_TIMEOUT, verify=self.api_url.startswith("https://"))

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> Any:
        """The JSON answer; None for 404. Unavailable when it does not answer as it should."""
        return await self._answer("GET", path, None)

    async def post(self, path: str, body: object) -> Any:
        """The JSON answer, `{}` for one without; None for 404. Unavailable when it does not answer as it should."""
        return await self._answer("POST", path, body)

    async def is_healthy(self, seconds: float) -> bool:
        """Whether it answers that it works, within so many seconds."""
        try:
            return (await self._http.get("/health", timeout=seconds)).status_code == 200
        except httpx.HTTPError:
            return False

    async def _answer(self, method: str, path: str, body: object) -> Any:
        try:
            response = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(f"Prefect at {self.api_url} does not answer ({type(error).__name__}).") from error
        if response.status_code == 404:
            return None
        if response.status_code in (401, 403):
            raise Unavailable(f"Prefect at {self.api_url} refuses the auth string.")
        if not response.is_success and response.status_code != 409:
            kind = FlowRunRejected if response.is_client_error and response.status_code not in _PASSING else Unavailable
            raise kind(f"Prefect answered {response.status_code} to {method} {path}: {response.text[:200]}")
        return response.json() if response.content else {}
