"""Without an agent, no span and no metric waits, and what is buffered is limited."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.ports import find_free_port
from tests.support.running_headgate import ROOT

BUFFER_BYTES = 8 << 20
"""The bytes of spans that are buffered, as documented for Datadog."""
MAX_PACKETS = 256
SPANS = 500


def read_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the program's next JSON line, within a minute."""
    assert process.stdout is not None and process.stderr is not None
    assert select.select([process.stdout], [], [], 60)[0], "it does not respond"
    line = process.stdout.readline()
    assert line, process.stderr.read()
    values: dict[str, Any] = json.loads(line)
    return values


@contextlib.contextmanager
def run_program(function: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    inherited = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith(("DD_", "HEADGATE_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.system.telemetry.unreachable_agent_program", function],
        cwd=ROOT,
        env=inherited | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def a_silent_agent() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        server.settimeout(60)
        yield server


def address(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def unreachable_agent() -> dict[str, str]:
    traces, metrics = find_free_port(), find_free_port()
    return {"DD_TRACE_AGENT_URL": f"http://127.0.0.1:{traces}", "DD_DOGSTATSD_URL": f"udp://127.0.0.1:{metrics}"}


def count_lines(agent: socket.socket) -> int:
    """Return how many metrics wait in the socket."""
    agent.setblocking(False)
    lines = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            lines += len(agent.recv(1 << 16).splitlines())
    return lines


def is_waiting(connection: socket.socket) -> bool:
    """Return True if the sender still waits for a response: it has neither closed the connection nor more to send."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 20):
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def test_requests_continue_while_a_send_waits_for_a_silent_agent() -> None:
    with a_silent_agent() as agent, run_program("answer_input", DD_TRACE_AGENT_URL=address(agent)) as process:
        assert process.stdin is not None

        def ask() -> int:
            print(SPANS, file=process.stdin, flush=True)
            return int(read_line(process)["over"])

        first = ask()
        during = 0
        for _ in range(20):  # on a busy machine a send may time out, then the next one counts
            connection, _ = agent.accept()
            with connection:
                assert select.select([connection], [], [], 60)[0], "nothing was sent"
                over = ask()
                if is_waiting(connection):
                    during += over
                    break

    assert first == SPANS
    assert during == SPANS, "spans ended while the sender waited for the agent"


def test_spans_that_no_agent_reads_are_buffered_up_to_a_limit() -> None:
    with a_silent_agent() as agent, run_program("fill_buffer", DD_TRACE_AGENT_URL=address(agent)) as process:
        buffer = read_line(process)

    assert buffer["capacity"] == BUFFER_BYTES
    assert buffer["size"] <= BUFFER_BYTES
    assert 0 < buffer["spans"] <= BUFFER_BYTES // 4_000, "each of the 4,000 spans has a text of 4,000 bytes"


def test_metrics_that_no_agent_reads_are_dropped(tmp_path: Path) -> None:
    """The agent's socket exists and is soon full. A sender that waits would be found here, but not with UDP."""
    path = tmp_path / "dsd.socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as agent:
        agent.bind(str(path))
        with run_program("send_metrics", **unreachable_agent() | {"DD_DOGSTATSD_URL": f"unix://{path}"}) as process:
            queue = read_line(process)
        arrived = count_lines(agent)

    assert 0 < arrived < queue["sent"], "some arrived, and the program did not wait for the others"
    assert queue["waiting"] <= queue["capacity"] == MAX_PACKETS
    assert queue["timeout"] == 0, "seconds that a metric waits for space"


def test_background_threads_resolve_names_and_send_packets() -> None:
    """A slow name server or a closed port does not delay requests."""
    with run_program("report_threads", **unreachable_agent() | {"DD_DOGSTATSD_URL": "udp://localhost:9"}) as process:
        threads = read_line(process)

    assert threads["background"] > 0
    assert "main" not in threads
