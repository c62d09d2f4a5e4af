"""What a stage of kind `http` asks for: checked when it is written, so that nothing in it is put together from texts later."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from domain.errors import FieldProblem
from domain.text_validation import find_json_problems, find_text_problem

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HTTP_STAGE_KEYS = frozenset({"url", "method", "query", "headers", "body", "expected", "max_bytes"})
DEFAULT_MAX_BYTES = 1024 * 1024
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_PLACE = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_HEADER_TEXT = re.compile(r"[\x20-\x7e\t]{0,4096}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "proxy-authorization", "upgrade", "te"})


def find_url_problem(url: object) -> str | None:
    """Why no stage may ask this address; None when its text is in order. Where it leads is judged when it is asked."""
    if not isinstance(url, str) or len(url) > 2_000 or not re.fullmatch(r"[\x21-\x7e]+", url) or "\\" in url:
        return "is an address in ASCII without blanks, up to 2,000 characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https"):
        return "begins with http:// or https://"
    if "@" in parts.netloc:
        return "holds no user and password: use a header with a secret"
    if port == 0 or not _PLACE.fullmatch(parts.netloc) or parts.fragment:
        return "names a host by letters, digits, - and . and has no fragment"
    return None


def parse_http_request(raw: Mapping[str, Any], path: str) -> tuple[dict[str, Any], list[FieldProblem]]:
    """The request with its defaults, and what is wrong with it.

    A header is a text or `{secret: NAME, prefix: text}`; a value of `query`, and any value within `body`, may be `{parameter: NAME}`.
    """
    wrong: list[tuple[str, str]] = []
    if flaw := find_url_problem(raw.get("url")):
        wrong.append(("url", flaw))
    method = raw.get("method", "GET")
    if method not in METHODS:
        wrong.append(("method", "is one of " + ", ".join(METHODS)))
    expected = raw.get("expected", [200, 201, 202, 204])
    if not isinstance(expected, list) or not expected or not all(type(one) is int and 200 <= one <= 599 for one in expected):
        wrong.append(("expected", "is a list of HTTP statuses, 200 to 599"))
    most = raw.get("max_bytes", DEFAULT_MAX_BYTES)
    if type(most) is not int or not 1 <= most <= MAX_RESPONSE_BYTES:
        wrong.append(("max_bytes", f"is a whole number from 1 to {MAX_RESPONSE_BYTES}"))
    wrong += _flaws_of_headers(raw.get("headers") or {})
    wrong += _flaws_of_query(raw.get("query") or {})
    wrong += find_json_problems(raw.get("body"), "body")
    read = {"url": raw.get("url"), "method": method, "query": raw.get("query") or {}, "headers": raw.get("headers") or {}}
    read |= {"body": raw.get("body"), "expected": expected, "max_bytes": most}
    return read, [FieldProblem(f"{path}{key}", flaw) for key, flaw in wrong]


def get_secret_names(request: Mapping[str, Any]) -> list[str]:
    """The names of the secrets its headers refer to."""
    return [value["secret"] for value in request["headers"].values() if isinstance(value, Mapping)]


def _flaws_of_headers(headers: object) -> list[tuple[str, str]]:
    if not isinstance(headers, Mapping) or len(headers) > 50:
        return [("headers", "is an object of up to 50 headers")]
    found = []
    for name, value in headers.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name) or name.lower() in _OURS:
            found.append(("headers", "a header has a name, and none that Headgate sets itself"))
        elif isinstance(value, Mapping):
            secret, prefix = value.get("secret"), value.get("prefix", "")
            fits = isinstance(secret, str) and _NAME.fullmatch(secret) and isinstance(prefix, str) and _HEADER_TEXT.fullmatch(prefix)
            if not fits or value.keys() - {"secret", "prefix"}:
                found.append((f"headers.{name}", "is a text, or {secret: NAME} with a prefix if need be"))
        elif not isinstance(value, str) or not _HEADER_TEXT.fullmatch(value):
            found.append((f"headers.{name}", "is printable ASCII on one line"))
    return found


def _flaws_of_query(query: object) -> list[tuple[str, str]]:
    if not isinstance(query, Mapping) or len(query) > 50:
        return [("query", "is an object of up to 50 values")]
    found = []
    for name, value in query.items():
        reference = isinstance(value, Mapping) and value.keys() == {"parameter"} and isinstance(value["parameter"], str)
        if find_text_problem(name, 200) or not (
            reference or (isinstance(value, str | int | float) and not find_text_problem(str(value), 4_096))
        ):
            found.append(("query", "a value is a text, a number, or {parameter: NAME}"))
    return found
