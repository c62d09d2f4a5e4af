"""JSON Schema of a stage, with what applies to each kind."""

from collections.abc import Sequence

from domain.flow_runs.deployment import MAX_NAME_LENGTH
from domain.flow_runs.deployment import NAME as DEPLOYMENT_NAME
from domain.pipelines.definition import DEFAULT_EXTERNAL_TIMEOUT, DEFAULT_TIMEOUT, OnCancel, StageCondition, StageKind
from domain.pipelines.durations import format_duration
from domain.pipelines.field_parser import ALL_STAGE_KEYS, COMMON_STAGE_KEYS, ENV_NAME, MAX_SECRETS, STAGE_KEYS
from domain.pipelines.parsing import MAX_APPROVERS, MAX_RETRIES
from entrypoints.definitions.schema.concurrency import USES
from entrypoints.definitions.schema.http_request import HTTP_REQUEST
from entrypoints.definitions.schema.values import (
    VARIABLE_NAME,
    Schema,
    build_duration,
    build_interpreter,
    build_name,
    build_text,
    build_variables,
    or_null,
)

_WORD = r"[^\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]"
"""A letter, a digit or _, also of another script."""
_DOTTED = rf"(?![0-9]){_WORD}+(?:\.(?![0-9]){_WORD}+)*"
_SECRET: Schema = {"type": "string", "pattern": f"^{ENV_NAME.pattern}$"}
_ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}
_ARGUMENTS: Schema = {"type": "array", "items": build_text(), "minItems": 1}

STAGE_KEY_SCHEMAS: dict[str, Schema] = {
    "name": build_name("A name like that of a pipeline, unique within the pipeline.", ["load"]),
    "kind": {
        "type": "string",
        "enum": [kind.value for kind in StageKind],
        "description": "What runs the stage: `command` a program, `python` a function, `http` a request, `prefect` a Prefect deployment, "
        "`external` another machine that reports it, `approval` a person who decides. "
        "It is inferred from `command`, `callable` or `deployment` if omitted.",
    },
    "needs": or_null(
        {"type": "array", "items": build_text()},
        "The stages that end before this one starts; the stage above if omitted, none if empty.",
        examples=[["extract"], []],
    ),
    "command": {
        "anyOf": [_ARGUMENTS, build_text(minLength=1)],
        "description": "The program and its arguments, as a list. With `shell: true`, one text for the shell.",
        "examples": [["python", "load.py", "--full"]],
    },
    "shell": {
        "type": "boolean",
        "default": False,
        "description": "Whether a shell runs the command, as `shell: true` beside a text such as `sort data | uniq`.",
    },
    "callable": {
        "type": "string",
        "maxLength": 300,
        "pattern": f"^{_DOTTED}:{_DOTTED}$",
        "description": "`package.module:function`. The function gets the parameters as keyword arguments and returns the output.",
        "examples": ["jobs.load:main"],
    },
    "python": build_interpreter(
        "Path of the interpreter or virtual environment that calls the function, relative to the worker's folder; "
        "the pipeline's `python` if omitted, the worker's own interpreter if both are.",
    ),
    **HTTP_REQUEST,
    "deployment": {
        "type": "string",
        "maxLength": MAX_NAME_LENGTH,
        "pattern": f"^{DEPLOYMENT_NAME.pattern}$",
        "description": "The Prefect deployment to run, as `FLOW/DEPLOYMENT`.",
        "examples": ["ml/train"],
    },
    "parameters": or_null(
        _ANY_OBJECT,
        "The parameters of the deployment, in which `{parameter: NAME}` stands for a parameter of the run.",
        examples=[{"day": {"parameter": "day"}, "rate": 0.1}],
    ),
    "on_cancel": {
        "type": "string",
        "enum": [choice.value for choice in OnCancel],
        "default": OnCancel.CANCEL.value,
        "description": "What happens to the flow run if the stage is cancelled: `cancel` cancels it too, `leave` lets it run.",
    },
    "env": build_variables(
        "Environment variables of the stage, besides those of the pipeline. Values are texts: put numbers in quotes.",
        examples=[{"TARGET": "s3://sales"}],
    ),
    "workdir": or_null(build_text(4_096), "The folder in which the stage starts, relative to the worker's folder.", examples=["jobs"]),
    "secrets": or_null(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string", "pattern": VARIABLE_NAME}},
                {
                    "type": "object",
                    "maxProperties": MAX_SECRETS,
                    "propertyNames": {"pattern": VARIABLE_NAME},
                    "additionalProperties": _SECRET,
                },
            ]
        },
        f"Up to {MAX_SECRETS} secrets of the worker that its environment gets: "
        "a list of names, or variables with the names of their secrets.",
        examples=[["TOKEN"], {"PGPASSWORD": "db_password"}],
    ),
    "approvers": or_null(
        {"type": "array", "maxItems": MAX_APPROVERS, "items": build_text(200, minLength=1)},
        "The users or roles that can decide; all users with the permission `operate` if omitted.",
        examples=[["ada", "operator"]],
    ),
    "message": or_null(build_text(4_096), "The question.", examples=["Publish the new figures?"]),
    "fields": or_null(
        _ANY_OBJECT,
        "JSON Schema of values that are entered with the decision. Later stages get them as parameters.",
        examples=[{"type": "object", "properties": {"discount": {"type": "number", "maximum": 50}}}],
    ),
    "hold": {
        "type": "boolean",
        "default": False,
        "description": "Whether the run keeps the slots of its concurrency limits while it waits for the decision.",
    },
    "uses": USES,
    "timeout": build_duration(
        f"The time after which an attempt fails: `{format_duration(DEFAULT_TIMEOUT)}` if omitted, "
        f"`{format_duration(DEFAULT_EXTERNAL_TIMEOUT)}` for external and approval.",
        "more than 0",
        ["90s", "15m", "1h30m"],
        exclusiveMinimum=0,
    ),
    "retries": {
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_RETRIES,
        "default": 0,
        "description": "How often a failed attempt is repeated.",
        "examples": [2],
    },
    "retry_delay": build_duration("The time between two attempts.", examples=["30s"], minimum=0, default="0s"),
    "retry_on_loss": {"type": "boolean", "default": False, "description": "Whether an attempt is also repeated if its worker was lost."},
    "allow_failure": {"type": "boolean", "default": False, "description": "Whether stages that need this one run even if it failed."},
    "when": {
        "type": "string",
        "enum": [when.value for when in StageCondition],
        "default": StageCondition.COMPLETED.value,
        "description": "How its needs must end for the stage to run: `completed` all of them completed, `always` with any status, "
        "`failed` at least one failed.",
    },
}
_INFERRED_FROM = {StageKind.COMMAND: "command", StageKind.PYTHON: "callable", StageKind.PREFECT: "deployment"}
"""The kind of a stage without the key `kind`. The first key that it has decides."""
_REQUIRED = {**_INFERRED_FROM, StageKind.HTTP: "url"}


