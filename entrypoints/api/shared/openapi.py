"""The OpenAPI document: what a route takes and answers is declared beside it, with examples; nothing of it runs per request."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, get_args, get_origin

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from entrypoints.api.shared import examples
from entrypoints.api.shared.response_models import ProblemResponse
from entrypoints.http.auth.permissions import SESSION_COOKIE, AccessLevel, AccessRule
from entrypoints.http.plain_route import PlainRoute

REFERENCE = "#/components/schemas/{model}"
PROBLEM_DESCRIPTIONS = {
    401: "The token is missing or not good",
    403: "Not allowed: the token's scope, or a web page of another origin",
    404: "There is no such thing",
    409: "The present state does not allow it",
    412: "It has changed since the caller saw it",
    413: "The body is larger than 1 MiB",
    415: "The body is neither JSON nor a form",
    422: "Invalid input; every field at fault is named",
    429: "More requests than the limit allows; try again after `Retry-After` seconds",
    503: "Something beneath does not answer, or there is too much to do; try again after `Retry-After` seconds",
    507: "Too little room on the disk for more runs",
}
TAGS = [
    {"name": "pipelines", "description": "Define pipelines and start them."},
    {"name": "runs", "description": "Watch runs, read their history and output, stop them."},
    {"name": "status", "description": "Report from any machine how a stage or a run stands."},
    {"name": "access", "description": "Tokens, accounts and the audit log."},
    {"name": "health", "description": "For whoever keeps it running."},
]
SCHEMES: dict[str, Any] = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "hg_…", "description": "A token of Headgate's, good for its scopes."},
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "Of a browser that has signed in."},
}
"""Neither is asked for where nobody needs to sign in (HEADGATE_AUTH=none)."""
_declared: set[type[BaseModel]] = {ProblemResponse}
_examples: list[Any] = []
"""The generator drops every null of what it is given, so examples are put in afterwards; till then a number stands for each."""


def request_body(shape: type[BaseModel] | dict[str, Any], example: Any, *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a route that reads this body itself."""
    schema = shape if isinstance(shape, dict) else _schema_reference(shape)
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema, "example": _register_example(example)}}}
    }


def answers(
    status: int, shape: Any, example: Any, *, problems: Sequence[int] = (), words: str = "Done", also: dict[str, Any] | None = None
) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route. `also` adds media types besides JSON."""
    content = {"application/json": {"schema": _schema_reference(shape), "example": _register_example(example)}, **(also or {})}
    return {status: {"description": words, "content": content}} | problem_responses(*problems)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": REFERENCE.format(model="ProblemResponse")}
    return {
        status: {
            "description": PROBLEM_DESCRIPTIONS[status],
            "content": {"application/problem+json": {"schema": schema, "example": _register_example(examples.PROBLEMS[status])}},
        }
        for status in statuses
    }


def text_content(media_type: str, example: str) -> dict[str, Any]:
    return {media_type: {"schema": {"type": "string"}, "example": _register_example(example)}}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS)
        _, shapes = models_json_schema([(shape, "validation") for shape in sorted(_declared, key=_name)], ref_template=REFERENCE)
        for route in app.routes:
            if isinstance(route, PlainRoute) and route.include_in_schema:
                made["paths"].setdefault(route.path, {})[route.method.lower()] = deepcopy(route.operation)
        made.setdefault("components", {})["schemas"] = dict(sorted(shapes["$defs"].items()))
        made["components"]["securitySchemes"] = SCHEMES
        for path, item in made["paths"].items():
            for method, operation in item.items():
                _add_security(operation, app.state.routes.rules[method.upper(), path])
                _add_examples(operation)
                _remove_null(operation.get("parameters", []))
        app.openapi_schema = made
    return app.openapi_schema


def to_openapi_3_0(part: Any) -> Any:
    """The document in OpenAPI 3.0, which is what the bundled Swagger page can read: `null` becomes `nullable`."""
    if isinstance(part, list):
        return [to_openapi_3_0(item) for item in part]
    if not isinstance(part, dict):
        return part
    old = {key: to_openapi_3_0(value) for key, value in part.items()}
    if "openapi" in old:
        old["openapi"] = "3.0.3"
    options = old.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        del old["anyOf"]
        old |= {"nullable": True} | (rest[0] if len(rest) == 1 and "$ref" not in rest[0] else {"anyOf": rest})
    return old


def _register_example(example: Any) -> int:
    _examples.append(example)
    return len(_examples) - 1


def _add_security(operation: dict[str, Any], rule: AccessRule) -> None:
    """What the route asks of its caller, from the one table."""
    if rule.requirement is AccessLevel.PUBLIC:
        operation["security"] = []
        return
    operation["security"] = [{"token": []}, {"session": []}, {}]
    operation["description"] = f"{operation.get('description', '')}\n\nNeeds the permission `{rule.requirement.value}`.".strip()
    for status, refusal in problem_responses(401, 403, *([415] if "requestBody" in operation else [])).items():
        operation["responses"].setdefault(str(status), refusal)


def _add_examples(operation: dict[str, Any]) -> None:
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        for media in body.get("content", {}).values():
            media["example"] = _examples[media["example"]]


def _remove_null(parameters: Sequence[dict[str, Any]]) -> None:
    """What stands in an address or a header is there or not: an empty text is no null."""
    for schema in (parameter["schema"] for parameter in parameters):
        options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
        if len(options) == 1:
            del schema["anyOf"]
            schema.update(options[0])


def _schema_reference(shape: Any) -> dict[str, Any]:
    if get_origin(shape) is list:
        return {"type": "array", "items": _schema_reference(get_args(shape)[0])}
    _declared.add(shape)
    return {"$ref": REFERENCE.format(model=shape.__name__)}


def _name(shape: type[BaseModel]) -> str:
    return shape.__name__
