"""What callers send, as shapes. Unknown keys are refused, so that a typo is found."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from application.ports.persistence.pipelines import PipelineRef
from domain.runs.status import REPORTABLE_STATUSES, Status, parse_reported_status

MAX_BIGINT = 2**63 - 1
MAX_INTEGER = 2**31 - 1
MAX_BATCH = 1_000


def _parse_pipeline_ref(value: Any) -> PipelineRef | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_BIGINT:
        return value
    if isinstance(value, str) and 0 < len(value) <= 100:
        return int(value) if value.isascii() and value.isdigit() and int(value) <= MAX_BIGINT else value
    raise ValueError("is a pipeline's id or its name")


def _parse_status(value: Any) -> Status:
    status = parse_reported_status(value) if isinstance(value, str) else None
    if status is None:
        raise ValueError("is one of " + ", ".join(sorted(REPORTABLE_STATUSES)))
    return status


def parse_timestamp(value: Any) -> datetime | None:
    """The time in UTC. ValueError for anything but RFC 3339 with its zone, numbers too."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value.upper() else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("is a time as RFC 3339 writes it, such as 2026-11-23T09:30:00Z")


_ID = {"type": "integer", "minimum": 0, "maximum": MAX_BIGINT}
_REF = {"anyOf": [_ID, {"type": "string", "minLength": 1, "maxLength": 100}, {"type": "null"}]}
PipelineRefField = Annotated[Any, BeforeValidator(_parse_pipeline_ref), WithJsonSchema(_REF)]
StatusField = Annotated[
    Any,
    BeforeValidator(_parse_status),
    WithJsonSchema({"type": "string", "enum": ["running", "completed", "failed", "cancelled", "skipped"]}),
]
Timestamp = Annotated[
    Any, BeforeValidator(parse_timestamp), WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]})
]
ShortText = Annotated[str, Field(min_length=1, max_length=200)]
LongText = Annotated[str, Field(max_length=65_536)]


class RequestModel(BaseModel):
    """Strict: "1" is not 1, and 1.0 is not 1."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TriggerRequest(RequestModel):
    """What a run is started with."""

    parameters: dict[str, Any] | None = Field(None, description="Checked against the pipeline's JSON Schema.")


class CancelRequest(RequestModel):
    """Why a run is stopped."""

    message: Annotated[str, Field(max_length=2_000)] | None = Field(None, description="Shown in the run's history.")


class RetryRequest(RequestModel):
    """What of a run is tried again."""

    stages: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=500)] | None = Field(
        None, description="Left out: what failed, was lost or was cancelled."
    )
    revision: Literal["same", "newest"] = Field("same", description="`newest` goes on under the pipeline's newest revision, if it fits.")


class RunAgainRequest(RequestModel):
    """What the new run is started with."""

    parameters: dict[str, Any] | None = Field(None, description="Left out: those of the earlier run.")


class StageControlRequest(RequestModel):
    """Why."""

    message: Annotated[str, Field(max_length=2_000)] | None = Field(None, description="Shown in the run's history.")


class ApproveRequest(RequestModel):
    """What is said with the approval."""

    comment: Annotated[str, Field(max_length=2_000)] | None = None
    fields: dict[str, Any] | None = Field(None, description="Checked against the approval's fields; given to the stages after it.")


class RejectRequest(RequestModel):
    """Why it is rejected."""

    comment: Annotated[str, Field(max_length=2_000)] | None = None


class StatusUpdateRequest(RequestModel):
    """How a stage stands, or the run as a whole when `stage_name` is left out."""

    pipeline_id: PipelineRefField = Field(None, description="Id or name. May be left out with a run_id or an attempt's token.")
    stage_name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    status: StatusField = Field(description="The words people use are understood too: success, error, started, canceled…")
    records_processed: Annotated[int, Field(ge=0, le=MAX_BIGINT)] | None = None
    error_message: LongText | None = None
    run_id: Annotated[int, Field(ge=1, le=MAX_BIGINT)] | None = Field(None, description="Needed when several runs are under way.")
    attempt: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    event_id: ShortText | None = Field(None, description="The same id with the same body gets the stored answer again.")
    seq: Annotated[int, Field(ge=0, le=MAX_BIGINT)] | None = Field(
        None, description="The reporter's own order; older ones are passed over."
    )
    reporter: ShortText | None = None
    message: LongText | None = None
    output: Any = None
    reported_at: Timestamp = Field(None, description="The reporter's clock: shown, never used to order.")


class StatusUpdateBatchRequest(BaseModel):
    """Up to 1,000 status updates, each judged on its own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    updates: list[Any] = Field(max_length=MAX_BATCH)
