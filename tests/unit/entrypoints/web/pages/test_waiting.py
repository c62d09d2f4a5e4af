"""The waiting page without a browser: the list and the approval form."""

import re
from datetime import timedelta

import pytest

from domain.access.actor import Actor
from domain.runs.approvals import Decision, decide_approval
from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.flow_run_stories import furnish_flow_runs
from tests.support.in_process import InProcessHeadgate

FIELDS = {"type": "object", "properties": {"share": {"type": "integer", "minimum": 1, "maximum": 100}}, "required": ["share"]}


async def an_approval(headgate: InProcessHeadgate, **keys: object) -> int:
    stages = [a_stage("publish", "approval", message="Publish it?", timeout=3_600, **keys), a_stage("after")]
    return await headgate.stories.open_run(await headgate.stories.add_pipeline("retrain", stages))


async def test_an_empty_list_says_that_nothing_is_waiting(headgate: InProcessHeadgate) -> None:
    answer = await headgate.page_client.get("/ui/waiting")

    assert answer.status_code == 200
    assert "Nothing is waiting" in answer.text


async def test_approvals_and_external_stages_are_listed_with_their_time_left(headgate: InProcessHeadgate) -> None:
    await an_approval(headgate)
    await headgate.stories.open_run(await headgate.stories.add_pipeline("certificates", [a_stage("renew", "external", timeout=7_200)]))

    text = (await headgate.page_client.get("/ui/waiting", headers={"Accept": "text/plain"})).text

    approvals, external = text.split("External stages")
    assert "publish" in approvals and "left" in approvals and "Publish it?" in approvals
    assert "renew" in external and "certificates#1" in external


async def test_the_report_command_is_for_the_requested_stage(headgate: InProcessHeadgate) -> None:
    first = await headgate.stories.open_run(
        await headgate.stories.add_pipeline("certificates", [a_stage("renew", "external", timeout=7_200)])
    )
    later = await headgate.stories.open_run(await headgate.stories.add_pipeline("mirrors", [a_stage("sync", "external", timeout=9_000)]))

    pages = [(await headgate.page_client.get(f"/ui/waiting{query}")).text for query in ("", f"?run={later}&stage=sync")]
    unknown = await headgate.page_client.get("/ui/waiting?run=99&stage=x")

    assert [re.findall(r"Report (\w+)</h", text) for text in pages] == [["renew"], ["sync"]]
    assert [f"&#34;run_id&#34;: {run}" in text for run, text in zip((first, later), pages, strict=True)] == [True] * 2
    assert unknown.status_code == 404


async def test_an_approver_sees_earlier_decisions_about_the_stage(headgate: InProcessHeadgate) -> None:
    now = headgate.fakes.clock.now()
    pipeline = await headgate.stories.add_pipeline("retrain", [a_stage("publish", "approval", message="Publish it?")])
    for decision in (Decision(True, "Better <everywhere>."), Decision(False), Decision(True)):
        run_id = await headgate.stories.open_run(pipeline)
        await headgate.stories.change_run(
            run_id, lambda run, decision=decision: decide_approval(run, "publish", decision, now, Actor("mara"))
        )
    waiting = await headgate.stories.open_run(pipeline)
    await headgate.stories.open_run(await headgate.stories.add_pipeline("another", [a_stage("publish", "approval")]))

    text = (await headgate.page_client.get(f"/ui/waiting?run={waiting}&stage=publish")).text
    lines = re.findall(r"<li>.*?</li>", text.partition('class="past-decisions">')[2].partition("</ol>")[0])

    assert [re.findall(r"#(\d) *</a> (\w+) by mara", line) for line in lines] == [
        [("3", "approved")],
        [("2", "rejected")],
        [("1", "approved")],
    ]
    assert "“Better &lt;everywhere&gt;.”" in lines[2] and "“" not in lines[1]


