"""A stand-in for nginx on a machine without it: `nginx_stand_in.py FILE` serves as deploy/nginx/headgate.conf says.

It knows one upstream with several servers, a server that redirects to https, and a server with TLS that passes everything on, one request a
connection. It does as nginx does with `proxy_buffering off`: what arrives is sent on at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.reverse_proxy import copy_stream, drop_connection_header

_SET: Final = re.compile(rb"(?im)^(x-forwarded-(?:for|proto)):.*\r\n")
_BAD_GATEWAY: Final = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Configuration:
    """The contents of the file. `secure` has the upstreams of each address with TLS."""

    plain: Address
    secure: dict[Address, list[Address]]
    certificate: str
    key: str


def read_configuration(text: str) -> Configuration:
    """Parse the file. Fail if a directive on which the stand-in relies is missing."""
    assert "proxy_buffering off;" in text and "proxy_set_header X-Forwarded-For $remote_addr;" in text
    upstreams = {"headgate": [_parse_address(address) for address in re.findall(r"^ +server (\S+:\d+)", text, re.MULTILINE)]}
    (plain,) = re.findall(r"listen (\S+);", text)
    passed = re.findall(r"listen (\S+) ssl.*?proxy_pass http://(\S+);", text, re.DOTALL)
    secure = {_parse_address(address): upstreams.get(target) or [_parse_address(target)] for address, target in passed}
    certificate, key = (re.findall(rf"{name} (\S+);", text)[0] for name in ("ssl_certificate", "ssl_certificate_key"))
    return Configuration(_parse_address(plain), secure, certificate, key)


def _parse_address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host or "0.0.0.0", int(port)


async def serve(configuration: Configuration) -> None:
    """Serve until the process is ended."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(configuration.certificate, configuration.key)
    servers = [await asyncio.start_server(_redirect, *configuration.plain)]
    for address, upstreams in configuration.secure.items():
        servers.append(await asyncio.start_server(Proxy(upstreams).pass_on, *address, ssl=tls, limit=1 << 20))
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    path, host = head.split()[1], re.findall(rb"(?im)^host: *([^:\r]+)", head)[0]
    writer.write(b"HTTP/1.1 301 Moved\r\nLocation: https://%b%b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (host, path))
    writer.close()


class Proxy:
    """Passes each request on to one of the upstreams, in turn."""

    def __init__(self, upstreams: list[Address]) -> None:
        self._upstreams = upstreams
        self._next = 0

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            await self._try_each(_set_headers(head, writer.get_extra_info("peername")[0]), reader, writer)
        writer.close()

    async def _try_each(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use the next upstream if one refuses the connection, or ends it without an answer to a GET."""
        for _ in self._upstreams:
            self._next += 1
            try:
                answers, requests = await asyncio.open_connection(*self._upstreams[self._next % len(self._upstreams)])
            except ConnectionError:
                continue
            requests.write(head)
            sending = asyncio.create_task(copy_stream(reader, requests))
            first = await _read_first(answers)
            if first or not head.startswith(b"GET "):
                writer.write(first)
                await copy_stream(answers, writer)
                sending.cancel()
                return
            sending.cancel()
        writer.write(_BAD_GATEWAY)


async def _read_first(answers: asyncio.StreamReader) -> bytes:
    """Return the first bytes, or none if the connection ends."""
    try:
        return await answers.read(1 << 16)
    except ConnectionError:
        return b""


def _set_headers(head: bytes, client: str) -> bytes:
    """Return the head with the headers that the configuration sets. A WebSocket keeps its own `Connection`."""
    line, _, headers = head.partition(b"\r\n")
    if not re.search(rb"(?im)^upgrade:", headers):
        headers = b"Connection: close\r\n" + drop_connection_header(headers)
    forwarded = b"X-Forwarded-Proto: https\r\nX-Forwarded-For: %b\r\n" % client.encode()
    return line + b"\r\n" + forwarded + _SET.sub(b"", headers)


if __name__ == "__main__":
    asyncio.run(serve(read_configuration(Path(sys.argv[1]).read_text())))
