"""HTTP clients reach this machine whatever the proxy variables are, and other hosts through the proxy."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.http_client import open_http_client

ODD_ENVIRONMENTS = [
    {"ALL_PROXY": "socks5://127.0.0.1:9"},
    {"all_proxy": "socks5h://127.0.0.1:9", "HTTP_PROXY": "socks4://127.0.0.1:9"},
    {"http_proxy": "http://127.0.0.1:9"},
    {"HTTP_PROXY": "::not a url::", "NO_PROXY": "[::,http://[,*:x"},
    {"HTTP_PROXY": "proxy.corp:abc"},
    {"ftp_proxy": "ftp://127.0.0.1:9", "ALL_PROXY": "unix:///x"},
]


@contextlib.asynccontextmanager
async def a_server(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Yield the port of a server on loopback and the request lines that it got."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got


@pytest.mark.parametrize("environment", ODD_ENVIRONMENTS)
async def test_this_machine_is_reached_directly(environment: dict[str, str]) -> None:
    async with a_server(b"direct") as (port, got):
        url = f"http://127.0.0.1:{port}"
        async with open_http_client([url], environment, base_url=url) as client:
            assert (await client.get("/x")).text == "direct"

    assert got == [b"GET /x HTTP/1.1"]


async def test_another_host_is_reached_through_the_proxy() -> None:
    async with a_server(b"proxied") as (port, got):
        environment = {"http_proxy": f"http://127.0.0.1:{port}", "ALL_PROXY": "socks5://127.0.0.1:9"}
        async with open_http_client(["http://headgate.invalid"], environment) as client:
            assert (await client.get("http://headgate.invalid/x")).text == "proxied"

    assert got == [b"GET http://headgate.invalid/x HTTP/1.1"]


@pytest.mark.parametrize("environment", [{"ALL_PROXY": "socks5://127.0.0.1:9"}, {"HTTP_PROXY": "http://proxy:abc"}, {"all_proxy": "x://"}])
async def test_a_proxy_that_cannot_be_used_fails_the_request_with_one_line(environment: dict[str, str]) -> None:
    async with open_http_client(["http://headgate.invalid"], environment) as client:
        with pytest.raises(httpx.ProxyError) as failure:
            await client.get("http://headgate.invalid/x")

    (name,) = environment
    assert str(failure.value).startswith(f"{name} is ")
    assert "\n" not in str(failure.value)
