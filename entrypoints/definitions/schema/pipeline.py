"""JSON Schema of a pipeline's definition, for documentation and editors. The domain's parser validates definitions."""

from domain.pipelines.definition import DEFAULT_POOL
from domain.pipelines.field_parser import MAX_TAGS, TAG
from domain.pipelines.parsing import MAX_STAGES
from entrypoints.definitions.schema.alerts import ALERTS
from entrypoints.definitions.schema.concurrency import CONCURRENCY, PRIORITY
from entrypoints.definitions.schema.schedules import EXPECT, SCHEDULES
from entrypoints.definitions.schema.stage import STAGE
from entrypoints.definitions.schema.values import Schema, build_interpreter, build_name, build_text, build_variables, or_null

DEFINITION: Schema = {
    "type": "object",
    "required": ["name", "stages"],
    "additionalProperties": False,
    "properties": {
        "name": build_name("Letters, digits, `-` `_` `.`; it begins with a letter; up to 100 characters.", ["sales"]),
        "description": build_text(2_000, default="", description="One line for the board.", examples=["Sales by region, every night"]),
        "tags": or_null(
            {"type": "array", "maxItems": MAX_TAGS, "items": {"type": "string", "pattern": f"^{TAG.pattern}$"}},
            f"Up to {MAX_TAGS} short words in lower case that filter the board.",
            examples=[["sales", "nightly"]],
        ),
        "parallelism": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1_000,
            "default": 16,
            "description": "How many stages of one run can run at the same time.",
        },
        "parameters": or_null(
            {"type": "object", "additionalProperties": True},
            "JSON Schema of the parameters that a trigger takes. It defines the trigger form and validates every trigger.",
            examples=[{"type": "object", "properties": {"day": {"type": "string", "format": "date"}}}],
        ),
        "env": build_variables(
            "Environment variables of all its `command` and `python` stages. A stage's own `env` overrides them.",
            examples=[{"TARGET": "s3://sales"}],
        ),
        "python": build_interpreter(
            "Path of the interpreter or virtual environment of its `python` stages that name none, relative to the worker's folder; "
            "the worker's own interpreter if omitted.",
        ),
        "concurrency": CONCURRENCY,
        "priority": PRIORITY,
        "pool": build_name("The Prefect work pool whose workers run the pipeline.", default=DEFAULT_POOL),
        "stages": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_STAGES,
            "items": STAGE,
            "description": "One or more stages, in the order in which they are shown. "
            "A stage needs the one above it unless `needs` says otherwise.",
        },
        "schedules": SCHEDULES,
        "expect": EXPECT,
        "alerts": ALERTS,
    },
}
