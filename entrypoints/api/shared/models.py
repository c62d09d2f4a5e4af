"""Base classes and field types of the API's request and response models."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetPydanticSchema, WithJsonSchema

from application.ports.persistence.pipelines import PipelineRef
from domain.reports.storable_values import cut_name, cut_text
from domain.runs.run_name import RUN_NAME
from domain.runs.status import REPORTABLE_STATUSES, Status, parse_reported_status

MAX_BIGINT = 2**63 - 1
MAX_INTEGER = 2**31 - 1


def with_example(example: dict[str, Any]) -> ConfigDict:
    """Return the configuration of a model that the documentation shows with this example."""
    return ConfigDict(json_schema_extra={"examples": [example]})


class RequestModel(BaseModel):
    """A body. Unknown keys are refused, and types are strict: "1" and 1.0 are not accepted for 1."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ResponseModel(BaseModel):
    """A resource, or a part of one, as the API returns it."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    @classmethod
    def from_view(cls, view: Any) -> Self:
        """Build the model from an object that has the model's fields as attributes."""
        return cls.model_validate(view)


class FieldErrorResponse(ResponseModel):
    """One invalid field of the input."""

    field: str
    message: str
    line: int | None = Field(default=None, description="The line of the field, if the body is a definition in YAML.")


class ProblemResponse(ResponseModel):
    """An error, as RFC 9457 describes it. Further members describe the present state."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    problem: str = Field(description="The kind, for programs: the end of `type`.")
    request_id: str | None
    errors: list[FieldErrorResponse] = []


def parse_timestamp(value: Any) -> datetime | None:
    """Return the time in UTC. Raise ValueError for anything but RFC 3339 with a zone, numbers included."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value.upper() else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be an RFC 3339 time such as 2026-11-23T09:30:00Z")


def _parse_pipeline_ref(value: Any) -> PipelineRef | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_BIGINT:
        return value
    if isinstance(value, str) and 0 < len(value) <= 100:
        return int(value) if value.isascii() and value.isdigit() and int(value) <= MAX_BIGINT else value
    raise ValueError("must be a pipeline's id or name")


def _parse_reported_status(value: Any) -> Status:
    status = parse_reported_status(value) if isinstance(value, str) else None
    if status is None:
        raise ValueError("must be one of " + ", ".join(sorted(REPORTABLE_STATUSES)))
    return status


_ID_SCHEMA = {"type": "integer", "minimum": 0, "maximum": MAX_BIGINT}
_NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 100}
PipelineRefField = Annotated[
    Any, BeforeValidator(_parse_pipeline_ref), WithJsonSchema({"anyOf": [_ID_SCHEMA, _NAME_SCHEMA, {"type": "null"}]})
]
RunRefField = (
    Annotated[
        Annotated[int, Field(ge=1, le=MAX_BIGINT)] | Annotated[str, Field(pattern=f"^{RUN_NAME.pattern}$")],
        Field(union_mode="left_to_right"),
        GetPydanticSchema(
            lambda source, handler: {
                **handler(source),
                "custom_error_type": "run_reference",
                "custom_error_message": "must be a run's id, or its name such as etl#12",
            }
        ),
    ]
    | None
)
"""A run's id or name. The schema runs without Python code, since most reports have an id."""
ReportedStatus = Annotated[
    Any,
    BeforeValidator(_parse_reported_status),
    WithJsonSchema({"type": "string", "enum": ["running", "completed", "failed", "cancelled", "skipped"]}),
]
Timestamp = Annotated[
    Any, BeforeValidator(parse_timestamp), WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]})
]
StageName = Annotated[str, Field(min_length=1, max_length=100)]
ShortText = Annotated[str, Field(min_length=1, max_length=200)]
Comment = Annotated[str, Field(max_length=2_000)]
LongText = Annotated[str, AfterValidator(cut_text)]
"""Text of a report. A longer one than 65,536 characters is cut in its middle: a refusal would hide the failure that it reports."""
ReporterName = Annotated[str, Field(min_length=1), AfterValidator(cut_name)]
