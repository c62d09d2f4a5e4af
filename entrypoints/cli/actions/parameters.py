"""Read `--param name=value` options and a parameters file with the pipeline's JSON Schema."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from domain.errors import FieldProblem
from entrypoints.http import strict_json
from entrypoints.json_text import InvalidJson, parse_json
from entrypoints.parameters.field_schema import FieldSchema, list_properties, resolve_field
from entrypoints.parameters.text_values import InvalidText, parse_text
from entrypoints.text_decoding import InvalidEncoding, decode_text


class InvalidParameter(Exception):
    """An option or a value that is not a parameter. `problems` names the parameter, if it is one."""

    def __init__(self, message: str, problems: Iterable[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def parse_parameters(options: Iterable[str], file: Path | None, schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the file's parameters, overridden by the options. The file `-` is standard input.

    Text is read as the trigger form reads it. Raise InvalidParameter; InvalidInput for values that cannot be stored.
    """
    parameters = _read_file(file) if file is not None else {}
    properties = list_properties(schema)
    for option in options:
        name, equals, text = _split(option, properties)
        if not equals or not name:
            raise InvalidParameter(f"--param {option}: write it as name=value")
        try:
            parameters[name] = parse_text(text, properties.get(name) or _get_schema_of_others(schema))
        except InvalidText as error:
            raise InvalidParameter(str(error), [FieldProblem(f"parameters.{name}", str(error))]) from None
    strict_json.check({"parameters": parameters})
    return parameters


def _split(option: str, properties: Mapping[str, FieldSchema]) -> tuple[str, str, str]:
    """Return name, = and text. A parameter's name may contain =."""
    found = max((name for name in properties if option.startswith(f"{name}=")), key=len, default=None)
    return option.partition("=") if found is None else (found, "=", option[len(found) + 1 :])


def _get_schema_of_others(schema: Mapping[str, Any] | None) -> FieldSchema:
    return resolve_field((schema or {}).get("additionalProperties"), schema or {})


def _read_file(file: Path) -> dict[str, Any]:
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        parameters = parse_json(decode_text(data))
    except OSError as error:
        raise InvalidParameter(f"--params-file {file}: {error.strerror}") from None
    except (InvalidEncoding, InvalidJson) as error:
        raise InvalidParameter(f"--params-file {file}: {error}") from None
    if not isinstance(parameters, dict):
        raise InvalidParameter(f"--params-file {file}: must contain a JSON object")
    return parameters
