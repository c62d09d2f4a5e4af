"""An HTTP server that records every status update and answers as the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it was received."""

    path: str
    authorization: str | None
    body: dict[str, Any]

    @property
    def word(self) -> str:
        return f"{self.body.get('stage_name', 'run')} {self.body['status']}"


class Recorder:
    """Listens on a free loopback port inside a `with` block. `answer` is called with each request and its number, from 1."""

    def __init__(self, answer: Callable[[Seen, int], Answer]) -> None:
        self.seen: list[Seen] = []
        self.answer = answer
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                seen = Seen(self.path, self.headers["Authorization"], body)
                recorder.seen.append(seen)
                status, answer = recorder.answer(seen, len(recorder.seen))
                payload = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def words(self) -> list[str]:
        return [seen.word for seen in self.seen]

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
