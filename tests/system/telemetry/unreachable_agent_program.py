"""A process that tells all it has to an agent that is not there, or never answers; `test_nobody_waits` reads what it prints."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from typing import Any

from adapters.telemetry.setup import start_telemetry
from application.observability.metrics import Metric

REACHING = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
LONG = "x" * 4_000
FIGURES = 50_000


def say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


def spans(telemetry: Any, number: int) -> None:
    """Each a trace of its own, as a request's is."""
    for each in range(number):
        with telemetry.span("headgate.use_case", "ReportStatus") as span:
            span.tag(text=f"{each} {LONG}")


def asked(telemetry: Any) -> None:
    """Makes as many spans as each line of the input says, and answers when all of them are over."""
    for line in sys.stdin:
        spans(telemetry, int(line))
        say(over=int(line))


def flooded(telemetry: Any) -> None:
    """More than may be kept: says what is kept of it."""
    from ddtrace.trace import tracer

    spans(telemetry, 4_000)
    encoder = tracer._span_aggregator.writer._clients[0].encoder
    say(kept=len(encoder), size=encoder.size, room=encoder.max_size)


def figures(telemetry: Any) -> None:
    """Many more than an agent takes that does not read: says when all are told, and how many may wait."""
    for number in range(FIGURES):
        telemetry.distribution(Metric.REQUEST_DURATION, 0.01, route=f"/{number % 50}", method="GET")
    queue = telemetry._metrics._statsd._queue
    say(told=FIGURES, waiting=len(queue._deque), room=queue._maxsize, patience=queue._put_timeout)


def reached(telemetry: Any) -> None:
    """Says which threads reached for the network by Python's sockets while spans and figures were told."""
    threads: Counter[str] = Counter()
    seen = threading.Event()

    def heard(event: str, _args: tuple[Any, ...]) -> None:
        if event in REACHING:
            threads["main" if threading.current_thread() is threading.main_thread() else "beside"] += 1
            seen.set()

    sys.addaudithook(heard)
    while not seen.is_set():
        spans(telemetry, 10)
        for _ in range(200):
            telemetry.count(Metric.REQUESTS, route="/", method="GET", status=200)
        seen.wait(0.01)
    say(**threads)


if __name__ == "__main__":
    {each.__name__: each for each in (asked, flooded, figures, reached)}[sys.argv[1]](start_telemetry("web", "auto"))
    sys.stdout.flush()
    os._exit(0)  # giving up on an agent is another test's
