"""The shapes of answers, for the OpenAPI document and the tests that hold the presenters to it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.runs.status import Reason, Status


class ResponseModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StageDefinitionResponse(BaseModel):
    """A stage as defined, with every default spelled out, and how it stands in the latest run. Keys of other kinds are left out."""

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: Literal["command", "python", "external", "approval", "http"]
    needs: list[str]
    command: list[str] | str | None = None
    shell: bool = False
    callable: str | None = None
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
    timeout: float = Field(description="Seconds.")
    retries: int = 0
    retry_delay: float = 0
    retry_on_loss: bool = False
    allow_failure: bool
    when: Literal["completed", "always", "failed"]
    status: Status


class PipelineResponse(ResponseModel):
    """A pipeline with its newest revision. `status` is its latest run's, `pending` before the first."""

    id: int
    name: str
    description: str
    tags: list[str]
    status: Status
    revision: int
    parallelism: int
    pool: str
    parameters: dict[str, Any] | None = Field(description="JSON Schema of a run's parameters.")
    stages: list[StageDefinitionResponse]
    created_at: datetime
    updated_at: datetime
    links: dict[str, str]


class StageResponse(ResponseModel):
    """A stage as it stands: its newest attempt."""

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


class TriggerResponse(ResponseModel):
    """The run that was opened."""

    run_id: int
    number: int = Field(description="Counts the pipeline's runs: 1, 2, 3…")
    pipeline_id: int
    status: Status
    links: dict[str, str]


class RunResponse(ResponseModel):
    """One execution of a pipeline's revision."""

    id: int
    number: int
    pipeline_id: int
    pipeline: str
    revision: int
    status: Status
    why: str | None = Field(description="Why it is where it is, in one sentence. In lists null for runs under way: ask the run itself.")
    trigger: str
    actor: str | None = Field(description="Who triggered it, where that is known.")
    repeats: int | None = Field(description="The id of the run that it is a repetition of.")
    parameters: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    records_processed: int | None
    prefect_flow_run_ids: list[str]
    links: dict[str, str]


class CancelResponse(ResponseModel):
    """`status` is `cancelled`, or what the run still is until its worker has stopped what runs."""

    run_id: int
    number: int
    status: Status


class RunControlResponse(ResponseModel):
    """The run after a person's act. `applied` is false when it had been done already; `stages` are those it was about."""

    run_id: int
    number: int
    status: Status
    stages: list[str]
    applied: bool
    links: dict[str, str]


class WaitingStageResponse(ResponseModel):
    """A stage that waits for a person or a machine."""

    run_id: int
    number: int
    pipeline_id: int
    pipeline: str
    stage: str
    reason: Literal["approval", "external"]
    message: str | None = Field(description="An approval's question.")
    approvers: list[str]
    since: datetime | None
    deadline: datetime | None = Field(description="When it fails if nothing is heard.")
    links: dict[str, str]


class FailureResponse(ResponseModel):
    """Failures that are alike, as one."""

    fingerprint: str
    stage: str
    message: str = Field(description="The newest one's.")
    count: int
    first_at: datetime = Field(description="When it was seen for the first time, in all of the pipeline's runs.")
    last_at: datetime
    first_run: int | None = Field(description="Id of the run in which it was first seen.")
    runs: list[int] = Field(description="Ids of the newest runs that had it.")


class StageTimesResponse(ResponseModel):
    """How long a stage's completed attempts took lately, in seconds."""

    stage: str
    median: float
    slow: float = Field(description="The 95th percentile.")
    count: int


class DifferenceResponse(ResponseModel):
    """`missing` is the side that has no such thing."""

    path: str
    before: Any
    after: Any
    missing: Literal["before", "after"] | None


class StageComparisonResponse(ResponseModel):
    """A stage in both runs; null where one has no such stage."""

    stage: str
    status: list[Status | None] = Field(description="Before and after, as the following.")
    seconds: list[float | None]
    records: list[int | None]


class ErrorDifferenceResponse(ResponseModel):
    """The first stage whose error is not the same."""

    stage: str
    before: str | None
    after: str | None
    is_alike: bool = Field(description="Other words of the same failure.")


class ComparisonResponse(ResponseModel):
    """What differs between two runs."""

    before: int
    after: int
    parameters: list[DifferenceResponse]
    definition: list[DifferenceResponse]
    stages: list[StageComparisonResponse]
    error: ErrorDifferenceResponse | None


class StatusUpdateResponse(ResponseModel):
    """What became of a status update."""

    applied: bool
    why: str | None
    run_id: int | None
    seq: int | None = Field(description="The number of the event it left in the run's history.")
    status: Status | None


class FieldErrorResponse(ResponseModel):
    """One thing wrong with the input."""

    field: str
    message: str


class BatchItemResponse(StatusUpdateResponse):
    """What became of one item of a batch."""

    http_status: int
    problem: str | None
    errors: list[FieldErrorResponse] = []


class EventResponse(ResponseModel):
    """A fact in a run's history."""

    run_id: int
    seq: int = Field(description="1, 2, 3… within the run, without gaps.")
    type: str
    at: datetime
    stage: str | None
    attempt: int | None
    status: Status | None
    actor: str | None
    data: dict[str, Any]
    pipeline_id: int


class LogLineResponse(ResponseModel):
    """One line that a stage wrote."""

    n: int = Field(description="1, 2, 3… within the run.")
    at: datetime
    stream: Literal["stdout", "stderr", "headgate"]
    text: str
    stage: str
    attempt: int


class LivenessResponse(ResponseModel):
    """The process answers."""

    status: Literal["alive"]


class WorkerCountsResponse(ResponseModel):
    """Workers that spoke within the last 15 seconds."""

    count: int
    slots: int
    free: int


class ReadinessResponse(ResponseModel):
    """Triggers are accepted. Prefect and the workers are named, and are never a reason to be unready."""

    status: Literal["ready"]
    database: Literal["up"]
    prefect: Literal["up", "down"]
    workers: WorkerCountsResponse


class ProblemResponse(BaseModel):
    """RFC 9457. Other members say what the present state is."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    problem: str = Field(description="The kind, for machines: the end of `type`.")
    request_id: str | None
    errors: list[FieldErrorResponse] = []
