"""A secret that is let loose in a whole Headgate, and the places where it must not be found."""

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

SAYING: Final = r"""
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
"""Prints the canary in every form: whole, in two writes at every third place, over many lines, and without an end of line."""


def traces_of(secret: str) -> list[bytes]:
    """What gives it away: as it is, in URLs, JSON and hexadecimal, and what of each base64 alignment it alone decides."""
    raw = secret.encode()
    found = [raw, quote(secret, "").encode(), quote(secret).encode(), quote_plus(secret).encode(), json.dumps(secret)[1:-1].encode()]
    found += [raw.hex().encode(), raw.hex().upper().encode()]
    return found + [base64.b64encode(b"\0" * before + raw)[before + 1 if before else 0 :][: len(raw) * 8 // 6 - 1] for before in range(3)]


def found_in(said: bytes) -> list[bytes]:
    """The traces in it; line ends are looked through."""
    plain = said.replace(b"\n", b"").replace(b"\r", b"")
    return [trace for trace in traces_of(CANARY) if trace in plain]


def tables_of(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of both databases, as text, by table."""
    server = EmbeddedPostgres(home)
    server.start()  # finds it running, and is not what stops it
    for database in (DATABASE, PREFECT_DATABASE):
        with server.connection(database) as connection:
            listed = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            for schema, table in connection.execute(listed).fetchall():
                whole = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table))
                rows = connection.execute(whole).fetchall()
                yield f"{database}.{table}", "\n".join(str(row[0]) for row in rows).encode()


class Listening:
    """The stream of everything, held open in a thread. `leave` ends it with the next event that comes."""

    def __init__(self, url: str) -> None:
        self.said = bytearray()
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
                self.said += chunk
                self._opened.set()  # the first chunk is the viewer's place
                if self._leaving.is_set():
                    return


@contextmanager
def an_echo() -> Iterator[int]:
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
