"""One trace from the trigger to the child process, as Datadog's test agent receives it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.datadog_agent import DatadogTestAgent, MetricsListener, Span, wait_until
from tests.support.running_headgate import Headgate
from tests.system.telemetry.observed_runs import get_trace_id_from_page, wait_for_trace, wait_until_finished
from tests.system.telemetry.trace_tree import find_roots, get_children, get_descendants, get_labels, get_only

ADVANCE = "fastapi.request POST /worker/dispatches/{run_id}/{epoch}/advance"


def read_log_lines(headgate: Headgate) -> list[dict[str, Any]]:
    lines = (headgate.home.parent / "up.log").read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def get_sql_commands(spans: list[Span], use_case: Span) -> list[str]:
    return [span["resource"].split()[0] for span in get_children(spans, use_case) if span["name"] == "postgres.query"]


@pytest.fixture(scope="module")
def flights(observed_headgate: Headgate, agent: DatadogTestAgent) -> tuple[int, list[Span]]:
    """Run the example pipeline. Return the run's id and spans."""
    # A worker whose stream is not open yet gets its first dispatch with a heartbeat, which is a trace of its own.
    observed_headgate.create("warm-up", [{"name": "a", "kind": "command", "command": ["true"]}])
    wait_until_finished(observed_headgate, observed_headgate.trigger("warm-up"))
    run_id = observed_headgate.trigger("flights", month=1)
    assert wait_until_finished(observed_headgate, run_id) == "completed"
    wait_until(lambda: get_labels(wait_for_trace(observed_headgate, agent, run_id)).count(ADVANCE) >= 5, 20)
    return run_id, wait_for_trace(observed_headgate, agent, run_id)


def test_a_run_is_one_trace_from_the_request_to_sql_and_all_stages(flights: tuple[int, list[Span]]) -> None:
    run_id, spans = flights
    (root,) = find_roots(spans)
    trigger = get_only(spans, "headgate.use_case", "TriggerPipeline")
    dispatch = get_only(spans, "headgate.dispatch", "flights")
    stages = [span for span in get_children(spans, dispatch) if span["name"] == "headgate.stage"]

    assert get_labels([root]) == ["fastapi.request POST /trigger/{pipeline_id}"]
    assert root["parent_id"] == 0
    assert [span for span in get_children(spans, root) if span["name"] != "fastapi.serialize_response"] == [trigger]
    assert [span for span in get_children(spans, trigger) if span["name"].startswith("headgate.")] == [dispatch]
    written = ["WITH", "WITH", "INSERT", "INSERT", "COMMIT"]
    sql = get_sql_commands(spans, trigger)
    read = ["BEGIN", "SELECT", "SELECT"]
    assert sql in ([*read, *written], [*read, "SELECT", *written]), sql  # the definition may be cached
    assert [stage["resource"] for stage in stages] == ["extract", "ingest", "process", "transform", "export"]
    assert [get_tags(stage) for stage in stages] == [("flights", str(run_id), stage["resource"], "1", "completed") for stage in stages]
    advances = [span for span in get_children(spans, dispatch) if span not in stages]
    assert set(get_labels(advances)) <= {ADVANCE, "fastapi.request POST /worker/dispatches/{run_id}/{epoch}/recorded"}
    for advance in (span for span in advances if "advance" in span["resource"]):
        (use_case,) = get_children(spans, advance)
        assert get_labels([use_case]) == ["headgate.use_case AdvanceDispatch"]
        assert "SELECT" in get_sql_commands(spans, use_case)
    assert {span["service"] for span in spans} == {"headgate"}
    assert {span["meta"].get("env") for span in spans if "env" in span["meta"]} == {"test"}
    assert all(span["error"] == 0 for span in spans)


def test_log_lines_have_the_ids_of_the_trace(observed_headgate: Headgate, flights: tuple[int, list[Span]]) -> None:
    run_id, spans = flights
    trace_id = get_trace_id_from_page(observed_headgate, run_id)
    stages = {span["resource"]: str(span["span_id"]) for span in spans if span["name"] == "headgate.stage"}

    lines = [line for line in read_log_lines(observed_headgate) if line.get("run") == run_id and line["logger"] == "headgate.stage"]

    assert {line["stage"] for line in lines} == set(stages)
    for line in lines:
        assert (line["dd.trace_id"], line["dd.span_id"]) == (trace_id, stages[line["stage"]])
        assert (line["service"], line["env"], line["version"], line["pipeline"]) == ("headgate", "test", "1.2.3", "flights")
        assert line["stream"] in ("stdout", "stderr")


def test_a_traced_child_process_and_its_report_join_the_trace(observed_headgate: Headgate, agent: DatadogTestAgent) -> None:
    child = {
        "name": "sum",
        "kind": "python",
        "callable": "traced_stages:traced",
        "workdir": str(Path(__file__).parent),
        "env": agent.environment,
    }
    observed_headgate.create("traced", [child])
    run_id = observed_headgate.trigger("traced")
    assert wait_until_finished(observed_headgate, run_id) == "completed"

    def has_report() -> bool:
        spans = wait_for_trace(observed_headgate, agent, run_id)
        return "user.work sum" in get_labels(spans) and bool(get_children(spans, get_only(spans, "user.work")))

    wait_until(has_report, 20)
    spans = wait_for_trace(observed_headgate, agent, run_id)
    work = get_only(spans, "user.work")

    assert work["parent_id"] == get_only(spans, "headgate.stage", "sum")["span_id"]
    (request,) = get_children(spans, work)
    assert get_labels([request]) == ["fastapi.request POST /status-update/"]
    assert "headgate.use_case ReportStatus" in get_labels(get_descendants(spans, request))


