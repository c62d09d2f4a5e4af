"""A secret that stages say in every way they can is found nowhere: not stored, not streamed, not traced, not logged."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.datadog_agent import AnAgent, wait_until
from tests.support.running_headgate import Headgate
from tests.system.telemetry.observed_runs import finished, the_trace
from tests.system.telemetry.secret_canary import CANARY, SAYING, Listening, found_in, tables_of, traces_of

HERE = "tests.system.telemetry.leaking_stages"


@dataclass(frozen=True)
class Said:
    """A run whose stages gave the secret away as well as they could, and what the stream of everything said meanwhile."""

    run_id: int
    streamed: bytes


@pytest.fixture(scope="module")
def said(observed_headgate: Headgate, echo: int) -> Said:
    authorization = {"Authorization": {"secret": "CANARY", "prefix": "Bearer "}}
    stages: list[dict[str, Any]] = [
        {"name": "say", "command": [sys.executable, "-c", SAYING], "secrets": ["CANARY"], "allow_failure": True},
        {"name": "tell", "callable": f"{HERE}:tell", "secrets": {"TOKEN": "canary"}, "needs": []},
        {"name": "fail", "callable": f"{HERE}:fail", "secrets": ["CANARY"], "needs": [], "allow_failure": True},
        {"name": "ask", "kind": "http", "url": f"http://127.0.0.1:{echo}/", "headers": authorization, "needs": []},
    ]
    observed_headgate.create("canaries", stages)
    observed_headgate.create("bell", [{"name": "ring", "kind": "external"}])
    with Listening(observed_headgate.url) as listening:
        run_id = observed_headgate.trigger("canaries")
        assert finished(observed_headgate, run_id) == "completed"
        listening.leave()
        observed_headgate.trigger("bell")
    return Said(run_id, bytes(listening.said))


def test_what_is_looked_for_would_be_found() -> None:
    assert found_in(b"a\n" + CANARY[:9].encode() + b"\r\n" + CANARY[9:].encode())
    assert all(found_in(b"x" + trace + b"y") for trace in traces_of(CANARY))


def test_the_stages_did_say_it_and_a_mask_stands_in_its_place(observed_headgate: Headgate, said: Said) -> None:
    stages = observed_headgate.stages(said.run_id)
    lines = observed_headgate.http.get(f"/runs/{said.run_id}/logs", params={"stage": "say", "limit": 1_000}).json()
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


def test_no_table_of_either_database_holds_it(observed_headgate: Headgate, said: Said) -> None:
    recorded = f"/runs/{said.run_id}"
    wait_until(lambda: observed_headgate.http.get(recorded).json()["prefect_flow_run_ids"], 90, every=0.5)

    tables = dict(tables_of(observed_headgate.home))

    assert [name for name, rows in tables.items() if b"said it all" in rows and b"cut ***" in rows]
    assert tables["prefect.flow_run"]
    assert {name: found for name, rows in tables.items() if (found := found_in(rows))} == {}


def test_neither_the_stream_of_everything_nor_any_page_or_answer_shows_it(observed_headgate: Headgate, said: Said) -> None:
    run = f"/runs/{said.run_id}"
    paths = [run, f"{run}/stages", f"{run}/events", f"{run}/logs?limit=1000", f"/ui{run}", "/pipelines/canaries/stages", "/", "/system"]
    answers = {path: observed_headgate.http.get(path, headers={"Accept": "text/html"} if "ui" in path else None) for path in paths}

    assert b"ValueError: no ***" in said.streamed
    assert found_in(said.streamed) == []
    assert {path: found for path, answer in answers.items() if (found := found_in(answer.content))} == {}


def test_no_span_holds_it(observed_headgate: Headgate, agent: AnAgent, said: Said) -> None:
    spans = the_trace(observed_headgate, agent, said.run_id)
    every = json.dumps([*spans, *agent.every_span()]).encode()

    assert {"say", "tell", "fail", "ask"} <= {span["resource"] for span in spans if span["name"] == "headgate.stage"}
    assert b"ValueError: no ***" in every
    assert found_in(every) == []


def test_no_file_and_no_line_of_the_terminal_holds_it(observed_headgate: Headgate, said: Said) -> None:
    """Of the database's own files too: what is in no table may still be in one of its logs."""
    folder = observed_headgate.home.parent
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}

    assert b"said it all" in files[next(path for path in files if path.name == "up.log")]
    assert {str(path): found for path, content in files.items() if (found := found_in(content))} == {}
