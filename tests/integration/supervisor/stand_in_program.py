"""`headgate up` with stand-ins for web, worker and Prefect: `python -m tests.integration.supervisor.stand_in_program HOME PORT NOTES`.

Each stand-in writes a line `NAME begin PID` to the folder NOTES, and `NAME end` when it is told to stop.
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


def note(text: str) -> None:
    with (Path(os.environ["NOTES"]) / "notes").open("a") as file:
        file.write(f"{time.monotonic()} {text}\n")


def stand_in(name: str) -> None:
    from entrypoints.process.parent_watch import watch_parent

    note(f"{name} begin {os.getpid()}")
    over = threading.Event()
    watch_parent(over.set)
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    address = os.environ.get("PREFECT_API_URL") if name == "prefect" else os.environ["HEADGATE_URL"]
    if name != "worker":
        server = http.server.ThreadingHTTPServer(("127.0.0.1", urlsplit(address or "").port or 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    while not over.wait(0.05):
        pass
    note(f"{name} end")
    if os.environ.get("STUBBORN") == name:
        time.sleep(600)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *_: object) -> None:
        pass


async def up(home: str, port: str) -> None:
    from entrypoints.settings import Settings
    from entrypoints.supervisor.process_plan import ProcessPlan
    from entrypoints.supervisor.supervisor import Supervisor

    commands = {
        name: [sys.executable, "-m", "tests.integration.supervisor.stand_in_program", "--as", name] for name in ("web", "worker", "prefect")
    }
    settings = Settings.read(home=Path(home), port=int(port))
    await Supervisor(settings, ProcessPlan(settings, commands=commands), migrate=lambda url: note("migrated")).run()


if __name__ == "__main__":
    if sys.argv[1] == "--as":
        stand_in(sys.argv[2])
    else:
        from entrypoints.cli.error_reporting import exit_on_known_errors

        with exit_on_known_errors():
            asyncio.run(up(sys.argv[1], sys.argv[2]))
