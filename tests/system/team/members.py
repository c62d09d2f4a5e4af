"""The people who use a team's installation: over TLS, through the proxy, from an address of their own."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx

from tests.support.waiting import wait_for
from tests.system.team.conftest import Site

SECONDS: Final = 120.0
ADDRESS: Final = "127.0.0.2"


class Team:
    """Programs use `api`, with a token, and ada uses `browser`, with a session."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.token = ""
        self.api = self._build_client()
        self.browser = self._build_client()

    def _build_client(self) -> httpx.Client:
        tls = ssl.create_default_context(cafile=str(self.site.certificate))
        transport = httpx.HTTPTransport(verify=tls, local_address=ADDRESS)
        return httpx.Client(base_url=self.site.addresses.public_url, transport=transport, timeout=30)

    def close(self) -> None:
        self.api.close()
        self.browser.close()

    def use_token(self, token: str) -> None:
        self.token = token
        self.api.headers["Authorization"] = f"Bearer {token}"

    def trigger(self, pipeline: str) -> int:
        answer = self.api.post(f"/trigger/{pipeline}")
        assert answer.status_code == 202, answer.text
        return int(answer.json()["run_id"])

    def wait_until_completed(self, run_id: int) -> None:
        run = wait_for(lambda: self._get_finished(run_id), SECONDS, self.describe)
        assert run["status"] == "completed", run

    def wait_for_workers(self, count: int) -> None:
        wait_for(lambda: self.api.get("/readyz").json()["workers"]["count"] == count, SECONDS, self.describe)

    def follow(self, run_id: int, last_id: int = 0) -> Iterator[int]:
        """Yield the ids of the run's events after the given one, as they arrive."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last_id)}
        with self.api.stream("GET", f"/runs/{run_id}/events", headers=headers) as stream:
            assert stream.status_code == 200, stream.read()
            deadline = time.monotonic() + SECONDS
            for line in stream.iter_lines():
                if found := re.fullmatch(r"id: (\d+)", line):
                    yield int(found[1])
                assert time.monotonic() < deadline, self.describe()

    def describe(self) -> str:
        return "\n".join(part for machine in self.site.machines for part in machine.describe())

    def _get_finished(self, run_id: int) -> dict[str, Any] | None:
        run: dict[str, Any] = self.api.get(f"/runs/{run_id}").raise_for_status().json()
        return run if run["finished_at"] else None
