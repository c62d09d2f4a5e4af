"""Runs of a real Headgate, and their spans in the test agent."""

import re

from tests.support.datadog_agent import DatadogTestAgent, Span, wait_until
from tests.support.running_headgate import Headgate
from tests.system.telemetry.trace_tree import find_roots


def wait_for_trace(headgate: Headgate, agent: DatadogTestAgent, run_id: int) -> list[Span]:
    """Return the spans of a finished run, once the span of its dispatch, which ends last, has arrived."""
    trace_id = get_trace_id_from_page(headgate, run_id)
    wait_until(lambda: any(span["name"] == "headgate.dispatch" for span in agent.spans(trace_id)), 20)
    wait_until(lambda: len(find_roots(agent.spans(trace_id))) == 1, 20)
    return agent.spans(trace_id)


def wait_until_finished(headgate: Headgate, run_id: int) -> str:
    """Return the final status. Poll rarely, because each request is a trace too."""
    wait_until(lambda: get_status(headgate, run_id) in ("completed", "failed"), 90, every=0.5)
    return get_status(headgate, run_id)


def get_status(headgate: Headgate, run_id: int) -> str:
    return str(headgate.http.get(f"/runs/{run_id}").json()["status"])


def get_trace_id_from_page(headgate: Headgate, run_id: int) -> str:
    page = headgate.http.get(f"/ui/runs/{run_id}", headers={"Accept": "text/html"}).text
    found = re.search(r"https://app\.datadoghq\.eu/apm/trace/([0-9a-f]{32})", page)
    assert found, page
    return found[1]
