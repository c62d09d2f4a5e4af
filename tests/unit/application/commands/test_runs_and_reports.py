"""Definitions, triggers, reports from any machine, cancels: the use cases over fakes."""

import pytest

from application.commands.reports.status_update import StatusUpdate
from application.ports.access.execution_tokens import AttemptClaims
from domain.access.actor import Actor
from domain.errors import Conflict, InvalidInput, NameTaken, NotFound
from domain.reports.report import Report, ReportOutcome
from domain.runs.status import Status
from tests.support.actions import WORKER, status_update
from tests.support.builders import a_stage, some_stages
from tests.support.in_process import InProcessHeadgate

EXTERNAL = [a_stage("dump", "external"), a_stage("upload", "external"), a_stage("verify", "external")]


async def test_a_pipeline_is_stored_once_and_a_change_adds_a_revision() -> None:
    headgate = InProcessHeadgate()
    pipeline = await headgate.use_cases.create_pipeline(2)
    changed = await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": some_stages(3)})
    same = await headgate.application.change_pipeline()(pipeline, {"name": "nightly", "stages": some_stages(3)})

    with pytest.raises(NameTaken):
        await headgate.use_cases.create_pipeline(1)
    assert (changed.revision, same.revision) == (2, 2)


async def test_a_bad_definition_stores_nothing() -> None:
    headgate = InProcessHeadgate()

    with pytest.raises(InvalidInput) as refusal:
        await headgate.use_cases.create_pipeline([a_stage("a", needs=["b"]), a_stage("b")], name="two words")

    assert {problem.field for problem in refusal.value.problems} == {"name", "stages"}
    assert await headgate.fakes.reader.pipelines(0, 10) == []


async def test_runs_are_numbered_within_their_pipeline_and_keep_their_revision() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    first = await headgate.use_cases.trigger()
    await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": some_stages(1)})
    second = await headgate.use_cases.trigger()

    assert (first.number, second.number) == (1, 2)
    assert len((await headgate.use_cases.get_run(first.run_id)).stages) == 2
    assert len((await headgate.use_cases.get_run(second.run_id)).stages) == 1


async def test_parameters_that_break_the_schema_open_no_run() -> None:
    headgate = InProcessHeadgate()
    schema = {"type": "object", "properties": {"month": {"type": "integer"}}, "required": ["month"]}
    await headgate.use_cases.create_pipeline(1, parameters=schema)

    with pytest.raises(InvalidInput):
        await headgate.use_cases.trigger(parameters={})

    assert await headgate.fakes.reader.runs(pipeline_id=None, status=None, skip=0, limit=10) == []


async def test_an_unknown_pipeline_cannot_be_triggered() -> None:
    with pytest.raises(NotFound):
        await InProcessHeadgate().use_cases.trigger("nothing")


async def test_an_external_run_is_opened_and_driven_by_reports_alone() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(EXTERNAL, name="remote")

    [opened] = await headgate.use_cases.report(status_update("running"))
    answers = [
        (await headgate.use_cases.report(status_update(status, stage, records_processed=10)))[0]
        for stage in ("dump", "upload", "verify")
        for status in ("running", "completed")
    ]
    run = await headgate.use_cases.get_run(opened.run_id or 0)

    assert opened.applied
    assert all(answer.applied and answer.run_id == opened.run_id for answer in answers)
    assert (run.status, run.records_processed, run.trigger) == (Status.COMPLETED, 10, "report")


async def test_a_report_of_a_first_stage_opens_a_run_and_one_of_a_later_stage_does_not() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(EXTERNAL, name="remote")

    [refused] = await headgate.use_cases.report(status_update("running", "upload"))
    [opened] = await headgate.use_cases.report(status_update("running", "dump"))

    assert (refused.outcome, refused.problem) == (ReportOutcome.REFUSED, "no_run")
    assert "status running" in (refused.why or "")
    assert opened.applied


async def test_a_batch_opens_a_run_once_and_judges_each_item_on_its_own() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(EXTERNAL, name="remote")

    answers = await headgate.use_cases.report(
        status_update("running"),
        status_update("running", "dump"),
        status_update("completed", "dump", records_processed=5),
        status_update("completed", "nothing"),
        status_update("completed", pipeline="unknown"),
    )

    assert [answer.outcome for answer in answers] == ["applied", "applied", "applied", "refused", "not_found"]
    assert len(await headgate.fakes.reader.runs(pipeline_id=None, status=None, skip=0, limit=10)) == 1


