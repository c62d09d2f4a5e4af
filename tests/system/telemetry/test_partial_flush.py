"""A killed worker has already sent the spans that had finished."""

import os
import subprocess
import sys

import pytest

from tests.support.datadog_agent import DatadogTestAgent, wait_until
from tests.support.running_headgate import ROOT

PROGRAM = """
import sys
from adapters.telemetry.setup import start_telemetry
telemetry = start_telemetry("worker", "auto")
with telemetry.span("headgate.dispatch", "unfinished"):
    with telemetry.span("headgate.stage", f"finished {sys.argv[1]}"):
        pass
    with telemetry.span("headgate.stage", "running"):
        sys.stdin.read()
"""


DEAD = "127.0.0.1:9"
PROXIES = [
    {},
    {"http_proxy": f"http://{DEAD}", "ALL_PROXY": f"socks5://{DEAD}", "https_proxy": "http://proxy:abc", "no_proxy": "["},
    {"HTTP_PROXY": DEAD},
    {"all_proxy": f"socks5h://{DEAD}", "NO_PROXY": "example.com"},
    {"ALL_PROXY": "://", "http_proxy": ""},
    {"HTTP_PROXY": f"http://user:password@{DEAD}", "http_proxy": f"http://{DEAD}", "no_proxy": "", "NO_PROXY": ".internal"},
]


@pytest.mark.parametrize("number", range(len(PROXIES)))
def test_a_killed_worker_has_sent_the_spans_of_finished_attempts(agent: DatadogTestAgent, number: int) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith(("DD_", "HEADGATE_"))}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(number)], cwd=ROOT, env=inherited | agent.environment | PROXIES[number], stdin=subprocess.PIPE
    ) as worker:
        try:
            wait_until(lambda: f"finished {number}" in get_resources(agent), 30)
        finally:
            worker.kill()

    assert get_resources(agent).isdisjoint({"unfinished", "running"}), "these spans never finished"


def get_resources(agent: DatadogTestAgent) -> set[str]:
    return {span["resource"] for span in agent.get_all_spans()}
