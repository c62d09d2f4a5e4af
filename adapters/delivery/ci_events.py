"""Sends runs to Datadog CI Visibility as pipelines, and attempts as their jobs.

https://docs.datadoghq.com/api/latest/ci-visibility-pipelines/#send-pipeline-event
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from adapters.delivery.json_sender import JsonSender
from application.ports.system.clock import Clock
from application.ports.telemetry.event_sinks import RejectedEvent
from application.ports.telemetry.lifecycle_events import AttemptLifecycleEvent, LifecycleEvent, Phase, RunLifecycleEvent
from domain.runs.status import Status

PATH = "/api/v2/ci/pipeline"
MAX_EVENTS_PER_REQUEST = 50
MAX_EVENT_AGE = timedelta(hours=18)
"""Datadog rejects older events."""
_MAX_ERROR_LENGTH = 5_000
_STATUS = {
    Status.COMPLETED: "success",
    Status.FAILED: "error",
    Status.LOST: "error",
    Status.CANCELLED: "canceled",
    Status.SKIPPED: "skipped",
}
_MANUAL_TRIGGERS = frozenset({"dashboard", "cli"})


class CiEventSink:
    """Sends a start as a running pipeline or job; the end has the same id and replaces it. It sends no parameters and no outputs."""

    name = "ci"

    def __init__(self, url: str, api_key: str, public_url: str, env: str | None, clock: Clock) -> None:
        self._sender = JsonSender("Datadog CI Visibility", url, PATH, {"DD-API-KEY": api_key})
        self._public_url = public_url
        self._env = env
        self._clock = clock

    async def close(self) -> None:
        await self._sender.close()

    async def send(self, events: Sequence[LifecycleEvent]) -> Sequence[RejectedEvent]:
        oldest = self._clock.now() - MAX_EVENT_AGE
        recent = [event for event in events if (event.finished_at or event.effective_start) > oldest]
        rejected = [RejectedEvent(event, "The event is older than 18 hours.") for event in events if event not in recent]
        for start in range(0, len(recent), MAX_EVENTS_PER_REQUEST):
            rejected += await self._send_page(recent[start : start + MAX_EVENTS_PER_REQUEST])
        return rejected

    async def _send_page(self, page: Sequence[LifecycleEvent]) -> list[RejectedEvent]:
        """Send a page. Datadog rejects a request as a whole, so halve a rejected page until the events at fault are alone."""
        reason = await self._sender.post({"data": [self._to_resource(event) for event in page]})
        if reason is None:
            return []
        if len(page) == 1:
            return [RejectedEvent(page[0], reason)]
        half = len(page) // 2
        return [*await self._send_page(page[:half]), *await self._send_page(page[half:])]

    def _to_resource(self, event: LifecycleEvent) -> dict[str, Any]:
        resource = self._to_pipeline(event) if isinstance(event, RunLifecycleEvent) else self._to_job(event)
        attributes: dict[str, Any] = {"provider_name": "headgate", "resource": resource}
        if self._env:
            attributes["env"] = self._env
        return {"type": "cipipeline_resource_request", "attributes": attributes}

    def _to_pipeline(self, run: RunLifecycleEvent) -> dict[str, Any]:
        return {
            "level": "pipeline",
            "unique_id": str(run.id),
            "pipeline_id": str(run.run_id),
            "name": run.pipeline,
            "url": self._run_url(run),
            "partial_retry": False,
            "is_manual": run.trigger in _MANUAL_TRIGGERS,
            "tags": [f"run:{run.run_id}", f"number:{run.number}", f"revision:{run.revision}", f"trigger:{run.trigger}"],
            **_common_fields(run),
        }

    def _to_job(self, attempt: AttemptLifecycleEvent) -> dict[str, Any]:
        return {
            "level": "job",
            "id": str(attempt.id),
            "name": attempt.stage,
            "pipeline_name": attempt.run.pipeline,
            "pipeline_unique_id": str(attempt.run.id),
            "url": f"{self._run_url(attempt.run)}?{urlencode({'stage': attempt.stage})}",
            "tags": [f"run:{attempt.run.run_id}", f"attempt:{attempt.number}", f"kind:{attempt.kind}"],
            **({"node": {"name": attempt.worker}} if attempt.worker else {}),
            **_common_fields(attempt),
        }

    def _run_url(self, run: RunLifecycleEvent) -> str:
        return f"{self._public_url}/ui/runs/{run.run_id}"


def _common_fields(event: LifecycleEvent) -> dict[str, Any]:
    """Return the fields that pipelines and jobs share: times, status, records and error."""
    fields: dict[str, Any] = {"start": _format_time(event.effective_start), "queue_time": round(event.queued_seconds * 1000)}
    if event.phase is Phase.STARTED or event.finished_at is None:
        return fields | {"status": "running"}
    fields |= {"end": _format_time(event.finished_at), "status": _STATUS[event.status]}
    if event.records_processed is not None:
        fields["metrics"] = [f"records:{event.records_processed}"]
    if event.error_message and _STATUS[event.status] == "error":
        fields["error"] = {"type": event.status.value, "message": event.error_message[:_MAX_ERROR_LENGTH]}
    return fields


def _format_time(time: datetime) -> str:
    """Return the time as RFC 3339."""
    return time.isoformat(timespec="milliseconds")
