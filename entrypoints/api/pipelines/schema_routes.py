"""The JSON Schema of definitions, which editors load."""

from functools import cache

from fastapi import Request
from starlette.responses import Response

from entrypoints.api.shared.dependencies import ApplicationDep
from entrypoints.api.shared.etags import etag_matches, weak_etag
from entrypoints.api.shared.routing import ApiRoute, create_router
from entrypoints.definitions.schema.document import SCHEMA_PATH, build_schema_document
from entrypoints.http.auth.permissions import AccessLevel, requires
from entrypoints.http.json_response import encode_json

MEDIA_TYPE = "application/schema+json"
_CONTENT = {"schema": {"type": "object"}, "example": {"title": "Headgate pipeline", "type": "object", "required": ["name", "stages"]}}
router = create_router("pipelines", route_class=ApiRoute)


@router.get(
    SCHEMA_PATH,
    summary="The JSON Schema of definitions",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: _CONTENT}, "description": "A schema of draft 2020-12"}},
)
@requires(AccessLevel.PUBLIC)
async def get_definition_schema(request: Request, application: ApplicationDep) -> Response:
    """Return the JSON Schema with which an editor completes and checks a definition while it is written. Its `ETag` changes only with
    its content. It checks each value alone; `headgate lint` also finds faults between values, such as a cycle of stages."""
    body, etag = _encode_schema(str(application.settings().public_url))
    headers = {"ETag": etag, "Cache-Control": "public, max-age=300"}
    if etag_matches(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=MEDIA_TYPE, headers=headers)


@cache
def _encode_schema(base_url: str) -> tuple[bytes, str]:
    body = encode_json(build_schema_document(base_url))
    return body, weak_etag(body)
