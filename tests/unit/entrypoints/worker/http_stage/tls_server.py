"""A TLS server on loopback for any name."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class TlsServer(http.server.ThreadingHTTPServer):
    """`heard` collects the server name of each handshake and the Host of each request."""

    daemon_threads = True

    def __init__(self, certificate: Path, key: Path, answers: dict[str, tuple[int, dict[str, str], bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.names: list[str | None] = []
        self.heard: list[tuple[str | None, str, dict[str, str]]] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: Any) -> None:
        """Ignore clients that reject the certificate and disconnect."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: TlsServer

    def do_GET(self) -> None:
        self.server.heard.append((self.headers.get("Host"), self.path, dict(self.headers.items())))
        status, headers, content = self.server.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def a_secured(certificate: Path, key: Path, answers: dict[str, tuple[int, dict[str, str], bytes]]) -> Iterator[TlsServer]:
    server = TlsServer(certificate, key, answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Stalling:
    """Answers with headers and the beginning of a body, then stays silent until it is stopped."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.hung_up = threading.Event()


@contextmanager
def a_stalling_server() -> Iterator[tuple[int, Stalling]]:
    """Its port, and what happened: a request whose body `begun`, a client that `hung_up`."""
    happened = Stalling()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"half of")
            happened.begun.set()
            self.connection.settimeout(60)
            if not self.connection.recv(1):
                happened.hung_up.set()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port, happened
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def resolving(places: dict[str, Sequence[Sequence[str]]], asked: list[str]) -> Any:
    """Return a resolver that gives a name's answers one after another and repeats the last. It records the names in `asked`."""
    turns = {name: [list(answer) for answer in answers] for name, answers in places.items()}

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        left = turns[host]
        answer = left.pop(0) if len(left) > 1 else left[0]
        return [(2, 1, 6, "", (address, port)) for address in answer]

    return resolve
