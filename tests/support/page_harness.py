"""A Headgate on fakes with believable runs in it, told through the domain, and a server for browsers to look at it."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

import httpx
import uvicorn
from dependency_injector import providers

from adapters.system.json_schema import JsonSchemaValidator
from application.ports.persistence.logs import NewLogLine
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.workers import WorkerStatus
from application.services.loop import no_wait, run_service
from domain.access.permissions import Role
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger
from entrypoints.container import Application
from entrypoints.http.server import build_app
from entrypoints.web.page_context import PageContext, build_page_context
from tests.fakes import FakeAdapters
from tests.fakes.adapters import a_container
from tests.support.builders import a_definition

BASE = "http://localhost:8000"
WORKER = "worker-1"
Result = TypeVar("Result")


class WallClock:
    """The real time, so that what a browser's clock says fits."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class AttemptStory:
    """How one attempt goes: seconds in the queue, seconds of work, its end."""

    works: float
    ends: Status | None = Status.COMPLETED
    queues: float = 0.0
    records: int | None = None
    error: str | None = None


class PageHarness:
    """`client` speaks to `app` without a network; `serve()` puts it on a port."""

    def __init__(self, clock: Any = None, auth: str = "none") -> None:
        self.fakes = FakeAdapters(clock or WallClock())
        settings = SimpleNamespace(
            lease_seconds=20.0,
            log_bytes_per_stage=10 << 20,
            public_url=BASE,
            allowed_hosts=["*"],
            warm_pools=["headgate"],
            max_in_flight=512,
            rate_limit="",
            auth=auth,
            session_idle_hours=12.0,
            session_days=7.0,
            oidc_roles={"*": Role.VIEWER},
            oidc_issuer=None,
            keep_events_days=90.0,
            keep_logs_days=30.0,
            prefect_ui_url="http://127.0.0.1:4200",
        )
        self.application = Application(
            settings=providers.Object(settings), adapters=a_container(self.fakes, installation="gallery", schemas=JsonSchemaValidator())
        )
        self.app = build_app(self.application)
        self.app.state.site = build_page_context(self.application)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE, headers={"Accept": "text/html"})

    @property
    def site(self) -> PageContext:
        return self.app.state.site  # type: ignore[no-any-return]

    async def pipeline(self, name: str = "nightly", stages: Any = 3, **keys: Any) -> StoredPipeline:
        async with self.fakes.open_unit_of_work() as work:
            stored = await work.pipelines.add(a_definition(name, stages, **keys), self.fakes.clock.now())
            await work.commit()
        return stored

    async def open(self, pipeline: StoredPipeline, at: datetime | None = None, **parameters: Any) -> int:
        now = at or self.fakes.clock.now()
        async with self.fakes.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)
            number = await work.runs.next_number(pipeline.id)
            run = Run.open(
                pipeline_id=pipeline.id,
                definition=pipeline.definition,
                revision=pipeline.revision,
                number=number,
                trigger=Trigger("dashboard", "mara"),
                parameters=parameters,
                now=now,
            )
            run_id = await work.runs.add(run)
            await work.commit()
        await self.fakes.change_feed.announce()
        return run_id

    async def change(self, run_id: int, *steps: Any) -> None:
        """Each step is called with the run; then it is saved, committed and announced."""
        async with self.fakes.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            for step in steps:
                step(run)
            await work.runs.save(run)
            await work.commit()
        await self.fakes.change_feed.announce()

    async def write(
        self, run_id: int, stage: str, lines: Sequence[str], *, attempt: int = 1, first: int = 0, at: datetime | None = None
    ) -> None:
        """Lines beginning with `!` go to stderr, with `%` are Headgate's own."""
        streams = {"!": "stderr", "%": "headgate"}
        begin = at or self.fakes.clock.now()
        new = [
            NewLogLine(first + index, begin + timedelta(milliseconds=317 * index), streams.get(line[:1], "stdout"), line.lstrip("!%"))
            for index, line in enumerate(lines)
        ]
        async with self.fakes.open_unit_of_work() as work:
            await work.logs.append(run_id, stage, attempt, new, 10 << 20)
            await work.commit()
        await self.fakes.change_feed.announce(logs_of=[run_id])

    async def worker(self, free: int = 4) -> None:
        async with self.fakes.open_unit_of_work() as work:
            await work.workers.seen(WorkerStatus(WORKER, WORKER, "headgate", 4, free), self.fakes.clock.now())
            await work.commit()

    async def play(self, pipeline: StoredPipeline, begin: datetime, story: dict[str, Sequence[AttemptStory]], **parameters: Any) -> int:
        """Open a run and let its stages go as told, one after the other; what has no story stays as it is."""
        run_id = await self.open(pipeline, begin, **parameters)
        await self.change(run_id, lambda run: _tell(run, begin, story))
        return run_id

    def feed(self) -> Coroutine[Any, Any, None]:
        return run_service(self.application.feed_reader(), no_wait, _complain)

    @contextmanager
    def serve(self, port: int | None = None) -> Iterator["ThreadServer"]:
        served = ThreadServer(self, port)
        served.start()
        try:
            yield served
        finally:
            served.stop()


