"""Actions on runs and stages by form, without a browser."""

import re

import pytest

from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from entrypoints.web.view_models.runs.events import EVENT_DESCRIPTIONS
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory, end, start

SHARE = {"type": "object", "properties": {"share": {"type": "integer", "minimum": 1, "maximum": 100}}, "required": ["share"]}


def _run(headgate: InProcessHeadgate, run_id: int) -> Run:
    return headgate.fakes.store.committed.runs[run_id]


async def _a_failed_run(headgate: InProcessHeadgate) -> int:
    pipeline = await headgate.stories.add_pipeline("nightly", ["load", "check", "publish"])
    story = {"load": [AttemptStory(5, records=10)], "check": [AttemptStory(2, Status.FAILED, error="3 rows too few")]}
    return await headgate.stories.play_run(pipeline, headgate.fakes.clock.now(), story)


async def _an_approval(headgate: InProcessHeadgate, **keys: object) -> int:
    pipeline = await headgate.stories.add_pipeline("release", ["build", a_stage("ship", "approval", message="Ship it?", **keys), "publish"])  # type: ignore[arg-type]
    run_id = await headgate.stories.open_run(pipeline)
    now = headgate.fakes.clock.now()
    await headgate.stories.change_run(run_id, lambda run: start(run, now), end("build", Status.COMPLETED, now))
    return run_id


async def test_a_failed_runs_page_offers_a_retry_from_the_failed_stage(headgate: InProcessHeadgate) -> None:
    run_id = await _a_failed_run(headgate)

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text
    form = (await headgate.page_client.get(f"/ui/runs/{run_id}/retry")).text

    assert 'data-retry-stage="check"' in page and f'href="/ui/runs/{run_id}/retry"' in page
    assert "Retry from check</button>" in form


async def test_a_retry_keeps_completed_stages_and_runs_the_rest_again(headgate: InProcessHeadgate) -> None:
    run_id = await _a_failed_run(headgate)

    answer = await headgate.page_client.post(f"/ui/runs/{run_id}/retry", data={"revision": "same"})

    stages = _run(headgate, run_id).stages
    assert answer.status_code == 303 and answer.headers["location"] == f"/ui/runs/{run_id}"
    assert [(name, len(stage.attempts)) for name, stage in stages.items()] == [("load", 1), ("check", 2), ("publish", 2)]
    assert stages["check"].status is Status.QUEUED


async def test_a_second_retry_is_refused_with_a_reason(headgate: InProcessHeadgate) -> None:
    run_id = await _a_failed_run(headgate)
    await headgate.page_client.post(f"/ui/runs/{run_id}/retry")

    again = await headgate.page_client.post(f"/ui/runs/{run_id}/retry")

    assert again.status_code == 409
    assert "No stage of this run failed" in again.text


async def test_a_retry_offers_a_newer_revision_if_there_is_one(headgate: InProcessHeadgate) -> None:
    run_id = await _a_failed_run(headgate)
    before = (await headgate.page_client.get(f"/ui/runs/{run_id}/retry")).text
    stages = [a_stage("load"), a_stage("check", timeout=7), a_stage("publish")]
    await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": stages})

    after = (await headgate.page_client.get(f"/ui/runs/{run_id}/retry")).text
    await headgate.page_client.post(f"/ui/runs/{run_id}/retry", data={"revision": "newest"})

    assert "the newest" not in before and "Revision 2, the newest" in after
    assert _run(headgate, run_id).revision == 2


async def test_run_again_starts_with_the_parameters_of_the_run(headgate: InProcessHeadgate) -> None:
    rules = {"properties": {"month": {"type": "integer"}, "who": {"enum": ["Jörg", "all"]}, "full": {"type": "boolean", "default": False}}}
    run_id = await headgate.stories.open_run(
        await headgate.stories.add_pipeline(parameters={"type": "object", **rules}), month=3, who="Jörg", full=True, extra=[1]
    )

    form = (await headgate.page_client.get(f"/ui/runs/{run_id}/again")).text
    typed = {"p.month": "4", "p.who": '"Jörg"', "p.full": "true"}
    answer = await headgate.page_client.post(f"/ui/runs/{run_id}/again", data=typed)

    assert re.search(r'name="p.month" value="3"', form) and re.search(r"selected>Jörg", form) and " checked>" in form
    assert answer.status_code == 303
    new = _run(headgate, int(answer.headers["location"].rsplit("/", 1)[1]))
    assert new.parameters == {"month": 4, "who": "Jörg", "full": True, "extra": [1]}
    assert new.trigger.repeats == run_id


