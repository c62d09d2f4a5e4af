"""Send the request of an `http` stage, in the stage's own process. Standard library only.

It uses no proxy, decompresses nothing, and checks each redirect like the first address.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from domain.address_policy import AddressForbidden, AddressPolicy
from domain.redirect_policy import MAX_REDIRECTS, REDIRECTS, SAFE_HEADERS, check_redirect
from entrypoints.worker.http_stage.name_resolution import Resolver, resolve_allowed
from entrypoints.worker.stage_host.result_limits import is_deeper_than

MAX_BODY_OUTPUT: Final = 64 * 1024
"""Bytes of a response's body that are stored as output."""
MAX_BODY_DEPTH: Final = 40
"""Levels of a JSON body that are stored as JSON; a deeper body is stored as text."""
_OUTPUT_HEADERS = ("content-type", "content-length", "etag", "last-modified", "location", "retry-after", "x-request-id")
SendResult = Callable[[dict[str, Any]], None]


class RequestFailed(Exception):
    """The response is not the expected one. The message is a sentence."""


def call(request: Mapping[str, Any], send_result: SendResult, write: Callable[[str], None]) -> int:
    """Send the request and its outcome. Return the exit code."""
    try:
        http_request = HttpRequest(request, write)
        send_result({"result": http_request.send(), "note": http_request.note})
    except (RequestFailed, AddressForbidden) as failure:
        send_result({"error": str(failure)})
        return 1
    except (OSError, http.client.HTTPException, ValueError) as failure:
        send_result({"error": f"The request failed: {type(failure).__name__}: {failure}"[:1_000]})
        return 1
    return 0


class HttpRequest:
    """One request and its redirects. `note` says why the response's body is not in the output."""

    def __init__(self, request: Mapping[str, Any], write: Callable[[str], None], resolve: Resolver = socket.getaddrinfo) -> None:
        self._request = request
        self._resolve = resolve
        self._write = write
        self.note: str | None = None
        networks = tuple(ipaddress.ip_network(text) for text in request["allow"])
        self._address_policy = AddressPolicy(networks, frozenset(request["ports"]))
        self._headers = {"User-Agent": "headgate", "Accept-Encoding": "identity", **request["headers"]}

    def send(self) -> dict[str, Any]:
        """Return the stage's output. Raise RequestFailed or AddressForbidden."""
        url, method, body = self._request["url"], self._request["method"], self._request["body"]
        for _ in range(MAX_REDIRECTS + 1):
            self._write(f"{method} {url.partition('?')[0]}")
            status, headers, content = self._send_once(method, url, body)
            self._write(f"{status} {len(content):,} bytes")
            if status in self._request["expected"] or status not in REDIRECTS or "location" not in headers:
                return self._build_output(status, headers, content, url)
            url, method, body = self._follow_redirect(url, headers["location"], status, method, body)
        raise RequestFailed(f"More than {MAX_REDIRECTS} redirects.")

    def _send_once(self, method: str, url: str, body: str | None) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        addresses = resolve_allowed(self._address_policy, host, port, self._resolve)
        connection = _connect(addresses, host, port, secure, self._request["ca_file"])
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body=None if body is None else body.encode(), headers=self._headers)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            content = response.read(self._request["max_bytes"] + 1)
        finally:
            connection.close()
        if len(content) > self._request["max_bytes"]:
            raise RequestFailed(f"The response has more than {self._request['max_bytes']:,} bytes (max_bytes).")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise RequestFailed(f"The response is encoded ({headers['content-encoding'][:40]}), which was not requested.")
        return response.status, headers, content

    def _follow_redirect(self, url: str, location: str, status: int, method: str, body: str | None) -> tuple[str, str, str | None]:
        redirect = check_redirect(url, location, status, method, has_body=body is not None)
        if not redirect.keeps_headers:
            self._headers = {name: value for name, value in self._headers.items() if name.lower() in SAFE_HEADERS}
        if body is not None and not redirect.keeps_body:
            self._headers = {name: value for name, value in self._headers.items() if name.lower() != "content-type"}
        return redirect.url, redirect.method, body if redirect.keeps_body else None

    def _build_output(self, status: int, headers: Mapping[str, str], content: bytes, url: str) -> dict[str, Any]:
        text = content[:MAX_BODY_OUTPUT].decode("utf-8", "replace")
        if text:
            self._write(text)
        if status not in self._request["expected"]:
            raise RequestFailed(f"Answered {status}; expected {', '.join(map(str, self._request['expected']))}.")
        output: dict[str, Any] = {"status": status, "url": url.partition("?")[0]}
        output["headers"] = {name: headers[name][:1_000] for name in _OUTPUT_HEADERS if name in headers}
        output["body"] = _parse_body(text) if len(content) <= MAX_BODY_OUTPUT else None
        if len(content) > MAX_BODY_OUTPUT:
            self.note = f"The body was not kept: it has {len(content):,} bytes, more than {MAX_BODY_OUTPUT:,}."
        if isinstance(output["body"], dict) and type(records := output["body"].get("records_processed")) is int:
            output["records_processed"] = records
        return output


def build_request(request: Mapping[str, Any], parameters: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return the request with its references replaced by whole values, encoded for their place. Raise ValueError if one is missing."""
    query = urlencode([(name, _to_text(_fill_references(value, parameters))) for name, value in request["query"].items()])
    url = request["url"]
    headers = {name: _build_header(value, secrets) for name, value in request["headers"].items()}
    body = _fill_references(request["body"], parameters)
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
    joined = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
    return {**request, "url": joined, "headers": headers, "body": body}


def _fill_references(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {"parameter"} and isinstance(value["parameter"], str):
            if value["parameter"] not in parameters:
                raise ValueError(f"The run has no parameter {value['parameter']}.")
            return parameters[value["parameter"]]
        return {name: _fill_references(item, parameters) for name, item in value.items()}
    return [_fill_references(item, parameters) for item in value] if isinstance(value, list) else value


def _build_header(value: Any, secrets: Mapping[str, str]) -> str:
    if isinstance(value, str):
        return value
    secret = secrets[value["secret"]]
    if not secret.isascii() or not secret.isprintable():
        raise ValueError(f"The secret {value['secret']} has characters that a header cannot contain.")
    return f"{value.get('prefix', '')}{secret}"


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _parse_body(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if is_deeper_than(value, MAX_BODY_DEPTH) else value


def _connect(addresses: list[str], host: str, port: int, secure: bool, ca_file: str | None) -> http.client.HTTPConnection:
    """Return a connection to the first address that answers. The name is used for the Host header and the certificate only."""
    failure: OSError | None = None
    for address in addresses:
        try:
            plain = socket.create_connection((address, port), timeout=10)
        except OSError as refused:
            failure = refused
            continue
        plain.settimeout(None)
        connection = http.client.HTTPSConnection(host, port) if secure else http.client.HTTPConnection(host, port)
        connection.sock = ssl.create_default_context(cafile=ca_file).wrap_socket(plain, server_hostname=host) if secure else plain
        return connection
    raise failure or OSError("no address")
