"""The ticks to come of a schedule, as the API takes and returns them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field, RootModel, WithJsonSchema

from application.queries.schedules.preview import MAX_TICKS
from domain.errors import InvalidInput
from domain.pipelines.field_parser import FieldParser
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.parsing import TIMING_KEYS, parse_timing
from entrypoints.api.shared.models import ResponseModel, parse_timestamp, with_example
from entrypoints.definitions.schema.schedules import SCHEDULE
from entrypoints.definitions.schema.values import or_null

DEFAULT_COUNT: Final = 5
_PREVIEW: Final[dict[str, Any]] = {
    "type": "object",
    "oneOf": SCHEDULE["oneOf"],
    "additionalProperties": False,
    "properties": {
        **{key: schema for key, schema in SCHEDULE["properties"].items() if key in TIMING_KEYS},
        "count": {"type": "integer", "minimum": 1, "maximum": MAX_TICKS, "default": DEFAULT_COUNT},
        "after": or_null({"type": "string", "format": "date-time"}, "Only later times; now by default."),
    },
}


class PreviewRequest(RootModel[Annotated[Any, WithJsonSchema(_PREVIEW)]]):
    """The keys of a schedule that decide its times. If fields are invalid, the error names each of them."""

    model_config = with_example({"cron": "30 2 * * *", "timezone": "Europe/Berlin", "count": 3, "after": "2026-03-28T00:00:00Z"})


class TickPreviewResponse(ResponseModel):
    """A time at which a schedule fires."""

    model_config = with_example(
        {
            "at": "2026-03-29T01:00:00Z",
            "scheduled_for": "2026-03-29T01:00:00Z",
            "local": "2026-03-29T03:00:00+02:00",
            "note": "moved by the clock change: 02:30 does not exist on 2026-03-29",
        }
    )

    at: datetime = Field(description="When it fires, jitter included.")
    scheduled_for: datetime = Field(description="The nominal time, without jitter.")
    local: datetime = Field(description="`at` in the schedule's zone.")
    note: str | None = Field(description="What a clock change does to it, or what changes before it.")


def parse_preview(raw: object) -> tuple[ScheduleDefinition, int, datetime | None]:
    """Return the schedule, the count and the time after which its ticks are asked for. Raises InvalidInput."""
    if not isinstance(raw, Mapping):
        raise InvalidInput.for_field("body", "must be a JSON object")
    fields = FieldParser(raw, "")
    fields.reject_unknown_keys(TIMING_KEYS | {"count", "after"})
    schedule = parse_timing(fields)
    count = fields.parse_integer("count", DEFAULT_COUNT, 1, MAX_TICKS)
    after = None
    try:
        after = parse_timestamp(raw.get("after"))
    except ValueError as error:
        fields.add_problem("after", str(error))
    if fields.problems:
        raise InvalidInput(fields.problems)
    return schedule, count, after
