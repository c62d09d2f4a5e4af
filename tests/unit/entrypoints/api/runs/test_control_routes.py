"""Actions of people on runs."""

import pytest

from tests.support.in_process import InProcessHeadgate

COMMAND = {"name": "a", "command": ["true"]}
ASK = {"name": "ask", "kind": "approval", "needs": [], "message": "Publish?", "fields": {"type": "object", "required": ["ticket"]}}


async def create_failed_run(headgate: InProcessHeadgate) -> int:
    await headgate.api.create_pipeline("flights", {"name": "certify", "kind": "external"}, {"name": "then", "kind": "external"})
    run_id = await headgate.api.trigger()
    assert (await headgate.api.report(run_id=run_id, stage_name="certify", status="failed")).status_code == 200
    return run_id


async def test_a_failed_run_is_retried_and_completes(headgate: InProcessHeadgate) -> None:
    run_id = await create_failed_run(headgate)

    done = await headgate.client.post(f"/runs/{run_id}/retry")
    again = await headgate.client.post(f"/runs/{run_id}/retry")
    for stage in ("certify", "then"):
        await headgate.api.report(run_id=run_id, stage_name=stage, status="completed")
    run = (await headgate.client.get(f"/runs/{run_id}")).json()
    events = (await headgate.client.get(f"/runs/{run_id}/events")).json()

    assert (done.status_code, done.json()["stages"], done.json()["applied"]) == (202, ["certify"], True)
    assert done.json()["links"]["self"] == f"/runs/{run_id}"
    assert (again.status_code, again.json()["problem"]) == (409, "nothing_failed")
    assert run["status"] == "completed"
    assert [event["type"] for event in events].count("run.reopened") == 1


@pytest.mark.parametrize("path", ["retry", "again", "stages/certify/retry", "stages/certify/skip", "stages/certify/cancel"])
async def test_an_action_with_the_same_key_is_applied_once(headgate: InProcessHeadgate, path: str) -> None:
    run_id = await create_failed_run(headgate)
    if path.endswith("cancel"):
        await headgate.client.post(f"/runs/{run_id}/retry")
    key = {"Idempotency-Key": "act-1"}

    first = await headgate.client.post(f"/runs/{run_id}/{path}", headers=key)
    second = await headgate.client.post(f"/runs/{run_id}/{path}", headers=key)

    assert first.status_code == second.status_code == 202
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json() == second.json()


async def test_a_repeated_run_names_the_earlier_one(headgate: InProcessHeadgate) -> None:
    month = {"type": "object", "properties": {"month": {"type": "integer"}}}
    await headgate.api.create_pipeline("flights", {"name": "certify", "kind": "external"}, parameters=month)
    run_id = await headgate.api.trigger(month=6)

    answer = await headgate.client.post(f"/runs/{run_id}/again", json={"parameters": {"month": 7}})
    run = (await headgate.client.get(answer.headers["location"])).json()

    assert (run["repeats"], run["parameters"], run["number"]) == (run_id, {"month": 7}, 2)


async def test_a_skipped_stage_lets_the_run_complete(headgate: InProcessHeadgate) -> None:
    run_id = await create_failed_run(headgate)

    skipped = await headgate.client.post(f"/runs/{run_id}/stages/certify/skip", json={"message": "by hand"})
    await headgate.api.report(run_id=run_id, stage_name="then", status="completed")

    assert skipped.status_code == 202
    assert (await headgate.client.get(f"/runs/{run_id}")).json()["status"] == "completed"


async def test_an_approval_is_recorded_once_with_its_fields(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("gated", ASK)
    run_id = await headgate.api.trigger("gated")
    path = f"/runs/{run_id}/stages/ask"

    bad = await headgate.client.post(f"{path}/approve", json={"comment": "fine"})
    good = await headgate.client.post(f"{path}/approve", json={"comment": "fine", "fields": {"ticket": "OPS-7"}})
    same = await headgate.client.post(f"{path}/approve", json={"fields": {"ticket": "OPS-7"}})
    late = await headgate.client.post(f"{path}/reject", json={"comment": "no"})
    stages = (await headgate.client.get(f"/runs/{run_id}/stages")).json()

    assert bad.status_code == 422 and bad.json()["errors"][0]["field"].startswith("fields")
    assert (good.status_code, good.json()["applied"], same.json()["applied"]) == (202, True, False)
    assert (late.status_code, late.json()["problem"]) == (409, "late_decision")
    assert (stages[0]["status"], stages[0]["output"]) == ("completed", {"ticket": "OPS-7"})


async def test_no_report_decides_an_approval(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("gated", ASK)
    run_id = await headgate.api.trigger("gated")

    answer = await headgate.api.report(run_id=run_id, stage_name="ask", status="completed")

    assert (answer.status_code, answer.json()["problem"]) == (409, "needs_decision")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/runs/404/retry", {}, 404),
        ("/runs/x/retry", {}, 404),
        ("/runs/1/retry", {"stages": []}, 422),
        ("/runs/1/retry", {"stages": ["ghost"]}, 404),
        ("/runs/1/retry", {"revision": "oldest"}, 422),
        ("/runs/1/retry", {"steps": 1}, 422),
        ("/runs/1/retry", [], 422),
        ("/runs/1/stages/ghost/skip", {}, 404),
        ("/runs/1/stages/certify/skip", {"message": 7}, 422),
        ("/runs/1/stages/certify/approve", {}, 409),
        ("/runs/1/again", {"parameters": [1]}, 422),
    ],
)
async def test_invalid_input_is_refused_with_a_sentence(headgate: InProcessHeadgate, path: str, body: object, status: int) -> None:
    await create_failed_run(headgate)

    answer = await headgate.client.post(path, json=body)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_of_another_site_cannot_retry(headgate: InProcessHeadgate) -> None:
    run_id = await create_failed_run(headgate)

    answer = await headgate.client.post(f"/runs/{run_id}/retry", headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
