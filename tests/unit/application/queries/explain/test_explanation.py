"""The sentence that says why a run is where it is: since when, and what to do."""

from application.ports.persistence.workers import WorkerStatus
from application.queries.explain.explanation import explain_run
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context import RunContext
from application.queries.explain.run_context_loader import RunContextLoader
from tests.support.builders import a_stage
from tests.support.use_case_harness import WORKER, UseCaseHarness, worker_report


async def said(system: UseCaseHarness, run_id: int) -> str:
    return str(explain_run(await system.run(run_id), RunContext(system.fakes.clock.now())))


async def test_who_waits_for_a_person_or_a_machine_says_since_when() -> None:
    system = UseCaseHarness()
    await system.create([a_stage("agree", "approval")], name="asked")
    await system.create([a_stage("certify", "external", timeout=90_000)], name="told")
    since = system.fakes.clock.now()
    asked, told = (await system.trigger("asked")).run_id, (await system.trigger("told")).run_id
    system.fakes.clock.advance(60)

    sentences = [await said(system, asked), await said(system, told)]

    assert sentences == [
        f"Waiting for approval of agree since {since:%H:%M} UTC; it fails in 6 d 23 h without one.",
        f"Waiting for a report about certify from a machine since {since:%H:%M} UTC; without one it fails in 24 h 59 m.",
    ]


async def test_a_wait_since_another_day_names_the_day() -> None:
    system = UseCaseHarness()
    await system.create([a_stage("agree", "approval")])
    since = system.fakes.clock.now()
    run_id = (await system.trigger()).run_id
    system.fakes.clock.advance(86_400)

    assert f" since {since.day} {since:%b %H:%M} UTC;" in await said(system, run_id)


async def test_every_time_of_the_sentence_is_a_part_of_its_own() -> None:
    system = UseCaseHarness()
    await system.create([a_stage("agree", "approval")])
    since = system.fakes.clock.now()
    run = await system.run((await system.trigger()).run_id)

    parts = explain_run(run, RunContext(since)).parts

    assert [(part.text, part.at) for part in parts if part.at] == [(f"{since:%H:%M} UTC", since)]


async def test_a_lost_run_says_when_and_where_a_retry_begins() -> None:
    system = UseCaseHarness()
    await system.create(["load"])
    run_id = (await system.trigger()).run_id
    await system.claim(run_id)
    await system.advance(run_id, worker_report(run_id, "load", "running"))
    sweep = system.app.lease_sweeper()
    await sweep.run_once()
    for _ in range(12):
        system.fakes.clock.advance(4)
        await sweep.run_once()

    run = await system.run(run_id)

    lost = run.stages[0].newest.finished_at
    assert lost is not None
    assert await said(system, run_id) == (
        f"Lost: the worker stopped answering in load at {lost:%H:%M:%S} UTC. How far it came is not known: see its log first."
        " A retry begins at load."
    )
    assert [part.at for part in explain_run(run, RunContext(lost)).parts if part.at] == [lost]


async def test_a_cancelled_run_says_where_a_retry_begins() -> None:
    system = UseCaseHarness()
    await system.create(["load", "check"])
    run_id = (await system.trigger()).run_id
    await system.app.cancel_run()(run_id)

    assert await said(system, run_id) == "Cancelled before load had completed. A retry begins at load."


async def test_a_worker_that_is_silent_is_named_before_it_is_given_up() -> None:
    system = UseCaseHarness()
    await system.create(["load"])
    run_id = (await system.trigger()).run_id
    await system.claim(run_id)
    await system.advance(run_id, worker_report(run_id, "load", "running"))
    async with system.fakes.open_unit_of_work() as work:
        await work.workers.seen(WorkerStatus(WORKER, "the red one", "headgate", 4, 4), system.fakes.clock.now())
        await work.commit()
    look = RunContextLoader(
        system.fakes.reader, system.fakes.clock, OrchestratorHealth(system.fakes.orchestrator, system.fakes.clock), frozenset({"headgate"})
    )

    system.fakes.clock.advance(6)
    run = await system.run(run_id)
    heard = str(explain_run(run, await look(run)))
    system.fakes.clock.advance(6)
    silent = str(explain_run(run, await look(run)))

    assert "heard of" not in heard
    assert silent.endswith("; its worker the red one has not been heard of for 12 s, and is given up as lost if that lasts.")
