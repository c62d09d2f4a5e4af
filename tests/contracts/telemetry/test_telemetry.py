"""The promises of the telemetry port, kept by all of them: off, figures alone, traces to an agent that is not there, and the fake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.system.network import find_free_port
from adapters.telemetry.null import NullTelemetry
from application.ports.telemetry.telemetry import Telemetry
from tests.contracts.telemetry.telemetry_rules import RULES, broken
from tests.fakes.telemetry.telemetry import FakeTelemetry

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("telemetry", [NullTelemetry(), FakeTelemetry()], ids=["off", "fake"])
def test_within_this_process(telemetry: Telemetry) -> None:
    assert broken(telemetry) == {}


@pytest.mark.parametrize(("process", "traces"), [("web", "true"), ("worker", "true"), ("web", "false")])
def test_datadog_s_without_its_agent(process: str, traces: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "HEADGATE_"))}
    dead = {"DD_TRACE_AGENT_URL": f"http://127.0.0.1:{find_free_port()}", "DD_DOGSTATSD_URL": f"udp://127.0.0.1:{find_free_port()}"}
    argv = [sys.executable, "-m", "tests.contracts.telemetry.telemetry_rules", process]

    ended = subprocess.run(argv, env=clean | dead | {"DD_TRACE_ENABLED": traces}, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {"is": "DatadogTelemetry", "broken": {}}


def test_there_are_rules_to_keep() -> None:
    class Broken(NullTelemetry):
        def context(self) -> dict[str, str]:
            return {"traceparent": "always"}

    assert len(RULES) == 10
    assert broken(Broken()).keys() >= {"the_span_of_the_block_is_current_and_only_there", "tasks_do_not_mix_their_spans"}
