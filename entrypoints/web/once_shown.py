"""Secrets that a page shows after a form created them, for ten minutes, so that the page can be loaded again.

The browser keeps the secret in a cookie for that page only: Headgate stores no secret that it only needs to compare.
"""

from contextlib import suppress
from typing import Final

from fastapi import Request, Response

from entrypoints.http.auth.cookies import get_cookie_values
from entrypoints.http.base_path import link, redirect
from entrypoints.web.lookups import get_origin

_COOKIE: Final = "headgate_shown"
_SECONDS: Final = 600


def redirect_with_secret(request: Request, path: str, secret: str) -> Response:
    """Return a redirect to the page that shows the secret. The page must not have a trailing slash."""
    response = redirect(path)
    is_secure = get_origin(request).startswith("https:")
    response.set_cookie(_COOKIE, secret.encode().hex(), _SECONDS, path=link(path), secure=is_secure, httponly=True, samesite="strict")
    return response


def read_shown_secret(request: Request) -> str:
    """Return the secret that the page shows now, or an empty string."""
    for value in get_cookie_values(request.headers, _COOKIE):
        with suppress(ValueError):
            return bytes.fromhex(value).decode()
    return ""