async def test_a_run_says_which_run_it_repeats(headgate: InProcessHeadgate) -> None:
    await headgate.stories.open_run(await headgate.stories.add_pipeline(name="other"))
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())
    again = (await headgate.page_client.post(f"/ui/runs/{run_id}/again")).headers["location"]

    page = (await headgate.page_client.get(again)).text
    del headgate.fakes.store.committed.runs[run_id]
    later = (await headgate.page_client.get(again)).text

    assert f'<dt>Repeats</dt><dd><a class="link" href="/ui/runs/{run_id}">nightly#1</a></dd>' in page
    assert "<dt>Repeats</dt><dd>a run that was deleted</dd>" in later


async def test_an_invalid_parameter_is_an_error_of_its_field_and_starts_no_run(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline(parameters=SHARE), share=5)

    answer = await headgate.page_client.post(f"/ui/runs/{run_id}/again", data={"p.share": "500"})

    assert answer.status_code == 422 and 'value="500"' in answer.text and 'aria-invalid="true"' in answer.text
    assert len(headgate.fakes.store.committed.runs) == 1


async def test_one_stage_is_retried_skipped_with_a_reason_or_cancelled(headgate: InProcessHeadgate) -> None:
    run_id = await _a_failed_run(headgate)
    here = f"/ui/runs/{run_id}/stages/check"

    without_reason = await headgate.page_client.post(f"{here}/skip", data={"message": " "})
    skipped = await headgate.page_client.post(f"{here}/skip", data={"message": "the source is closed today"})
    cancelled = await headgate.page_client.post(f"/ui/runs/{run_id}/stages/publish/cancel")
    retried = await headgate.page_client.post(f"/ui/runs/{run_id}/stages/publish/retry")

    assert without_reason.status_code == 422 and "Reason is required" in without_reason.text
    assert [answer.status_code for answer in (skipped, cancelled, retried)] == [303, 303, 303]
    stages = _run(headgate, run_id).stages
    assert stages["check"].status is Status.SKIPPED and stages["check"].current.message == "the source is closed today"
    assert [attempt.status for attempt in stages["publish"].attempts][-2:] == [Status.CANCELLED, Status.QUEUED]
    history = (await headgate.page_client.get(f"/ui/runs/{run_id}/events")).text
    assert "the source is closed today" in history and "will run again" in history


async def test_a_reason_that_is_too_long_is_an_error_of_its_field_and_stays_in_it(headgate: InProcessHeadgate) -> None:
    run_id = await _a_failed_run(headgate)
    reason = "closed today " * 200

    answer = await headgate.page_client.post(f"/ui/runs/{run_id}/stages/check/skip", data={"message": reason})

    assert answer.status_code == 422 and f'value="{reason.strip()}"' in answer.text
    assert "Reason must be at most 2,000 characters long." in answer.text.split('id="skip-why-error"')[1]
    assert _run(headgate, run_id).stages["check"].status is Status.FAILED


async def test_a_refused_action_shows_the_stages_current_state(headgate: InProcessHeadgate) -> None:
    run_id = await _a_failed_run(headgate)

    answer = await headgate.page_client.post(f"/ui/runs/{run_id}/stages/load/skip", data={"message": "no"})

    assert answer.status_code == 409
    assert "load is completed; there is nothing to skip." in answer.text


async def test_an_approval_takes_fields_and_a_comment(headgate: InProcessHeadgate) -> None:
    run_id = await _an_approval(headgate, fields=SHARE)
    here = f"/ui/runs/{run_id}/stages/ship"

    page = (await headgate.page_client.get(here)).text
    refused = await headgate.page_client.post(f"{here}/decide", data={"decision": "approve", "p.share": "101"})
    untyped = await headgate.page_client.post(f"{here}/decide", data={"decision": "approve", "p.share": "many"})
    answer = await headgate.page_client.post(f"{here}/decide", data={"decision": "approve", "p.share": "25", "comment": "looks right"})

    assert "Ship it?" in page and 'name="p.share"' in page
    assert (refused.status_code, untyped.status_code, answer.status_code) == (422, 422, 303)
    ship = _run(headgate, run_id).stages["ship"].current
    assert (ship.status, ship.output, ship.message) == (Status.COMPLETED, {"share": 25}, "looks right")


async def test_a_comment_that_is_too_long_is_an_error_of_its_field_and_stays_in_it(headgate: InProcessHeadgate) -> None:
    here = f"/ui/runs/{await _an_approval(headgate)}/stages/ship"
    comment = "looks right " * 200

    answer = await headgate.page_client.post(f"{here}/decide", data={"decision": "approve", "comment": comment})

    assert answer.status_code == 422 and f"{comment.strip()}</textarea>" in answer.text
    assert "Comment must be at most 2,000 characters long." in answer.text.split('id="comment-error"')[1]