def start(run: Run, at: datetime, worker: str = WORKER) -> None:
    if run.dispatch.state == "requested":
        run.claim(run.dispatch.epoch, worker, at)
    run.start_ready_stages(100, worker, at)


def end(stage: str, status: Status, at: datetime, *, records: int | None = None, error: str | None = None) -> Any:
    def step(run: Run) -> None:
        attempt = run.stages[stage].current
        attempt.records_processed, attempt.error_message = records, error
        run.move(run.stages[stage], status, at, reason=Reason.ERROR if status is Status.FAILED else None)
        run.propagate(at)
        run.end_dispatch(at)

    return step


def _tell(run: Run, begin: datetime, story: dict[str, Sequence[AttemptStory]]) -> None:
    ready_at = dict.fromkeys(run.stages, begin)
    for name, attempts in story.items():
        stage = run.stages[name]
        now = max([begin, *(ready_at[need] for need in stage.definition.needs)])
        for told in attempts:
            run.process_due(now)
            if stage.status is Status.PENDING:
                break
            now += timedelta(seconds=told.queues)
            if stage.status is not Status.RUNNING:
                start(run, now)
            stage.current.started_at = now
            stage.current.records_processed = told.records
            if told.ends is None:
                break
            now += timedelta(seconds=told.works)
            end(name, told.ends, now, records=told.records, error=told.error)(run)
            now += timedelta(seconds=stage.definition.retry_delay)
        ready_at[name] = now
    _finish(run, story, max(ready_at.values()))


def _finish(run: Run, story: dict[str, Sequence[AttemptStory]], now: datetime) -> None:
    """What the story leaves untold completes, unless the story leaves something open or the run waits for others."""
    if any(attempts[-1].ends is None for attempts in story.values()):
        return
    while todo := [*run.running, *run.startable_stages]:
        start(run, now)
        now += timedelta(seconds=3)
        for stage in todo:
            end(stage.name, Status.COMPLETED, now)(run)


class ThreadServer:
    """A server in a thread of its own; `do` runs something in its event loop, where the fakes live."""

    def __init__(self, gallery: PageHarness, port: int | None = None) -> None:
        self.gallery = gallery
        self._socket = socket.create_server(("127.0.0.1", port or 0))
        self.port = int(self._socket.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_over = False
        self._paused, self._resumed = threading.Event(), asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def pause(self) -> None:
        """Cut every connection and refuse new ones."""
        self.do(self._end())
        assert self._paused.wait(10)

    def resume(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._paused.clear()
        self._loop.call_soon_threadsafe(self._resumed.set)

    def stop(self) -> None:
        self._is_over = True
        self.do(self._end())
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive(), "the server did not stop"

    async def _end(self) -> None:
        self.gallery.site.live.close()
        self._server.should_exit = True

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        feed = asyncio.ensure_future(self.gallery.feed())
        while not self._is_over:
            self._resumed.clear()
            self._server = uvicorn.Server(_config(self.gallery))
            await self._server.serve([self._socket])
            self.gallery.app.state.site = build_page_context(self.gallery.application)
            self._paused.set()
            if not self._is_over:
                await self._resumed.wait()
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)


def _config(gallery: PageHarness) -> uvicorn.Config:
    return uvicorn.Config(gallery.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2, loop="asyncio")


def _complain(name: str, error: Exception) -> None:
    print(f"{name}: {error!r}")
