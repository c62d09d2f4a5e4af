"""Pipelines and their stages, as the API takes and returns them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, RootModel, WithJsonSchema

from application.queries.views.pipelines import PipelineView
from domain.pipelines.definition import OnCancel, StageDefinition
from domain.pipelines.serialization import serialize_pipeline
from domain.runs.status import Status
from entrypoints.api.pipelines.alert_models import AlertRuleDefinitionResponse
from entrypoints.api.pipelines.concurrency_models import ConcurrencyLimitResponse
from entrypoints.api.pipelines.schedule_models import ExpectationResponse, ScheduleDefinitionResponse
from entrypoints.api.runs.models import FlowRunResponse, StageResponse
from entrypoints.api.shared.models import RequestModel, ResponseModel, Timestamp, with_example
from entrypoints.definitions.schema.pipeline import DEFINITION
from entrypoints.http.base_path import link

_PARAMETERS_EXAMPLE = {"type": "object", "properties": {"month": {"type": "integer", "minimum": 1, "maximum": 12}}}


class PipelineDefinitionRequest(RootModel[Annotated[Any, WithJsonSchema(DEFINITION)]]):
    """A pipeline's definition. If fields are invalid, the error names each of them."""

    model_config = with_example(
        {
            "name": "flights",
            "description": "Delays of 336,776 flights",
            "tags": ["flights", "nightly"],
            "parallelism": 4,
            "parameters": _PARAMETERS_EXAMPLE,
            "stages": [
                {
                    "name": "extract",
                    "kind": "python",
                    "callable": "examples.flights.extract:main",
                    "timeout": 120,
                    "retries": 2,
                    "retry_delay": 5,
                },
                {"name": "publish", "kind": "command", "command": ["./publish.sh"], "needs": ["extract"], "allow_failure": True},
                {"name": "certify", "kind": "external", "needs": ["publish"], "timeout": 86400},
            ],
        }
    )


class StageDefinitionResponse(ResponseModel):
    """A stage's definition with every default, and its status in the latest run. Keys of other kinds are omitted."""

    name: str
    kind: Literal["command", "python", "external", "approval", "http", "prefect"]
    needs: list[str]
    command: list[str] | str | None = None
    shell: bool = False
    callable: str | None = None
    python: str | None = Field(default=None, description="The interpreter or virtual environment that the stage names.")
    env: dict[str, str] = {}
    url: str | None = None
    method: str | None = None
    query: dict[str, Any] = {}
    headers: dict[str, Any] = {}
    body: Any = None
    expected: list[int] = []
    max_bytes: int | None = None
    secrets: dict[str, str] = Field(default={}, description="Variables and the names of their secrets; never a value.")
    workdir: str | None = None
    approvers: list[str] = []
    message: str | None = None
    fields: dict[str, Any] | None = None
    deployment: str | None = Field(default=None, description="The Prefect deployment that it runs.")
    parameters: dict[str, Any] = Field(default={}, description="The deployment's parameters; {parameter: NAME} is one of the run.")
    on_cancel: OnCancel | None = Field(default=None, description="What happens to the flow run if the stage is cancelled.")
    timeout: float = Field(description="Seconds.")
    retries: int = 0
    retry_delay: float = 0
    retry_on_loss: bool = False
    uses: list[str] = Field(default=[], description="The groups in which the stage holds a slot while it runs.")
    hold: bool = Field(default=False, description="True if the run keeps its slots while it waits for this approval.")
    allow_failure: bool
    when: Literal["completed", "always", "failed"]
    status: Status


