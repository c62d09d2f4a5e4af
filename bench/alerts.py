"""Measure alerts: `python -m bench.alerts`.

What rules cost a run; how soon the first message about a failure arrives; and whether 100 messages a second reach a receiver in time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.support.measurements import Measurement, latency, print_measurements, print_progress, throughput
from bench.support.runs import RUN_SECONDS, create_pipeline, get_finish_time, repeat, time_run
from bench.support.stack import Stack, bench_stack, wait_until
from bench.support.webhook_receiver import WebhookReceiver, webhook_receiver

CHANNELS, ENDS_PER_SECOND, SECONDS = 5, 20, 10
"""Each end of a run is reported to that many channels, so 100 messages are due each second."""
_WARM_UP_RUNS = 3


def main() -> None:
    with alerting_stack() as (stack, receiver):
        print_measurements(measure(stack, receiver))


@contextmanager
def alerting_stack() -> Iterator[tuple[Stack, WebhookReceiver]]:
    """Run a Headgate with channels to a receiver on loopback."""
    with webhook_receiver() as receiver:
        settings = {"HEADGATE_HTTP_ALLOW": "127.0.0.1/32", "HEADGATE_HTTP_PORTS": f"80,443,{receiver.port}"}
        with bench_stack(settings) as (stack, _):
            for number in range(CHANNELS):
                body = {"name": f"hook-{number}", "kind": "webhook", "settings": {"url": f"{receiver.url}/hook-{number}"}}
                stack.http.post("/channels/", json=body).raise_for_status()
            yield stack, receiver


def measure(stack: Stack, receiver: WebhookReceiver, runs: int = 60, seconds: float = SECONDS) -> list[Measurement]:
    """Run on a stack that is ready."""
    return [
        *_measure_runs(stack, runs),
        _measure_first_messages(stack, receiver, max(3, runs // 10)),
        *_measure_rate(stack, receiver, seconds),
    ]


def _measure_runs(stack: Stack, runs: int) -> list[Measurement]:
    """Run pipelines with and without rules in turn, so that both meet the same load of the machine."""
    stages = [{"name": "work", "command": ["/bin/true"]}]
    rules = [{"on": ["failed", "lost"], "to": ["hook-0"]}, {"name": "ends", "on": ["completed"], "to": ["hook-1"]}]
    create_pipeline(stack.http, "bench-unwatched", stages)
    create_pipeline(stack.http, "bench-watched", stages, alerts=rules)
    samples: dict[str, list[float]] = {"bench-unwatched": [], "bench-watched": []}

    def run_both() -> float:
        for name, found in samples.items():
            found.append(time_run(stack.http, name))
            time.sleep(0.3)
        return 0.0

    repeat("warming up", _WARM_UP_RUNS, run_both)
    for found in samples.values():
        found.clear()
    repeat("runs with and without alerts", runs, run_both)
    without = latency("a run of one stage, without alerts", samples["bench-unwatched"])
    return [without, latency("a run of one stage, with two rules", samples["bench-watched"], without)]


def _measure_first_messages(stack: Stack, receiver: WebhookReceiver, times: int) -> Measurement:
    """Let runs fail, each of another pipeline, and time the arrival of their messages."""
    stages = [{"name": "work", "command": ["/bin/false"]}]
    for number in range(times):
        create_pipeline(stack.http, f"bench-failing-{number}", stages, alerts=[{"on": ["failed"], "to": ["hook-2"]}])
    numbers = iter(range(times))

    def fail() -> float:
        receiver.clear()
        run_id = stack.http.post(f"/trigger/bench-failing-{next(numbers)}").raise_for_status().json()["run_id"]
        wait_until(lambda: bool(receiver.arrivals), RUN_SECONDS, "the message")
        return receiver.arrivals[0] - get_finish_time(stack.http.get(f"/runs/{run_id}").raise_for_status().json())

    # More than five openings within 30 seconds would share a message.
    return latency("end of a run → arrival of the message about its failure", repeat("failing runs", times, fail, pause=7.0))


def _measure_rate(stack: Stack, receiver: WebhookReceiver, seconds: float) -> list[Measurement]:
    """Report ends of runs at a steady pace, and time the arrival of their messages."""
    to = [f"hook-{number}" for number in range(CHANNELS)]
    stages = [{"name": "work", "kind": "external"}]
    create_pipeline(stack.http, "bench-reported", stages, alerts=[{"on": ["completed"], "to": to}])
    receiver.clear()
    total, started = round(seconds * ENDS_PER_SECOND), time.time()
    for number in range(total):
        time.sleep(max(0.0, started + number / ENDS_PER_SECOND - time.time()))
        report = {"pipeline_id": "bench-reported", "stage_name": "work", "status": "completed", "event_id": f"end-{number}"}
        stack.http.post("/status-update/", json=report).raise_for_status()
    print_progress("reported ends", total, total)
    wait_until(lambda: len(receiver.arrivals) >= total * CHANNELS, RUN_SECONDS, "all messages", lambda: f"{len(receiver.arrivals)} arrived")
    arrivals = sorted(receiver.arrivals)[: total * CHANNELS]
    offered = throughput("messages that were due", CHANNELS * ENDS_PER_SECOND)
    delays = [arrival - (started + index // CHANNELS / ENDS_PER_SECOND) for index, arrival in enumerate(arrivals)]
    rate = len(arrivals) / (arrivals[-1] - started)
    return [
        throughput("messages delivered to one receiver", rate, offered),
        latency(f"end of a run → arrival, at {CHANNELS * ENDS_PER_SECOND} messages a second", delays),
    ]


if __name__ == "__main__":
    main()
