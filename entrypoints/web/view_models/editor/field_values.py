"""The values that the texts of a stage's fields stand for."""

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final

from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition
from entrypoints.web.view_models.editor.stage_fields import Reading, StageField

_WHOLE: Final = re.compile(r"-?[0-9]{1,15}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")


def parse_field(field: StageField, text: str) -> Any:
    """Return the value of a field's text. What is no such value stays text, which the definition's parser refuses.

    Raise ValueError with the problem if not even that is possible.
    """
    return _READERS.get(field.reading, str)(text)


def parse_command(text: str) -> list[str]:
    """Return the words of a command line. Raise ValueError for quotes without an end."""
    try:
        return shlex.split(text)
    except ValueError:
        raise ValueError("has an unclosed quote") from None


def _parse_number(text: str) -> int | str:
    return int(text) if _WHOLE.fullmatch(text) else text


def _parse_duration(text: str) -> int | float | str:
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _parse_names(text: str) -> list[str]:
    return [name for name in re.split(r"[,\n]\s*", text.strip()) if name.strip()]


def _parse_variables(text: str) -> dict[str, str]:
    variables: dict[str, str] = {}
    for line in filter(str.strip, text.split("\n")):
        name, sign, value = line.strip().partition("=")
        if not sign:
            raise ValueError(f"must have NAME=value on each line; {line.strip()[:60]} has no =")
        if name.strip() in variables:
            raise ValueError(f"has {name.strip()[:60]} twice")
        variables[name.strip()] = value
    return variables


def _parse_secrets(text: str) -> list[str] | dict[str, str]:
    words = [word for word in re.split(r"[,\n]", text) if word.strip()]
    if not any("=" in word for word in words):
        return [word.strip() for word in words]
    pairs = [word.partition("=") for word in words]
    return {variable.strip(): (name if sign else variable).strip() for variable, sign, name in pairs}


def _parse_yaml(text: str) -> Any:
    indented = "\n".join(f"  {line}" for line in text.split("\n"))
    try:
        return parse_definition(f"value:\n{indented}\n")["value"]
    except InvalidDefinitionText as error:
        raise ValueError(f"must be valid YAML: {re.sub(r'line [0-9]+, column [0-9]+: ', '', error.problem.message)}") from None


_READERS: Final[Mapping[Reading, Callable[[str], Any]]] = {
    Reading.COMMAND: parse_command,
    Reading.NUMBER: _parse_number,
    Reading.DURATION: _parse_duration,
    Reading.NAMES: _parse_names,
    Reading.VARIABLES: _parse_variables,
    Reading.SECRETS: _parse_secrets,
    Reading.YAML: _parse_yaml,
}
