"""A stub of the API for tests of the command line: real sockets, real parsing of definitions, scripted runs."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from domain.errors import InvalidInput
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.yaml_reader import parse_definition as read_yaml

AT = "2026-11-23T10:00:00Z"
TERMINAL = frozenset({"completed", "failed", "cancelled", "lost"})


@dataclass
class ScriptedRun:
    """A run with scripted events. A stream serves `per_stream` events and drops; the last event waits for `held`."""

    events: list[dict[str, Any]]
    stages: list[dict[str, Any]]
    log: list[str] = field(default_factory=list)
    per_stream: int = 1_000
    streams: bool = True
    held: threading.Event = field(default_factory=threading.Event)
    resumed_from: list[str | None] = field(default_factory=list)
    delivered: int = 0

    @property
    def status(self) -> str:
        seen = self.events if self.held.is_set() else self.events[:-1]
        return next((str(event["status"]) for event in reversed(seen) if event["type"] == "run.moved"), "queued")


def an_event(seq: int, type: str, status: str | None = None, stage: str | None = None, **data: Any) -> dict[str, Any]:
    attempt = data.pop("attempt", 1 if stage else None)
    at = f"2026-11-23T10:00:{seq:02d}Z"
    return {
        "run_id": 7,
        "seq": seq,
        "type": type,
        "at": at,
        "stage": stage,
        "attempt": attempt,
        "status": status,
        "actor": None,
        "data": data,
    }


def a_run(status: str = "completed", **more: Any) -> ScriptedRun:
    """A run with the stage `load` that ends with this status, at once unless a test passes `held`."""
    failed = {"error_message": "disk \x1b[31mfull\x1b[0m"} if status == "failed" else {"records_processed": 336_776}
    events = [
        an_event(1, "run.opened", "queued"),
        an_event(2, "stage.moved", "queued", "load"),
        an_event(3, "stage.moved", "running", "load"),
        an_event(4, "run.moved", "running"),
        an_event(5, "stage.moved", status, "load", **failed),
        an_event(6, "run.moved", status),
    ]
    stage = {"name": "load", "kind": "command", "needs": [], "status": status, "reason": None, "attempt": 1} | failed
    run = ScriptedRun(events, [stage | {"started_at": AT, "finished_at": AT, "output": None}], **more)
    if "held" not in more:
        run.held.set()
    return run


class StubServer:
    """The state of the server. Tests set it up and inspect the requests it received."""

    def __init__(self) -> None:
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.next_run: ScriptedRun = a_run()
        self.triggered: list[dict[str, Any]] = []
        self.unavailable = 0
        self.url = ""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if self.unavailable:
            self.unavailable -= 1
            return 503, {"status": 503, "title": "Try again shortly", "detail": "The database does not respond."}
        for pattern, verb, handler in self._routes():
            if verb == method and (match := re.fullmatch(pattern, path)):
                return handler(*map(unquote, match.groups()), query=query, body=body)
        return 404, {"status": 404, "title": "Not found", "detail": f"There is no {path}."}

    def _routes(self) -> list[tuple[str, str, Callable[..., tuple[int, Any]]]]:
        return [
            (r"/pipelines/?", "GET", self._list),
            (r"/pipelines/?", "POST", self._create),
            (r"/pipelines/([^/]+)", "GET", self._one),
            (r"/pipelines/([^/]+)", "PUT", self._change),
            (r"/pipelines/([^/]+)", "DELETE", self._delete),
            (r"/pipelines/([^/]+)/(pause|resume|archive|unarchive)", "POST", self._change_activation),
            (r"/pipelines/([^/]+)/runs", "GET", self._runs),
            (r"/trigger/([^/]+)", "POST", self._trigger),
            (r"/runs/(7)", "GET", self._run),
            (r"/runs/7/stages", "GET", lambda **_: (200, self.next_run.stages)),
            (r"/runs/7/logs", "GET", self._logs),
        ]

    def _list(self, query: dict[str, list[str]], **_: Any) -> tuple[int, Any]:
        skip, limit = int(query["skip"][0]), int(query["limit"][0])
        return 200, list(self.pipelines.values())[skip : skip + limit]

    def _create(self, body: Any, **_: Any) -> tuple[int, Any]:
        return self._stored(body, 201, len(self.pipelines) + 1, 1)

    def _one(self, ref: str, **_: Any) -> tuple[int, Any]:
        found = self._found(ref)
        return (200, found) if found else (404, {"status": 404, "detail": f"There is no pipeline {ref}."})

    def _change(self, ref: str, body: Any, **_: Any) -> tuple[int, Any]:
        old = self.pipelines[ref]
        status, new = self._stored(body, 200, old["id"], old["revision"])
        if status == 200:
            new.update({name: old[name] for name in ("paused_at", "paused_until", "archived_at")})
        if status == 200 and new != old:
            self.pipelines[ref] = new = new | {"revision": old["revision"] + 1}
        return status, new

    def _change_activation(self, ref: str, action: str, body: Any, **_: Any) -> tuple[int, Any]:
        found = self._found(ref)
        if found is None:
            return 404, {"status": 404, "detail": f"There is no pipeline {ref}."}
        changes = {
            "pause": {"paused_at": AT, "paused_until": body.get("until")},
            "resume": {"paused_at": None, "paused_until": None},
            "archive": {"archived_at": AT},
            "unarchive": {"archived_at": None},
        }
        found.update(changes[action])
        return 200, found

    def _delete(self, ref: str, query: dict[str, list[str]], **_: Any) -> tuple[int, Any]:
        found = self._found(ref) or {}
        if found["archived_at"] is None:
            return 409, {"status": 409, "detail": f"{found['name']} is not archived. Archive it first."}
        if query.get("confirm") != [found["name"]]:
            message = f"must be the pipeline's name, {found['name']}"
            return 422, {"status": 422, "detail": "Invalid", "errors": [{"field": "confirm", "message": message}]}
        del self.pipelines[found["name"]]
        return 204, None

    def _stored(self, body: Any, status: int, id: int, revision: int) -> tuple[int, Any]:
        try:
            written = serialize_pipeline(parse_definition(body))
        except InvalidInput as error:
            errors = [{"field": problem.field, "message": problem.message} for problem in error.problems]
            return 422, {"status": 422, "title": "Invalid input", "detail": str(error), "errors": errors}
        for stage in written["stages"]:
            stage["status"] = "pending"
        pipeline = written | {"id": id, "revision": revision, "status": "pending", "created_at": AT, "links": {}}
        pipeline |= {"paused_at": None, "paused_until": None, "archived_at": None}
        self.pipelines[written["name"]] = pipeline
        return status, pipeline

    def _runs(self, ref: str, **_: Any) -> tuple[int, Any]:
        name = (self._found(ref) or {}).get("name")
        return 200, [self._listed()] if any(one["pipeline"] == name for one in self.triggered) else []

    def _trigger(self, ref: str, body: Any, **_: Any) -> tuple[int, Any]:
        pipeline = self._found(ref)
        assert pipeline
        self.triggered.append({"pipeline": pipeline["name"], "parameters": body["parameters"]})
        return 202, {"run_id": 7, "number": 3, "pipeline_id": pipeline["id"], "status": "queued", "links": {}}

    def _run(self, _id: str, **_: Any) -> tuple[int, Any]:
        return 200, self._as_run()

    def _listed(self) -> dict[str, Any]:
        """The run as a list shows it: explained only when it has finished."""
        run = self._as_run()
        return run if run["status"] in TERMINAL else run | {"why": None}

    def _as_run(self) -> dict[str, Any]:
        status, name = self.next_run.status, self.triggered[-1]["pipeline"] if self.triggered else "flights"
        why = f"It is {status}."
        times = {"created_at": AT, "started_at": AT, "finished_at": "2026-11-23T10:00:02Z" if status in TERMINAL else None}
        return {"id": 7, "number": 3, "pipeline": name, "status": status, "why": why, "records_processed": None} | times

    def _logs(self, query: dict[str, list[str]], **_: Any) -> tuple[int, Any]:
        line = {"at": AT, "stream": "stdout", "stage": "load", "attempt": 1}
        lines = [line | {"n": n, "text": text} for n, text in enumerate(self.next_run.log, 1)]
        after, limit = int(query["after"][0]), int(query["limit"][0])
        return 200, lines[after : after + limit]

    def _found(self, ref: str) -> dict[str, Any] | None:
        by_id = {str(one["id"]): one for one in self.pipelines.values()}
        return self.pipelines.get(ref) or by_id.get(ref)


class _Handler(BaseHTTPRequestHandler):
    stub_server: StubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/runs/7/events":
            self._stream(self.stub_server.next_run)
        else:
            self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        content = self.rfile.read(length)
        body = json.loads(content) if length and self.headers["content-type"] == "application/json" else None
        if self.headers["content-type"] == "application/yaml":
            body = read_yaml(content.decode())
        status, answer = self.stub_server.answer(self.command, parts.path, parse_qs(parts.query), body)
        content = json.dumps(answer).encode() if status != 204 else b""
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, run: ScriptedRun) -> None:
        resumed_from = self.headers.get("last-event-id")
        run.resumed_from.append(resumed_from)
        self.close_connection = True
        if not run.streams:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b": hello\r\n\r\n")
        rest = [event for event in run.events if event["seq"] > int(resumed_from or 0)][: run.per_stream]
        for event in rest:
            if event is run.events[-1]:
                run.held.wait(30)
            self.wfile.write(f"event: {event['type']}\nid: {event['seq']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode())
            run.delivered += 1

    def log_message(self, format: str, *args: Any) -> None:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        return None  # a client that disconnected


@contextmanager
def run_stub_server() -> Iterator[StubServer]:
    """Serve on a free loopback port until the block ends."""
    stub_server = StubServer()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub_server": stub_server}))
    stub_server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub_server
    finally:
        stub_server.next_run.held.set()
        server.shutdown()
        server.server_close()
        thread.join()
