"""Rendering of templates, and the response headers of every page."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from domain.access.permissions import Permission
from entrypoints.http.auth.caller import CSRF_FIELD, get_caller, get_csrf_token
from entrypoints.http.base_path import get_base_path, get_route_path, link_own
from entrypoints.web.ansi import UNPRINTABLE, show_control_characters
from entrypoints.web.static_files import get_asset_url

GZIP_LEVEL = 4
"""Compresses a page of 80 kB to 10 kB in about a millisecond."""
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


def _finalize(value: Any) -> Any:
    """Make control characters and bidirectional overrides visible in text that is printed.

    Values of form fields are printed with `|e`, which makes them markup, so that they are posted back unchanged.
    """
    return (
        show_control_characters(value) if isinstance(value, str) and not isinstance(value, Markup) and UNPRINTABLE.search(value) else value
    )


def get_environment() -> Environment:
    """Return the Jinja environment of this base path."""
    return _build_environment(get_base_path())


@cache
def _build_environment(base_path: str) -> Environment:
    """Return an environment that escapes everything except markup; a missing name is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_finalize,
    )
    environment.globals["asset"] = get_asset_url
    environment.globals["base"] = Markup(base_path)
    environment.filters["own_link"] = link_own
    environment.filters["pct"] = lambda number: f"{number:g}%"
    return environment


def render(template: str, **values: Any) -> Markup:
    """Render a template. All its names come from `values`."""
    return Markup(get_environment().get_template(template).render(values))


def _get_user_values(request: Request) -> dict[str, Any]:
    """Return what every page shows about the signed-in user: name, permissions, and the CSRF field for forms."""
    user, token = get_caller(request), get_csrf_token(request)
    return {
        "path": get_route_path(request.scope),
        "waiting_count": getattr(request.state, "waiting", 0),
        "incident_count": getattr(request.state, "incidents", 0),
        "broken_channels": getattr(request.state, "broken_channels", ()),
        "user": user,
        "headgate_command": request.app.state.application.settings().copied_command,
        "can": lambda permission: user.has_permission(Permission(permission)),
        "permissions": " ".join(permission for permission in Permission if user.has_permission(permission)),
        "csrf_field": Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token) if token else "",
    }


def render_page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Return a page. `values` may name the `section` of the navigation that it belongs to, and more `css` files."""
    html = render(template, **_get_user_values(request), **{"section": "", "css": (), **values})
    body, headers = html.encode("utf-8", "replace"), {**HEADERS, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, GZIP_LEVEL, mtime=0), "gzip"
    return Response(body, status, media_type="text/html; charset=utf-8", headers=headers)
