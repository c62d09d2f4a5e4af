"""Waiting stages, failures, stage times and comparisons."""

import pytest

from tests.support.in_process import InProcessHeadgate

ASK = {"name": "ask", "kind": "approval", "message": "Publish?", "approvers": ["mara"]}


async def test_waiting_stages_are_listed_with_question_and_deadline(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("gated", ASK, {"name": "later", "kind": "external"})
    await headgate.api.create_pipeline("remote", {"name": "dump", "kind": "external", "timeout": 60})
    gated, remote = await headgate.api.trigger("gated"), await headgate.api.trigger("remote")

    listed = (await headgate.client.get("/waiting/")).json()

    assert [(each["run_id"], each["stage"], each["reason"]) for each in listed] == [
        (gated, "ask", "approval"),
        (remote, "dump", "external"),
    ]
    assert (listed[0]["message"], listed[0]["approvers"]) == ("Publish?", ["mara"])
    assert listed[0]["links"]["approve"] == f"/runs/{gated}/stages/ask/approve"
    assert listed[0]["since"] < listed[0]["deadline"]


async def test_failures_with_one_fingerprint_are_grouped(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    runs = []
    for message in ("no room for 3 rows", "no room for 77 rows"):
        runs.append(await headgate.api.trigger())
        await headgate.api.report(run_id=runs[-1], stage_name="certify", status="failed", error_message=message)

    [failure] = (await headgate.client.get("/pipelines/flights/failures")).json()

    assert (failure["count"], failure["stage"], failure["runs"]) == (2, "certify", runs[::-1])
    assert failure["message"].startswith("no room for")


async def test_runs_of_one_pipeline_can_be_compared(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    await headgate.api.create_pipeline("other")
    first, second, other = await headgate.api.trigger(), await headgate.api.trigger(), await headgate.api.trigger("other")
    await headgate.api.report(run_id=first, stage_name="certify", status="completed", records_processed=3)
    await headgate.api.report(run_id=second, stage_name="certify", status="failed", error_message="no room")

    comparison = (await headgate.client.get(f"/runs/{first}/compare/{second}")).json()
    refused = await headgate.client.get(f"/runs/{first}/compare/{other}")

    assert comparison["stages"][0]["status"] == ["completed", "failed"]
    assert comparison["stages"][0]["records"] == [3, None]
    assert comparison["error"] == {"stage": "certify", "before": None, "after": "no room", "is_alike": False}
    assert (refused.status_code, refused.json()["problem"]) == (409, "other_pipeline")


async def test_stage_times_have_median_and_percentile(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()

    assert (await headgate.client.get("/pipelines/flights/history")).json() == []


@pytest.mark.parametrize("path", ["/pipelines/nope/failures", "/pipelines/nope/history", "/runs/1/compare/99", "/runs/x/compare/1"])
async def test_an_unknown_resource_is_not_found(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.api.create_pipeline()
    await headgate.api.trigger()

    assert (await headgate.client.get(path)).status_code == 404


@pytest.mark.parametrize("query", ["trigger=ritual", "since=yesterday", "since=2026-11-23T09:30:00", "until=x"])
async def test_an_invalid_filter_is_refused_by_name(headgate: InProcessHeadgate, query: str) -> None:
    answer = await headgate.client.get(f"/runs/?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] in ("trigger", "since", "until")


async def test_runs_are_filtered_by_trigger_and_time(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()
    at = (await headgate.client.get(f"/runs/{run_id}")).json()["created_at"]

    async def list_ids(**query: str) -> list[int]:
        return [run["id"] for run in (await headgate.client.get("/runs/", params=query)).json()]

    assert await list_ids(trigger="api", since=at) == [run_id]
    assert await list_ids(trigger="cli") == []
    assert await list_ids(until=at) == []
