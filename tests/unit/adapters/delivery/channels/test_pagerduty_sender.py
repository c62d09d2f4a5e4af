"""PagerDuty: an incident is triggered and resolved by the same key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.delivery.channels.pagerduty_sender import BASE_URLS, PagerDutySender
from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_http import OutgoingResponse
from domain.alerts.message import MessageKind
from tests.fakes.delivery.outgoing_http import FakeOutgoingHttp
from tests.fakes.system.clock import FakeClock
from tests.support.alert_messages import ROUTING_KEY, a_message


async def send(status: int = 202, headers: dict[str, str] | None = None, region: str = "us", **values: Any) -> tuple[str, dict[str, Any]]:
    """Return the URL and the event."""
    http = FakeOutgoingHttp()
    http.outcomes = [OutgoingResponse(status, headers or {}, b'{"status": "no"}')]
    sender = PagerDutySender(http, FakeClock(), BASE_URLS, 15.0)
    await sender.send({"routing_key": ROUTING_KEY, "region": region}, a_message(**values))
    return http.sent[0].url, json.loads(http.sent[0].body)


async def test_an_incident_is_triggered() -> None:
    url, event = await send()

    assert url == "https://events.pagerduty.com/v2/enqueue"
    assert (event["routing_key"], event["event_action"], event["dedup_key"]) == (ROUTING_KEY, "trigger", "incident-7")
    assert event["payload"]["summary"] == "nightly-warehouse#27 failed at fact-orders: UniqueViolation"
    assert (event["payload"]["source"], event["payload"]["severity"]) == ("nightly-warehouse", "critical")
    assert event["links"][0] == {"href": "https://headgate.example.org/ui/runs/27", "text": "Run"}
    assert event["client_url"] == "https://headgate.example.org/ui/runs/27"


async def test_a_recovery_resolves_by_the_same_key() -> None:
    _, event = await send(kind=MessageKind.RECOVERED, severity="resolved")

    assert (event["event_action"], event["dedup_key"]) == ("resolve", "incident-7")


@pytest.mark.parametrize("kind", sorted(set(MessageKind) - {MessageKind.RECOVERED}))
async def test_every_other_message_triggers(kind: MessageKind) -> None:
    _, event = await send(kind=kind)

    assert event["event_action"] == "trigger"


async def test_long_texts_fit_pagerdutys_limits() -> None:
    _, event = await send(subject="s" * 5_000, text="t" * 900_000, dedup_key="k" * 500, data={"pipeline": {"id": 3, "name": "p" * 500}})

    assert (len(event["payload"]["summary"]), len(event["dedup_key"]), len(event["payload"]["source"])) == (1_024, 255, 255)
    assert len(json.dumps(event)) < 512 * 1_024


async def test_the_region_decides_the_host() -> None:
    url, _ = await send(region="eu")

    assert url == "https://events.eu.pagerduty.com/v2/enqueue"


@pytest.mark.parametrize(("status", "permanent"), [(200, False), (302, False), (400, True), (403, False), (429, False), (500, False)])
async def test_only_202_is_success(status: int, permanent: bool) -> None:
    with pytest.raises(DeliveryFailed, match=f"PagerDuty responded with {status}") as failed:
        await send(status, {"retry-after": "60"})

    assert (failed.value.is_permanent, failed.value.retry_after, failed.value.disables_channel) == (permanent, 60, False)
