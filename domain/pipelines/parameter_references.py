"""References to the parameters of a run, `{parameter: NAME}`, in the values that a definition gives a stage."""

from collections.abc import Mapping
from typing import Any

MISSING = object()


def resolve_parameters(template: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, with each `{parameter: NAME}` replaced.

    A key whose parameter is missing is left out, so that its default applies.
    """
    return {key: value for key, part in template.items() if (value := _resolve(part, parameters)) is not MISSING}


def find_references(template: object) -> list[str]:
    """Return the names of the parameters that a value refers to."""
    if isinstance(template, Mapping):
        name = get_reference(template)
        return [name] if name is not None else [each for part in template.values() for each in find_references(part)]
    return [each for part in template for each in find_references(part)] if isinstance(template, list) else []


def _resolve(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        name = get_reference(value)
        return parameters.get(name, MISSING) if name is not None else resolve_parameters(value, parameters)
    if isinstance(value, list):
        return [part for each in value if (part := _resolve(each, parameters)) is not MISSING]
    return value


def get_reference(value: object) -> str | None:
    """Return the name of the parameter if the whole value is a reference."""
    if not isinstance(value, Mapping):
        return None
    name = value.get("parameter")
    return name if value.keys() == {"parameter"} and isinstance(name, str) else None
