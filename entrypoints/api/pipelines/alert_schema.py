"""JSON Schema of the alert rules of a definition."""

from typing import Any

from domain.alerts.channel import MAX_CHANNEL_NAME_LENGTH
from domain.alerts.parsing import MAX_AFTER, MAX_RULES, MAX_TARGETS, MIN_REMIND, TIME
from domain.alerts.rule import AlertEvent
from domain.pipelines.field_parser import NAME
from domain.schedules.definition import DEFAULT_ZONE
from entrypoints.api.pipelines.schedule_schema import build_duration_schema, or_null

CHANNEL_NAME: dict[str, Any] = {"type": "string", "pattern": "^[a-z0-9-]+$", "maxLength": MAX_CHANNEL_NAME_LENGTH}
_TIME: dict[str, Any] = {"type": "string", "pattern": f"^({TIME.pattern})$"}
_TARGET: dict[str, Any] = {
    "type": "object",
    "required": ["channel"],
    "additionalProperties": False,
    "properties": {
        "channel": CHANNEL_NAME,
        "after": build_duration_schema("Delay after which the message is sent if the incident is still open; 0 by default.", minimum=0),
    },
}
_QUIET: dict[str, Any] = {
    "type": "object",
    "required": ["from", "to"],
    "additionalProperties": False,
    "properties": {
        "timezone": {"type": "string", "default": DEFAULT_ZONE, "description": "A name such as Europe/Berlin."},
        "from": _TIME | {"description": "The local time at which messages begin to be held back, such as 22:00."},
        "to": _TIME | {"description": "The local time at which they are sent; on the next day if it is not after `from`."},
        "except": or_null(
            {"type": "array", "maxItems": MAX_TARGETS, "items": CHANNEL_NAME}, "Channels of the rule that get messages at all times."
        ),
    },
}

RULE: dict[str, Any] = {
    "type": "object",
    "required": ["on", "to"],
    "additionalProperties": False,
    "properties": {
        "name": or_null(
            {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 100},
            "The rule's name. A rule without a name counts as a new one when it changes.",
        ),
        "on": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": [event.value for event in AlertEvent]},
            "description": "The events that it reports. `completed` and `recovered` open no incident.",
        },
        "after": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_AFTER,
            "default": 1,
            "description": "The number of consecutive failures at which an incident opens.",
        },
        "to": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_TARGETS,
            "items": {"anyOf": [CHANNEL_NAME, _TARGET]},
            "description": "The channels that get its messages.",
        },
        "remind": or_null(
            build_duration_schema("Seconds, or a text such as 4h.", minimum=MIN_REMIND),
            "How often to remind that the incident is still open; never if omitted.",
        ),
        "recovery": {"type": "boolean", "default": True, "description": "Whether a message says that the incident is resolved."},
        "quiet": or_null(_QUIET, "Hours in which its messages are held back."),
    },
}
ALERTS = or_null({"type": "array", "maxItems": MAX_RULES, "items": RULE}, "Which events are reported, and to which channels.")