class PipelineResponse(ResponseModel):
    """A pipeline with its newest revision. `status` is its latest run's, `pending` before the first run."""

    model_config = with_example(
        {
            "id": 1,
            "name": "flights",
            "description": "Delays of 336,776 flights",
            "tags": ["flights", "nightly"],
            "status": "running",
            "revision": 1,
            "parallelism": 4,
            "concurrency": [{"limit": 1, "when_full": "queue"}],
            "priority": 10,
            "pool": "headgate",
            "parameters": _PARAMETERS_EXAMPLE,
            "stages": [
                {
                    "name": "certify",
                    "kind": "external",
                    "needs": ["publish"],
                    "timeout": 86400.0,
                    "allow_failure": False,
                    "when": "completed",
                    "status": "waiting",
                }
            ],
            "created_at": "2026-11-23T09:00:00Z",
            "updated_at": "2026-11-23T09:00:00Z",
            "paused_at": None,
            "paused_by": None,
            "paused_until": None,
            "archived_at": None,
            "archived_by": None,
            "links": {
                "self": "/pipelines/1",
                "stages": "/pipelines/1/stages",
                "runs": "/pipelines/1/runs",
                "revisions": "/pipelines/1/revisions",
                "trigger": "/trigger/1",
                "page": "/ui/pipelines/1",
            },
        }
    )

    id: int
    name: str
    description: str
    tags: list[str]
    status: Status
    revision: int
    parallelism: int
    concurrency: list[ConcurrencyLimitResponse] = []
    priority: int = Field(default=0, description="Runs that wait start in the order of their priority, the highest first.")
    pool: str
    parameters: dict[str, Any] | None = Field(description="JSON Schema of a run's parameters.")
    env: dict[str, str] = Field(default={}, description="Environment variables of its stages.")
    python: str | None = Field(default=None, description="The interpreter or virtual environment of its `python` stages that name none.")
    stages: list[StageDefinitionResponse]
    schedules: list[ScheduleDefinitionResponse] = []
    expect: list[ExpectationResponse] = []
    alerts: list[AlertRuleDefinitionResponse] = []
    created_at: datetime
    updated_at: datetime
    paused_at: datetime | None = Field(description="When it was paused; null if it is not paused.")
    paused_by: str | None = Field(description="Who paused it, if known.")
    paused_until: datetime | None = Field(description="When the pause ends; null if it ends only by `resume`.")
    archived_at: datetime | None = Field(description="When it was archived: it starts no runs and is hidden from lists.")
    archived_by: str | None = Field(description="Who archived it, if known.")
    links: dict[str, str]
    warnings: list[str] = Field(default=[], description="After a change: what could not be checked or looks wrong. Omitted if empty.")

    @classmethod
    def from_view(cls, view: PipelineView, warnings: Sequence[str] = ()) -> Self:
        """Build the response of a pipeline, with the warnings of the change that stored it."""
        definition = serialize_pipeline(view.definition)
        if warnings:
            definition["warnings"] = list(warnings)
        statuses = {stage.name: stage.status for stage in view.latest.stages} if view.latest else {}
        stages = [stage | {"status": statuses.get(stage["name"], Status.PENDING)} for stage in definition.pop("stages")]
        return cls(
            **definition,
            id=view.id,
            status=view.status,
            revision=view.revision,
            stages=[StageDefinitionResponse(**stage) for stage in stages],
            created_at=view.created_at,
            updated_at=view.updated_at,
            paused_at=view.activation.paused_at,
            paused_by=view.activation.paused_by,
            paused_until=view.activation.paused_until,
            archived_at=view.activation.archived_at,
            archived_by=view.activation.archived_by,
            links={
                "self": link(f"/pipelines/{view.id}"),
                "stages": link(f"/pipelines/{view.id}/stages"),
                "runs": link(f"/pipelines/{view.id}/runs"),
                "revisions": link(f"/pipelines/{view.id}/revisions"),
                "trigger": link(f"/trigger/{view.id}"),
                "page": link(f"/ui/pipelines/{view.id}"),
            },
        )


def list_stage_responses(pipeline: PipelineView, prefect_url: str | None) -> list[StageResponse]:
    """Return the newest revision's stages with their state in the latest run; `pending` if that run has no such stage."""
    latest = {stage.name: StageResponse.from_view(stage, prefect_url) for stage in pipeline.latest.stages} if pipeline.latest else {}
    return [_to_stage_response(stage, latest.get(stage.name)) for stage in pipeline.definition.stages]


def _to_stage_response(stage: StageDefinition, latest: StageResponse | None) -> StageResponse:
    if latest is not None:
        return latest.model_copy(update={"kind": stage.kind.value, "needs": list(stage.needs)})
    return StageResponse(
        name=stage.name,
        kind=stage.kind.value,
        needs=list(stage.needs),
        status=Status.PENDING,
        reason=None,
        attempt=None,
        started_at=None,
        finished_at=None,
        records_processed=None,
        error_message=None,
        output=None,
        prefect=FlowRunResponse.of_deployment(stage.deployment) if stage.deployment is not None else None,
    )


class CloneRequest(RequestModel):
    """The name of the new pipeline."""

    model_config = with_example({"name": "flights-test"})

    name: str = Field(min_length=1, max_length=100, description="A name that is not taken.")


class PauseRequest(RequestModel):
    """The end of a pause."""

    model_config = with_example({"until": "2026-12-01T06:00:00Z"})

    until: Timestamp = Field(None, description="When the pause ends automatically. If omitted, it lasts until `resume`.")
