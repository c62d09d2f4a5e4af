"""One trace from the click to the child process, seen by Datadog's own test agent."""

import json
import re
from typing import Any

import pytest

from tests.support.datadog_agent import AnAgent, Figures, Span, wait_until
from tests.support.running_headgate import ROOT, Headgate
from tests.system.telemetry.observed_runs import finished, the_trace, trace_on_page
from tests.system.telemetry.trace_tree import all_below, below, labels, one, roots_of

ADVANCE = "fastapi.request POST /worker/dispatches/{run_id}/{epoch}/advance"


def log_lines(headgate: Headgate) -> list[dict[str, Any]]:
    lines = (headgate.home.parent / "up.log").read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def stage_sql(spans: list[Span], use_case: Span) -> list[str]:
    return [span["resource"].split()[0] for span in below(spans, use_case) if span["name"] == "postgres.query"]


@pytest.fixture(scope="module")
def flights(observed_headgate: Headgate, agent: AnAgent) -> tuple[int, list[Span]]:
    """A run of it, and its trace."""
    # A worker whose stream is not open yet takes its first work with a heartbeat, which has a trace of its own.
    observed_headgate.create("warm-up", [{"name": "a", "kind": "command", "command": ["true"]}])
    finished(observed_headgate, observed_headgate.trigger("warm-up"))
    run_id = observed_headgate.trigger("flights", month=1)
    assert finished(observed_headgate, run_id) == "completed"
    wait_until(lambda: labels(the_trace(observed_headgate, agent, run_id)).count(ADVANCE) >= 5, 20)
    return run_id, the_trace(observed_headgate, agent, run_id)


def test_flights_is_one_trace_from_the_request_to_sql_and_every_stage(flights: tuple[int, list[Span]]) -> None:
    run_id, spans = flights
    (root,) = roots_of(spans)
    trigger = one(spans, "headgate.use_case", "TriggerPipeline")
    dispatch = one(spans, "headgate.dispatch", "flights")
    stages = [span for span in below(spans, dispatch) if span["name"] == "headgate.stage"]

    assert labels([root]) == ["fastapi.request POST /trigger/{pipeline_id}"]
    assert root["parent_id"] == 0
    assert below(spans, root) == [trigger]
    assert [span for span in below(spans, trigger) if span["name"].startswith("headgate.")] == [dispatch]
    written = ["WITH", "WITH", "INSERT", "INSERT", "COMMIT"]
    sql = stage_sql(spans, trigger)
    read = ["BEGIN", "SELECT", "SELECT"]
    assert sql in ([*read, *written], [*read, "SELECT", *written]), sql  # the definition may be known already
    assert [stage["resource"] for stage in stages] == ["extract", "ingest", "process", "transform", "export"]
    assert [tags_of(stage) for stage in stages] == [("flights", str(run_id), stage["resource"], "1", "completed") for stage in stages]
    advances = [span for span in below(spans, dispatch) if span not in stages]
    assert set(labels(advances)) <= {ADVANCE, "fastapi.request POST /worker/dispatches/{run_id}/{epoch}/recorded"}
    for advance in (span for span in advances if "advance" in span["resource"]):
        (use_case,) = below(spans, advance)
        assert labels([use_case]) == ["headgate.use_case AdvanceDispatch"]
        assert "SELECT" in stage_sql(spans, use_case)
    assert {span["service"] for span in spans} == {"headgate"}
    assert {span["meta"].get("env") for span in spans if "env" in span["meta"]} == {"test"}
    assert all(span["error"] == 0 for span in spans)


def test_log_lines_bear_the_ids_of_the_trace(observed_headgate: Headgate, flights: tuple[int, list[Span]]) -> None:
    run_id, spans = flights
    trace_id = trace_on_page(observed_headgate, run_id)
    stages = {span["resource"]: str(span["span_id"]) for span in spans if span["name"] == "headgate.stage"}

    lines = [line for line in log_lines(observed_headgate) if line.get("run") == run_id and line["logger"] == "headgate.stage"]

    assert {line["stage"] for line in lines} == set(stages)
    for line in lines:
        assert (line["dd.trace_id"], line["dd.span_id"]) == (trace_id, stages[line["stage"]])
        assert (line["service"], line["env"], line["version"], line["pipeline"]) == ("headgate", "test", "1.2.3", "flights")
        assert line["stream"] in ("stdout", "stderr")


def test_a_traced_child_and_its_report_join(observed_headgate: Headgate, agent: AnAgent) -> None:
    child = {
        "name": "sum",
        "kind": "python",
        "callable": "tests.system.telemetry.traced_stages:traced",
        "workdir": str(ROOT),
        "env": agent.environment,
    }
    observed_headgate.create("traced", [child])
    run_id = observed_headgate.trigger("traced")
    assert finished(observed_headgate, run_id) == "completed"

    def report_is_told() -> bool:
        found = the_trace(observed_headgate, agent, run_id)
        return "user.work sum" in labels(found) and bool(below(found, one(found, "user.work")))

    wait_until(report_is_told, 20)
    spans = the_trace(observed_headgate, agent, run_id)
    work = one(spans, "user.work")

    assert work["parent_id"] == one(spans, "headgate.stage", "sum")["span_id"]
    (request,) = below(spans, work)
    assert labels([request]) == ["fastapi.request POST /status-update/"]
    assert "headgate.use_case ReportStatus" in labels(all_below(spans, request))


