"""Static files. A file's URL contains its digest, so browsers may cache it for a year."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from entrypoints.http.auth.permissions import AccessLevel, requires

DIRECTORY = Path(__file__).parent / "static"
HTMX_FILES = {"htmx.js": "htmx-2.min.js", "htmx-sse.js": "ext/hx-sse-2.min.js"}
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
CACHE_FOR_A_YEAR = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file with its gzipped body and its digest."""

    name: str
    body: bytes
    gzipped: bytes
    digest: str

    @property
    def url(self) -> str:
        return f"/static/{self.digest}/{self.name}"

    @property
    def media_type(self) -> str:
        return TYPES[Path(self.name).suffix]


@cache
def assets() -> dict[str, Asset]:
    """Return all files by name. They are read and compressed once."""
    found = {path.name: path for path in sorted(DIRECTORY.iterdir()) if path.suffix in TYPES}
    found |= {name: _get_htmx_directory() / path for name, path in HTMX_FILES.items()}
    return {name: _build_asset(name, path.read_bytes()) for name, path in found.items()}


def get_asset_url(name: str) -> str:
    """Return the URL of a file, with its digest."""
    return assets()[name].url


def _build_asset(name: str, body: bytes) -> Asset:
    return Asset(name, body, gzip.compress(body, 9, mtime=0), hashlib.sha256(body).hexdigest()[:12])


def _get_htmx_directory() -> Path:
    spec = find_spec("django_htmx")
    if spec is None or spec.origin is None:
        raise RuntimeError("The package django-htmx, which contains htmx, is not installed.")
    return Path(spec.origin).parent / "static" / "django_htmx"


@router.get("/static/{digest}/{name}")
@requires(AccessLevel.PUBLIC)
async def get_asset(request: Request, digest: str, name: str) -> Response:
    """Return a file. An outdated digest gets the current file, which browsers then revalidate."""
    found = assets().get(name)
    if found is None:
        raise HTTPException(404, "No such file.")
    is_current = digest == found.digest
    headers = {
        "Cache-Control": CACHE_FOR_A_YEAR if is_current else "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.gzipped, media_type=found.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.body, media_type=found.media_type, headers=headers)


@router.get("/favicon.ico")
@requires(AccessLevel.PUBLIC)
async def get_favicon(request: Request) -> Response:
    """Return the icon, for browsers that do not read the page's link to it."""
    return await get_asset(request, "", "favicon.svg")
