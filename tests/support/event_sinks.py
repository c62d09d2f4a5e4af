"""The event sinks that the contract suite runs against: the fake, and the real ones over a receiver that checks what it gets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from datadog_api_client.v2.model.ci_app_create_pipeline_event_request import CIAppCreatePipelineEventRequest

from adapters.delivery.ci_events import CiEventSink
from adapters.delivery.openlineage import OpenLineageSink
from adapters.system.clock import SystemClock
from application.ports.telemetry.event_sinks import EventSink
from application.ports.telemetry.lifecycle_events import LifecycleEvent, Phase
from tests.fakes import FakeEventSink
from tests.support.datadog_models import problems_of
from tests.support.event_receiver import Receiver
from tests.support.openlineage_schema import find_lineage_problems

KEY = "a-key"
PUBLIC_URL = "https://headgate.example"


@dataclass(frozen=True, slots=True)
class SinkUnderTest:
    """A sink and the controls of its receiver.

    `known()` returns (id, phase) of each event that arrived. `go_down` makes requests fail until `come_back`. `refuse` makes the receiver
    reject an event for good. `problems` lists violations of its schema.
    """

    sink: EventSink
    known: Callable[[], set[tuple[str, Phase]]]
    go_down: Callable[[], None]
    come_back: Callable[[], None]
    refuse: Callable[[LifecycleEvent], None]
    problems: list[str] = field(default_factory=list)


def find_ci_problems(body: Any) -> list[str]:
    return problems_of(body, CIAppCreatePipelineEventRequest)


def a_ci_receiver() -> Receiver:
    return Receiver(find_ci_problems, "/api/v2/ci/pipeline", ("dd-api-key", KEY))


def a_lineage_receiver() -> Receiver:
    return Receiver(find_lineage_problems, "/api/v1/lineage", ("authorization", f"Bearer {KEY}"))


def get_ci_resources(receiver: Receiver) -> list[dict[str, Any]]:
    """Return the pipelines and jobs that arrived, in order."""
    return [data["attributes"]["resource"] for body in receiver.taken for data in body["data"]]


@asynccontextmanager
async def a_fake_sink() -> AsyncIterator[SinkUnderTest]:
    fake = FakeEventSink()

    def set_down(is_down: bool) -> Callable[[], None]:
        return lambda: setattr(fake, "is_down", is_down)

    def refuse(rejected: LifecycleEvent) -> None:
        fake.find_rejection = lambda event: "not accepted" if event.id == rejected.id else None

    yield SinkUnderTest(fake, lambda: {(str(id), phase) for id, phase in fake.known}, set_down(True), set_down(False), refuse)


@asynccontextmanager
async def a_ci_sink() -> AsyncIterator[SinkUnderTest]:
    async with a_ci_receiver().open() as receiver:
        sink = CiEventSink(receiver.url, KEY, PUBLIC_URL, "test", SystemClock())

        def known() -> set[tuple[str, Phase]]:
            return {
                (_get_ci_id(resource), Phase.STARTED if resource["status"] == "running" else Phase.FINISHED)
                for resource in get_ci_resources(receiver)
            }

        def has(body: Any, id: str) -> bool:
            return any(_get_ci_id(data["attributes"]["resource"]) == id for data in body["data"])

        yield _build_sink_under_test(receiver, sink, known, has)
        await sink.close()


@asynccontextmanager
async def a_lineage_sink() -> AsyncIterator[SinkUnderTest]:
    async with a_lineage_receiver().open() as receiver:
        sink = OpenLineageSink(receiver.url, KEY, "headgate", PUBLIC_URL)

        def known() -> set[tuple[str, Phase]]:
            phases = {"START": Phase.STARTED}
            return {(body["run"]["runId"], phases.get(body["eventType"], Phase.FINISHED)) for body in receiver.taken}

        yield _build_sink_under_test(receiver, sink, known, lambda body, id: body["run"]["runId"] == id)
        await sink.close()


def _get_ci_id(resource: dict[str, Any]) -> str:
    return str(resource.get("unique_id") or resource["id"])


def _build_sink_under_test(
    receiver: Receiver, sink: EventSink, known: Callable[[], set[tuple[str, Phase]]], has: Callable[[Any, str], bool]
) -> SinkUnderTest:
    def refuse(rejected: LifecycleEvent) -> None:
        receiver.refuses = lambda body: has(body, str(rejected.id))

    return SinkUnderTest(sink, known, lambda: receiver.answers.extend([503] * 100), receiver.answers.clear, refuse, receiver.problems)


EVENT_SINKS = {"fake": a_fake_sink, "ci": a_ci_sink, "openlineage": a_lineage_sink}
