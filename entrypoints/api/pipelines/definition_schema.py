"""JSON Schema of a pipeline's definition, for people and their editors; what judges it is the domain's reader."""

from typing import Any

from domain.pipelines.definition import DEFAULT_EXTERNAL_TIMEOUT, DEFAULT_POOL, DEFAULT_TIMEOUT, StageCondition, StageKind
from domain.pipelines.field_parser import MAX_SECONDS, MAX_TAGS, NAME, TAG
from domain.pipelines.http_request import DEFAULT_MAX_BYTES, MAX_RESPONSE_BYTES, METHODS
from domain.pipelines.parsing import MAX_RETRIES, MAX_STAGES

_NAME = {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 100}
_COMMAND = {"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"type": "string"}]}

STAGE: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "anyOf": [{"required": [key]} for key in ("kind", "command", "callable")],
    "additionalProperties": False,
    "properties": {
        "name": _NAME,
        "kind": {
            "type": "string",
            "enum": [kind.value for kind in StageKind],
            "description": "May be left out beside command or callable.",
        },
        "needs": {"type": "array", "items": {"type": "string"}, "description": "The stages before it; left out: the one above it."},
        "command": _COMMAND | {"description": "The program and its arguments; one line of shell text with `shell: true`."},
        "shell": {"type": "boolean", "default": False},
        "callable": {"type": "string", "description": "package.module:function"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "url": {"type": "string", "maxLength": 2_000, "description": "Of an http stage: http:// or https://, without user or fragment."},
        "method": {"type": "string", "enum": list(METHODS), "default": "GET"},
        "query": {"type": "object", "additionalProperties": True, "description": "Texts, numbers, or {parameter: NAME}."},
        "headers": {"type": "object", "additionalProperties": True, "description": "Texts, or {secret: NAME, prefix: text}."},
        "body": {"description": "A text, or JSON in which {parameter: NAME} stands for a whole value."},
        "expected": {"type": "array", "items": {"type": "integer", "minimum": 200, "maximum": 599}, "minItems": 1},
        "max_bytes": {"type": "integer", "minimum": 1, "maximum": MAX_RESPONSE_BYTES, "default": DEFAULT_MAX_BYTES},
        "secrets": {
            "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object", "additionalProperties": {"type": "string"}}],
            "description": "Names of the worker's secrets that its environment gets, or variables and the names of their secrets.",
        },
        "workdir": {"type": "string", "description": "Relative to the worker's directory."},
        "approvers": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Of an approval: people or roles who may decide; anybody who may operate when left out.",
        },
        "message": {"type": "string", "description": "Of an approval: the question."},
        "fields": {
            "type": "object",
            "additionalProperties": True,
            "description": "Of an approval: JSON Schema of what an approval says besides; the stages after it get it as parameters.",
        },
        "timeout": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": MAX_SECONDS,
            "description": f"Seconds; {DEFAULT_TIMEOUT:,.0f} by default, {DEFAULT_EXTERNAL_TIMEOUT:,.0f} where no worker runs it.",
        },
        "retries": {"type": "integer", "minimum": 0, "maximum": MAX_RETRIES, "default": 0},
        "retry_delay": {"type": "number", "minimum": 0, "default": 0, "description": "Seconds."},
        "retry_on_loss": {"type": "boolean", "default": False, "description": "Try again too when the worker is lost."},
        "allow_failure": {"type": "boolean", "default": False},
        "when": {"type": "string", "enum": [when.value for when in StageCondition], "default": "completed"},
    },
}

DEFINITION: dict[str, Any] = {
    "type": "object",
    "required": ["name", "stages"],
    "additionalProperties": False,
    "properties": {
        "name": _NAME,
        "description": {"type": "string", "maxLength": 2_000},
        "tags": {
            "type": "array",
            "maxItems": MAX_TAGS,
            "items": {"type": "string", "pattern": f"^{TAG.pattern}$"},
            "description": "Short words to find it by.",
        },
        "parallelism": {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 16, "description": "Stages of one run at a time."},
        "pool": _NAME | {"default": DEFAULT_POOL, "description": "The Prefect work pool that carries its runs."},
        "parameters": {"type": "object", "description": "JSON Schema of a run's parameters.", "additionalProperties": True},
        "stages": {"type": "array", "minItems": 1, "maxItems": MAX_STAGES, "items": STAGE},
    },
}
