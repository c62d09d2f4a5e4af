"""Cookies of signed-in browsers. Browsers send them over TLS or loopback only, to this server only, and hide them from scripts."""

from collections.abc import Iterator

from starlette.datastructures import Headers
from starlette.responses import Response

from entrypoints.http.base_path import get_base_path


def get_cookie_name(name: str) -> str:
    """Return the name with the prefix that makes browsers protect the cookie. `__Host-` requires the path `/`."""
    return f"__Secure-{name}" if get_base_path() else f"__Host-{name}"


def set_cookie(response: Response, name: str, value: str, max_age: int) -> None:
    """Send a cookie for the pages below the base path."""
    path = get_base_path() or "/"
    response.set_cookie(get_cookie_name(name), value, max_age, path=path, secure=True, httponly=True, samesite="lax")


def delete_cookie(response: Response, name: str) -> None:
    """Make the browser forget the cookie."""
    response.delete_cookie(get_cookie_name(name), path=get_base_path() or "/", secure=True, httponly=True, samesite="lax")


def read_cookie(headers: Headers, name: str) -> str | None:
    """Return the cookie's value. Of cookies with one name, browsers send the one with the longest path first: it is this server's."""
    return next(get_cookie_values(headers, get_cookie_name(name)), None)


def get_cookie_values(headers: Headers, name: str) -> Iterator[str]:
    """Yield the values of the cookies of this name, without a prefix."""
    for header in headers.getlist("cookie"):
        for pair in header.split(";"):
            found, separator, value = pair.strip().partition("=")
            if separator and found.strip() == name:
                yield value.strip().strip('"')
