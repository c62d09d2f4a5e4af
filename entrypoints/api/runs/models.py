"""Runs and their stages, as the API takes and returns them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from application.commands.runs.trigger_pipeline import TriggerResult
from application.queries.explain.flow_runs import describe_flow_run_state
from application.queries.views.runs import RunView, StageRunView
from domain.flow_runs.flow_state import FlowState
from domain.pipelines.parsing import MAX_PRIORITY
from domain.runs.active_time import get_active_seconds
from domain.runs.status import Reason, Status
from entrypoints.api.shared.models import Comment, RequestModel, ResponseModel, with_example
from entrypoints.http.base_path import link
from entrypoints.prefect_urls import build_flow_run_url


def build_run_links(run_id: int, pipeline_id: int) -> dict[str, str]:
    """Return the paths of the run and of what belongs to it."""
    return {
        "self": link(f"/runs/{run_id}"),
        "pipeline": link(f"/pipelines/{pipeline_id}"),
        "stages": link(f"/runs/{run_id}/stages"),
        "events": link(f"/runs/{run_id}/events"),
        "logs": link(f"/runs/{run_id}/logs"),
        "cancel": link(f"/runs/{run_id}/cancel"),
        "retry": link(f"/runs/{run_id}/retry"),
        "page": link(f"/ui/runs/{run_id}"),
    }


LINKS_EXAMPLE = build_run_links(7, 1)


class RunResponse(ResponseModel):
    """A run of a pipeline's revision."""

    model_config = with_example(
        {
            "id": 7,
            "number": 3,
            "pipeline_id": 1,
            "pipeline": "flights",
            "revision": 1,
            "status": "running",
            "why": "extract has been running for 2 s; it usually takes 3 s. publish comes next.",
            "trigger": "api",
            "actor": "mara",
            "repeats": None,
            "scheduled_for": None,
            "backfill_id": None,
            "priority": 0,
            "reason": None,
            "over_limit": False,
            "parameters": {"month": 6},
            "created_at": "2026-11-23T09:00:00Z",
            "started_at": "2026-11-23T09:00:00.012Z",
            "finished_at": None,
            "active_seconds": None,
            "idle_seconds": 0.0,
            "idle_since": None,
            "records_processed": None,
            "prefect_flow_run_ids": ["5f0c9a3e-6c0e-4b0c-9b43-3a9d1f6f2f10"],
            "links": LINKS_EXAMPLE,
        }
    )

    id: int
    number: int
    pipeline_id: int
    pipeline: str
    revision: int
    status: Status
    why: str | None = Field(description="The reason for the run's state, in one sentence. Null in lists for runs that have not ended.")
    trigger: str = Field(description="What started it. `cli` stands for clients whose User-Agent begins with `headgate-cli`.")
    actor: str | None = Field(description="Who triggered it, if known.")
    repeats: int | None = Field(description="The id of the run that this one repeats.")
    scheduled_for: datetime | None = Field(description="The time of the tick that opened it, without jitter. Null for other runs.")
    backfill_id: int | None = Field(description="The backfill that opened it, if any.")
    priority: int = Field(description="Runs and stages with a higher one get free slots and workers first.")
    reason: Literal["limit"] | None = Field(description="`limit` if the run waits for a slot of a concurrency limit; `why` names it.")
    over_limit: bool = Field(description="True if a user started it although a limit was reached.")
    parameters: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    active_seconds: float | None = Field(
        description="How long it took, without `idle_seconds`. Null before its end, and for a run that never started."
    )
    idle_seconds: float = Field(
        description="How long it was idle after its start: it waited only for approvals, or had ended and was retried or continued later."
        " An idle time that has not ended is not included."
    )
    idle_since: datetime | None = Field(description="When it began to wait for approvals only. Null if it does not.")
    records_processed: int | None
    prefect_flow_run_ids: list[str]
    links: dict[str, str]

    @classmethod
    def from_view(cls, view: RunView, why: str | None = None) -> Self:
        """Build the response of a run; `why` explains its state."""
        return cls(
            id=view.id,
            number=view.number,
            pipeline_id=view.pipeline_id,
            pipeline=view.pipeline,
            revision=view.revision,
            status=view.status,
            why=why,
            trigger=view.trigger,
            actor=view.actor,
            repeats=view.repeats,
            scheduled_for=view.scheduled_for,
            backfill_id=view.backfill_id,
            priority=view.priority,
            reason="limit" if view.waits_for_slot else None,
            over_limit=view.over_limit,
            parameters=dict(view.parameters),
            created_at=view.created_at,
            started_at=view.started_at,
            finished_at=view.finished_at,
            active_seconds=get_active_seconds(view, view.finished_at) if view.finished_at is not None else None,
            idle_seconds=view.idle_seconds,
            idle_since=view.idle_since,
            records_processed=view.records_processed,
            prefect_flow_run_ids=list(view.flow_run_ids),
            links=build_run_links(view.id, view.pipeline_id),
        )


