"""JSON Schema of the alert rules of a definition."""

from domain.alerts.channel import CHANNEL_NAME, MAX_CHANNEL_NAME_LENGTH
from domain.alerts.parsing import MAX_AFTER, MAX_RULES, MAX_TARGETS, MIN_REMIND, TIME
from domain.alerts.rule import AlertEvent
from domain.pipelines.field_parser import NAME
from domain.schedules.definition import DEFAULT_ZONE
from domain.schedules.zones import MAX_ZONE_LENGTH
from entrypoints.definitions.schema.values import Schema, build_duration, or_null

CHANNEL: Schema = {"type": "string", "pattern": f"^{CHANNEL_NAME.pattern}$", "maxLength": MAX_CHANNEL_NAME_LENGTH}
_TIME: Schema = {"type": "string", "pattern": f"^{TIME.pattern}$"}
TARGET: Schema = {
    "type": "object",
    "required": ["channel"],
    "additionalProperties": False,
    "properties": {
        "channel": CHANNEL | {"description": "The name of a channel."},
        "after": build_duration(
            "The channel gets messages only if the incident is open and not acknowledged after this time.",
            examples=["30m"],
            minimum=0,
            default="0s",
        ),
    },
}
QUIET: Schema = {
    "type": "object",
    "required": ["from", "to"],
    "additionalProperties": False,
    "properties": {
        "timezone": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_ZONE_LENGTH,
            "default": DEFAULT_ZONE,
            "description": "The zone of both times.",
            "examples": ["Europe/Berlin"],
        },
        "from": _TIME | {"description": "The time of day at which messages begin to be held back, in quotes.", "examples": ["22:00"]},
        "to": _TIME
        | {"description": "The time of day at which they are sent; on the next day if it is not after `from`.", "examples": ["07:00"]},
        "except": or_null(
            {"type": "array", "maxItems": MAX_TARGETS, "items": CHANNEL}, "Channels of the rule that get messages at all times."
        ),
    },
}

RULE: Schema = {
    "type": "object",
    "required": ["on", "to"],
    "additionalProperties": False,
    "properties": {
        "name": or_null(
            {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 100},
            "A name like that of a pipeline, unique within the pipeline. A rule without a name is a new one if it changes.",
        ),
        "on": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": [event.value for event in AlertEvent]},
            "description": "One or more events: " + ", ".join(f"`{event.value}`" for event in AlertEvent) + ".",
            "examples": [["failed", "lost"]],
        },
        "to": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_TARGETS,
            "items": {"anyOf": [CHANNEL, TARGET]},
            "description": f"Up to {MAX_TARGETS} channels that get its messages. One with `channel` and `after` gets them if the incident "
            "is then open and not acknowledged.",
            "examples": [["team", {"channel": "pager", "after": "30m"}]],
        },
        "after": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_AFTER,
            "default": 1,
            "description": f"At how many consecutive failures an incident opens, from 1 to {MAX_AFTER}.",
        },
        "remind": or_null(
            build_duration("", "at least 1m", minimum=MIN_REMIND),
            "How often a message repeats that the incident is still open, at least `1m`; never if omitted.",
            examples=["4h"],
        ),
        "recovery": {"type": "boolean", "default": True, "description": "Whether a message says that the incident is resolved."},
        "quiet": or_null(
            QUIET,
            "Hours of each day in which its messages are held back: `from` and `to` in a `timezone`, for all channels `except` some.",
            examples=[{"timezone": "Europe/Berlin", "from": "22:00", "to": "07:00", "except": ["pager"]}],
        ),
    },
}
ALERTS = or_null(
    {"type": "array", "maxItems": MAX_RULES, "items": RULE},
    f"Up to {MAX_RULES} alert rules: which events are reported, and to which channels.",
    examples=[[{"on": ["failed", "lost"], "to": ["team"]}]],
)
