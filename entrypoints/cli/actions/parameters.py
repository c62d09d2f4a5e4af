"""Reads `--param name=value` and a parameters file into what a trigger takes, led by the pipeline's JSON Schema."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn


class InvalidParameter(Exception):
    """What was given on the command line is no parameter; the message says how to write one."""


def parse_parameters(given: Iterable[str], file: Path | None, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The file's parameters, with those of the command line over them. `-` as the file is the standard input."""
    parameters = _from_file(file) if file is not None else {}
    properties = (schema or {}).get("properties")
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise InvalidParameter(f"--param {item}: write it as name=value")
        parameters[name] = parse_value(text, properties.get(name) if isinstance(properties, Mapping) else None)
    return parameters


def parse_value(text: str, schema: object) -> Any:
    """`text` as the JSON it is, unless the schema wants text or it is no JSON: then the text itself."""
    wanted = schema if isinstance(schema, Mapping) else {}
    types = wanted.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types == ["string"] or text in wanted.get("enum", []):
        return text
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    return text if "string" in types and not _is_one_of(value, types) else value


def _is_one_of(value: object, types: list[str]) -> bool:
    kinds = {bool: ["boolean"], int: ["integer", "number"], float: ["number"], list: ["array"], dict: ["object"], str: ["string"]}
    return bool(set(kinds.get(type(value), ["null"])) & set(types))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        parameters = json.loads(text, parse_constant=_refuse)
    except OSError as error:
        raise InvalidParameter(f"--params-file {file}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidParameter(f"--params-file {file}: {error}") from None
    if not isinstance(parameters, dict):
        raise InvalidParameter(f"--params-file {file}: a JSON object of names and values is wanted")
    return parameters
