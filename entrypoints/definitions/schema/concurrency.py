"""JSON Schema of the concurrency limits of a definition."""

from domain.concurrency.definition import WhenFull
from domain.concurrency.parsing import MAX_KEY_LENGTH, MAX_LIMIT, MAX_LIMITS, MAX_USES
from domain.pipelines.field_parser import NAME
from domain.pipelines.parsing import MAX_PRIORITY
from entrypoints.definitions.schema.values import Schema, build_text, is_set, or_null

_GROUP: Schema = {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 100}

LIMIT: Schema = {
    "type": "object",
    "anyOf": [is_set("limit"), is_set("group")],
    "not": {"allOf": [is_set("group"), is_set("key")]},
    "additionalProperties": False,
    "properties": {
        "limit": or_null(
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            f"The number of slots, from 1 to {MAX_LIMIT:,}. It can be omitted for a group whose limit another pipeline or an admin sets.",
        ),
        "key": or_null(
            {
                "type": "object",
                "required": ["parameter"],
                "additionalProperties": False,
                "properties": {"parameter": build_text(MAX_KEY_LENGTH, minLength=1)},
            },
            "`{parameter: NAME}`: each value of this parameter has slots of its own. "
            "Runs without the parameter share those of one further value.",
            examples=[{"parameter": "customer"}],
        ),
        "group": or_null(
            _GROUP, "The name of a group, like that of a pipeline, whose slots all pipelines that name it share. Not together with `key`."
        ),
        "when_full": {
            "type": "string",
            "enum": [choice.value for choice in WhenFull],
            "default": WhenFull.QUEUE.value,
            "description": "What a trigger does while no slot is free, or while others wait: "
            "`queue` lets the new run wait, `skip` opens no run, `cancel_running` cancels the runs that hold the slots, "
            "`keep_newest` cancels the older runs that wait.",
        },
    },
}
CONCURRENCY = or_null(
    {"type": "array", "maxItems": MAX_LIMITS, "items": LIMIT},
    f"Up to {MAX_LIMITS} concurrency limits: how many of its runs are open at once.",
    examples=[[{"limit": 1}], [{"key": {"parameter": "customer"}, "limit": 1}], [{"group": "warehouse", "limit": 4}]],
)
USES = or_null(
    {"type": "array", "maxItems": MAX_USES, "uniqueItems": True, "items": _GROUP},
    f"Up to {MAX_USES} names of groups: the stage waits for a slot of each, and holds it while it runs; its run holds none.",
    examples=[["website"]],
)
PRIORITY: Schema = {
    "type": "integer",
    "minimum": -MAX_PRIORITY,
    "maximum": MAX_PRIORITY,
    "default": 0,
    "description": f"From -{MAX_PRIORITY} to {MAX_PRIORITY}: waiting runs with the highest priority start first. "
    "A trigger can set its own.",
}
