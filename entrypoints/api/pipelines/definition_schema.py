"""JSON Schema of a pipeline's definition, for documentation and editors. The domain's parser validates definitions."""

from typing import Any

from domain.flow_runs.deployment import MAX_NAME_LENGTH
from domain.pipelines.definition import DEFAULT_EXTERNAL_TIMEOUT, DEFAULT_POOL, DEFAULT_TIMEOUT, OnCancel, StageCondition, StageKind
from domain.pipelines.field_parser import MAX_TAGS, NAME, TAG
from domain.pipelines.http_request import DEFAULT_MAX_BYTES, MAX_RESPONSE_BYTES, METHODS
from domain.pipelines.parsing import MAX_RETRIES, MAX_STAGES
from domain.schedules.parsing import MAX_SCHEDULES
from entrypoints.api.pipelines.alert_schema import ALERTS
from entrypoints.api.pipelines.concurrency_schema import CONCURRENCY, PRIORITY, USES
from entrypoints.api.pipelines.schedule_schema import EXPECTATION, SCHEDULE, build_duration_schema, or_null

_NAME = {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 100}
_COMMAND = {"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"type": "string"}]}

STAGE: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "anyOf": [{"required": [key]} for key in ("kind", "command", "callable", "deployment")],
    "additionalProperties": False,
    "properties": {
        "name": _NAME,
        "kind": {
            "type": "string",
            "enum": [kind.value for kind in StageKind],
            "description": "Optional with `command`, `callable` or `deployment`.",
        },
        "needs": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The stages that run before it; the previous stage if omitted.",
        },
        "command": _COMMAND | {"description": "The program and its arguments, or one line of shell text with `shell: true`."},
        "shell": {"type": "boolean", "default": False},
        "callable": {"type": "string", "description": "package.module:function"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "url": {"type": "string", "maxLength": 2_000, "description": "For `http` stages: http:// or https://, without user or fragment."},
        "method": {"type": "string", "enum": list(METHODS), "default": "GET"},
        "query": {"type": "object", "additionalProperties": True, "description": "Texts, numbers, or {parameter: NAME}."},
        "headers": {"type": "object", "additionalProperties": True, "description": "Texts, or {secret: NAME, prefix: text}."},
        "body": {"description": "A text, or JSON in which {parameter: NAME} stands for a whole value."},
        "expected": {"type": "array", "items": {"type": "integer", "minimum": 200, "maximum": 599}, "minItems": 1},
        "max_bytes": {"type": "integer", "minimum": 1, "maximum": MAX_RESPONSE_BYTES, "default": DEFAULT_MAX_BYTES},
        "secrets": {
            "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object", "additionalProperties": {"type": "string"}}],
            "description": "The worker's secrets for its environment: names, or variables with the names of their secrets.",
        },
        "workdir": {"type": "string", "description": "Relative to the worker's directory."},
        "approvers": {
            "type": "array",
            "items": {"type": "string"},
            "description": "For approvals: the users or roles that can decide; if omitted, all users with the permission `operate`.",
        },
        "message": {"type": "string", "description": "For approvals: the question."},
        "fields": {
            "type": "object",
            "additionalProperties": True,
            "description": "For approvals: JSON Schema of the fields to fill in; the stages after it receive them as parameters.",
        },
        "deployment": {
            "type": "string",
            "maxLength": MAX_NAME_LENGTH,
            "description": "For `prefect` stages: the Prefect deployment to run, as FLOW/DEPLOYMENT.",
        },
        "parameters": {
            "type": "object",
            "additionalProperties": True,
            "description": "For `prefect` stages: the deployment's parameters, in which {parameter: NAME} stands for one of the run.",
        },
        "on_cancel": {
            "type": "string",
            "enum": [choice.value for choice in OnCancel],
            "default": OnCancel.CANCEL.value,
            "description": "For `prefect` stages: whether the flow run is cancelled with the stage or continues.",
        },
        "timeout": build_duration_schema(
            f"Seconds or 15m; {DEFAULT_TIMEOUT:,.0f} s by default, {DEFAULT_EXTERNAL_TIMEOUT:,.0f} s for stages that no worker runs.",
            exclusiveMinimum=0,
        ),
        "retries": {"type": "integer", "minimum": 0, "maximum": MAX_RETRIES, "default": 0},
        "retry_delay": build_duration_schema("Seconds, or a text such as 15m; 0 by default.", minimum=0),
        "retry_on_loss": {"type": "boolean", "default": False, "description": "Also retry if the worker is lost."},
        "uses": USES,
        "hold": {"type": "boolean", "default": False, "description": "For approvals: the run keeps its slots while it waits for one."},
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
            "description": "Labels for filtering.",
        },
        "parallelism": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1_000,
            "default": 16,
            "description": "Maximum number of stages of a run that run in parallel.",
        },
        "concurrency": CONCURRENCY,
        "priority": PRIORITY,
        "pool": _NAME | {"default": DEFAULT_POOL, "description": "The Prefect work pool that executes its runs."},
        "parameters": {"type": "object", "description": "JSON Schema of a run's parameters.", "additionalProperties": True},
        "env": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Environment variables of its `command` and `python` stages. A stage's own `env` overrides them.",
        },
        "stages": {"type": "array", "minItems": 1, "maxItems": MAX_STAGES, "items": STAGE},
        "schedules": or_null(
            {"type": "array", "maxItems": MAX_SCHEDULES, "items": SCHEDULE},
            "When it runs automatically; not for pipelines whose stages are all external.",
        ),
        "expect": or_null(
            {"type": "array", "maxItems": MAX_SCHEDULES, "items": EXPECTATION},
            "When other machines are expected to run it; for pipelines whose stages are all external.",
        ),
        "alerts": ALERTS,
    },
}
