"""A program whose agent is missing or never responds. `test_telemetry_never_blocks` reads what it prints."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from typing import Any

from adapters.telemetry.setup import start_telemetry
from application.observability.metrics import Metric

NETWORK_EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
LONG_TEXT = "x" * 4_000
METRICS = 50_000


def print_line(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def create_spans(telemetry: Any, number: int) -> None:
    """Create traces of one span each, as requests do."""
    for each in range(number):
        with telemetry.span("headgate.use_case", "ReportStatus") as span:
            span.tag(text=f"{each} {LONG_TEXT}")


def answer_input(telemetry: Any) -> None:
    """Create as many spans as each input line says, and print a line when they have ended."""
    for line in sys.stdin:
        create_spans(telemetry, int(line))
        print_line(over=int(line))


def fill_buffer(telemetry: Any) -> None:
    """Create more spans than the buffer holds, and print how many it has."""
    from ddtrace.trace import tracer

    create_spans(telemetry, 4_000)
    encoder = tracer._span_aggregator.writer._clients[0].encoder
    print_line(spans=len(encoder), size=encoder.size, capacity=encoder.max_size)


def send_metrics(telemetry: Any) -> None:
    """Send more metrics than the socket holds, and print how many wait."""
    for number in range(METRICS):
        telemetry.distribution(Metric.REQUEST_DURATION, 0.01, route=f"/{number % 50}", method="GET")
    queue = telemetry._metrics._statsd._queue
    print_line(sent=METRICS, waiting=len(queue._deque), capacity=queue._maxsize, timeout=queue._put_timeout)


def report_threads(telemetry: Any) -> None:
    """Print which threads used the network while spans and metrics were sent."""
    threads: Counter[str] = Counter()
    seen = threading.Event()

    def on_audit_event(event: str, _args: tuple[Any, ...]) -> None:
        if event in NETWORK_EVENTS:
            threads["main" if threading.current_thread() is threading.main_thread() else "background"] += 1
            seen.set()

    sys.addaudithook(on_audit_event)
    while not seen.is_set():
        create_spans(telemetry, 10)
        for _ in range(200):
            telemetry.count(Metric.REQUESTS, route="/", method="GET", status=200)
        seen.wait(0.01)
    print_line(**threads)


if __name__ == "__main__":
    {each.__name__: each for each in (answer_input, fill_buffer, send_metrics, report_threads)}[sys.argv[1]](start_telemetry("web", "auto"))
    sys.stdout.flush()
    os._exit(0)  # how a process stops without its agent is another test
