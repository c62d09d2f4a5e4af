"""Secrets that a page shows after a form created them, for ten minutes, so that the page can be loaded again.

The browser keeps the secret in a cookie for that page only: Headgate stores no secret that it only needs to compare.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as InvalidBase64
from typing import Final

from fastapi import Request, Response

from entrypoints.http.auth.cookies import get_cookie_values
from entrypoints.http.base_path import link, redirect
from entrypoints.web.lookups import get_origin

_COOKIE: Final = "headgate_shown"
_SECONDS: Final = 600
_MAX_LENGTH: Final = 1_000


def redirect_with_secret(request: Request, path: str, secret: str) -> Response:
    """Return a redirect to the page that shows the secret. The page must not have a trailing slash."""
    response = redirect(path)
    value = urlsafe_b64encode(secret.encode()).decode().rstrip("=")
    is_secure = get_origin(request).startswith("https:")
    response.set_cookie(_COOKIE, value, _SECONDS, path=link(path), secure=is_secure, httponly=True, samesite="strict")
    return response


def read_shown_secret(request: Request) -> str:
    """Return the secret that the page shows now, or an empty string."""
    for value in get_cookie_values(request.headers, _COOKIE):
        if 0 < len(value) <= _MAX_LENGTH:
            try:
                return urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
            except (InvalidBase64, ValueError):
                continue
    return ""
