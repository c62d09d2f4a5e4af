"""The OpenAPI document and Swagger UI, served from a Python package: no external resources, no inline scripts."""

import asyncio
from pathlib import Path
from string import Template

import swagger_ui_bundle
from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, Response

from entrypoints.api.system.openapi_document import build_document, to_openapi_3_0
from entrypoints.http.auth.permissions import READ, requires
from entrypoints.http.base_path import get_base_path
from entrypoints.http.json_response import JsonResponse

router = APIRouter(include_in_schema=False)
FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
SWAGGER_PAGE = Template("""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Headgate API</title><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="$base/favicon.ico" type="image/svg+xml"><link rel="stylesheet" href="$base/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="$base/docs/swagger-ui-bundle.js"></script><script src="$base/docs/start.js"></script></body>
</html>
""")
SWAGGER_SCRIPT = Template("""SwaggerUIBundle({
  url: "$base/docs/openapi-3.0.json", dom_id: "#swagger-ui", deepLinking: true, docExpansion: "list"
});
""")


@router.get("/openapi.json")
@requires(READ)
async def openapi(request: Request) -> JsonResponse:
    return JsonResponse(await asyncio.to_thread(build_document, request.app))


@router.get("/docs/openapi-3.0.json")
@requires(READ)
async def openapi_3_0(request: Request) -> JsonResponse:
    """Return the document for the bundled Swagger UI, which reads no later version."""
    return JsonResponse(await asyncio.to_thread(lambda: to_openapi_3_0(build_document(request.app))))


@router.get("/docs")
@requires(READ)
async def page() -> Response:
    return HTMLResponse(SWAGGER_PAGE.substitute(base=get_base_path()), headers={"Content-Security-Policy": CSP})


@router.get("/docs/start.js")
@requires(READ)
async def start() -> Response:
    return Response(SWAGGER_SCRIPT.substitute(base=get_base_path()), media_type="text/javascript")


@router.get("/docs/swagger-ui.css")
@requires(READ)
async def styles() -> Response:
    return _bundled("swagger-ui.css")


@router.get("/docs/swagger-ui-bundle.js")
@requires(READ)
async def script() -> Response:
    return _bundled("swagger-ui-bundle.js")


def _bundled(name: str) -> Response:
    path = Path(str(swagger_ui_bundle.swagger_ui_path)) / name
    return FileResponse(path, media_type=FILES[name], headers={"Cache-Control": "max-age=86400"})
