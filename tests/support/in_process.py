"""A Headgate on fakes in the test's own process: the container, the application and clients for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, cast

import httpx

from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.json_schema.validator import JsonSchemaValidator
from adapters.telemetry.null import NullTelemetry
from application.services.feed.event_hub import EventHub
from application.services.loop import no_wait, run_service
from entrypoints.container import Application
from tests.fakes import FakeAdapters
from tests.fakes.adapters import a_container
from tests.support.actions import ApiActions, UseCaseActions
from tests.support.alert_stories import AlertStories
from tests.support.lazy_application import LazyApplication
from tests.support.run_stories import RunStories
from tests.support.schedule_stories import ScheduleStories
from tests.support.settings import BASE_URL, make_settings

if TYPE_CHECKING:  # importing FastAPI takes longer than most tests of use cases
    from fastapi import APIRouter, FastAPI

    from entrypoints.http.problems import ErrorPageRenderer
    from entrypoints.web.page_context import PageContext
    from tests.support.servers import ThreadServer

_last_apps: dict[str, FastAPI] = {}
"""The newest application of each public URL."""


class InProcessHeadgate:
    """One Headgate process on fakes, in this event loop.

    `fakes` are its adapters, `application` has its use cases and services, `app` is the API with the pages. Tests act on it by HTTP
    (`api`, `client`, `page_client`), by use cases (`use_cases`), or by writing whole runs to its store (`stories`). `ports` replace
    adapters by name. Other keywords are settings.
    """

    def __init__(
        self,
        *,
        fakes: FakeAdapters | None = None,
        clock: Any = None,
        is_observed: bool = False,
        ports: Mapping[str, object] | None = None,
        extra_routers: Sequence[APIRouter] = (),
        error_page: ErrorPageRenderer | None = None,
        **settings: Any,
    ) -> None:
        self.fakes = fakes or FakeAdapters(clock)
        self.settings = make_settings(**settings)
        adapters = a_container(self.fakes, **{"schemas": JsonSchemaValidator(), "cron_expressions": CronsimExpressions(), **(ports or {})})
        telemetry = self.fakes.telemetry if is_observed else NullTelemetry()
        self.application = cast(Application, LazyApplication(self.settings, telemetry, adapters))
        self.use_cases = UseCaseActions(self.application, self.fakes)
        self.stories = RunStories(self.fakes)
        self.schedule_stories = ScheduleStories(self.fakes)
        self.alert_stories = AlertStories(self.fakes)
        self._extra_routers, self._error_page = extra_routers, error_page
        self._cursor: str | None = None

    @cached_property
    def app(self) -> FastAPI:
        """The API and the pages, as the web process serves them."""
        from entrypoints.api import routers as api
        from entrypoints.http.app import create_app
        from entrypoints.http.server import build_app
        from entrypoints.web import router as pages

        if self._extra_routers:
            app = create_app(self.application, (*api.ROUTERS, *pages.ROUTERS, *self._extra_routers), plain_routes=api.PLAIN_ROUTES)
            api.add_state(app)
        else:
            app = build_app(self.application)
            _share_openapi_document(app, str(self.settings.public_url))
        if self._error_page is not None:
            app.state.error_page = self._error_page
        return app

    @cached_property
    def client(self) -> httpx.AsyncClient:
        """A client that accepts JSON."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE_URL)

    @cached_property
    def page_client(self) -> httpx.AsyncClient:
        """A client that accepts HTML, as a browser does."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE_URL, headers={"Accept": "text/html"})

    @cached_property
    def api(self) -> ApiActions:
        return ApiActions(self.client, self.application, self.fakes)

    @property
    def hub(self) -> EventHub:
        hub: EventHub = self.application.hub()
        return hub

    @property
    def page_context(self) -> PageContext:
        """The services that the pages share, built at the first use."""
        from entrypoints.web.page_context import build_page_context

        state = self.app.state
        if not hasattr(state, "page_context"):
            state.page_context = build_page_context(self.application)
        context: PageContext = state.page_context
        return context

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()
        await self.page_client.aclose()

    def start_second_process(self) -> InProcessHeadgate:
        """Return another process on the same store, clock and engine."""
        return InProcessHeadgate(fakes=self.fakes.as_other_process())

    async def sweep_due_runs(self, seconds: int) -> None:
        """Look for due runs now, and once in each of the next seconds."""
        await self.application.due_run_sweeper().run_once()
        for _ in range(seconds):
            self.fakes.clock.advance(1)
            await self.application.due_run_sweeper().run_once()

    async def start_change_feed(self) -> None:
        """Have `publish_changes` begin with the changes that come after this call."""
        self._cursor = await self.fakes.change_feed.position()
        self.hub.set_cursor(self._cursor)

    async def publish_changes(self, logs: tuple[int, ...] = ()) -> None:
        """Publish the new events, and that these runs have new log lines, to the viewers."""
        assert self._cursor is not None, "call start_change_feed first"
        batch = await self.fakes.change_feed.read(self._cursor)
        self._cursor = batch.cursor
        if batch.event_count or logs:
            self.hub.publish(type(batch)(batch.events, batch.cursor, logs, batch.site_events))

    async def run_feed_reader(self) -> None:
        """Publish changes as they come, until cancelled."""
        await run_service(self.application.feed_reader(), no_wait, _print_failure)

    @asynccontextmanager
    async def following_changes(self) -> AsyncIterator[Self]:
        """Publish changes as they come, within the block."""
        reader = asyncio.ensure_future(self.run_feed_reader())
        try:
            yield self
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    @contextmanager
    def serve_in_thread(self, port: int | None = None) -> Iterator[ThreadServer]:
        """Serve on a port of loopback, in a thread with an event loop of its own."""
        from tests.support.servers import ThreadServer

        server = ThreadServer(self, port)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _share_openapi_document(app: FastAPI, url: str) -> None:
    """Reuse the OpenAPI document of the previous application with this URL, if it has been built: the routes are the same."""
    if before := _last_apps.get(url):
        app.openapi_schema = before.openapi_schema
    _last_apps[url] = app


def _print_failure(service: str, error: Exception) -> None:
    print(f"{service}: {error!r}")
