"""Requests in figures, by the template of their route; probes and open streams are in neither figures nor traces."""

import httpx
import pytest
from dependency_injector import providers

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import Tag
from tests.fakes.telemetry.telemetry import FakeTelemetry
from tests.support.in_process import InProcessHeadgate
from tests.support.settings import BASE_URL


class Watched:
    """A house whose requests are told."""

    def __init__(self) -> None:
        self.headgate = InProcessHeadgate(is_observed=True)
        self.telemetry: FakeTelemetry = self.headgate.fakes.telemetry
        transport = httpx.ASGITransport(self.headgate.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=BASE_URL)

    def counted(self, metric: Metric = Metric.REQUESTS) -> list[tuple[Tag, Tag, Tag]]:
        return [(tags["route"], tags["method"], tags["status"]) for _, tags in self.telemetry.of(metric)]


async def test_a_request_is_measured_under_its_routes_template() -> None:
    watched = Watched()

    await watched.client.get("/pipelines/12345")
    await watched.client.get("/pipelines/67890/")
    await watched.client.get("/nothing/at/4711")

    assert watched.counted() == [
        ("/pipelines/:pipeline_id", "GET", 404),
        ("/pipelines/:pipeline_id", "GET", 404),
        ("none", "GET", 404),
    ]
    took = watched.telemetry.of(Metric.REQUEST_DURATION)
    assert [tags for _, tags in took] == [{"route": route, "method": method} for route, method, _ in watched.counted()]
    assert all(seconds > 0 for seconds, _ in took)
    assert watched.counted(Metric.REQUEST_ERRORS) == [], "what the asker did wrong is no error of ours"


async def test_an_outage_counts_as_an_error_of_its_route() -> None:
    watched = Watched()
    watched.headgate.fakes.store.is_down = True

    await watched.client.post("/trigger/nightly")

    assert watched.counted(Metric.REQUEST_ERRORS) == [("/trigger/:pipeline_id", "POST", 503)] == watched.counted()


async def test_a_request_without_a_response_counts_as_500() -> None:
    watched = Watched()

    async def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    watched.headgate.application.cancel_run.override(providers.Object(broken))

    await watched.client.post("/runs/1/cancel")

    assert watched.counted(Metric.REQUEST_ERRORS) == [("/runs/:id/cancel", "POST", 500)]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_are_neither_measured_nor_traced(path: str) -> None:
    watched = Watched()

    await watched.client.get(path)

    assert watched.telemetry.recorded == []
    assert watched.telemetry.dropped_traces == 1


async def test_streams_are_neither_measured_nor_traced() -> None:
    watched = Watched()
    watched.headgate.hub.close()

    answer = await watched.client.get("/events/", headers={"Accept": "text/event-stream"})

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert watched.counted() == []
    assert watched.telemetry.dropped_traces == 1


async def test_an_unknown_method_has_no_tag_of_its_own() -> None:
    watched = Watched()

    await watched.client.request("BREW", "/pipelines/")

    assert [method for _, method, _ in watched.counted()] == ["other"]
