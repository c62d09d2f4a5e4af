"""The OpenAPI document: FastAPI's, with the plain routes, access rules and examples added."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from entrypoints.api.alert_rules.models import ChangeAlertRuleRequest, NewAlertRuleRequest
from entrypoints.api.pipelines.models import PipelineDefinitionRequest
from entrypoints.api.schedules.preview_models import PreviewRequest
from entrypoints.api.shared.models import RequestModel, ResponseModel
from entrypoints.api.shared.problems import problems
from entrypoints.http.auth.cookies import get_cookie_name
from entrypoints.http.auth.permissions import SESSION_COOKIE, AccessLevel, AccessRule
from entrypoints.http.base_path import link
from entrypoints.http.plain_route import PlainRoute

_UNTYPED_REQUESTS = (PipelineDefinitionRequest, PreviewRequest, NewAlertRuleRequest, ChangeAlertRuleRequest)
"""Bodies that the domain parses."""
_REFERENCE = "#/components/schemas/"
TAGS = [
    {"name": "pipelines", "description": "Define pipelines and trigger them."},
    {"name": "schedules", "description": "When pipelines run automatically."},
    {"name": "backfills", "description": "Run a pipeline for past ticks."},
    {"name": "groups", "description": "Concurrency limits that pipelines share."},
    {"name": "deployments", "description": "What stages of kind `prefect` can run."},
    {"name": "incidents", "description": "What failed, and who is handling it."},
    {"name": "channels", "description": "Where messages are sent: chat, mail, a pager, any webhook."},
    {"name": "alert rules", "description": "Which events of all pipelines, or of those with a tag, are reported, and to whom."},
    {"name": "silences", "description": "Periods in which no messages are sent."},
    {"name": "runs", "description": "Watch runs, read their history and output, control them."},
    {"name": "status", "description": "Report the status of a stage or a run from any machine."},
    {"name": "access", "description": "Tokens, accounts and the audit log."},
    {"name": "health", "description": "Probes for operators."},
]


def build_document(app: FastAPI) -> dict[str, Any]:
    """Return the document; it is built once per application."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS)
        for route in app.routes:
            if isinstance(route, PlainRoute) and route.include_in_schema:
                document["paths"].setdefault(route.path, {})[route.method.lower()] = deepcopy(route.operation)
        for path, item in document["paths"].items():
            for method, operation in item.items():
                _add_security(operation, app.state.routes.rules[method.upper(), path])
                _remove_null(operation.get("parameters", []))
        schemas = _build_schemas(document["paths"])
        _add_examples(document["paths"], schemas)
        document["components"] = {"schemas": schemas, "securitySchemes": _build_security_schemes()}
        document["servers"] = [{"url": link("") or "/"}]
        app.openapi_schema = document
    return app.openapi_schema


def to_openapi_3_0(part: Any) -> Any:
    """Return the document in OpenAPI 3.0, for the bundled Swagger UI: `null` types become `nullable`."""
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


def _build_security_schemes() -> dict[str, Any]:
    """Return the ways to sign in. With HEADGATE_AUTH=none neither is required."""
    cookie = get_cookie_name(SESSION_COOKIE)
    return {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "hg_…", "description": "An API token, valid for its scopes."},
        "session": {"type": "apiKey", "in": "cookie", "name": cookie, "description": "The session of a signed-in browser."},
    }


def _add_security(operation: dict[str, Any], rule: AccessRule) -> None:
    if rule.requirement is AccessLevel.PUBLIC:
        operation["security"] = []
        return
    operation["security"] = [{"token": []}, {"session": []}, {}]
    operation["description"] = f"{operation.get('description', '')}\n\nNeeds the permission `{rule.requirement.value}`.".strip()
    for status, response in problems(401, 403, *([415] if "requestBody" in operation else [])).items():
        operation["responses"].setdefault(str(status), response)


def _remove_null(parameters: Sequence[dict[str, Any]]) -> None:
    """A parameter is present or absent, never null."""
    for schema in (parameter["schema"] for parameter in parameters):
        options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
        if len(options) == 1:
            del schema["anyOf"]
            schema.update(options[0])


def _build_schemas(paths: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that the paths refer to. FastAPI's own lack the plain routes' models, and the nulls in examples."""
    models: set[type[BaseModel]] = {*_get_subclasses(RequestModel), *_get_subclasses(ResponseModel), *_UNTYPED_REQUESTS}
    named = sorted(models, key=_get_name)
    _, definitions = models_json_schema([(model, "validation") for model in named], ref_template=_REFERENCE + "{model}")
    schemas: dict[str, Any] = {}
    names = set(_find_references(paths))
    while names:
        name = names.pop()
        schemas[name] = definitions["$defs"][name]
        names |= set(_find_references(schemas[name])) - set(schemas)
    return dict(sorted(schemas.items()))


def _get_subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for subclass in model.__subclasses__():
        yield subclass
        yield from _get_subclasses(subclass)


def _get_name(model: type[BaseModel]) -> str:
    return model.__name__


def _find_references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            yield reference.removeprefix(_REFERENCE)
        for value in part.values():
            yield from _find_references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _find_references(value)


def _add_examples(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Show the model's first example in each request and response body that has none of its own."""
    for operation in (operation for item in paths.values() for operation in item.values()):
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media in body.get("content", {}).values():
                if "example" not in media:
                    media["example"] = _get_example(media["schema"], schemas)


def _get_example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    if schema.get("type") == "array":
        return [_get_example(schema["items"], schemas)]
    name = next(_find_references(schema))
    return schemas[name]["examples"][0]
