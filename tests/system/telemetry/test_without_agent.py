"""The agent dies in the middle of a run, and then swallows every byte: nobody feels it, nor does who ends them.

Last, for it takes the session's agent along.
"""

import os
import signal
import socket
from pathlib import Path

from tests.support.datadog_agent import AnAgent
from tests.support.running_headgate import Headgate
from tests.system.telemetry.observed_runs import finished

MEMORY_LIMIT = 48 << 20
"""Bytes that a process may grow by while nobody takes its spans: the buffer, and what Python keeps beside it."""


ENDS_WITHIN = 20.0
"""Seconds that a process takes to end at most; to give up on an agent by itself, the tracer takes twice that."""


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def resident(headgate: Headgate) -> dict[int, int]:
    """Bytes in memory of the web and the worker, by process."""
    found = {}
    for pid in headgate.processes():
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"entrypoints.cli" in command and command[-2] in (b"web", b"worker"):
            status = Path(f"/proc/{pid}/status").read_text()
            found[pid] = int(status.split("VmRSS:")[1].split()[0]) * 1024
    return found


def test_a_run_outlives_the_agent_and_a_silent_one_costs_no_memory(observed_headgate: Headgate, agent: AnAgent) -> None:
    begun = "touch $HEADGATE_RUN_DIR/begun; until [ -e $HEADGATE_RUN_DIR/go ]; do sleep 0.05; done"
    stages = [{"name": name, "kind": "command", "command": ["sh", "-c", begun]} for name in ("first", "second")]
    observed_headgate.create("outlives", stages)
    observed_headgate.create("outlives_too", [{"name": "only", "kind": "command", "command": ["true"]}])
    run_id = observed_headgate.trigger("outlives")
    files = observed_headgate.home / "runs" / str(run_id) / "files"
    observed_headgate.wait_until((files / "begun").exists, 30)
    before = resident(observed_headgate)

    agent.kill()
    (files / "go").touch()
    assert finished(observed_headgate, run_id) == "completed"
    with socket.create_server(("127.0.0.1", int(agent.url.rpartition(":")[2])), backlog=512):
        answers = [observed_headgate.http.get("/pipelines/").status_code for _ in range(400)]
        assert finished(observed_headgate, observed_headgate.trigger("outlives_too")) == "completed"
        after = resident(observed_headgate)
        for pid in after:
            os.kill(pid, signal.SIGTERM)
        observed_headgate.wait_until(lambda: not any(is_there(pid) for pid in after), ENDS_WITHIN)

    assert len(before) == 2
    assert set(answers) == {200}
    assert set(after) == set(before), "web or worker was started again"
    assert all(after[pid] - before[pid] < MEMORY_LIMIT for pid in before), (before, after)
