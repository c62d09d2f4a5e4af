"""JSON Schema of the values that several keys of a definition have: names, texts, durations, variables."""

from collections.abc import Sequence
from typing import Any

from domain.pipelines.durations import DURATION
from domain.pipelines.field_parser import ENV_NAME, MAX_PATH_LENGTH, MAX_SECONDS, MAX_TEXT_LENGTH, NAME

Schema = dict[str, Any]
VARIABLE_NAME = rf"^(?!HEADGATE_){ENV_NAME.pattern}$"
"""A regular expression of ECMAScript, as all patterns of the schema."""
_WITHOUT_NUL = r"^[^\u0000]*$"
_INTERPRETER = r"^(?!~)(?!([Pp][Yy][Tt][Hh][Oo][Nn])?[0-9]+(\.[0-9]+)*$)[^\u0000]*$"
"""Neither in a home folder nor a version, such as 3.12 or python3."""
_TOO_SHORT = {"more than 0": r"0+(\.0+)?s", "at least 5s": r"0*[0-4](\.[0-9]+)?s", "at least 1m": r"0*[1-5]?[0-9](\.[0-9]+)?s"}
"""The seconds of durations that are too short, by the limit. Days, hours and minutes before them are 0."""


def build_name(description: str, examples: Sequence[str] = (), **keywords: Any) -> Schema:
    """Return the schema of a name as pipelines, stages, schedules and groups have one."""
    named = {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 100, "description": description}
    return named | ({"examples": list(examples)} if examples else {}) | keywords


def build_text(max_length: int = MAX_TEXT_LENGTH, **keywords: Any) -> Schema:
    """Return the schema of a text that can be stored."""
    return {"type": "string", "maxLength": max_length, "pattern": _WITHOUT_NUL, **keywords}


def build_interpreter(description: str) -> Schema:
    """Return the schema of the path of an interpreter or a virtual environment."""
    path: Schema = {"type": "string", "maxLength": MAX_PATH_LENGTH, "pattern": _INTERPRETER}
    return or_null(path, description, examples=[".venv", "/opt/team/venv", "/usr/bin/python3.12"])


def build_duration(
    description: str, limit: str = "", examples: Sequence[str] = (), *, whole: bool = False, default: str | None = None, **limits: float
) -> Schema:
    """Return the schema of a duration: seconds within the limits, or a text such as 15m.

    `limit` is a key of _TOO_SHORT for texts; a text can exceed the maximum. With `whole`, both are whole seconds.
    """
    number = {"type": "integer" if whole else "number", "maximum": MAX_SECONDS, **limits}
    pattern = DURATION.pattern.replace(r"\.[0-9]{1,6}", r"\.0{1,6}") if whole else DURATION.pattern
    text: Schema = {"type": "string", "minLength": 2, "pattern": f"^{pattern}$"}
    if limit:
        text["not"] = {"pattern": f"^(0+d)?(0+h)?(0+m)?({_TOO_SHORT[limit]})?$"}
    schema: Schema = {"anyOf": [number, text], "description": description}
    return schema | ({"default": default} if default is not None else {}) | ({"examples": list(examples)} if examples else {})


def build_variables(description: str, **keywords: Any) -> Schema:
    """Return the schema of environment variables and their values."""
    variables = {"type": "object", "propertyNames": {"pattern": VARIABLE_NAME}, "additionalProperties": build_text()}
    return or_null(variables, description, **keywords)


def or_null(schema: Schema, description: str, **keywords: Any) -> Schema:
    """Return the schema of a value that can be null, as if its key were absent."""
    return {"anyOf": [schema, {"type": "null"}], "description": description, **keywords}


def is_set(key: str) -> Schema:
    """Return the schema of objects that have the key, and not null as its value."""
    return {"required": [key], "properties": {key: {"not": {"enum": [None]}}}}
