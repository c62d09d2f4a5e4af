"""Files for the browser, under names that change with their content, so that they can be kept for a year."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from entrypoints.http.auth.permissions import AccessLevel, requires

OWN = Path(__file__).parent / "static"
FROM_WHEEL = {"htmx.js": "htmx-2.min.js", "htmx-sse.js": "ext/hx-sse-2.min.js"}
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
YEAR = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asset:
    name: str
    body: bytes
    packed: bytes
    digest: str

    @property
    def url(self) -> str:
        return f"/static/{self.digest}/{self.name}"

    @property
    def type(self) -> str:
        return TYPES[Path(self.name).suffix]


@cache
def assets() -> dict[str, Asset]:
    """Every file by its plain name, read and packed once."""
    found = {path.name: path for path in sorted(OWN.iterdir()) if path.suffix in TYPES}
    found |= {name: _wheel() / path for name, path in FROM_WHEEL.items()}
    return {name: _asset(name, path.read_bytes()) for name, path in found.items()}


def get_asset_url(name: str) -> str:
    return assets()[name].url


def _asset(name: str, body: bytes) -> Asset:
    return Asset(name, body, gzip.compress(body, 9, mtime=0), hashlib.sha256(body).hexdigest()[:12])


def _wheel() -> Path:
    spec = find_spec("django_htmx")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package django-htmx, which brings htmx, is not installed")
    return Path(spec.origin).parent / "static" / "django_htmx"


@router.get("/static/{digest}/{name}")
@requires(AccessLevel.PUBLIC)
async def asset(request: Request, digest: str, name: str) -> Response:
    found = assets().get(name)
    if found is None:
        raise HTTPException(404, "There is no such file.")
    is_current = digest == found.digest
    headers = {"Cache-Control": YEAR if is_current else "no-cache", "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, media_type=found.type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.body, media_type=found.type, headers=headers)


@router.get("/favicon.ico")
@requires(AccessLevel.PUBLIC)
async def favicon(request: Request) -> Response:
    return await asset(request, "", "favicon.svg")
