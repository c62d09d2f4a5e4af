"""The audiences that the contract runs against: the fake, and each real one over a stand-in that checks what it gets."""

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
from tests.support.openlineage_schema import lineage_problems

KEY = "a-key"
PUBLIC_URL = "https://headgate.example"


@dataclass(frozen=True, slots=True)
class AudienceUnderTest:
    """`known()`: (id, phase) of what arrived, each once. `be_away` and `be_back`: it answers that it cannot now, and again. `refuse`: it
    will never take what has this id. `problems`: what broke its schema."""

    audience: EventSink
    known: Callable[[], set[tuple[str, Phase]]]
    be_away: Callable[[], None]
    be_back: Callable[[], None]
    refuse: Callable[[LifecycleEvent], None]
    problems: list[str] = field(default_factory=list)


def ci_problems(body: Any) -> list[str]:
    return problems_of(body, CIAppCreatePipelineEventRequest)


def a_ci_receiver() -> Receiver:
    return Receiver(ci_problems, "/api/v2/ci/pipeline", ("dd-api-key", KEY))


def a_lineage_receiver() -> Receiver:
    return Receiver(lineage_problems, "/api/v1/lineage", ("authorization", f"Bearer {KEY}"))


def ci_resources(receiver: Receiver) -> list[dict[str, Any]]:
    """The pipelines and jobs that arrived, in order."""
    return [data["attributes"]["resource"] for body in receiver.taken for data in body["data"]]


@asynccontextmanager
async def a_fake_audience() -> AsyncIterator[AudienceUnderTest]:
    fake = FakeEventSink()

    def away(is_down: bool) -> Callable[[], None]:
        return lambda: setattr(fake, "is_down", is_down)

    def refuse(unwanted: LifecycleEvent) -> None:
        fake.refuses = lambda told: "I will not" if told.id == unwanted.id else None

    yield AudienceUnderTest(fake, lambda: {(str(id), phase) for id, phase in fake.known}, away(True), away(False), refuse)


@asynccontextmanager
async def a_ci_audience() -> AsyncIterator[AudienceUnderTest]:
    async with a_ci_receiver().open() as receiver:
        audience = CiEventSink(receiver.url, KEY, PUBLIC_URL, "test", SystemClock())

        def known() -> set[tuple[str, Phase]]:
            return {(_ci_id(found), Phase.STARTED if found["status"] == "running" else Phase.FINISHED) for found in ci_resources(receiver)}

        def has(body: Any, id: str) -> bool:
            return any(_ci_id(data["attributes"]["resource"]) == id for data in body["data"])

        yield _over(receiver, audience, known, has)
        await audience.close()


@asynccontextmanager
async def a_lineage_audience() -> AsyncIterator[AudienceUnderTest]:
    async with a_lineage_receiver().open() as receiver:
        audience = OpenLineageSink(receiver.url, KEY, "headgate", PUBLIC_URL)

        def known() -> set[tuple[str, Phase]]:
            phases = {"START": Phase.STARTED}
            return {(body["run"]["runId"], phases.get(body["eventType"], Phase.FINISHED)) for body in receiver.taken}

        yield _over(receiver, audience, known, lambda body, id: body["run"]["runId"] == id)
        await audience.close()


def _ci_id(resource: dict[str, Any]) -> str:
    return str(resource.get("unique_id") or resource["id"])


def _over(
    receiver: Receiver, audience: EventSink, known: Callable[[], set[tuple[str, Phase]]], has: Callable[[Any, str], bool]
) -> AudienceUnderTest:
    def refuse(unwanted: LifecycleEvent) -> None:
        receiver.refuses = lambda body: has(body, str(unwanted.id))

    return AudienceUnderTest(
        audience, known, lambda: receiver.answers.extend([503] * 100), receiver.answers.clear, refuse, receiver.problems
    )


AUDIENCES = {"fake": a_fake_audience, "ci": a_ci_audience, "openlineage": a_lineage_audience}
