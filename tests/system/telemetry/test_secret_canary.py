"""A secret that stages leak in every form appears nowhere: not in tables, streams, traces or logs."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.datadog_agent import DatadogTestAgent, wait_until
from tests.support.running_headgate import Headgate
from tests.system.telemetry.observed_runs import wait_for_trace, wait_until_finished
from tests.system.telemetry.secret_canary import CANARY, LEAKING_PROGRAM, EventStreamReader, encode_all_ways, find_traces, read_tables

MODULE = "leaking_stages"
FOLDER = str(Path(__file__).parent)


@dataclass(frozen=True)
class LeakingRun:
    """A run whose stages leak the secret in every form, and what the event stream sent meanwhile."""

    run_id: int
    streamed: bytes


@pytest.fixture(scope="module")
def leaking_run(observed_headgate: Headgate, echo: int) -> LeakingRun:
    authorization = {"Authorization": {"secret": "CANARY", "prefix": "Bearer "}}
    stages: list[dict[str, Any]] = [
        {"name": "say", "command": [sys.executable, "-c", LEAKING_PROGRAM], "secrets": ["CANARY"], "allow_failure": True},
        {"name": "tell", "callable": f"{MODULE}:leak_output", "workdir": FOLDER, "secrets": {"TOKEN": "canary"}, "needs": []},
        {"name": "fail", "callable": f"{MODULE}:fail", "workdir": FOLDER, "secrets": ["CANARY"], "needs": [], "allow_failure": True},
        {"name": "ask", "kind": "http", "url": f"http://127.0.0.1:{echo}/", "headers": authorization, "needs": []},
    ]
    observed_headgate.create("canaries", stages)
    observed_headgate.create("bell", [{"name": "ring", "kind": "external"}])
    with EventStreamReader(observed_headgate.url) as stream:
        run_id = observed_headgate.trigger("canaries")
        assert wait_until_finished(observed_headgate, run_id) == "completed"
        stream.leave()
        observed_headgate.trigger("bell")
    return LeakingRun(run_id, bytes(stream.content))


def test_the_search_finds_every_encoding() -> None:
    assert find_traces(b"a\n" + CANARY[:9].encode() + b"\r\n" + CANARY[9:].encode())
    assert all(find_traces(b"x" + trace + b"y") for trace in encode_all_ways(CANARY))


def test_the_stages_leak_it_and_it_is_masked(observed_headgate: Headgate, leaking_run: LeakingRun) -> None:
    stages = observed_headgate.stages(leaking_run.run_id)
    lines = observed_headgate.http.get(f"/runs/{leaking_run.run_id}/logs", params={"stage": "say", "limit": 1_000}).json()
    whole = [line["text"] for line in lines if line["text"].startswith("whole ")]

    assert {name: stage["status"] for name, stage in stages.items()} == {
        "say": "failed",
        "tell": "completed",
        "fail": "failed",
        "ask": "completed",
    }
    assert [text[:9] for text in whole] == ["whole ***"] * 4
    assert "said it all" in [line["text"] for line in lines]
    assert sum(line["text"] == "cut ***" for line in lines) > 20
    assert stages["say"]["error_message"].endswith("and failed with ***")
    assert stages["fail"]["error_message"] == "ValueError: no ***"
    assert stages["tell"]["output"]["summary"] == "a ******* b"
    assert stages["ask"]["output"]["body"] == {"you sent": "Bearer ***"}


def test_no_table_contains_it(observed_headgate: Headgate, leaking_run: LeakingRun) -> None:
    recorded = f"/runs/{leaking_run.run_id}"
    wait_until(lambda: observed_headgate.http.get(recorded).json()["prefect_flow_run_ids"], 90, every=0.5)

    tables = dict(read_tables(observed_headgate.home))

    assert [name for name, rows in tables.items() if b"said it all" in rows and b"cut ***" in rows]
    assert tables["prefect.flow_run"]
    assert {name: found for name, rows in tables.items() if (found := find_traces(rows))} == {}


def test_no_stream_page_or_response_contains_it(observed_headgate: Headgate, leaking_run: LeakingRun) -> None:
    run = f"/runs/{leaking_run.run_id}"
    paths = [run, f"{run}/stages", f"{run}/events", f"{run}/logs?limit=1000", f"/ui{run}", "/pipelines/canaries/stages", "/", "/system"]
    answers = {path: observed_headgate.http.get(path, headers={"Accept": "text/html"} if "ui" in path else None) for path in paths}

    assert b"ValueError: no ***" in leaking_run.streamed
    assert find_traces(leaking_run.streamed) == []
    assert {path: found for path, answer in answers.items() if (found := find_traces(answer.content))} == {}


def test_no_span_contains_it(observed_headgate: Headgate, agent: DatadogTestAgent, leaking_run: LeakingRun) -> None:
    spans = wait_for_trace(observed_headgate, agent, leaking_run.run_id)
    every = json.dumps([*spans, *agent.get_all_spans()]).encode()

    assert {"say", "tell", "fail", "ask"} <= {span["resource"] for span in spans if span["name"] == "headgate.stage"}
    assert b"ValueError: no ***" in every
    assert find_traces(every) == []


def test_no_file_and_no_terminal_output_contains_it(observed_headgate: Headgate, leaking_run: LeakingRun) -> None:
    """Check the files of the database too: what is in no table may still be in its logs."""
    folder = observed_headgate.home.parent
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}

    assert b"said it all" in files[next(path for path in files if path.name == "up.log")]
    assert {str(path): found for path, content in files.items() if (found := find_traces(content))} == {}