def list_kinds(key: str) -> Sequence[str]:
    """Return the kinds whose stages have the key; none if all have it."""
    return () if key in COMMON_STAGE_KEYS else [kind for kind, keys in STAGE_KEYS.items() if key in keys]


def _add_kinds(key: str, schema: Schema) -> Schema:
    kinds = ", ".join(f"`{kind}`" for kind in list_kinds(key))
    return {**schema, "description": f"{schema['description']}\n\nFor stages of kind {kinds}."} if kinds else schema


STAGE: Schema = {
    "type": "object",
    "required": ["name"],
    "anyOf": [{"required": [key]} for key in ("kind", *_INFERRED_FROM.values())],
    "additionalProperties": False,
    "properties": {key: _add_kinds(key, schema) for key, schema in STAGE_KEY_SCHEMAS.items()},
}


def _is_of_kind(kind: StageKind) -> Schema:
    """Return the schema of stages of a kind, whether they name it or not."""
    named: Schema = {"required": ["kind"], "properties": {"kind": {"const": kind.value}}}
    if kind not in _INFERRED_FROM:
        return named
    keys = list(_INFERRED_FROM.values())
    earlier = ["kind", *keys[: keys.index(_INFERRED_FROM[kind])]]
    return {"anyOf": [named, {"required": [_INFERRED_FROM[kind]], "not": {"anyOf": [{"required": [key]} for key in earlier]}}]}


def _build_rule(kind: StageKind) -> Schema:
    """Return the rule that a stage of a kind has the keys of this kind, and those that it requires."""
    others = sorted(ALL_STAGE_KEYS - COMMON_STAGE_KEYS - STAGE_KEYS[kind])
    then: Schema = {"properties": dict.fromkeys(others, False)}
    if kind in _REQUIRED:
        then["required"] = [_REQUIRED[kind]]
    return {"if": _is_of_kind(kind), "then": then}


STAGE_RULES: list[Schema] = [
    *(_build_rule(kind) for kind in StageKind),
    {
        "if": {"required": ["shell"], "properties": {"shell": {"const": True}}},
        "then": {"properties": {"command": {"type": "string"}}},
        "else": {"properties": {"command": {"type": "array", "prefixItems": [{"minLength": 1}]}}},
    },
]
