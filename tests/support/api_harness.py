"""A whole Headgate on fakes, with the feed's reader stepped by hand or run beside."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import httpx
from dependency_injector import providers
from fastapi import APIRouter, FastAPI

from adapters.system.json_schema import JsonSchemaValidator
from adapters.telemetry.null import NullTelemetry
from application.commands.access.create_token import NewToken
from application.services.feed.event_hub import EventHub
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.permissions import Role, Scope
from entrypoints.api import routers as api
from entrypoints.container import Application
from entrypoints.http.app import create_app
from entrypoints.http.auth.permissions import SESSION_COOKIE
from tests.fakes import FakeAdapters
from tests.fakes.adapters import a_container

BASE = "http://localhost:8000"
PASSWORD = "four words of mine"


class ApiHarness:
    """`client` speaks to `app`; `fakes` are what it stands on."""

    def __init__(
        self, settings: dict[str, Any] | None = None, routers: Sequence[APIRouter] = (), *, is_observed: bool = False, **options: Any
    ) -> None:
        self.fakes = FakeAdapters()
        self.settings = SimpleNamespace(
            lease_seconds=20.0,
            log_bytes_per_stage=10 << 20,
            public_url=BASE,
            allowed_hosts=["gate.example"],
            warm_pools=["headgate"],
            max_in_flight=512,
            rate_limit="",
            auth="none",
            session_idle_hours=12.0,
            session_days=7.0,
            oidc_roles={"*": Role.VIEWER},
            oidc_issuer=None,
            keep_events_days=90.0,
            keep_logs_days=30.0,
        )
        for name, value in (settings or {}).items():
            setattr(self.settings, name, value)
        self.application = Application(
            telemetry=providers.Object(self.fakes.telemetry if is_observed else NullTelemetry()),
            settings=providers.Object(self.settings),
            adapters=a_container(self.fakes, installation="house", schemas=JsonSchemaValidator()),
        )
        self.app: FastAPI = create_app(self.application, [*api.ROUTERS, *routers], plain_routes=api.PLAIN_ROUTES, **options)
        api.add_state(self.app)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE)
        self._cursor: str | None = None

    @property
    def hub(self) -> EventHub:
        return self.application.hub()  # type: ignore[no-any-return]

    @property
    def worker_token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.fakes.tokens.issue_worker_token()}"}

    async def token(self, *scopes: Scope, pipeline: str | None = None, kind: TokenKind = TokenKind.API) -> dict[str, str]:
        """The header of a new token."""
        made = await self.application.create_token()(NewToken("ci", kind, scopes, pipeline), Actor("ada"))
        return {"Authorization": f"Bearer {made.text}"}

    async def sign_in(self, role: Role, name: str = "") -> dict[str, str]:
        """The headers of a session of somebody with that role, whose forms are from our own pages."""
        name = name or f"{role}-{len(self.fakes.store.committed.accounts)}"
        await self.application.create_account()(name, role, PASSWORD, Actor())
        session = await self.application.sign_in()(name, PASSWORD)
        return {"Cookie": f"{SESSION_COOKIE}={session.key}", "X-Headgate-Key": self.fakes.credentials.form_key(session.key)}

    async def start_change_feed(self) -> None:
        """Where the feed's reader begins."""
        self._cursor = await self.fakes.change_feed.position()
        self.hub.set_cursor(self._cursor)

    async def publish_changes(self, logs: tuple[int, ...] = ()) -> None:
        """One pass of the feed's reader."""
        assert self._cursor is not None
        batch = await self.fakes.change_feed.read(self._cursor)
        self._cursor = batch.cursor
        if batch.events or logs:
            self.hub.publish(type(batch)(batch.events, batch.cursor, logs))

    async def create(self, name: str = "flights", *stages: dict[str, Any], **keys: Any) -> dict[str, Any]:
        listed = list(stages) or [{"name": "certify", "kind": "external"}]
        answer = await self.client.post("/pipelines/", json={"name": name, "stages": listed, **keys})
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def trigger(self, name: str = "flights", **parameters: Any) -> int:
        answer = await self.client.post(f"/trigger/{name}", json={"parameters": parameters})
        assert answer.status_code == 202, answer.text
        return int(answer.json()["run_id"])

    async def report(self, *, headers: dict[str, str] | None = None, **item: Any) -> httpx.Response:
        return await self.client.post("/status-update/", json=item, headers=headers)

    async def get_run_status(self, run_id: int) -> str:
        return str((await self.client.get(f"/runs/{run_id}")).json()["status"])


class StreamViewer:
    """Holds a stream open and keeps what came, chunk by chunk."""

    def __init__(self, app: FastAPI, path: str, headers: dict[str, str] | None = None, query: str = "") -> None:
        given = {"host": "localhost:8000", "accept": "text/event-stream", **(headers or {})}
        self._scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "scheme": "http",
            "server": ("localhost", 8000),
            "client": ("127.0.0.1", 1),
            "root_path": "",
            "http_version": "1.1",
            "asgi": {"version": "3.0"},
        }
        self._app = app
        self._left = asyncio.Event()
        self._grew = asyncio.Event()
        self._first = True
        self.status: int | None = None
        self.text = ""
        self.ended = False

    async def _receive(self) -> dict[str, Any]:
        if self._first:
            self._first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.text += message.get("body", b"").decode()
            self.ended = not message.get("more_body", False)
        self._grew.set()

    async def until(self, text: str, count: int = 1) -> str:
        """All that came, once `text` stands in it that often."""
        async with asyncio.timeout(5):
            while self.text.count(text) < count:
                self._grew.clear()
                await self._grew.wait()
        return self.text

    async def run(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    def leave(self) -> None:
        self._left.set()

    @property
    def ids(self) -> list[str]:
        return [line[4:] for line in self.text.splitlines() if line.startswith("id: ")]


@asynccontextmanager
async def open_stream(house: ApiHarness, path: str, headers: dict[str, str] | None = None, query: str = "") -> AsyncIterator[StreamViewer]:
    viewer = StreamViewer(house.app, path, headers, query)
    task = asyncio.ensure_future(viewer.run())
    try:
        yield viewer
    finally:
        viewer.leave()
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(5):
                await task
