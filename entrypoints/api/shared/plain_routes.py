"""Validation and OpenAPI descriptions for plain routes, which FastAPI provides for its own routes."""

from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from domain.errors import InvalidInput
from entrypoints.http.validation_problems import to_field_problems

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], value: Any) -> Model:
    """Return the value as the model. Raise InvalidInput that names every invalid field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(to_field_problems(error)) from None


def describe_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the `requestBody` of an operation."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _refer_to(model)}}}}


def describe_response(model: Any, description: str) -> dict[int | str, Any]:
    """Return the `responses` of an operation that succeeds with a model, or with a list of models."""
    return {200: {"description": description, "content": {"application/json": {"schema": _refer_to(model)}}}}


def _refer_to(model: Any) -> dict[str, Any]:
    if get_origin(model) is list:
        return {"type": "array", "items": _refer_to(get_args(model)[0])}
    return {"$ref": f"#/components/schemas/{model.__name__}"}
