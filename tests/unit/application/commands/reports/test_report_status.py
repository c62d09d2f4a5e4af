"""Status reports from any machine."""

from application.commands.reports.status_update import StatusUpdate
from application.ports.access.execution_tokens import AttemptClaims
from domain.reports.report import Report, ReportOutcome
from domain.runs.status import Status
from tests.support.actions import status_update
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

EXTERNAL = [a_stage("dump", "external"), a_stage("upload", "external"), a_stage("verify", "external")]


async def test_an_external_run_is_started_and_driven_by_reports_only() -> None:
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


async def test_a_report_about_a_first_stage_starts_a_run_and_about_a_later_one_does_not() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(EXTERNAL, name="remote")

    [refused] = await headgate.use_cases.report(status_update("running", "upload"))
    [opened] = await headgate.use_cases.report(status_update("running", "dump"))

    assert (refused.outcome, refused.problem) == (ReportOutcome.REFUSED, "no_run")
    assert "status running" in (refused.why or "")
    assert opened.applied


async def test_a_batch_starts_one_run_and_judges_each_item_separately() -> None:
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


async def test_a_report_must_name_one_of_several_active_runs() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a"), a_stage("b", "external")], name="remote")
    runs = [(await headgate.use_cases.trigger("remote")).run_id for _ in range(2)]

    [vague] = await headgate.use_cases.report(status_update("completed", "b"))
    [named] = await headgate.use_cases.report(status_update("completed", "b", run_id=runs[0]))

    assert (vague.problem, vague.facts["runs"]) == ("several_runs", runs)
    assert named.applied


async def test_a_repeated_event_id_returns_the_first_answer_and_refuses_another_body() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(EXTERNAL, name="remote")
    [first] = await headgate.use_cases.report(status_update("running", "dump", event_id="e1", reporter="cron"))

    [again] = await headgate.use_cases.report(status_update("running", "dump", event_id="e1", reporter="cron"))
    [other] = await headgate.use_cases.report(status_update("failed", "dump", event_id="e1", reporter="cron"))
    [elsewhere] = await headgate.use_cases.report(status_update("completed", "dump", event_id="e1", reporter="someone else"))

    assert again == first
    assert (other.outcome, other.problem) == (ReportOutcome.INVALID, "event_id_reused")
    assert elsewhere.applied


async def test_a_repeated_report_starts_no_second_run() -> None:
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
