"""Runs as pipelines of Datadog's CI Visibility, attempts as their jobs.

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
"""Datadog takes nothing that ended earlier."""
_LONGEST_ERROR = 5_000
_STATUS = {
    Status.COMPLETED: "success",
    Status.FAILED: "error",
    Status.LOST: "error",
    Status.CANCELLED: "canceled",
    Status.SKIPPED: "skipped",
}
_BY_HAND = frozenset({"dashboard", "cli"})


class CiEventSink:
    """A start is told as a running pipeline or job; its end has the same id and takes its place. Parameters and outputs stay here."""

    name = "ci"

    def __init__(self, address: str, api_key: str, public_url: str, env: str | None, clock: Clock) -> None:
        self._deliveries = JsonSender("Datadog's CI Visibility", address, PATH, {"DD-API-KEY": api_key})
        self._public_url = public_url
        self._env = env
        self._clock = clock

    async def close(self) -> None:
        await self._deliveries.close()

    async def send(self, announcements: Sequence[LifecycleEvent]) -> Sequence[RejectedEvent]:
        oldest = self._clock.now() - MAX_EVENT_AGE
        fresh = [each for each in announcements if (each.finished_at or each.effective_start) > oldest]
        refusals = [RejectedEvent(each, "It is older than 18 hours.") for each in announcements if each not in fresh]
        for start in range(0, len(fresh), MAX_EVENTS_PER_REQUEST):
            refusals += await self._send(fresh[start : start + MAX_EVENTS_PER_REQUEST])
        return refusals

    async def _send(self, page: Sequence[LifecycleEvent]) -> list[RejectedEvent]:
        """A refusal is of the request as a whole: halves find out whose fault it is."""
        why = await self._deliveries.post({"data": [self._data(each) for each in page]})
        if why is None:
            return []
        if len(page) == 1:
            return [RejectedEvent(page[0], why)]
        half = len(page) // 2
        return [*await self._send(page[:half]), *await self._send(page[half:])]

    def _data(self, announcement: LifecycleEvent) -> dict[str, Any]:
        resource = self._pipeline(announcement) if isinstance(announcement, RunLifecycleEvent) else self._job(announcement)
        attributes: dict[str, Any] = {"provider_name": "headgate", "resource": resource}
        if self._env:
            attributes["env"] = self._env
        return {"type": "cipipeline_resource_request", "attributes": attributes}

    def _pipeline(self, run: RunLifecycleEvent) -> dict[str, Any]:
        return {
            "level": "pipeline",
            "unique_id": str(run.id),
            "pipeline_id": str(run.run_id),
            "name": run.pipeline,
            "url": self._url(run),
            "partial_retry": False,
            "is_manual": run.trigger in _BY_HAND,
            "tags": [f"run:{run.run_id}", f"number:{run.number}", f"revision:{run.revision}", f"trigger:{run.trigger}"],
            **_facts(run),
        }

    def _job(self, attempt: AttemptLifecycleEvent) -> dict[str, Any]:
        return {
            "level": "job",
            "id": str(attempt.id),
            "name": attempt.stage,
            "pipeline_name": attempt.run.pipeline,
            "pipeline_unique_id": str(attempt.run.id),
            "url": f"{self._url(attempt.run)}?{urlencode({'stage': attempt.stage})}",
            "tags": [f"run:{attempt.run.run_id}", f"attempt:{attempt.number}", f"kind:{attempt.kind}"],
            **({"node": {"name": attempt.worker}} if attempt.worker else {}),
            **_facts(attempt),
        }

    def _url(self, run: RunLifecycleEvent) -> str:
        return f"{self._public_url}/ui/runs/{run.run_id}"


def _facts(told: LifecycleEvent) -> dict[str, Any]:
    """What pipelines and jobs say in the same words: when, how it ended, how many records."""
    facts: dict[str, Any] = {"start": _moment(told.effective_start), "queue_time": round(told.queued_seconds * 1000)}
    if told.phase is Phase.STARTED or told.finished_at is None:
        return facts | {"status": "running"}
    facts |= {"end": _moment(told.finished_at), "status": _STATUS[told.status]}
    if told.records_processed is not None:
        facts["metrics"] = [f"records:{told.records_processed}"]
    if told.error_message and _STATUS[told.status] == "error":
        facts["error"] = {"type": told.status.value, "message": told.error_message[:_LONGEST_ERROR]}
    return facts


def _moment(moment: datetime) -> str:
    """RFC 3339."""
    return moment.isoformat(timespec="milliseconds")
