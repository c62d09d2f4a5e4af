"""Run pipelines on a complete Headgate: PostgreSQL, Prefect, web and worker as processes."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.running_headgate import Headgate


def sh(name: str, script: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "kind": "command", "command": ["/bin/sh", "-c", script], **keys}


def test_flights_completes_with_its_counts_and_is_recorded_in_prefect(running_headgate: Headgate) -> None:
    running_headgate.wait_for_prefect()

    run = running_headgate.finished(running_headgate.trigger("flights"))
    stages = running_headgate.stages(run["id"])

    assert run["status"] == "completed"
    assert stages["ingest"]["records_processed"] == 336_776
    assert list(stages) == ["extract", "ingest", "process", "transform", "export"]
    running_headgate.wait_until(lambda: read_prefect_state(running_headgate, run["id"]) == ("COMPLETED", 5), 60)


def read_prefect_state(headgate: Headgate, run_id: int) -> tuple[str, int]:
    """Return the state of the run's flow run in Prefect and the number of its completed task runs."""
    ids = headgate.http.get(f"/runs/{run_id}").json()["prefect_flow_run_ids"]
    if not ids:
        return "", 0
    with headgate.build_prefect_client() as prefect:
        state = prefect.get(f"/flow_runs/{ids[0]}").json()["state_type"]
        query = {"flow_runs": {"id": {"any_": ids}}, "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
        return state, len(prefect.post("/task_runs/filter", json=query).json())


def test_independent_stages_run_in_parallel(running_headgate: Headgate) -> None:
    check = '[ -e "$HEADGATE_RUN_DIR/{other}" ] && exit 0; sleep 0.05'
    wait_for_other = f'touch "$HEADGATE_RUN_DIR/$HEADGATE_STAGE"; for i in $(seq 400); do {check}; done; exit 1'
    stages = [
        sh("a", "echo started"),
        sh("b", wait_for_other.replace("{other}", "c"), needs=["a"]),
        sh("c", wait_for_other.replace("{other}", "b"), needs=["a"]),
        sh("d", "true", needs=["b", "c"]),
    ]
    running_headgate.create("diamond", stages)

    run = running_headgate.finished(running_headgate.trigger("diamond"))

    assert run["status"] == "completed"
    assert [stage["status"] for stage in running_headgate.stages(run["id"]).values()] == ["completed"] * 4


def test_a_failed_stage_is_retried_and_its_dependents_are_skipped(running_headgate: Headgate) -> None:
    stages = [
        sh("flaky", '[ "$HEADGATE_ATTEMPT" = 2 ]', retries=2, retry_delay=0.2),
        sh("broken", "echo it is broken >&2; exit 3"),
        sh("after", "true"),
    ]
    running_headgate.create("troubled", stages)

    run = running_headgate.finished(running_headgate.trigger("troubled"))
    after = running_headgate.stages(run["id"])

    assert run["status"] == "failed"
    assert (after["flaky"]["status"], after["flaky"]["attempt"]) == ("completed", 2)
    assert "code 3" in after["broken"]["error_message"]
    assert (after["after"]["status"], after["after"]["reason"]) == ("skipped", "upstream")
    assert "broken" in run["why"]


def test_output_is_streamed_and_a_cancel_kills_the_process_group(running_headgate: Headgate) -> None:
    script = 'sleep 600 & echo "child $!"; sleep 600 & echo "child $!" >&2; wait'
    running_headgate.create("sleeper", [sh("sleep", script), sh("never", "true")])
    run_id = running_headgate.trigger("sleeper")
    running_headgate.wait_until(lambda: len(find_child_pids(running_headgate, run_id)) == 2, 30)
    pids = find_child_pids(running_headgate, run_id)

    started = time.monotonic()
    response = running_headgate.http.post(f"/runs/{run_id}/cancel")
    run = running_headgate.finished(run_id)
    running_headgate.wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 10)

    assert response.status_code in (200, 202)
    assert run["status"] == "cancelled"
    assert {stage["status"] for stage in running_headgate.stages(run_id).values()} == {"cancelled"}
    print(f"cancelled in {time.monotonic() - started:.2f} s")


def find_child_pids(headgate: Headgate, run_id: int) -> list[int]:
    lines = headgate.http.get(f"/runs/{run_id}/logs", headers={"Accept": "application/json"}).json()
    return [int(line["text"].split()[1]) for line in lines if line["text"].startswith("child ")]


def test_a_stage_over_its_timeout_fails_with_that_reason(running_headgate: Headgate) -> None:
    running_headgate.create("slow", [sh("slow", "sleep 600", timeout=0.5)])

    run = running_headgate.finished(running_headgate.trigger("slow"))

    stage = running_headgate.stages(run["id"])["slow"]
    assert (stage["status"], stage["reason"]) == ("failed", "timeout")


def test_parameters_reach_a_stage_as_data_and_are_never_executed(running_headgate: Headgate, tmp_path: Path) -> None:
    injection = f"$(touch {tmp_path}/owned); `touch {tmp_path}/owned`; '\"; touch {tmp_path}/owned"
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    running_headgate.create(
        "quoting", [sh("say", 'printf "%s" "$HEADGATE_PARAM_WORD"; cat "$HEADGATE_PARAMETERS_FILE" >&2')], parameters=schema
    )

    run = running_headgate.finished(running_headgate.trigger("quoting", word=injection))
    lines = running_headgate.http.get(f"/runs/{run['id']}/logs", headers={"Accept": "application/json"}).json()

    assert run["status"] == "completed"
    assert injection in [line["text"] for line in lines if line["stream"] == "stdout"]
    assert list(tmp_path.iterdir()) == []


def test_a_stage_adds_records_with_its_own_token(running_headgate: Headgate) -> None:
    report = (
        'curl -sf -X POST "$HEADGATE_URL/status-update/" -H "Authorization: Bearer $HEADGATE_TOKEN" -H "Content-Type: application/json" '
        '-d \'{"pipeline_id": "counting", "status": "running", "records_processed": 42}\''
    )
    running_headgate.create("counting", [sh("count", report)])

    run = running_headgate.finished(running_headgate.trigger("counting"))

    assert run["status"] == "completed"
    assert run["records_processed"] == 42


def test_another_machine_can_report_an_external_pipeline(running_headgate: Headgate) -> None:
    running_headgate.create("elsewhere", [{"name": "dump", "kind": "external"}, {"name": "verify", "kind": "external"}])

    def report(**item: Any) -> httpx.Response:
        return running_headgate.http.post("/status-update/", json={"pipeline_id": "elsewhere", **item})

    opened = report(status="running").json()
    for stage in ("dump", "verify"):
        assert report(stage_name=stage, status="started").json()["applied"]
        assert report(stage_name=stage, status="success", records_processed=7).json()["applied"]
    late = report(stage_name="dump", status="failed", run_id=opened["run_id"])

    assert running_headgate.finished(opened["run_id"])["status"] == "completed"
    assert (late.status_code, late.headers["content-type"]) == (409, "application/problem+json")


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_page_of_another_origin_cannot_trigger_runs(running_headgate: Headgate, origin: str) -> None:
    before = len(running_headgate.http.get("/runs/").json())

    response = running_headgate.http.post("/trigger/flights", headers={"Origin": origin, "Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403
    assert len(running_headgate.http.get("/runs/").json()) == before
