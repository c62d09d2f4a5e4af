"""Validates JSON with the models of Datadog's API client: types, required keys, unknown enum values and unknown keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datadog_api_client import Configuration
from datadog_api_client.exceptions import ApiTypeError, ApiValueError
from datadog_api_client.model_utils import OpenApiModel, UnparsedObject, validate_and_convert_types


def problems_of(body: Any, model: type[Any]) -> list[str]:
    """Return why the body is not a valid `model`."""
    try:
        read = validate_and_convert_types(body, (model,), [model.__name__], True, True, Configuration())
    except (ApiTypeError, ApiValueError, TypeError, ValueError) as error:
        return [f"{type(error).__name__}: {error}"]
    return list(_walk(read, model.__name__))


def _walk(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, UnparsedObject):
        yield f"{path}: fits no known shape: {value!r:.200}"
    elif isinstance(value, OpenApiModel):
        yield from _walk_model(value, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from _walk(item, f"{path}[{place}]")


def _walk_model(model: Any, path: str) -> Iterator[str]:
    inside = list(_inside(model, path))
    yield from inside
    if model._unparsed and not inside:
        yield f"{path}: a word or a shape that {type(model).__name__} does not know: {model!r:.200}"


def _inside(model: Any, path: str) -> Iterator[str]:
    known = getattr(model, "attribute_map", {})
    for key, item in model.__dict__.get("_data_store", {}).items():
        if known and key not in known:
            yield f"{path}.{key}: {type(model).__name__} has no such key"
        yield from _walk(item, f"{path}.{key}")
    if "_composed_instances" in model.__dict__:
        for part in model._composed_instances:
            yield from _walk(part, path)
