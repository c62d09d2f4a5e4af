"""Runs and attempts as OpenLineage run events (https://openlineage.io/spec/2-0-2/OpenLineage.json)."""

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
_END = {
    Status.COMPLETED: "COMPLETE",
    Status.SKIPPED: "COMPLETE",
    Status.FAILED: "FAIL",
    Status.LOST: "FAIL",
    Status.CANCELLED: "ABORT",
}


class OpenLineageSink:
    """A pipeline and each of its stages is a job; a run and each attempt is a run of it, the attempt's parent being the run.

    What a stage brings forth stands as a dataset with the stage's name: Headgate knows how many records, not where they are kept.
    A stage that was skipped ran not, so nothing is told of it.
    """

    name = "openlineage"

    def __init__(self, address: str, api_key: str | None, namespace: str, public_url: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._deliveries = JsonSender("OpenLineage", address, PATH, headers)
        self._namespace = namespace
        self._public_url = public_url

    async def close(self) -> None:
        await self._deliveries.close()

    async def send(self, announcements: Sequence[LifecycleEvent]) -> Sequence[RejectedEvent]:
        refusals: list[RejectedEvent] = []
        for announcement in announcements:
            for event in self._events(announcement):
                why = await self._deliveries.post(event)
                if why is not None:
                    refusals.append(RejectedEvent(announcement, why))
                    break
        return refusals

    def _events(self, told: LifecycleEvent) -> Iterator[dict[str, Any]]:
        """The standard asks for a START of every run, so an end without one brings its own."""
        if isinstance(told, AttemptLifecycleEvent) and told.status is Status.SKIPPED:
            return
        if told.phase is Phase.STARTED or told.started_at is None:
            yield self._event(told, "START")
        if told.phase is Phase.FINISHED:
            yield self._event(told, _END[told.status])

    def _event(self, told: LifecycleEvent, type: str) -> dict[str, Any]:
        at = told.effective_start if type == "START" else told.finished_at or told.effective_start
        event: dict[str, Any] = {
            "eventType": type,
            "eventTime": at.isoformat(timespec="milliseconds"),
            "producer": PRODUCER,
            "schemaURL": f"{SPEC}#/$defs/RunEvent",
            "run": {"runId": str(told.id), "facets": self._run_facets(told, type)},
            "job": {**self._job(told), "facets": {"jobType": _job_type(told)}},
        }
        if isinstance(told, AttemptLifecycleEvent):
            event["inputs"] = [self._dataset(told.run, stage) for stage in told.needs]
            event["outputs"] = [self._output(told)] if type == "COMPLETE" else []
        return event

    def _job(self, told: LifecycleEvent) -> dict[str, Any]:
        name = told.pipeline if isinstance(told, RunLifecycleEvent) else f"{told.run.pipeline}.{told.stage}"
        return {"namespace": self._namespace, "name": name}

    def _run_facets(self, told: LifecycleEvent, type: str) -> dict[str, Any]:
        run = told if isinstance(told, RunLifecycleEvent) else told.run
        execution: dict[str, Any] = {
            "status": Status.RUNNING.value if type == "START" else told.status.value,
            "number": run.number,
            "revision": run.revision,
            "url": f"{self._public_url}/ui/runs/{run.run_id}",
        }
        if isinstance(told, AttemptLifecycleEvent):
            execution["attempt"] = told.number
        if type != "START" and told.records_processed is not None:
            execution["recordsProcessed"] = told.records_processed
        facets = {"headgate_execution": _facet("headgate_execution", **execution)}
        if isinstance(told, AttemptLifecycleEvent):
            facets["parent"] = _facet("parent", run={"runId": str(run.id)}, job=self._job(run))
        if type == "FAIL":
            facets["errorMessage"] = _facet("errorMessage", message=told.error_message or told.status.value, programmingLanguage="UNKNOWN")
        return facets

    def _dataset(self, run: RunLifecycleEvent, stage: str) -> dict[str, Any]:
        return {"namespace": self._namespace, "name": f"{run.pipeline}.{stage}"}

    def _output(self, attempt: AttemptLifecycleEvent) -> dict[str, Any]:
        dataset = self._dataset(attempt.run, attempt.stage)
        if attempt.records_processed is not None:
            dataset["outputFacets"] = {"outputStatistics": _facet("outputStatistics", rowCount=attempt.records_processed)}
        return dataset


def _job_type(told: LifecycleEvent) -> dict[str, Any]:
    kind = "PIPELINE" if isinstance(told, RunLifecycleEvent) else "STAGE"
    return _facet("jobType", processingType="BATCH", integration="HEADGATE", jobType=kind)


def _facet(name: str, **values: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": _SCHEMAS[name], **values}
