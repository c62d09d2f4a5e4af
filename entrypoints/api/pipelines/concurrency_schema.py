"""JSON Schema of the concurrency limits of a definition."""

from typing import Any

from domain.concurrency.definition import WhenFull
from domain.concurrency.parsing import MAX_KEY_LENGTH, MAX_LIMIT, MAX_LIMITS, MAX_USES
from domain.pipelines.field_parser import NAME
from domain.pipelines.parsing import MAX_PRIORITY
from entrypoints.api.pipelines.schedule_schema import or_null

_GROUP = {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 100}

LIMIT: dict[str, Any] = {
    "type": "object",
    "anyOf": [
        {"required": ["limit"], "properties": {"limit": {"type": "integer"}}},
        {"required": ["group"], "properties": {"group": {"type": "string"}}},
    ],
    "not": {"required": ["group", "key"], "properties": {"group": {"type": "string"}, "key": {"type": "object"}}},
    "additionalProperties": False,
    "properties": {
        "limit": or_null(
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            "The number of slots. Can be omitted for a group whose limit another pipeline or an admin sets.",
        ),
        "group": or_null(_GROUP, "The group whose slots all its pipelines share; if omitted, the pipeline's own runs are limited."),
        "key": or_null(
            {
                "type": "object",
                "required": ["parameter"],
                "additionalProperties": False,
                "properties": {"parameter": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH}},
            },
            "Counts the runs of each value of this parameter separately.",
        ),
        "when_full": {
            "type": "string",
            "enum": [choice.value for choice in WhenFull],
            "default": WhenFull.QUEUE.value,
            "description": "What a trigger does while no slot is free.",
        },
    },
}
CONCURRENCY = or_null({"type": "array", "maxItems": MAX_LIMITS, "items": LIMIT}, "Limits on the runs that are open at once.")
USES = or_null(
    {"type": "array", "maxItems": MAX_USES, "uniqueItems": True, "items": _GROUP},
    "For stages on a worker: the groups in which the stage holds a slot while it runs.",
)
PRIORITY: dict[str, Any] = {
    "type": "integer",
    "minimum": -MAX_PRIORITY,
    "maximum": MAX_PRIORITY,
    "default": 0,
    "description": "Runs that wait start in the order of their priority, the highest first.",
}
