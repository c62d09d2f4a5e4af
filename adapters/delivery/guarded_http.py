"""Sends HTTP requests to addresses that were checked."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from typing import Final

import httpx

from adapters.delivery.address_finder import AddressFinder
from adapters.delivery.http_failures import describe_http_failure
from adapters.http_transport import HttpTransport
from adapters.proxies import InvalidProxy, find_proxy
from application.ports.delivery.outgoing_http import OutgoingRequest, OutgoingResponse
from domain.address_policy import AddressForbidden
from domain.errors import Unavailable
from domain.redirect_policy import MAX_REDIRECTS, REDIRECTS, SAFE_HEADERS, check_redirect, get_origin

_CONNECT_TIMEOUT: Final = 5.0
_KEPT_CONNECTIONS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=4, keepalive_expiry=5.0)
_NO_KEPT_CONNECTIONS: Final = httpx.Limits(max_connections=1, max_keepalive_connections=0)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class GuardedHttp:
    """Connects to an address that was checked, never to a name, which could have another address by then.

    The name is used for the Host header and the certificate. With `keeps_connections`, connections to an origin are used again; the
    certificate was checked for this origin, so no other origin shares them. If the environment has a proxy for a URL, the proxy resolves
    the name (docs/decisions/0021).
    """

    def __init__(self, finder: AddressFinder, environment: Mapping[str, str] = os.environ, *, keeps_connections: bool = False) -> None:
        self._finder = finder
        self._environment = environment
        self._keeps_connections = keeps_connections
        self._transports: dict[tuple[object, ...], HttpTransport] = {}
        self._tls: ssl.SSLContext | None = None
        self._no_tls: ssl.SSLContext | None = None

    async def close(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()

    async def send(self, request: OutgoingRequest) -> OutgoingResponse:
        """Send the request and follow its redirects, if it wants that. Raise AddressForbidden or Unavailable."""
        host = _get_host(request.url)
        try:
            async with asyncio.timeout(request.timeout):
                return await self._follow(request)
        except TimeoutError:
            raise Unavailable(f"{host} sent no complete response within {request.timeout:g} seconds.") from None

    async def _follow(self, request: OutgoingRequest) -> OutgoingResponse:
        headers = {"User-Agent": "headgate", "Accept-Encoding": "identity", **request.headers}
        method, url, body = request.method, request.url, request.body
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send_once(method, url, headers, body, request)
            location = response.headers.get("location")
            if not request.follow_redirects or response.status not in REDIRECTS or location is None:
                return response
            redirect = check_redirect(url, location, response.status, method, has_body=bool(body))
            headers = {
                name: value
                for name, value in headers.items()
                if (redirect.keeps_headers or name.lower() in SAFE_HEADERS) and (redirect.keeps_body or name.lower() != "content-type")
            }
            url, method, body = redirect.url, redirect.method, body if redirect.keeps_body else b""
        raise AddressForbidden(f"{_get_host(request.url)} redirects more than {MAX_REDIRECTS} times.")

    async def _send_once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, request: OutgoingRequest
    ) -> OutgoingResponse:
        _, host, port = get_origin(url)
        try:
            proxy = find_proxy(url, self._environment)
        except InvalidProxy as reason:
            raise Unavailable(f"Could not reach {host} through the proxy: {reason}.", nothing_done=True) from None
        if proxy is None:
            places = await self._finder.find(host, port)
        else:
            await self._finder.check_for_proxy(host, port)
            places = [host]
        failure: httpx.HTTPError | None = None
        for place in places:
            try:
                sent = _build_request(method, url, place, headers, body, request.timeout)
            except (httpx.InvalidURL, ValueError):
                raise AddressForbidden(f"The request to {host} has a URL or header that HTTP does not allow.") from None
            try:
                return await self._exchange(sent, get_origin(url), proxy, request.max_bytes)
            except (httpx.ConnectError, httpx.ConnectTimeout) as refused:
                failure = refused
            except httpx.HTTPError as broken:
                raise Unavailable(describe_http_failure(host, broken)) from broken
        raise Unavailable(describe_http_failure(host, failure or httpx.ConnectError("no address")), nothing_done=True) from failure

    async def _exchange(self, request: httpx.Request, origin: tuple[str, str, int], proxy: str | None, max_bytes: int) -> OutgoingResponse:
        transport = self._get_transport(origin, proxy)
        try:
            response = await transport.handle_async_request(request)
            try:
                body = await _read(response, max_bytes)
            finally:
                await response.aclose()
        finally:
            if not self._keeps_connections:
                await transport.aclose()
        return OutgoingResponse(response.status_code, dict(response.headers.items()), body)

    def _get_transport(self, origin: tuple[str, str, int], proxy: str | None) -> HttpTransport:
        verify = self._get_tls(needs_certificates=origin[0] == "https" or (proxy or "").startswith("https"))
        if not self._keeps_connections:
            return HttpTransport(verify=verify, limits=_NO_KEPT_CONNECTIONS, proxy=proxy, trust_env=False)
        key = (*origin, proxy)
        if key not in self._transports:
            self._transports[key] = HttpTransport(verify=verify, limits=_KEPT_CONNECTIONS, proxy=proxy, trust_env=False)
        return self._transports[key]

    def _get_tls(self, *, needs_certificates: bool) -> ssl.SSLContext:
        """Return a context that transports share, since making one takes a millisecond. Without certificates it accepts no server."""
        if not needs_certificates:
            self._no_tls = self._no_tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return self._no_tls
        self._tls = self._tls or httpx.create_ssl_context()
        return self._tls


def _build_request(method: str, url: str, place: str, headers: Mapping[str, str], body: bytes, timeout: float) -> httpx.Request:
    """Return the request to an address, with the name in the Host header and in the certificate check."""
    scheme, host, port = get_origin(url)
    name = f"[{host}]" if ":" in host else host
    timeouts = httpx.Timeout(timeout, connect=min(_CONNECT_TIMEOUT, timeout))
    return httpx.Request(
        method,
        httpx.URL(url).copy_with(host=place, port=None if port == _DEFAULT_PORTS[scheme] else port),
        headers={"Host": name if port == _DEFAULT_PORTS[scheme] else f"{name}:{port}", **headers},
        content=body or None,
        extensions={"sni_hostname": host, "timeout": timeouts.as_dict()},
    )


async def _read(response: httpx.Response, max_bytes: int) -> bytes:
    """Return the body, at most so many bytes of it."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= max_bytes:
            break
    return bytes(body[:max_bytes])


def _get_host(url: str) -> str:
    try:
        scheme, host, _ = get_origin(url)
    except ValueError:
        scheme = host = ""
    if scheme not in _DEFAULT_PORTS or not host:
        raise AddressForbidden("The URL must begin with http:// or https:// and have a host.")
    return host
