"""The contract of the telemetry port: off, metrics only, traces without an agent, and the fake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.telemetry.null import NullTelemetry
from application.ports.telemetry.telemetry import Telemetry
from tests.contracts.telemetry.telemetry_rules import RULES, find_broken_rules
from tests.fakes.telemetry.telemetry import FakeTelemetry
from tests.support.ports import find_free_port

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("telemetry", [NullTelemetry(), FakeTelemetry()], ids=["off", "fake"])
def test_in_this_process(telemetry: Telemetry) -> None:
    assert find_broken_rules(telemetry) == {}


@pytest.mark.real
@pytest.mark.parametrize(("process", "traces"), [("web", "true"), ("worker", "true"), ("web", "false")])
def test_datadog_without_an_agent(process: str, traces: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "HEADGATE_"))}
    unreachable = {"DD_TRACE_AGENT_URL": f"http://127.0.0.1:{find_free_port()}", "DD_DOGSTATSD_URL": f"udp://127.0.0.1:{find_free_port()}"}
    argv = [sys.executable, "-m", "tests.contracts.telemetry.telemetry_rules", process]

    result = subprocess.run(
        argv, env=inherited | unreachable | {"DD_TRACE_ENABLED": traces}, cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"is": "DatadogTelemetry", "broken": {}}


def test_the_rules_detect_a_broken_implementation() -> None:
    class Broken(NullTelemetry):
        def context(self) -> dict[str, str]:
            return {"traceparent": "always"}

    assert len(RULES) == 10
    assert find_broken_rules(Broken()).keys() >= {"the_span_is_current_only_in_its_block", "tasks_keep_their_spans_apart"}
