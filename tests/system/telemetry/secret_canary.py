"""A secret that stages leak on purpose, and the places where it must not appear."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, quote_plus

import httpx
from psycopg import sql

from adapters.persistence.embedded.server import DATABASE, PREFECT_DATABASE, EmbeddedPostgres

CANARY: Final = "s3cr3t-Canary/value+42 =ok"

LEAKING_PROGRAM: Final = r"""
import base64, os, sys, time
from urllib.parse import quote
canary = os.environ["CANARY"]
write = sys.stdout.buffer.write
for form in (canary.encode(), base64.b64encode(canary.encode()), quote(canary, safe="").encode(), canary.encode().hex().encode()):
    write(b"whole " + form + b"\n")
    for cut in range(1, len(form), 3):
        write(b"cut " + form[:cut]); sys.stdout.flush(); time.sleep(0.002)
        write(form[cut:] + b"\n")
    write(b"wrapped " + b"\n".join(form[at:at + 5] for at in range(0, len(form), 5)) + b"\n")
    write(b"no end " + form); sys.stdout.flush()
    write(b"\n")
sys.stdout.flush()
print("on the other stream", canary, file=sys.stderr)
print("said it all")
sys.exit(f"and failed with {canary}")
"""
"""Prints the secret in every form: whole, in two writes split at every third position, over many lines, and without a line end."""


def encode_all_ways(secret: str) -> list[bytes]:
    """Return the byte strings that reveal the secret: plain, in URLs, JSON, hexadecimal, and in each base64 alignment."""
    raw = secret.encode()
    found = [raw, quote(secret, "").encode(), quote(secret).encode(), quote_plus(secret).encode(), json.dumps(secret)[1:-1].encode()]
    found += [raw.hex().encode(), raw.hex().upper().encode()]
    return found + [base64.b64encode(b"\0" * before + raw)[before + 1 if before else 0 :][: len(raw) * 8 // 6 - 1] for before in range(3)]


def find_traces(text: bytes) -> list[bytes]:
    """Return the encodings of the secret that occur in the text, ignoring line ends."""
    plain = text.replace(b"\n", b"").replace(b"\r", b"")
    return [trace for trace in encode_all_ways(CANARY) if trace in plain]


def read_tables(home: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each table of both databases with its rows as text."""
    server = EmbeddedPostgres(home)
    server.start()  # it is already running, and this object does not stop it
    for database in (DATABASE, PREFECT_DATABASE):
        with server.connection(database) as connection:
            listed = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            for schema, table in connection.execute(listed).fetchall():
                whole = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table))
                rows = connection.execute(whole).fetchall()
                yield f"{database}.{table}", "\n".join(str(row[0]) for row in rows).encode()


class EventStreamReader:
    """Reads the stream of all events in a thread. `leave` ends it at the next event."""

    def __init__(self, url: str) -> None:
        self.content = bytearray()
        self._url = f"{url}/events/"
        self._opened, self._leaving = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._opened.wait(20)
        return self

    def leave(self) -> None:
        self._leaving.set()

    def __exit__(self, *_: Any) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _listen(self) -> None:
        with httpx.stream("GET", self._url, headers={"Accept": "text/event-stream"}, timeout=60) as answer:
            for chunk in answer.iter_raw():
                self.content += chunk
                self._opened.set()  # the first chunk has the start cursor
                if self._leaving.is_set():
                    return


@contextmanager
def an_echo_server() -> Iterator[int]:
    class Echo(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps({"you sent": self.headers.get("Authorization")}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