async def test_a_rejection_needs_no_fields_and_fails_the_stage(headgate: InProcessHeadgate) -> None:
    run_id = await _an_approval(headgate, fields=SHARE)

    answer = await headgate.page_client.post(f"/ui/runs/{run_id}/stages/ship/decide", data={"decision": "reject", "comment": "too early"})
    late = await headgate.page_client.post(f"/ui/runs/{run_id}/stages/ship/decide", data={"decision": "approve", "p.share": "5"})

    ship = _run(headgate, run_id).stages["ship"].current
    assert answer.status_code == 303 and (ship.status, ship.reason) == (Status.FAILED, Reason.REJECTED)
    assert late.status_code == 409 and "rejected already" in late.text


async def test_a_run_that_waits_for_approval_links_to_the_form(headgate: InProcessHeadgate) -> None:
    run_id = await _an_approval(headgate)

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text

    assert 'data-approval="ship"' in page and f'href="/ui/runs/{run_id}/stages/ship"' in page


@pytest.mark.parametrize(
    "path", ["retry", "again", "stages/check/retry", "stages/check/skip", "stages/check/cancel", "stages/check/decide"]
)
async def test_a_form_of_another_site_cannot_act_on_a_run(headgate: InProcessHeadgate, path: str) -> None:
    run_id = await _a_failed_run(headgate)
    before = len(_run(headgate, run_id).stages["check"].attempts)

    answer = await headgate.page_client.post(f"/ui/runs/{run_id}/{path}", data={"message": "x"}, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert len(_run(headgate, run_id).stages["check"].attempts) == before and len(headgate.fakes.store.committed.runs) == 1


@pytest.mark.parametrize("path", ["/ui/runs/999/retry", "/ui/runs/1/stages/nope", "/ui/runs/x/compare", "/ui/runs/1/stages/check/images/0"])
async def test_an_unknown_run_or_stage_is_a_404_page(headgate: InProcessHeadgate, path: str) -> None:
    await _a_failed_run(headgate)

    assert (await headgate.page_client.get(path)).status_code == 404


async def test_two_runs_are_compared_and_others_can_be_chosen(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline("nightly", ["load", "check"])
    now = headgate.fakes.clock.now()
    good = await headgate.stories.play_run(pipeline, now, {"load": [AttemptStory(5, records=10)]}, month=1)
    bad = await headgate.stories.play_run(
        pipeline, now, {"load": [AttemptStory(50, records=12)], "check": [AttemptStory(1, Status.FAILED, error="<b>no</b>")]}, month=2
    )

    redirect = await headgate.page_client.get(f"/ui/runs/{bad}/compare")
    page = (await headgate.page_client.get(redirect.headers["location"])).text
    chosen = await headgate.page_client.get(f"/ui/runs/{good}/compare?with={bad}")

    assert redirect.headers["location"] == f"/ui/runs/{good}/compare/{bad}"
    assert "+900 %" in page and "First difference in check" in page and "&lt;b&gt;no&lt;/b&gt;" in page
    assert re.search(r'parameter</span> month</th><td class="mono">1</td><td class="mono">2</td>', page)
    assert chosen.headers["location"] == f"/ui/runs/{bad}/compare/{good}"


async def test_a_failure_shows_earlier_occurrences_and_changes(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline("nightly", [a_stage("load", retries=1)])
    now = headgate.fakes.clock.now()
    wrong = [AttemptStory(2, Status.FAILED, error="HTTP 503 from 10.0.0.7")] * 2
    for story in (wrong, [AttemptStory(2, records=7)], wrong):
        last = await headgate.stories.play_run(pipeline, now, {"load": story})
    await headgate.stories.append_log(last, "load", ["fine", "!HTTP 503 from 10.0.0.7"], attempt=2)

    page = (await headgate.page_client.get(f"/ui/runs/{last}")).text
    first = (await headgate.page_client.get("/ui/runs/1")).text

    assert "Seen 2 times in the last 100 runs" in page
    assert re.search(r'First seen</dt><dd><time [^>]*>[^<]*</time> in <a class="link" href="/ui/runs/1">#1</a>', page)
    assert "Seen 2 times in the last 100 runs" in first and "First seen" not in first
    assert "the same error on both attempts" in page
    assert 'href="/ui/runs/3?stage=load&amp;attempt=2&amp;line=2#L2"' in page and "Line 2 of the log</a>" in page
    assert "Changes since" in page and "/ui/runs/2/compare/3" in page


async def test_every_event_type_has_a_description(headgate: InProcessHeadgate) -> None:
    assert set(EventType) == set(EVENT_DESCRIPTIONS)
