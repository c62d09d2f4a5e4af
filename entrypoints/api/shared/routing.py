"""How the API's routes check queries, read JSON bodies and answer conditional requests."""

from collections.abc import Callable, Coroutine
from typing import Any, get_origin

from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Scope

from domain.errors import InvalidInput
from entrypoints.api.shared.etags import make_conditional
from entrypoints.http import strict_json
from entrypoints.http.auth.permissions import AccessLevel, get_access_rule
from entrypoints.http.body_types import is_yaml
from entrypoints.http.duplicate_keys import find_duplicate_key
from entrypoints.http.large_bodies import check_key_count, parse_body
from entrypoints.http.middleware.body_limit import get_body
from entrypoints.http.middleware.host_origin import UNSUPPORTED_TYPE
from entrypoints.http.problems import ProblemError
from entrypoints.http.query_check import check_query
from entrypoints.text_decoding import decode_text

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    """A route that parses its JSON body strictly before FastAPI validates it, and refuses query parameters that it does not know.

    A body of any accepted content type but YAML is read as JSON. A blank body counts as absent. Raise InvalidInput for invalid JSON.
    Public routes ignore unknown query parameters: probes and proxies add their own.
    """

    def get_route_handler(self) -> Handler:
        handle = self._get_body_handler()
        if get_access_rule(self.endpoint, self.path).requirement is AccessLevel.PUBLIC:
            return handle
        known, repeatable = _list_query_parameters(self.dependant)

        async def handle_known(request: Request) -> Response:
            if query := request.scope["query_string"]:
                check_query(query, known, repeatable)
            return await handle(request)

        return handle_known

    def _get_body_handler(self) -> Handler:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_json(request: Request) -> Response:
            if is_yaml(request.headers.get("content-type")):
                return await self.handle_yaml(request, handle)
            body = await get_body(request)
            return await handle(ParsedRequest(request, await parse_body(self.parse, body) if body.strip() else _ABSENT))

        return handle_json

    async def handle_yaml(self, request: Request, handle: Handler) -> Response:
        """Handle a request whose body is YAML. Routes that take only JSON raise ProblemError."""
        raise ProblemError(UNSUPPORTED_TYPE)

    def parse(self, body: bytes) -> Any:
        """Return the body's value. Raise InvalidInput for `null`, since every body of the API is an object, and for a duplicate key."""
        value = check_key_count(strict_json.parse_and_check(body))
        if value is None:
            raise InvalidInput.for_field("body", "must be a JSON object")
        if duplicate := find_duplicate_key(decode_text(body)):
            raise InvalidInput([duplicate])
        return value


class ConditionalRoute(ApiRoute):
    """An ApiRoute whose GET responses carry an ETag, and are 304 if the client's copy is current."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        if self.methods != {"GET"}:
            return handle

        async def handle_conditionally(request: Request) -> Response:
            return make_conditional(request, await handle(request))

        return handle_conditionally


def _list_query_parameters(dependant: Dependant) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of a route's query parameters, with those of its dependencies, and the names of those that are lists."""
    known = {field.alias for field in dependant.query_params}
    repeatable = {field.alias for field in dependant.query_params if get_origin(field.field_info.annotation) is list}
    for dependency in dependant.dependencies:
        names, lists = _list_query_parameters(dependency)
        known |= names
        repeatable |= lists
    return frozenset(known), frozenset(repeatable)


def create_router(tag: str, *, route_class: type[ApiRoute] = ConditionalRoute) -> APIRouter:
    """Return a router whose operation ids are the names of its functions."""
    return APIRouter(tags=[tag], route_class=route_class, generate_unique_id_function=_get_name)


_ABSENT = object()


class ParsedRequest(Request):
    """A request whose body has been parsed."""

    def __init__(self, request: Request, value: Any) -> None:
        super().__init__(_declare_json(request.scope), request.receive)
        self.value = value

    async def body(self) -> bytes:
        return b"" if self.value is _ABSENT else b"parsed"

    async def json(self) -> Any:
        return self.value


def _declare_json(scope: Scope) -> Scope:
    """Return the scope with a JSON content type, the only one that FastAPI parses."""
    headers = scope["headers"]
    if (b"content-type", b"application/json") in headers:
        return scope
    others = [header for header in headers if header[0] != b"content-type"]
    return {**scope, "headers": [*others, (b"content-type", b"application/json")]}


def _get_name(route: APIRoute) -> str:
    return route.name
