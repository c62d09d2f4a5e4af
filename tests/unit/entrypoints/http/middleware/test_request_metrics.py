"""Requests are measured by the template of their route; probes and open streams are not."""

import httpx
import pytest
from dependency_injector import providers

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import Tag
from tests.fakes.telemetry.telemetry import FakeTelemetry
from tests.support.in_process import InProcessHeadgate
from tests.support.settings import BASE_URL


class ObservedHeadgate:
    """A Headgate with telemetry."""

    def __init__(self) -> None:
        self.headgate = InProcessHeadgate(is_observed=True)
        self.telemetry: FakeTelemetry = self.headgate.fakes.telemetry
        transport = httpx.ASGITransport(self.headgate.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=BASE_URL)

    def get_counted(self, metric: Metric = Metric.REQUESTS) -> list[tuple[Tag, Tag, Tag]]:
        return [(tags["route"], tags["method"], tags["status"]) for _, tags in self.telemetry.of(metric)]


async def test_a_request_is_measured_under_its_routes_template() -> None:
    observed = ObservedHeadgate()

    await observed.client.get("/pipelines/12345")
    await observed.client.get("/pipelines/67890/")
    await observed.client.get("/nothing/at/4711")

    assert observed.get_counted() == [
        ("/pipelines/:pipeline_id", "GET", 404),
        ("/pipelines/:pipeline_id", "GET", 404),
        ("none", "GET", 404),
    ]
    durations = observed.telemetry.of(Metric.REQUEST_DURATION)
    assert [tags for _, tags in durations] == [{"route": route, "method": method} for route, method, _ in observed.get_counted()]
    assert all(seconds > 0 for seconds, _ in durations)
    assert observed.get_counted(Metric.REQUEST_ERRORS) == [], "client errors are not counted"


async def test_an_outage_counts_as_an_error_of_its_route() -> None:
    observed = ObservedHeadgate()
    observed.headgate.fakes.store.is_down = True

    await observed.client.post("/trigger/nightly")

    assert observed.get_counted(Metric.REQUEST_ERRORS) == [("/trigger/:pipeline_id", "POST", 503)] == observed.get_counted()


async def test_a_request_without_a_response_counts_as_500() -> None:
    observed = ObservedHeadgate()

    async def broken(*_: object) -> None:
        raise RuntimeError("unexpected")

    observed.headgate.application.cancel_run.override(providers.Object(broken))

    await observed.client.post("/runs/1/cancel")

    assert observed.get_counted(Metric.REQUEST_ERRORS) == [("/runs/:id/cancel", "POST", 500)]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_are_neither_measured_nor_traced(path: str) -> None:
    observed = ObservedHeadgate()

    await observed.client.get(path)

    assert observed.telemetry.recorded == []
    assert observed.telemetry.dropped_traces == 1


async def test_streams_are_neither_measured_nor_traced() -> None:
    observed = ObservedHeadgate()
    observed.headgate.hub.close()

    answer = await observed.client.get("/events/", headers={"Accept": "text/event-stream"})

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert observed.get_counted() == []
    assert observed.telemetry.dropped_traces == 1


async def test_an_unknown_method_has_no_tag_of_its_own() -> None:
    observed = ObservedHeadgate()

    await observed.client.request("BREW", "/pipelines/")

    assert [method for _, method, _ in observed.get_counted()] == ["other"]
