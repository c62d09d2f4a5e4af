"""Opens HTTP clients that use the environment's proxy for the hosts it is meant for, and never for this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from adapters.http_transport import HttpTransport
from adapters.proxies import InvalidProxy, find_proxy, is_proxy_variable

_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=20)


class ProxyTransport(httpx.AsyncBaseTransport):
    """Sends each request through the proxy of its URL, or directly. Raises httpx.ProxyError, in one line, if the proxy cannot be used.

    httpx itself fails to create a client if any proxy variable is malformed or names a SOCKS proxy, whatever the client's URLs are.
    """

    def __init__(self, environment: Mapping[str, str], verify: Any, limits: httpx.Limits) -> None:
        self._environment = {name: value for name, value in environment.items() if is_proxy_variable(name) or name == "REQUEST_METHOD"}
        self._verify, self._limits = verify, limits
        self._transports: dict[str | None, HttpTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._get_transport(request).handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()

    def _get_transport(self, request: httpx.Request) -> HttpTransport:
        try:
            proxy = find_proxy(str(request.url), self._environment)
        except InvalidProxy as reason:
            raise httpx.ProxyError(str(reason), request=request) from None
        if proxy not in self._transports:
            self._transports[proxy] = HttpTransport(verify=self._verify, limits=self._limits, proxy=proxy, trust_env=False)
        return self._transports[proxy]


def open_http_client(urls: Sequence[str], environment: Mapping[str, str] = os.environ, **options: Any) -> httpx.AsyncClient:
    """Return a client for these URLs and those that they lead to. `options` are those of httpx.

    Certificates are verified, by SSL_CERT_FILE or SSL_CERT_DIR if set. Without an https URL they are not loaded, which saves memory.
    """
    verify: Any = httpx.create_ssl_context() if any(url.lower().startswith("https://") for url in urls) else False
    transport = options.pop("transport", None) or ProxyTransport(environment, verify, options.pop("limits", _LIMITS))
    return httpx.AsyncClient(transport=transport, trust_env=False, **options)
