"""No request, whatever it contains, takes the event loop for long, and no page is larger than 1 MB."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import pytest

from adapters.delivery.alert_channels import build_channel_settings
from adapters.system.clock import SystemClock
from tests.fakes import FakeAdapters
from tests.fakes.persistence import FakeStore
from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate
from tests.support.loop_time import LoopTime, measure_slowness
from tests.support.settings import make_settings
from tests.support.worst_store import fill_store

if TYPE_CHECKING:
    from tests.support.worst_requests import WorstRequest

LONGEST_STEP: Final = 0.1
"""Seconds of processor time on an ordinary machine."""
LARGEST_PAGE: Final = 1_000_000
TRIES: Final = 3
Route = tuple[str, str]


def is_stream(route: Route) -> bool:
    return "/live/" in route[1] or route[1] in ("/events/", "/worker/stream")


def get_group(route: Route) -> str:
    """Return a third of the routes, so that tests in several processes share them."""
    path = route[1]
    return "runs" if path.startswith(("/ui/runs", "/ui/live")) else "pages" if path.startswith("/ui") or path == "/" else "api"


class Measured:
    """A Headgate with the largest things it accepts, and the time that requests take from its event loop."""

    def __init__(self, store: FakeStore) -> None:
        self.loop_time = LoopTime()
        fakes = FakeAdapters(store.clock, store)
        ports = ("reader", "open_unit_of_work", "change_feed")
        settings = build_channel_settings(make_settings())
        left_out = {name: self.loop_time.leave_out(getattr(fakes, name)) for name in ports}
        self.headgate = InProcessHeadgate(fakes=fakes, ports={"channel_settings": settings, **left_out})

    async def send(self, route: Route, request: WorstRequest) -> tuple[int, int]:
        """Return the status and, of a page or a part of one, the size."""
        headers = self._get_headers(route, request)
        async with self.loop_time.measuring():
            work = self._watch(request, headers) if is_stream(route) else self._request(route[0], request, headers)
            return await asyncio.create_task(work)

    async def _request(self, method: str, request: WorstRequest, headers: Mapping[str, str]) -> tuple[int, int]:
        answer = await self.headgate.client.request(method, request.url, content=request.content, headers=headers)
        is_page = answer.headers.get("content-type", "").startswith("text/html")
        return answer.status_code, len(answer.content) if is_page else 0

    async def _watch(self, request: WorstRequest, headers: Mapping[str, str]) -> tuple[int, int]:
        path, _, query = request.url.partition("?")
        async with open_stream(self.headgate, path, dict(headers), query) as viewer:
            await viewer.wait_for_start(seconds=120)  # on a busy machine
            for _ in range(20):
                await asyncio.sleep(0.005)
            return viewer.status or 0, len(viewer.text)

    def _get_headers(self, route: Route, request: WorstRequest) -> dict[str, str]:
        is_page = route[1].startswith("/ui") or route[1] == "/"
        accept = {"Accept": "text/html" if is_page else "application/json"}
        worker = self.headgate.api.worker_headers if route[1].startswith("/worker") else {}
        return {**accept, **worker, **(request.headers or {})}


@pytest.fixture(scope="module")
def worst_requests() -> Mapping[Route, Sequence[WorstRequest]]:
    """The requests of each route. They are not imported with this module, since building them takes seconds."""
    from tests.support.worst_requests import WORST_REQUESTS

    return WORST_REQUESTS


@pytest.fixture(scope="module")
def full_store() -> FakeStore:
    """The store that each test copies, since requests delete and change what is in it."""
    headgate = InProcessHeadgate(fakes=FakeAdapters(SystemClock()))
    asyncio.run(fill_store(headgate))
    return headgate.fakes.store


@pytest.fixture(autouse=True)
def collect_as_a_server_does() -> Iterator[None]:
    """Keep the objects of other tests out of garbage collections, as the web process does with its modules."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_every_route_has_its_worst_requests(headgate: InProcessHeadgate, worst_requests: Mapping[Route, Sequence[WorstRequest]]) -> None:
    assert set(worst_requests) == set(headgate.app.state.routes.rules)
    assert all(worst_requests.values())


@pytest.mark.parametrize("group", ["api", "pages", "runs"])
async def test_no_request_takes_the_event_loop_for_long(
    group: str, full_store: FakeStore, worst_requests: Mapping[Route, Sequence[WorstRequest]]
) -> None:
    measured = Measured(full_store.copy())
    await measured.headgate.page_client.get("/ui/runs/5")  # templates and modules are loaded once
    failures = []

    for route, requests in worst_requests.items():
        for request in requests if get_group(route) == group else ():
            if problem := await find_problem(measured, route, request):
                failures.append(f"{route[0]} {request.url:.80} ({request.name:.40}): {problem}")

    assert not failures, "\n".join(failures)


async def find_problem(measured: Measured, route: Route, request: WorstRequest) -> str | None:
    """Return what is wrong with the answer, or that each try took the loop for long."""
    seconds = []
    for _ in range(TRIES):
        status, size = await measured.send(route, request)
        if status >= 500 or size >= LARGEST_PAGE:
            return f"{status} with {size:,} bytes"
        if measured.loop_time.longest <= LONGEST_STEP:
            return None
        seconds.append(measured.loop_time.longest / measure_slowness())
    return None if min(seconds) <= LONGEST_STEP else f"{min(seconds):.3f} s without a pause"