async def test_several_active_runs_must_be_told_apart() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a"), a_stage("b", "external")], name="remote")
    runs = [(await headgate.use_cases.trigger("remote")).run_id for _ in range(2)]

    [vague] = await headgate.use_cases.report(status_update("completed", "b"))
    [named] = await headgate.use_cases.report(status_update("completed", "b", run_id=runs[0]))

    assert (vague.problem, vague.facts["runs"]) == ("several_runs", runs)
    assert named.applied


async def test_the_same_event_id_answers_again_and_refuses_another_body() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(EXTERNAL, name="remote")
    [first] = await headgate.use_cases.report(status_update("running", "dump", event_id="e1", reporter="cron"))

    [again] = await headgate.use_cases.report(status_update("running", "dump", event_id="e1", reporter="cron"))
    [other] = await headgate.use_cases.report(status_update("failed", "dump", event_id="e1", reporter="cron", digest=b"2"))
    [elsewhere] = await headgate.use_cases.report(status_update("completed", "dump", event_id="e1", reporter="someone else"))

    assert again == first
    assert (other.outcome, other.problem) == (ReportOutcome.INVALID, "event_id_reused")
    assert elsewhere.applied


async def test_a_repeated_opening_report_opens_no_second_run() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("only", "external")], name="remote")
    [opened] = await headgate.use_cases.report(status_update("running", event_id="night-1", reporter="cron"))
    await headgate.use_cases.report(status_update("completed", "only", reporter="cron"))

    [again] = await headgate.use_cases.report(status_update("running", event_id="night-1", reporter="cron"))

    assert again == opened


async def test_an_older_seq_of_a_reporter_changes_nothing() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(EXTERNAL, name="remote")
    await headgate.use_cases.report(status_update("running", "dump", reporter="cron", seq=2))

    [older] = await headgate.use_cases.report(status_update("completed", "dump", reporter="cron", seq=1))
    [newer] = await headgate.use_cases.report(status_update("completed", "dump", reporter="cron", seq=3))

    assert older.outcome is ReportOutcome.IGNORED
    assert newer.applied


async def test_an_attempt_token_adds_progress_to_its_own_attempt_only() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a"), a_stage("b", "external")])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    token = AttemptClaims(run_id, "a", 1)

    [progress] = await headgate.use_cases.report(StatusUpdate(Report(Status.RUNNING, records_processed=7), token=token))
    [ending] = await headgate.use_cases.report(StatusUpdate(Report(Status.COMPLETED), token=token))
    [foreign] = await headgate.use_cases.report(StatusUpdate(Report(Status.RUNNING, "b"), token=token))

    assert progress.applied
    assert (ending.outcome, ending.problem) == (ReportOutcome.REFUSED, "not_yours")
    assert (foreign.outcome, foreign.problem) == (ReportOutcome.FORBIDDEN, "token_scope")
    assert (await headgate.use_cases.get_run(run_id)).stages[0].newest.records_processed == 7


async def test_a_cancel_ends_what_does_not_run_and_stops_what_does() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(3)
    run_id = (await headgate.use_cases.trigger()).run_id
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.claim(run_id)

    cancelled = await headgate.application.cancel_run()(run_id, Actor("mara"))
    before = await headgate.use_cases.get_stage_statuses(run_id)
    killed = await headgate.use_cases.advance(run_id, ("a", "cancelled"))

    assert cancelled.status is Status.RUNNING
    assert before == {"a": Status.RUNNING, "b": Status.CANCELLED, "c": Status.CANCELLED}
    assert [type(message).__name__ for _, message in headgate.fakes.worker_streams.pushed] == ["StopRun"]
    assert killed.ended
    assert (await headgate.use_cases.get_run(run_id)).status is Status.CANCELLED


async def test_a_cancelled_run_cannot_be_claimed_and_a_finished_one_not_cancelled() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.application.cancel_run()(run_id)

    with pytest.raises(Conflict):
        await headgate.use_cases.claim(run_id)
    with pytest.raises(Conflict) as refusal:
        await headgate.application.cancel_run()(run_id)
    assert refusal.value.kind == "run_over"


async def test_a_completed_stage_that_came_before_the_kill_stands_but_the_verdict_stays() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.application.cancel_run()(run_id)

    await headgate.use_cases.advance(run_id, ("a", "completed"))

    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.COMPLETED}
    assert (await headgate.use_cases.get_run(run_id)).status is Status.CANCELLED
