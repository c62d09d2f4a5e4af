"""Status updates, as the API takes and answers them."""

from typing import Annotated, Any

from pydantic import Field

from domain.runs.status import Status
from entrypoints.api.shared.models import (
    MAX_BIGINT,
    MAX_INTEGER,
    FieldErrorResponse,
    LongText,
    PipelineRefField,
    ReportedStatus,
    ReporterName,
    RequestModel,
    ResponseModel,
    RunRefField,
    ShortText,
    StageName,
    Timestamp,
    with_example,
)

MAX_BATCH = 1_000
_UPDATE_EXAMPLE = {
    "pipeline_id": "flights",
    "stage_name": "certify",
    "status": "completed",
    "records_processed": 336776,
    "reporter": "auditor",
    "event_id": "certify-2026-11-23",
}
_RESULT_EXAMPLE = {"applied": True, "why": None, "run_id": 7, "seq": 14, "status": "completed"}


class StatusUpdateRequest(RequestModel):
    """The status of a stage, or of the whole run if `stage_name` is omitted."""

    model_config = with_example(_UPDATE_EXAMPLE)

    pipeline_id: PipelineRefField = Field(None, description="Id or name. Optional with a run_id or an attempt's token.")
    stage_name: StageName | None = None
    status: ReportedStatus = Field(description="Common synonyms are accepted, too: success, error, started, canceled…")
    records_processed: Annotated[int, Field(ge=0, le=MAX_BIGINT)] | None = None
    error_message: LongText | None = Field(None, description="Cut in its middle beyond 65,536 characters.")
    run_id: RunRefField = Field(
        None,
        description="The run's id, or its name such as `etl#12`. Required if several runs are active, except in a pipeline whose stages "
        "are all external: there, a report without it belongs to the oldest open run in which its stage has not ended, or opens the "
        "next run.",
    )
    attempt: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    event_id: ShortText | None = Field(None, description="The same id with the same body returns the stored result.")
    seq: Annotated[int, Field(ge=0, le=MAX_BIGINT)] | None = Field(None, description="The reporter's own order; older updates are ignored.")
    reporter: ReporterName | None = Field(None, description="Cut in its middle beyond 200 characters.")
    message: LongText | None = Field(None, description="Cut in its middle beyond 65,536 characters.")
    output: Any = Field(None, description="A part that cannot be stored, such as NaN, is replaced, and `message` names it.")
    reported_at: Timestamp = Field(None, description="The reporter's clock: displayed, never used to order updates.")


class StatusUpdateBatchRequest(RequestModel):
    """Up to 1,000 status updates. Each is accepted or refused on its own."""

    model_config = with_example({"updates": [_UPDATE_EXAMPLE]})

    updates: list[Any] = Field(max_length=MAX_BATCH)


class StatusUpdateResponse(ResponseModel):
    """The result of a status update."""

    model_config = with_example(_RESULT_EXAMPLE)

    applied: bool
    why: str | None
    run_id: int | None
    seq: int | None = Field(description="The number of the event that it added to the run's history.")
    status: Status | None


class BatchItemResponse(StatusUpdateResponse):
    """The result of one item of a batch."""

    model_config = with_example({"http_status": 200, **_RESULT_EXAMPLE, "problem": None})

    http_status: int
    problem: str | None
    errors: list[FieldErrorResponse] = []
