"""The agent dies during a run, then its port accepts data without responding: runs, requests and stopping are not affected.

This test runs last, because it kills the agent of the other tests.
"""

import contextlib
import os
import signal
import socket
from pathlib import Path

from tests.support.datadog_agent import DatadogTestAgent
from tests.support.running_headgate import Headgate, read_command_line
from tests.system.telemetry.observed_runs import wait_until_finished

MEMORY_LIMIT = 48 << 20
"""How much a process may grow while no agent reads its spans: the buffer and Python's own overhead."""


STOP_SECONDS = 20.0
"""A process has to stop within this time. The tracer alone would wait twice as long for the agent."""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def get_memory(headgate: Headgate) -> dict[int, int]:
    """Return the resident bytes of the web and the worker by process id."""
    found = {}
    for pid in headgate.processes():
        command = read_command_line(pid)
        if "headgate" in command and command[-1] in ("web", "worker"):
            with contextlib.suppress(OSError, IndexError):  # the process has ended, or has no memory any more
                status = Path(f"/proc/{pid}/status").read_text()
                found[pid] = int(status.split("VmRSS:")[1].split()[0]) * 1024
    return found


def test_a_run_survives_the_agent_and_a_silent_agent_costs_no_memory(observed_headgate: Headgate, agent: DatadogTestAgent) -> None:
    begun = "touch $HEADGATE_RUN_DIR/begun; until [ -e $HEADGATE_RUN_DIR/go ]; do sleep 0.05; done"
    stages = [{"name": name, "kind": "command", "command": ["sh", "-c", begun]} for name in ("first", "second")]
    observed_headgate.create("outlives", stages)
    observed_headgate.create("outlives_too", [{"name": "only", "kind": "command", "command": ["true"]}])
    run_id = observed_headgate.trigger("outlives")
    files = observed_headgate.home / "runs" / str(run_id) / "files"
    observed_headgate.wait_until((files / "begun").exists, 30)
    before = get_memory(observed_headgate)

    agent.kill()
    (files / "go").touch()
    assert wait_until_finished(observed_headgate, run_id) == "completed"
    with socket.create_server(("127.0.0.1", int(agent.url.rpartition(":")[2])), backlog=512):
        answers = [observed_headgate.http.get("/pipelines/").status_code for _ in range(400)]
        assert wait_until_finished(observed_headgate, observed_headgate.trigger("outlives_too")) == "completed"
        after = get_memory(observed_headgate)
        for pid in after:
            os.kill(pid, signal.SIGTERM)
        observed_headgate.wait_until(lambda: not any(is_running(pid) for pid in after), STOP_SECONDS)

    assert len(before) == 2
    assert set(answers) == {200}
    assert set(after) == set(before), "the web or the worker was restarted"
    assert all(after[pid] - before[pid] < MEMORY_LIMIT for pid in before), (before, after)
