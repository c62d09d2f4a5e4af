"""Responses to HTTP/1.0 clients, which know no chunks: the end of the connection ends the body."""

import asyncio
from collections.abc import Iterator
from typing import Final

_CHUNKED: Final = b"transfer-encoding: chunked\r\n\r\n"


class CloseDelimitedTransport:
    """Passes a response on without its chunk framing. The server writes the head first, then whole chunks, and closes at the end."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._is_chunked: bool | None = None

    def write(self, data: bytes) -> None:
        if self._is_chunked is None:
            self._is_chunked = data.endswith(_CHUNKED)
            self._transport.write(data.removesuffix(_CHUNKED) + b"\r\n" if self._is_chunked else data)
        else:
            self._transport.write(b"".join(_read_chunks(data)) if self._is_chunked else data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()


def _read_chunks(data: bytes) -> Iterator[bytes]:
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        yield rest[:length]
        data = rest[length + 2 :]