async def test_a_stage_close_to_its_deadline_is_marked(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline("old", [a_stage("renew", "external", timeout=1_000)])
    await headgate.stories.open_run(pipeline, headgate.fakes.clock.now() - timedelta(seconds=900))

    assert "Times out soon." in (await headgate.page_client.get("/ui/waiting")).text


async def test_the_navigation_counts_waiting_stages_on_every_page(headgate: InProcessHeadgate) -> None:
    await an_approval(headgate)

    for path in ("/", "/ui/runs", "/ui/system", "/ui/waiting", "/ui/new"):
        text = (await headgate.page_client.get(path)).text
        assert 'id="waiting-count" aria-label="waiting stages">1</b>' in text, path


@pytest.mark.parametrize(("decision", "status"), [("approve", Status.COMPLETED), ("reject", Status.FAILED)])
async def test_a_person_decides_with_a_comment(headgate: InProcessHeadgate, decision: str, status: Status) -> None:
    run_id = await an_approval(headgate)

    answer = await headgate.page_client.post(
        f"/ui/waiting?run={run_id}&stage=publish", data={"decision": decision, "comment": "fine by me"}
    )

    assert answer.status_code == 303 and answer.headers["location"] == f"/ui/runs/{run_id}"
    assert headgate.fakes.store.committed.runs[run_id].stages["publish"].status is status


async def test_an_approval_with_fields_keeps_the_entered_values(headgate: InProcessHeadgate) -> None:
    run_id = await an_approval(headgate, fields=FIELDS)
    address = f"/ui/waiting?run={run_id}&stage=publish"

    refused = await headgate.page_client.post(address, data={"decision": "approve", "comment": "half of it", "p.share": "500"})
    accepted = await headgate.page_client.post(address, data={"decision": "approve", "p.share": "50"})

    assert refused.status_code == 422
    assert "half of it" in refused.text and 'value="500"' in refused.text and "aria-invalid" in refused.text
    assert accepted.status_code == 303


async def test_rejecting_needs_no_fields(headgate: InProcessHeadgate) -> None:
    run_id = await an_approval(headgate, fields=FIELDS)

    answer = await headgate.page_client.post(f"/ui/waiting?run={run_id}&stage=publish", data={"decision": "reject", "p.share": ""})

    assert answer.status_code == 303


async def test_a_second_different_decision_is_a_409_page(headgate: InProcessHeadgate) -> None:
    run_id = await an_approval(headgate)
    address = f"/ui/waiting?run={run_id}&stage=publish"
    await headgate.page_client.post(address, data={"decision": "reject"})

    answer = await headgate.page_client.post(address, data={"decision": "approve"})

    assert answer.status_code == 409
    assert "<nav" in answer.text and answer.headers["x-request-id"] in answer.text


async def test_a_form_without_a_decision_is_refused(headgate: InProcessHeadgate) -> None:
    run_id = await an_approval(headgate)

    answer = await headgate.page_client.post(f"/ui/waiting?run={run_id}&stage=publish", data={"comment": "hm"})

    assert answer.status_code == 422
    assert headgate.fakes.store.committed.runs[run_id].stages["publish"].status is Status.WAITING


async def test_a_paused_flow_run_is_listed_for_people_without_an_approval_form(headgate: InProcessHeadgate) -> None:
    found = await furnish_flow_runs(headgate)

    text = (await headgate.page_client.get("/ui/waiting", headers={"Accept": "text/plain"})).text
    page = (await headgate.page_client.get("/ui/waiting")).text
    listed = (await headgate.client.get("/waiting/")).json()

    assert "Paused in Prefect\n" in text and "The flow run of ml/train is paused. Resume it in Prefect." in text
    assert f'href="/ui/runs/{found["paused"]}?stage=train"' in page
    assert "Approve" not in page and "Report train" not in page
    assert [(each["stage"], each["reason"], each["since"]) for each in listed] == [("train", "paused", None)]
