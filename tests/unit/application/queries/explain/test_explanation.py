"""The explanation of a run says since when it waits, how it ended and where a retry starts."""

import pytest

from application.ports.persistence.workers import WorkerStatus
from application.queries.explain.explanation import explain_run
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context import RunContext
from application.queries.explain.run_context_loader import RunContextLoader
from tests.support.actions import WORKER, status_update, worker_report
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


async def explain(headgate: InProcessHeadgate, run_id: int) -> str:
    return str(explain_run(await headgate.use_cases.get_run(run_id), RunContext(headgate.fakes.clock.now())))


async def test_a_waiting_run_says_since_when_and_when_it_times_out() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("agree", "approval")], name="approval")
    await headgate.use_cases.create_pipeline([a_stage("certify", "external", timeout=90_000)], name="report")
    since = headgate.fakes.clock.now()
    approval, report = (await headgate.use_cases.trigger("approval")).run_id, (await headgate.use_cases.trigger("report")).run_id
    headgate.fakes.clock.advance(60)

    explanations = [await explain(headgate, approval), await explain(headgate, report)]

    assert explanations == [
        f"Waiting for approval of agree since {since:%H:%M} UTC; times out in 6 d 23 h.",
        f"Waiting for a report about certify since {since:%H:%M} UTC; times out in 24 h 59 m.",
    ]


async def test_a_wait_that_began_on_another_day_includes_the_date() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("agree", "approval")])
    since = headgate.fakes.clock.now()
    run_id = (await headgate.use_cases.trigger()).run_id
    headgate.fakes.clock.advance(86_400)

    assert f" since {since.day} {since:%b %H:%M} UTC;" in await explain(headgate, run_id)


async def test_a_superseded_run_says_that_the_next_one_began() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("dump", "external"), a_stage("ship", "external")], name="remote")
    (first,) = await headgate.use_cases.report(status_update("completed", "dump", event_id="first night"))
    await headgate.use_cases.report(status_update("completed", "dump", event_id="second night"))

    assert await explain(headgate, first.run_id or 0) == "Lost: the next run began before the end of ship was reported."


async def test_every_time_is_a_part_of_its_own() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("agree", "approval")])
    since = headgate.fakes.clock.now()
    run = await headgate.use_cases.get_run((await headgate.use_cases.trigger()).run_id)

    parts = explain_run(run, RunContext(since)).parts

    assert [(part.text, part.at) for part in parts if part.at] == [(f"{since:%H:%M} UTC", since)]


async def test_a_lost_run_says_when_it_was_lost_and_where_a_retry_starts() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(["load"])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "load", "running"))
    sweeper = headgate.application.lease_sweeper()
    await sweeper.run_once()
    for _ in range(12):
        headgate.fakes.clock.advance(4)
        await sweeper.run_once()

    run = await headgate.use_cases.get_run(run_id)

    lost = run.stages[0].newest.finished_at
    assert lost is not None
    assert await explain(headgate, run_id) == (
        f"Lost: the worker of load stopped responding at {lost:%H:%M:%S} UTC. Check the log to see how far load got."
        " A retry starts at load."
    )
    assert [part.at for part in explain_run(run, RunContext(lost)).parts if part.at] == [lost]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Exited with code 3. UniqueViolation: key (1)", "exit code 3. UniqueViolation: key (1)"),
        ("Killed by signal 9 (SIGKILL).", "killed by signal 9 (SIGKILL)"),
        ("Exited early.", "Exited early"),
    ],
)
async def test_a_failed_run_says_how_its_stage_ended(message: str, words: str) -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(["load"])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "load", "running"))
    await headgate.use_cases.advance(run_id, worker_report(run_id, "load", "failed", error_message=message))

    assert await explain(headgate, run_id) == f"load failed: {words}."


async def test_a_cancelled_run_says_where_a_retry_starts() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(["load", "check"])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.application.cancel_run()(run_id)

    assert await explain(headgate, run_id) == "Cancelled before load completed. A retry starts at load."


async def test_a_silent_worker_is_named_before_its_lease_expires() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(["load"])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "load", "running"))
    async with headgate.fakes.open_unit_of_work() as work:
        await work.workers.record_seen(WorkerStatus(WORKER, "the red one", "headgate", 4, 4), headgate.fakes.clock.now())
        await work.commit()
    load_context = RunContextLoader(
        headgate.fakes.reader,
        headgate.fakes.clock,
        OrchestratorHealth(headgate.fakes.orchestrator),
        frozenset({"headgate"}),
    )

    headgate.fakes.clock.advance(6)
    run = await headgate.use_cases.get_run(run_id)
    online = str(explain_run(run, await load_context(run)))
    headgate.fakes.clock.advance(6)
    silent = str(explain_run(run, await load_context(run)))

    assert "not responded" not in online
    assert silent.endswith("; worker the red one has not responded for 12 s. If it does not return, its stages are marked as lost.")