class FlowRunResponse(ResponseModel):
    """The deployment that a stage of kind `prefect` runs, and the flow run of its newest attempt."""

    deployment: str
    flow_run_id: str | None = Field(description="Null until Prefect has created it.")
    state: FlowState | None = Field(description="The type of its last known state.")
    state_name: str | None = Field(description="Prefect's name of that state, such as `Late` or `AwaitingRetry`.")
    pool: str | None = Field(description="Its work pool.")
    problem: str | None = Field(description="What keeps Prefect from creating or starting it.")
    why: str | None = Field(description="Why it does not run, in a few words; null if it runs or has ended.")
    url: str | None = Field(description="Its page in Prefect; null if Prefect's URL is not known.")

    @classmethod
    def of_deployment(cls, deployment: str) -> Self:
        """Build the response of a stage that has never run."""
        return cls(deployment=deployment, flow_run_id=None, state=None, state_name=None, pool=None, problem=None, why=None, url=None)

    @classmethod
    def from_stage(cls, view: StageRunView, prefect_url: str | None) -> Self | None:
        """Build the response of a stage; None for stages of other kinds. `prefect_url` is that of Prefect's pages."""
        if view.deployment is None:
            return None
        flow_run = view.newest.flow_run
        flow_run_id = flow_run.id if flow_run else None
        return cls(
            deployment=view.deployment,
            flow_run_id=flow_run_id,
            state=flow_run.state if flow_run else None,
            state_name=flow_run.state_name if flow_run else None,
            pool=flow_run.pool if flow_run else None,
            problem=flow_run.problem if flow_run else None,
            why=describe_flow_run_state(view) or None,
            url=build_flow_run_url(prefect_url, flow_run_id) if prefect_url and flow_run_id else None,
        )


class StageResponse(ResponseModel):
    """A stage with the state of its newest attempt."""

    model_config = with_example(
        {
            "name": "train",
            "kind": "prefect",
            "needs": ["extract"],
            "status": "queued",
            "reason": None,
            "attempt": 1,
            "started_at": None,
            "finished_at": None,
            "records_processed": None,
            "error_message": None,
            "output": None,
            "prefect": {
                "deployment": "ml/train",
                "flow_run_id": "5f0c9a3e-6c0e-4b0c-9b43-3a9d1f6f2f10",
                "state": "scheduled",
                "state_name": "Late",
                "pool": "k8s",
                "problem": "pool k8s has no worker",
                "why": "pool k8s has no worker",
                "url": "http://127.0.0.1:4200/v2/runs/flow-run/5f0c9a3e-6c0e-4b0c-9b43-3a9d1f6f2f10",
            },
        }
    )

    name: str
    kind: str
    needs: list[str]
    status: Status
    reason: Reason | None
    attempt: int | None = Field(description="Null before the first run.")
    started_at: datetime | None
    finished_at: datetime | None
    records_processed: int | None
    error_message: str | None
    output: Any
    prefect: FlowRunResponse | None = Field(description="For stages of kind `prefect`.")

    @classmethod
    def from_view(cls, view: StageRunView, prefect_url: str | None = None) -> Self:
        """Build the response of a run's stage. `prefect_url` is that of Prefect's pages."""
        attempt = view.newest
        return cls(
            name=view.name,
            kind=view.kind,
            needs=list(view.needs),
            status=attempt.status,
            reason=attempt.reason,
            attempt=attempt.number,
            started_at=attempt.started_at,
            finished_at=attempt.finished_at,
            records_processed=attempt.records_processed,
            error_message=attempt.error_message,
            output=attempt.output,
            prefect=FlowRunResponse.from_stage(view, prefect_url),
        )


class TriggerRequest(RequestModel):
    """The parameters of a new run, its priority, and whether it can start over the limits."""

    model_config = with_example({"parameters": {"month": 6}, "priority": 5})

    parameters: dict[str, Any] | None = Field(None, description="Validated against the pipeline's JSON Schema.")
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] | None = Field(
        None, description="If omitted, that of the definition."
    )
    over_limit: bool = Field(False, description="Start at once even if a concurrency limit is reached. Needs the permission `operate`.")


class TriggerResponse(ResponseModel):
    """The run that was created."""

    model_config = with_example(
        {"run_id": 7, "number": 3, "pipeline_id": 1, "pipeline": "flights", "status": "queued", "links": LINKS_EXAMPLE}
    )

    run_id: int
    number: int = Field(description="The number of the run within its pipeline: 1, 2, 3…")
    pipeline_id: int
    pipeline: str = Field(description="The pipeline's name.")
    status: Status
    links: dict[str, str]

    @classmethod
    def from_view(cls, view: TriggerResult) -> Self:
        """Build the response from the use case's result."""
        return cls(
            run_id=view.run_id,
            number=view.number,
            pipeline_id=view.pipeline_id,
            pipeline=view.pipeline,
            status=view.status,
            links=build_run_links(view.run_id, view.pipeline_id),
        )


class CancelRequest(RequestModel):
    """Why a run or a stage is cancelled."""

    model_config = with_example({"message": "The source file was the wrong one."})

    message: Comment | None = Field(None, description="Shown in the run's history.")


class CancelResponse(ResponseModel):
    """`status` is `cancelled`, or the run's present status until its worker has stopped the running stages."""

    model_config = with_example({"run_id": 7, "number": 3, "pipeline": "flights", "status": "running"})

    run_id: int
    number: int
    pipeline: str = Field(description="The pipeline's name.")
    status: Status
