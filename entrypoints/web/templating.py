"""Templates to HTML, and HTML to a page with the headers every page has."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from domain.access.permissions import Permission
from entrypoints.http.auth.caller import CSRF_FIELD, get_caller, get_csrf_token
from entrypoints.web.ansi import UNPRINTABLE, show_control_characters
from entrypoints.web.static_files import get_asset_url

PACKED = 4
"""A page of 80 kB takes about a millisecond, and leaves as 10."""
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def _printed(value: Any) -> Any:
    """Text that is not markup, with what could act on a terminal or turn the reading direction made visible, wherever it is printed.
    What goes into a form field passes by `|e`, so that it comes back as it was."""
    return (
        show_control_characters(value) if isinstance(value, str) and not isinstance(value, Markup) and UNPRINTABLE.search(value) else value
    )


@cache
def environment() -> Environment:
    """A name that is missing is an error, and everything that is not markup is escaped."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_printed,
    )
    found.globals["asset"] = get_asset_url
    found.filters["pct"] = lambda number: f"{number:g}%"
    return found


def render(template: str, **values: Any) -> Markup:
    return Markup(environment().get_template(template).render(values))


def _about(request: Request) -> dict[str, Any]:
    """What every frame shows of whoever asks: who they are, which buttons are theirs, and the key of their forms."""
    me, key = get_caller(request), get_csrf_token(request)
    return {
        "path": request.url.path,
        "waiting": getattr(request.state, "waiting", 0),
        "me": me,
        "may": lambda permission: me.has_permission(Permission(permission)),
        "mine": " ".join(permission for permission in Permission if me.has_permission(permission)),
        "key_field": Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, key) if key else "",
    }


def render_page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A whole page. `section` is the part of the navigation it belongs to."""
    html = render(template, **_about(request), **{"section": "", "css": (), **values})
    body, headers = html.encode("utf-8", "replace"), {**HEADERS, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, PACKED, mtime=0), "gzip"
    return Response(body, status, media_type="text/html; charset=utf-8", headers=headers)
