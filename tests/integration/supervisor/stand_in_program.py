"""Run `headgate up` with stand-ins for its processes: `python -m tests.integration.supervisor.stand_in_program HOME PORT`.

Each stand-in appends `NAME begin PID` to the file `events` in the folder EVENTS_FOLDER, and `NAME end` when it is asked to stop.
It exits with 2 at once while that folder has the file `NAME-cannot-start`.
"""

from __future__ import annotations

import asyncio
import http.server
import os
import signal
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit


def record(text: str) -> None:
    with (Path(os.environ["EVENTS_FOLDER"]) / "events").open("a") as file:
        file.write(f"{time.monotonic()} {text}\n")


def run_stand_in(name: str) -> None:
    """Answer every GET with 200 until TERM or the parent's end. The stand-in named by STUBBORN ignores the stop."""
    from entrypoints.process.parent_watch import watch_parent

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    cannot_start = (Path(os.environ["EVENTS_FOLDER"]) / f"{name}-cannot-start").exists()
    record(f"{name} begin {os.getpid()}")
    if cannot_start:
        print(f"headgate: {name} cannot read a file", file=sys.stderr)
        sys.exit(2)
    watch_parent(stop.set)
    url = os.environ.get("PREFECT_API_URL") if name == "prefect" else os.environ["HEADGATE_URL"]
    if name != "worker":
        server = http.server.ThreadingHTTPServer(("127.0.0.1", urlsplit(url or "").port or 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    while not stop.wait(0.05):
        pass
    record(f"{name} end")
    if os.environ.get("STUBBORN") == name:
        time.sleep(600)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *_: object) -> None:
        pass


async def run_supervisor(home: str, port: str) -> None:
    from entrypoints.settings import Settings
    from entrypoints.supervisor.process_plan import ProcessPlan
    from entrypoints.supervisor.supervisor import Supervisor

    module = "tests.integration.supervisor.stand_in_program"
    commands = {name: [sys.executable, "-m", module, "--as", name] for name in ("web", "worker", "prefect")}
    settings = Settings.read(home=Path(home), port=int(port))
    await Supervisor(settings, ProcessPlan(settings, commands=commands), migrate=lambda url: record("migrated")).run()


if __name__ == "__main__":
    if sys.argv[1] == "--as":
        run_stand_in(sys.argv[2])
    else:
        from entrypoints.cli.error_reporting import exit_on_known_errors

        with exit_on_known_errors():
            asyncio.run(run_supervisor(sys.argv[1], sys.argv[2]))
