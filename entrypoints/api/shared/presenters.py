"""Views as the JSON of the API. Times stay datetimes: `JsonResponse` writes them as RFC 3339 in UTC, ending in Z."""

from typing import Any

from application.commands.reports.report_results import ReportResult
from application.commands.runs.apply_run_action import RunActionResult
from application.commands.runs.cancel_run import CancelResult
from application.commands.runs.trigger_pipeline import TriggerResult
from application.queries.views.events import EventView
from application.queries.views.logs import LogLineView
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunView, StageRunView
from domain.pipelines.definition import StageDefinition
from domain.pipelines.serialization import serialize_pipeline, serialize_stage
from domain.runs.status import Status
from entrypoints.http.problems import REPORT_OUTCOME_STATUSES


def pipeline_json(pipeline: PipelineView) -> dict[str, Any]:
    written = serialize_pipeline(pipeline.definition)
    statuses = {stage.name: stage.status for stage in pipeline.latest.stages} if pipeline.latest else {}
    return {
        "id": pipeline.id,
        "name": pipeline.name,
        "description": written["description"],
        "tags": written["tags"],
        "status": pipeline.status,
        "revision": pipeline.revision,
        "parallelism": written["parallelism"],
        "pool": written["pool"],
        "parameters": written["parameters"],
        "stages": [stage | {"status": statuses.get(stage["name"], Status.PENDING)} for stage in written["stages"]],
        "created_at": pipeline.created_at,
        "updated_at": pipeline.updated_at,
        "links": pipeline_links(pipeline.id),
    }


def pipeline_links(pipeline_id: int) -> dict[str, str]:
    return {
        "self": f"/pipelines/{pipeline_id}",
        "stages": f"/pipelines/{pipeline_id}/stages",
        "runs": f"/pipelines/{pipeline_id}/runs",
        "trigger": f"/trigger/{pipeline_id}",
        "page": f"/ui/pipelines/{pipeline_id}",
    }


def pipeline_stages_json(pipeline: PipelineView) -> list[dict[str, Any]]:
    """The newest revision's stages, each as it stands in the latest run; `pending` where that run had no such stage."""
    latest = {stage.name: stage for stage in pipeline.latest.stages} if pipeline.latest else {}
    return [_defined_stage(stage, latest.get(stage.name)) for stage in pipeline.definition.stages]


def _defined_stage(definition: StageDefinition, latest: StageRunView | None) -> dict[str, Any]:
    written = {key: value for key, value in serialize_stage(definition).items() if key in ("name", "kind", "needs")}
    return (stage_json(latest) if latest else _NEVER_RUN) | written


_NEVER_RUN: dict[str, Any] = {
    "name": "",
    "kind": "",
    "needs": [],
    "status": Status.PENDING,
    "reason": None,
    "attempt": None,
    "started_at": None,
    "finished_at": None,
    "records_processed": None,
    "error_message": None,
    "output": None,
}


def stage_json(stage: StageRunView) -> dict[str, Any]:
    newest = stage.newest
    return {
        "name": stage.name,
        "kind": stage.kind,
        "needs": list(stage.needs),
        "status": newest.status,
        "reason": newest.reason,
        "attempt": newest.number,
        "started_at": newest.started_at,
        "finished_at": newest.finished_at,
        "records_processed": newest.records_processed,
        "error_message": newest.error_message,
        "output": newest.output,
    }


def run_json(run: RunView, why: str | None) -> dict[str, Any]:
    return {
        "id": run.id,
        "number": run.number,
        "pipeline_id": run.pipeline_id,
        "pipeline": run.pipeline,
        "revision": run.revision,
        "status": run.status,
        "why": why,
        "trigger": run.trigger,
        "actor": run.actor,
        "repeats": run.repeats,
        "parameters": run.parameters,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "records_processed": run.records_processed,
        "prefect_flow_run_ids": list(run.flow_run_ids),
        "links": run_links(run.id, run.pipeline_id),
    }


def run_links(run_id: int, pipeline_id: int) -> dict[str, str]:
    return {
        "self": f"/runs/{run_id}",
        "pipeline": f"/pipelines/{pipeline_id}",
        "stages": f"/runs/{run_id}/stages",
        "events": f"/runs/{run_id}/events",
        "logs": f"/runs/{run_id}/logs",
        "cancel": f"/runs/{run_id}/cancel",
        "retry": f"/runs/{run_id}/retry",
        "page": f"/ui/runs/{run_id}",
    }


def triggered_json(run: TriggerResult) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "number": run.number,
        "pipeline_id": run.pipeline_id,
        "status": run.status,
        "links": run_links(run.run_id, run.pipeline_id),
    }


def cancelled_json(run: CancelResult) -> dict[str, Any]:
    return {"run_id": run.run_id, "number": run.number, "status": run.status}


def controlled_json(done: RunActionResult) -> dict[str, Any]:
    return {
        "run_id": done.run_id,
        "number": done.number,
        "status": done.status,
        "stages": list(done.stages),
        "applied": done.applied,
        "links": run_links(done.run_id, done.pipeline_id),
    }


def answer_json(answer: ReportResult) -> dict[str, Any]:
    return {"applied": answer.applied, "why": answer.why, "run_id": answer.run_id, "seq": answer.seq, "status": answer.status}


def batch_item_json(answer: ReportResult) -> dict[str, Any]:
    return {"http_status": REPORT_OUTCOME_STATUSES[answer.outcome], **answer_json(answer), "problem": answer.problem}


def event_json(event: EventView) -> dict[str, Any]:
    return {
        "run_id": event.run_id,
        "seq": event.seq,
        "type": event.type,
        "at": event.at,
        "stage": event.stage,
        "attempt": event.attempt,
        "status": event.status,
        "actor": event.actor,
        "data": event.data,
        "pipeline_id": event.pipeline_id,
    }


def line_json(line: LogLineView) -> dict[str, Any]:
    return {"n": line.n, "at": line.at, "stream": line.stream, "text": line.text, "stage": line.stage, "attempt": line.attempt}
