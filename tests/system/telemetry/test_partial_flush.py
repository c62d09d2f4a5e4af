"""A worker that is killed takes nothing along of what had finished."""

import os
import subprocess
import sys

from tests.support.datadog_agent import AnAgent, wait_until
from tests.support.running_headgate import ROOT

DYING = """
import sys
from adapters.telemetry.switch import begin
telemetry = begin("worker", "auto")
with telemetry.span("headgate.dispatch", "dying"):
    with telemetry.span("headgate.stage", "finished"):
        pass
    with telemetry.span("headgate.stage", "running"):
        sys.stdin.read()
"""


def test_a_killed_worker_has_told_of_the_attempts_that_were_over(agent: AnAgent) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith(("DD_", "HEADGATE_"))}
    with subprocess.Popen([sys.executable, "-c", DYING], cwd=ROOT, env=clean | agent.environment, stdin=subprocess.PIPE) as worker:
        try:
            wait_until(lambda: "finished" in resources(agent), 30)
        finally:
            worker.kill()

    assert resources(agent).isdisjoint({"dying", "running"}), "they never were over"


def resources(agent: AnAgent) -> set[str]:
    return {span["resource"] for span in agent.every_span()}
