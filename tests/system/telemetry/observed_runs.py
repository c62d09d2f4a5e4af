"""Runs of a real Headgate, and what Datadog was told of them."""

import re

from tests.support.datadog_agent import AnAgent, Span, wait_until
from tests.support.running_headgate import Headgate
from tests.system.telemetry.trace_tree import roots_of


def the_trace(headgate: Headgate, agent: AnAgent, run_id: int) -> list[Span]:
    """The spans of a finished run, once its dispatch, the last of them, has arrived."""
    trace_id = trace_on_page(headgate, run_id)
    wait_until(lambda: any(span["name"] == "headgate.dispatch" for span in agent.spans(trace_id)), 20)
    wait_until(lambda: len(roots_of(agent.spans(trace_id))) == 1, 20)
    return agent.spans(trace_id)


def finished(headgate: Headgate, run_id: int) -> str:
    """Asked seldom: every question is a trace too."""
    wait_until(lambda: status_of(headgate, run_id) in ("completed", "failed"), 90, every=0.5)
    return status_of(headgate, run_id)


def status_of(headgate: Headgate, run_id: int) -> str:
    return str(headgate.http.get(f"/runs/{run_id}").json()["status"])


def trace_on_page(headgate: Headgate, run_id: int) -> str:
    page = headgate.http.get(f"/ui/runs/{run_id}", headers={"Accept": "text/html"}).text
    found = re.search(r"https://app\.datadoghq\.eu/apm/trace/([0-9a-f]{32})", page)
    assert found, page
    return found[1]
