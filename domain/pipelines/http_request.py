"""Parse the HTTP request of a stage of kind `http`. It is validated here, so that nothing is assembled from text at run time."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from domain.errors import FieldProblem
from domain.pipelines.parameter_references import get_reference
from domain.text_validation import describe_other_type, find_json_problems, find_text_problem

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HTTP_STAGE_KEYS = frozenset({"url", "method", "query", "headers", "body", "expected", "max_bytes"})
DEFAULT_MAX_BYTES = 1024 * 1024
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
MAX_URL_LENGTH = 2_000
MAX_ENTRIES = 50
"""Headers, or values of the query, of one request."""
MAX_QUERY_NAME_LENGTH = 200
MAX_QUERY_VALUE_LENGTH = 4_096
DEFAULT_EXPECTED = (HTTPStatus.OK.value, HTTPStatus.CREATED.value, HTTPStatus.ACCEPTED.value, HTTPStatus.NO_CONTENT.value)
"""The HTTP statuses with which a request succeeds."""
FIRST_STATUS, LAST_STATUS = HTTPStatus.OK.value, 599
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
HEADER_TEXT = re.compile(r"[\x20-\x7e\t]{0,4096}")
SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
RESERVED_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "proxy-authorization", "upgrade", "te"}
)


def find_url_problem(url: object) -> str | None:
    """Return what is wrong with the text of a URL, None if nothing is. Its destination is checked when the request is sent."""
    if not isinstance(url, str) or len(url) > MAX_URL_LENGTH or not re.fullmatch(r"[\x21-\x7e]+", url) or "\\" in url:
        return f"must be a URL in ASCII without spaces, at most {MAX_URL_LENGTH:,} characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "must be a URL"
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if "@" in parts.netloc:
        return "must not contain a user and password; use a header with a secret"
    if port == 0 or not HOST.fullmatch(parts.netloc) or parts.fragment:
        return "must have a host of letters, digits, - and . and no fragment"
    return None


def parse_http_request(raw: Mapping[str, Any], path: str) -> tuple[dict[str, Any], list[FieldProblem]]:
    """Return the request with its defaults, and its problems.

    A header is a text or `{secret: NAME, prefix: text}`. A value of `query`, and any value within `body`, may be `{parameter: NAME}`.
    """
    problems: list[tuple[str, str]] = []
    if problem := find_url_problem(raw.get("url")):
        problems.append(("url", problem))
    method = raw.get("method", "GET")
    if method not in METHODS:
        problems.append(("method", "must be one of " + ", ".join(METHODS)))
    expected = raw.get("expected", list(DEFAULT_EXPECTED))
    if (
        not isinstance(expected, list)
        or not expected
        or not all(type(status) is int and FIRST_STATUS <= status <= LAST_STATUS for status in expected)
    ):
        problems.append(("expected", f"must be a list of HTTP statuses, {FIRST_STATUS} to {LAST_STATUS}"))
    max_bytes = raw.get("max_bytes", DEFAULT_MAX_BYTES)
    if type(max_bytes) is not int or not 1 <= max_bytes <= MAX_RESPONSE_BYTES:
        problems.append(("max_bytes", f"must be a whole number from 1 to {MAX_RESPONSE_BYTES}"))
    headers, query = ({} if raw.get(key) is None else raw[key] for key in ("headers", "query"))
    problems += _find_header_problems(headers)
    problems += _find_query_problems(query)
    problems += find_json_problems(raw.get("body"), "body")
    read = {"url": raw.get("url"), "method": method, "query": query, "headers": headers}
    read |= {"body": raw.get("body"), "expected": expected, "max_bytes": max_bytes}
    return read, [FieldProblem(f"{path}{key}", problem) for key, problem in problems]


def get_secret_names(request: Mapping[str, Any]) -> list[str]:
    """Return the names of the secrets that the headers refer to."""
    return [value["secret"] for value in request["headers"].values() if isinstance(value, Mapping)]


def _find_header_problems(headers: object) -> list[tuple[str, str]]:
    if not isinstance(headers, Mapping) or len(headers) > MAX_ENTRIES:
        return [("headers", f"must be an object of at most {MAX_ENTRIES} headers")]
    problems = []
    for name, value in headers.items():
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS:
            problems.append(("headers", "a header must have a name, and not one that Headgate sets itself"))
        elif isinstance(value, Mapping):
            secret, prefix = value.get("secret"), value.get("prefix", "")
            is_valid = (
                isinstance(secret, str) and SECRET_NAME.fullmatch(secret) and isinstance(prefix, str) and HEADER_TEXT.fullmatch(prefix)
            )
            if not is_valid or value.keys() - {"secret", "prefix"}:
                problems.append((f"headers.{name}", "must be a text, or {secret: NAME} with an optional prefix"))
        elif not isinstance(value, str):
            problems.append((f"headers.{name}", describe_other_type(value)))
        elif not HEADER_TEXT.fullmatch(value):
            problems.append((f"headers.{name}", "must be printable ASCII on one line"))
    return problems


def _find_query_problems(query: object) -> list[tuple[str, str]]:
    if not isinstance(query, Mapping) or len(query) > MAX_ENTRIES:
        return [("query", f"must be an object of at most {MAX_ENTRIES} values")]
    problems = []
    for name, value in query.items():
        if find_text_problem(name, MAX_QUERY_NAME_LENGTH) or not (
            get_reference(value) is not None
            or (isinstance(value, str | int | float) and not find_text_problem(str(value), MAX_QUERY_VALUE_LENGTH))
        ):
            problems.append(("query", "a value must be a text, a number, or {parameter: NAME}"))
    return problems
