"""A killed worker has already sent the spans that had finished."""

import os
import subprocess
import sys

from tests.support.datadog_agent import DatadogTestAgent, wait_until
from tests.support.running_headgate import ROOT

PROGRAM = """
import sys
from adapters.telemetry.setup import start_telemetry
telemetry = start_telemetry("worker", "auto")
with telemetry.span("headgate.dispatch", "unfinished"):
    with telemetry.span("headgate.stage", "finished"):
        pass
    with telemetry.span("headgate.stage", "running"):
        sys.stdin.read()
"""


def test_a_killed_worker_has_sent_the_spans_of_finished_attempts(agent: DatadogTestAgent) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith(("DD_", "HEADGATE_"))}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, env=inherited | agent.environment, stdin=subprocess.PIPE) as worker:
        try:
            wait_until(lambda: "finished" in get_resources(agent), 30)
        finally:
            worker.kill()

    assert get_resources(agent).isdisjoint({"unfinished", "running"}), "these spans never finished"


def get_resources(agent: DatadogTestAgent) -> set[str]:
    return {span["resource"] for span in agent.get_all_spans()}