def test_a_failed_attempt_is_an_error_with_its_last_lines_and_its_retry_a_trace_that_links_to_it(
    observed_headgate: Headgate, agent: AnAgent
) -> None:
    script = "echo reading; echo 'no such file: orders.csv' >&2; exit 3"
    stage = {"name": "load", "kind": "command", "command": ["sh", "-c", script], "retries": 1, "retry_delay": 0}
    observed_headgate.create("fails", [stage])
    run_id = observed_headgate.trigger("fails")
    assert finished(observed_headgate, run_id) == "failed"
    spans = the_trace(observed_headgate, agent, run_id)
    first = one(spans, "headgate.stage", "load")

    assert first["error"] == 1
    assert first["meta"]["error.message"] == "Exited with code 3. no such file: orders.csv"
    assert first["meta"]["error.stack"] == "reading\nno such file: orders.csv"
    assert first["meta"]["status"] == "failed"
    wait_until(lambda: second_attempts(agent, run_id), 20)
    (second,) = second_attempts(agent, run_id)
    assert second["parent_id"] == 0
    assert second["trace_id"] != first["trace_id"]
    (link,) = second["span_links"] if "span_links" in second else json.loads(second["meta"]["_dd.span_links"])
    dispatch = one(spans, "headgate.dispatch", "fails")
    assert int(str(link["span_id"]), 16 if isinstance(link["span_id"], str) else 10) == dispatch["span_id"]


def test_every_check_of_the_agent_passes(observed_headgate: Headgate, agent: AnAgent) -> None:
    passed, failed = agent.checks()

    assert passed > 0
    assert failed == 0


def test_nothing_but_what_somebody_asked_for_begins_a_trace(observed_headgate: Headgate, agent: AnAgent) -> None:
    observed_headgate.http.get("/livez")
    observed_headgate.http.get("/nothing/at/12345")
    wait_until(lambda: "fastapi.request GET (no route)" in labels(agent.every_span()), 20)

    begins = {f"{span['name']} {span['resource']}" for span in agent.every_span() if span["parent_id"] == 0}

    assert {label.partition(" ")[0] for label in begins} <= {
        "fastapi.request",
        "headgate.use_case",
        "headgate.stage",
        "headgate.dispatch",
        "headgate.relay",
    }
    assert not [label for label in begins if re.search(r"livez|readyz|heartbeat|/stream|/worker/logs|\d", label)]


def test_figures_come_with_few_tags_and_no_run(observed_headgate: Headgate, figures: Figures) -> None:
    wanted = {"request.count", "use_case.duration", "run.finished", "stage.duration", "run.start_latency", "records.count", "worker.count"}
    wait_until(lambda: {f"headgate.{name}" for name in wanted} <= figures.names(), 20)

    tags = [tags for name in figures.names() for _, tags in figures.named(name)]

    assert all(each["service"] == "headgate" and each["env"] == "test" and each["version"] == "1.2.3" for each in tags)
    assert not any({"run", "run_id", "trace_id"} & set(each) for each in tags)
    routes = {each["route"] for _, each in figures.named("headgate.request.count")}
    assert "/trigger/:pipeline_id" in routes
    assert routes.isdisjoint({"/livez", "/readyz", "/worker/stream"})
    assert {(each["pipeline"], each["status"]) for _, each in figures.named("headgate.run.finished")} >= {("flights", "completed")}


def test_stages_get_nothing_of_the_agent_s_environment(observed_headgate: Headgate) -> None:
    observed_headgate.create("environment", [{"name": "look", "kind": "command", "command": ["sh", "-c", "env | grep -c ^_*DD_ || true"]}])

    run_id = observed_headgate.trigger("environment")
    finished(observed_headgate, run_id)

    lines = observed_headgate.http.get(f"/runs/{run_id}/logs").json()
    assert [line["text"] for line in lines if line["stream"] == "stdout"] == ["0"]


def start_of(span: Span) -> int:
    return int(span["start"])


def tags_of(span: Span) -> tuple[str, ...]:
    return tuple(span["meta"][name] for name in ("pipeline", "run", "stage", "attempt", "status"))


def second_attempts(agent: AnAgent, run_id: int) -> list[Span]:
    stages = [span for span in agent.every_span() if span["name"] == "headgate.stage"]
    return [span for span in stages if (span["meta"]["run"], span["meta"]["attempt"]) == (str(run_id), "2")]
