"""Starlette routes with an OpenAPI description written by hand, for the few routes whose speed requires them (see docs/decisions)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import cleandoc
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from entrypoints.http.auth.permissions import AccessLevel, get_access_rule
from entrypoints.http.query_check import check_query


class PlainRoute(Route):
    """A route that calls its handler without FastAPI's dependencies. Without an `operation_id` it is not documented."""

    def __init__(
        self,
        method: str,
        path: str,
        handler: Callable[[Request], Awaitable[Response]],
        *,
        operation_id: str = "",
        summary: str = "",
        tags: Sequence[str] = (),
        responses: Mapping[int | str, Any] | None = None,
        openapi_extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(path, handler, methods=[method], include_in_schema=bool(operation_id))
        self.method = method
        self.is_query_checked = get_access_rule(handler, path).requirement is not AccessLevel.PUBLIC
        self.operation: dict[str, Any] = {
            "tags": list(tags),
            "summary": summary,
            "description": cleandoc(handler.__doc__ or ""),
            "operationId": operation_id,
            "responses": {str(status): dict(response) for status, response in (responses or {}).items()},
            **(openapi_extra or {}),
        }

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """FastAPI's routes put themselves into the scope, which the request metrics read. A plain route takes no query parameters."""
        scope["route"] = self
        if scope["query_string"] and self.is_query_checked:
            check_query(scope["query_string"], frozenset())
        await super().handle(scope, receive, send)
