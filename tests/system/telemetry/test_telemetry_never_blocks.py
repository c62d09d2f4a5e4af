"""What an agent that is away costs, in counts: no span and no figure waits for it, and what is kept for it has an end."""

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

from tests.support.datadog_agent import free_ports
from tests.support.running_headgate import ROOT

ROOM = 8 << 20
"""Bytes of spans that are kept, as `docs/datadog.md` says."""
PACKETS = 256
AT_ONCE = 500


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Its next words; it has a minute for them."""
    assert process.stdout is not None and process.stderr is not None
    assert select.select([process.stdout], [], [], 60)[0], "it waits for somebody"
    line = process.stdout.readline()
    assert line, process.stderr.read()
    found: dict[str, Any] = json.loads(line)
    return found


@contextlib.contextmanager
def unheard(does: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    clean = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith(("DD_", "HEADGATE_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.system.telemetry.unreachable_agent_program", does],
        cwd=ROOT,
        env=clean | environment,
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


def nobody() -> dict[str, str]:
    traces, figures = free_ports(2)
    return {"DD_TRACE_AGENT_URL": f"http://127.0.0.1:{traces}", "DD_DOGSTATSD_URL": f"udp://127.0.0.1:{figures}"}


def lines_in(agent: socket.socket) -> int:
    """How many figures the socket holds."""
    agent.setblocking(False)
    lines = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            lines += len(agent.recv(1 << 16).splitlines())
    return lines


def still_waits(connection: socket.socket) -> bool:
    """Whether who sent over it is still there for the answer: it neither hung up nor has more to say."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 20):
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def test_requests_go_on_while_a_send_waits_for_an_agent_that_is_silent() -> None:
    with a_silent_agent() as agent, unheard("asked", DD_TRACE_AGENT_URL=address(agent)) as process:
        assert process.stdin is not None

        def ask() -> int:
            print(AT_ONCE, file=process.stdin, flush=True)
            return int(said(process)["over"])

        first = ask()
        during = 0
        for _ in range(20):  # a machine may be so busy that a send gives up meanwhile: the next one will do
            connection, _ = agent.accept()
            with connection:
                assert select.select([connection], [], [], 60)[0], "nothing was sent"
                over = ask()
                if still_waits(connection):
                    during += over
                    break

    assert first == AT_ONCE
    assert during == AT_ONCE, "every span was over while its agent's answer was waited for"


def test_spans_that_nobody_takes_are_kept_up_to_a_measure_and_then_dropped() -> None:
    with a_silent_agent() as agent, unheard("flooded", DD_TRACE_AGENT_URL=address(agent)) as process:
        kept = said(process)

    assert kept["room"] == ROOM
    assert kept["size"] <= ROOM
    assert 0 < kept["kept"] <= ROOM // 4_000, "each of the 4,000 has a text of as many bytes"


def test_figures_that_nobody_reads_are_dropped(tmp_path: Path) -> None:
    """The agent's socket is there and soon full: by it a sender that waits would be found, as by UDP it never is."""
    path = tmp_path / "dsd.socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as agent:
        agent.bind(str(path))
        with unheard("figures", **nobody() | {"DD_DOGSTATSD_URL": f"unix://{path}"}) as process:
            left = said(process)
        arrived = lines_in(agent)

    assert 0 < arrived < left["told"], "some came through, and the others were waited for by nobody"
    assert left["waiting"] <= left["room"] == PACKETS
    assert left["patience"] == 0, "seconds that a figure waits for room"


def test_names_are_looked_up_and_packets_sent_by_threads_beside() -> None:
    """A name server that is slow, or a port that refuses, is felt by no request."""
    with unheard("reached", **nobody() | {"DD_DOGSTATSD_URL": "udp://localhost:9"}) as process:
        threads = said(process)

    assert threads["beside"] > 0
    assert "main" not in threads
