"""Parse `--param name=value` options and a parameters file, guided by the pipeline's JSON Schema."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn


class InvalidParameter(Exception):
    """An option that is not a parameter. The message says how to write one."""


def parse_parameters(options: Iterable[str], file: Path | None, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the file's parameters, overridden by the options. The file `-` is standard input. Raise InvalidParameter."""
    parameters = _read_file(file) if file is not None else {}
    properties = (schema or {}).get("properties")
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or not name:
            raise InvalidParameter(f"--param {option}: write it as name=value")
        parameters[name] = parse_value(text, properties.get(name) if isinstance(properties, Mapping) else None)
    return parameters


def parse_value(text: str, schema: object) -> Any:
    """Return `text` parsed as JSON. Return it as it is if the schema asks for a string, or if it is not JSON."""
    schema = schema if isinstance(schema, Mapping) else {}
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types == ["string"] or text in schema.get("enum", []):
        return text
    try:
        value = json.loads(text, parse_constant=_reject_constant)
    except ValueError:
        return text
    return text if "string" in types and not _has_type(value, types) else value


def _has_type(value: object, types: list[str]) -> bool:
    names = {bool: ["boolean"], int: ["integer", "number"], float: ["number"], list: ["array"], dict: ["object"], str: ["string"]}
    return bool(set(names.get(type(value), ["null"])) & set(types))


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _read_file(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        parameters = json.loads(text, parse_constant=_reject_constant)
    except OSError as error:
        raise InvalidParameter(f"--params-file {file}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidParameter(f"--params-file {file}: {error}") from None
    if not isinstance(parameters, dict):
        raise InvalidParameter(f"--params-file {file}: must contain a JSON object")
    return parameters
