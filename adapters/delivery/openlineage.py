"""Sends runs and attempts as OpenLineage run events (https://openlineage.io/spec/2-0-2/OpenLineage.json)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from adapters.delivery.json_sender import JsonSender
from application.ports.telemetry.event_sinks import RejectedEvent
from application.ports.telemetry.lifecycle_events import AttemptLifecycleEvent, LifecycleEvent, Phase, RunLifecycleEvent
from domain.runs.status import Status

PATH = "/api/v1/lineage"
PRODUCER = "urn:headgate"
SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
_FACETS = "https://openlineage.io/spec/facets"
_SCHEMAS = {
    "parent": f"{_FACETS}/1-1-0/ParentRunFacet.json#/$defs/ParentRunFacet",
    "errorMessage": f"{_FACETS}/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
    "outputStatistics": f"{_FACETS}/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet",
    "jobType": f"{_FACETS}/2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
    "headgate_execution": f"{SPEC}#/$defs/RunFacet",
}
_END_TYPES = {
    Status.COMPLETED: "COMPLETE",
    Status.SKIPPED: "COMPLETE",
    Status.FAILED: "FAIL",
    Status.LOST: "FAIL",
    Status.CANCELLED: "ABORT",
}


class OpenLineageSink:
    """Maps a pipeline and each of its stages to a job, and a run and each attempt to a run of that job.

    The run is the parent of its attempts. A stage's output is a dataset with the stage's name: Headgate knows how many records it has,
    but not where they are. Skipped stages did not run, so they are not sent.
    """

    name = "openlineage"

    def __init__(self, url: str, api_key: str | None, namespace: str, public_url: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._sender = JsonSender("OpenLineage", url, PATH, headers)
        self._namespace = namespace
        self._public_url = public_url

    async def close(self) -> None:
        await self._sender.close()

    async def send(self, events: Sequence[LifecycleEvent]) -> Sequence[RejectedEvent]:
        rejected: list[RejectedEvent] = []
        for event in events:
            for run_event in self._to_run_events(event):
                reason = await self._sender.post(run_event)
                if reason is not None:
                    rejected.append(RejectedEvent(event, reason))
                    break
        return rejected

    def _to_run_events(self, event: LifecycleEvent) -> Iterator[dict[str, Any]]:
        """Yield the run events. The standard requires a START for every run, so an end without a start gets one."""
        if isinstance(event, AttemptLifecycleEvent) and event.status is Status.SKIPPED:
            return
        if event.phase is Phase.STARTED or event.started_at is None:
            yield self._to_run_event(event, "START")
        if event.phase is Phase.FINISHED:
            yield self._to_run_event(event, _END_TYPES[event.status])

    def _to_run_event(self, event: LifecycleEvent, type: str) -> dict[str, Any]:
        at = event.effective_start if type == "START" else event.finished_at or event.effective_start
        run_event: dict[str, Any] = {
            "eventType": type,
            "eventTime": at.isoformat(timespec="milliseconds"),
            "producer": PRODUCER,
            "schemaURL": f"{SPEC}#/$defs/RunEvent",
            "run": {"runId": str(event.id), "facets": self._run_facets(event, type)},
            "job": {**self._to_job(event), "facets": {"jobType": _job_type_facet(event)}},
        }
        if isinstance(event, AttemptLifecycleEvent):
            run_event["inputs"] = [self._to_dataset(event.run, stage) for stage in event.needs]
            run_event["outputs"] = [self._to_output(event)] if type == "COMPLETE" else []
        return run_event

    def _to_job(self, event: LifecycleEvent) -> dict[str, Any]:
        name = event.pipeline if isinstance(event, RunLifecycleEvent) else f"{event.run.pipeline}.{event.stage}"
        return {"namespace": self._namespace, "name": name}

    def _run_facets(self, event: LifecycleEvent, type: str) -> dict[str, Any]:
        run = event if isinstance(event, RunLifecycleEvent) else event.run
        execution: dict[str, Any] = {
            "status": Status.RUNNING.value if type == "START" else event.status.value,
            "number": run.number,
            "revision": run.revision,
            "url": f"{self._public_url}/ui/runs/{run.run_id}",
        }
        if isinstance(event, AttemptLifecycleEvent):
            execution["attempt"] = event.number
        if type != "START" and event.records_processed is not None:
            execution["recordsProcessed"] = event.records_processed
        facets = {"headgate_execution": _facet("headgate_execution", **execution)}
        if isinstance(event, AttemptLifecycleEvent):
            facets["parent"] = _facet("parent", run={"runId": str(run.id)}, job=self._to_job(run))
        if type == "FAIL":
            message = event.error_message or event.status.value
            facets["errorMessage"] = _facet("errorMessage", message=message, programmingLanguage="UNKNOWN")
        return facets

    def _to_dataset(self, run: RunLifecycleEvent, stage: str) -> dict[str, Any]:
        return {"namespace": self._namespace, "name": f"{run.pipeline}.{stage}"}

    def _to_output(self, attempt: AttemptLifecycleEvent) -> dict[str, Any]:
        dataset = self._to_dataset(attempt.run, attempt.stage)
        if attempt.records_processed is not None:
            dataset["outputFacets"] = {"outputStatistics": _facet("outputStatistics", rowCount=attempt.records_processed)}
        return dataset


def _job_type_facet(event: LifecycleEvent) -> dict[str, Any]:
    kind = "PIPELINE" if isinstance(event, RunLifecycleEvent) else "STAGE"
    return _facet("jobType", processingType="BATCH", integration="HEADGATE", jobType=kind)


def _facet(name: str, **values: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": _SCHEMAS[name], **values}