def test_a_failed_attempt_is_an_error_span_and_its_retry_links_to_it(observed_headgate: Headgate, agent: DatadogTestAgent) -> None:
    script = "echo reading; echo 'no such file: orders.csv' >&2; exit 3"
    stage = {"name": "load", "kind": "command", "command": ["sh", "-c", script], "retries": 1, "retry_delay": 0}
    observed_headgate.create("fails", [stage])
    run_id = observed_headgate.trigger("fails")
    assert wait_until_finished(observed_headgate, run_id) == "failed"
    spans = wait_for_trace(observed_headgate, agent, run_id)
    first = get_only(spans, "headgate.stage", "load")

    assert first["error"] == 1
    assert first["meta"]["error.message"] == "Exited with code 3. no such file: orders.csv"
    assert first["meta"]["error.stack"] == "reading\nno such file: orders.csv"
    assert first["meta"]["status"] == "failed"
    wait_until(lambda: find_second_attempts(agent, run_id), 20)
    (second,) = find_second_attempts(agent, run_id)
    assert second["parent_id"] == 0
    assert second["trace_id"] != first["trace_id"]
    (link,) = second["span_links"] if "span_links" in second else json.loads(second["meta"]["_dd.span_links"])
    dispatch = get_only(spans, "headgate.dispatch", "fails")
    assert int(str(link["span_id"]), 16 if isinstance(link["span_id"], str) else 10) == dispatch["span_id"]


def test_every_check_of_the_agent_passes(observed_headgate: Headgate, agent: DatadogTestAgent) -> None:
    passed, failed = agent.checks()

    assert passed > 0
    assert failed == 0


def test_probes_and_background_work_start_no_traces(observed_headgate: Headgate, agent: DatadogTestAgent) -> None:
    observed_headgate.http.get("/livez")
    observed_headgate.http.get("/nothing/at/12345")
    wait_until(lambda: "fastapi.request GET (no route)" in get_labels(agent.get_all_spans()), 20)

    roots = {f"{span['name']} {span['resource']}" for span in agent.get_all_spans() if span["parent_id"] == 0}

    assert {label.partition(" ")[0] for label in roots} <= {
        "fastapi.request",
        "headgate.use_case",
        "headgate.stage",
        "headgate.dispatch",
        "headgate.relay",
    }
    assert not [label for label in roots if re.search(r"livez|readyz|heartbeat|/stream|/worker/logs|\d", label)]


def test_metrics_have_few_tags_and_no_run(observed_headgate: Headgate, metrics: MetricsListener) -> None:
    wanted = {"request.count", "use_case.duration", "run.finished", "stage.duration", "run.start_latency", "records.count", "worker.count"}
    wait_until(lambda: {f"headgate.{name}" for name in wanted} <= metrics.names(), 20)

    tags = [tags for name in metrics.names() for _, tags in metrics.get_values(name)]

    assert all(each["service"] == "headgate" and each["env"] == "test" and each["version"] == "1.2.3" for each in tags)
    assert not any({"run", "run_id", "trace_id"} & set(each) for each in tags)
    routes = {each["route"] for _, each in metrics.get_values("headgate.request.count")}
    assert "/trigger/:pipeline_id" in routes
    assert routes.isdisjoint({"/livez", "/readyz"})
    streams = [each["status"] for _, each in metrics.get_values("headgate.request.count") if each["route"] == "/worker/stream"]
    assert set(streams) <= {"503"}, "only a stream that was refused while the web started is counted"
    assert {(each["pipeline"], each["status"]) for _, each in metrics.get_values("headgate.run.finished")} >= {("flights", "completed")}


def test_stages_do_not_inherit_the_environment_of_the_agent(observed_headgate: Headgate) -> None:
    observed_headgate.create("environment", [{"name": "look", "kind": "command", "command": ["sh", "-c", "env | grep -c ^_*DD_ || true"]}])

    run_id = observed_headgate.trigger("environment")
    wait_until_finished(observed_headgate, run_id)

    lines = observed_headgate.http.get(f"/runs/{run_id}/logs").json()
    assert [line["text"] for line in lines if line["stream"] == "stdout"] == ["0"]


def get_tags(span: Span) -> tuple[str, ...]:
    return tuple(span["meta"][name] for name in ("pipeline", "run", "stage", "attempt", "status"))


def find_second_attempts(agent: DatadogTestAgent, run_id: int) -> list[Span]:
    stages = [span for span in agent.get_all_spans() if span["name"] == "headgate.stage"]
    return [span for span in stages if (span["meta"]["run"], span["meta"]["attempt"]) == (str(run_id), "2")]
