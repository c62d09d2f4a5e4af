"""Query parameters that several lists share."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema

from application.ports.queries.reader import ArchivedFilter
from domain.runs.status import Status
from entrypoints.api.shared.models import parse_timestamp
from entrypoints.http.ids import MAX_ID


def _parse_status(value: Any) -> Status | None:
    try:
        return Status(value) if value is not None else None
    except ValueError:
        raise ValueError("must be one of " + ", ".join(Status)) from None


_Timestamp = Annotated[datetime | None, BeforeValidator(parse_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})]
Skip = Annotated[int, Query(ge=0, le=MAX_ID, description="Number of items to skip.")]
RunSkip = Annotated[int, Query(ge=0, le=10_000, description="How many runs to skip; beyond that, follow `Link`.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Maximum number of items to return.")]
Cursor = Annotated[str | None, Query(max_length=100, description="A position in the list, from a `Link` header; `skip` counts from there.")]
After = Annotated[int | None, Query(ge=0, le=MAX_ID, description="Only items after this number.")]
StatusFilter = Annotated[
    Status | None,
    BeforeValidator(_parse_status),
    WithJsonSchema({"type": "string", "enum": [status.value for status in Status]}),
    Query(description="Only runs with this status."),
]
ArchivedChoice = Annotated[
    ArchivedFilter,
    WithJsonSchema({"type": "string", "enum": [choice.value for choice in ArchivedFilter]}),
    Query(description="Whether to exclude archived pipelines, include them, or list only them."),
]
TriggerFilter = Annotated[
    Literal["dashboard", "api", "cli", "report", "schedule", "backfill"] | None, Query(description="Only runs triggered this way.")
]
Since = Annotated[_Timestamp, Query(description="Only runs created at this time or later.")]
Until = Annotated[_Timestamp, Query(description="Only runs created before this time.")]
