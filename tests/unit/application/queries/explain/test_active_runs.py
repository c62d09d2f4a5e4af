"""Every state that a run which is not over can be in has a sentence of its own, true and in numbers."""

from application.ports.persistence.workers import WorkerStatus
from application.queries.explain.explanation import explain_run
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context_loader import RunContextLoader
from tests.support.builders import a_stage
from tests.support.use_case_harness import WORKER, UseCaseHarness, worker_report


async def said(system: UseCaseHarness, run_id: int, *warm_pools: str) -> str:
    fakes = system.fakes
    look = RunContextLoader(
        fakes.reader, fakes.clock, OrchestratorHealth(fakes.orchestrator, fakes.clock), frozenset(warm_pools or ("headgate",))
    )
    run = await system.run(run_id)
    return str(explain_run(run, await look(run)))


async def seen(system: UseCaseHarness, slots: int, free: int, id: str = WORKER, name: str = "red") -> None:
    async with system.fakes.open_unit_of_work() as work:
        await work.workers.seen(WorkerStatus(id, name, "headgate", slots, free), system.fakes.clock.now())
        await work.commit()


async def one_of(system: UseCaseHarness, *stages: object, **keys: object) -> int:
    await system.create(list(stages) or ["load"], **keys)
    return (await system.trigger()).run_id


async def test_without_a_worker_it_says_that_none_answers_and_how_to_start_one() -> None:
    system = UseCaseHarness()
    run_id = await one_of(system)
    system.fakes.clock.advance(12)

    sentence = "Queued for 12 s: no worker of pool headgate answers; it starts when one does (`headgate worker` starts one)."
    assert await said(system, run_id) == sentence


async def test_a_worker_that_fell_silent_does_not_count() -> None:
    system = UseCaseHarness()
    run_id = await one_of(system)
    await seen(system, 4, 4)
    system.fakes.clock.advance(60)

    assert "no worker of pool headgate answers" in await said(system, run_id)


async def test_with_every_slot_taken_it_says_how_many_there_are_how_many_are_ahead_and_what_helps() -> None:
    system = UseCaseHarness()
    first = await one_of(system)
    for _ in range(2):
        system.fakes.clock.advance(1)
        last = (await system.trigger()).run_id
    await seen(system, 4, 0)
    await seen(system, 4, 0, id="w2", name="blue")

    sentences = [await said(system, run_id) for run_id in (first, last)]

    helps = "it starts when one is free: another worker or a higher HEADGATE_WORKER_SLOTS lets more run at once."
    assert sentences == [
        f"Queued for 2 s: all 8 worker slots of pool headgate are taken; {helps}",
        f"Queued for 0 s: all 8 worker slots of pool headgate are taken and 2 runs are ahead of it; {helps}",
    ]


async def test_behind_others_while_slots_are_free_it_says_how_many_are_ahead() -> None:
    system = UseCaseHarness()
    await one_of(system)
    system.fakes.clock.advance(1)
    second = (await system.trigger()).run_id
    await seen(system, 4, 1)

    assert await said(system, second) == "Queued for 0 s: one run is ahead of it in pool headgate, where 1 of 4 worker slots is free."


async def test_first_in_line_with_a_free_slot_it_is_about_to_be_taken() -> None:
    system = UseCaseHarness()
    run_id = await one_of(system)
    await seen(system, 4, 3)

    assert await said(system, run_id) == "Queued for 0 s: a worker of pool headgate is about to take it; 3 of 4 slots are free."


async def test_taken_and_not_yet_started_it_names_the_worker() -> None:
    system = UseCaseHarness()
    run_id = await one_of(system)
    await seen(system, 4, 3)
    await system.claim(run_id, capacity=0)

    assert await said(system, run_id) == "Queued for 0 s: worker red has taken it and is starting load."


async def test_taken_by_a_worker_that_fell_silent_it_says_what_comes_of_it() -> None:
    system = UseCaseHarness()
    run_id = await one_of(system)
    await seen(system, 4, 3)
    await system.claim(run_id, capacity=0)
    system.fakes.clock.advance(10)

    told = "worker red took it and has not been heard of for 10 s; if that lasts, another takes it over."
    assert await said(system, run_id) == f"Queued for 10 s: {told}"


async def test_a_stage_held_by_the_runs_parallelism_says_so_with_the_limit() -> None:
    system = UseCaseHarness()
    await system.create([a_stage("a", needs=[]), a_stage("b", needs=[])], parallelism=1)
    run_id = (await system.trigger()).run_id
    await seen(system, 4, 3)
    await system.claim(run_id)
    await system.advance(run_id, worker_report(run_id, "a", "running"))

    sentence = await said(system, run_id)

    held = "b is queued: one stage of the run is running, as many at once as its parallelism of 1 allows."
    assert sentence == f"a has been running for 0 s. {held}"


async def test_a_stage_whose_worker_has_no_slot_left_says_how_many_it_has() -> None:
    system = UseCaseHarness()
    await system.create([a_stage("a", needs=[]), a_stage("b", needs=[])])
    run_id = (await system.trigger()).run_id
    await seen(system, 1, 0)
    await system.claim(run_id, capacity=1)
    await system.advance(run_id, worker_report(run_id, "a", "running"), capacity=0)

    told = "b is queued: worker red carries the run and its one slot is taken; it goes on when one is free."
    assert await said(system, run_id) == f"a has been running for 0 s. {told}"


async def test_a_pool_of_another_type_says_whether_prefect_answers() -> None:
    system = UseCaseHarness(warm_pools=())
    run_id = await one_of(system)

    before = await said(system, run_id, "other")
    system.fakes.orchestrator.is_down = True
    after = await said(system, run_id, "other")

    assert before == "Queued for 0 s: Prefect has not been told of it yet; it starts when a worker of pool headgate takes it."
    assert after == "Queued for 0 s: Prefect does not answer yet; it starts when a worker of pool headgate takes it."


async def test_what_prefect_refuses_says_so_in_its_words_and_how_to_try_again() -> None:
    system = UseCaseHarness(warm_pools=())
    run_id = await one_of(system)
    async with system.fakes.open_unit_of_work() as work:
        (row,) = await work.outbox.lease("relay", 1, 5)
        await work.outbox.quarantine(row.id, "The pool is paused.", 3_600)
        await work.commit()

    told = "Prefect refuses it (The pool is paused); it is tried again within the hour (`headgate retry-prefect` does it now)."
    assert await said(system, run_id, "other") == f"Queued for 0 s: {told}"


async def test_what_prefect_has_says_that_a_worker_has_to_take_it() -> None:
    system = UseCaseHarness(warm_pools=())
    run_id = await one_of(system)
    async with system.fakes.open_unit_of_work() as work:
        await work.outbox.mark_delivered(run_id, 1)
        await work.commit()

    assert await said(system, run_id, "other") == "Queued for 0 s: Prefect has it, and a worker of pool headgate has to take it."


async def test_a_stage_to_be_tried_again_says_when_and_after_what() -> None:
    system = UseCaseHarness()
    run_id = await one_of(system, a_stage("load", retries=2, retry_delay=30))
    await system.claim(run_id)
    await system.advance(run_id, worker_report(run_id, "load", "running"))
    await system.advance(run_id, worker_report(run_id, "load", "failed", error_message="disk full\nmore"))

    assert await said(system, run_id) == "load is tried again in 30 s, after disk full on attempt 1 of 3."


async def test_stopping_says_since_when_and_what_is_being_ended() -> None:
    system = UseCaseHarness()
    await system.create([a_stage("a", needs=[]), a_stage("b", needs=[])])
    run_id = (await system.trigger()).run_id
    await seen(system, 4, 3)
    await system.claim(run_id)
    await system.advance(run_id, worker_report(run_id, "a", "running"), worker_report(run_id, "b", "running"))
    await system.app.cancel_run()(run_id)
    system.fakes.clock.advance(3)
    heard = await said(system, run_id)
    system.fakes.clock.advance(7)

    silent = await said(system, run_id)

    assert heard == "Stopping for 3 s: a and b are being ended by their worker."
    told = "; its worker red has not been heard of for 10 s, and is given up as lost if that lasts."
    assert silent == f"Stopping for 10 s: a and b are being ended by their worker{told}"


async def test_beside_what_runs_an_approval_that_waits_is_named() -> None:
    system = UseCaseHarness()
    await system.create([a_stage("load", needs=[]), a_stage("agree", "approval", needs=[])])
    run_id = (await system.trigger()).run_id
    await system.claim(run_id)
    await system.advance(run_id, worker_report(run_id, "load", "running"))

    assert await said(system, run_id) == "load has been running for 0 s. agree waits for approval."


async def test_of_several_that_run_the_one_that_is_late_is_named() -> None:
    system = UseCaseHarness()
    await system.create([a_stage("a", needs=[]), a_stage("b", needs=[])])
    for _ in range(5):
        run_id = (await system.trigger()).run_id
        await system.claim(run_id)
        await system.advance(run_id, worker_report(run_id, "a", "running"), worker_report(run_id, "b", "running"))
        system.fakes.clock.advance(2)
        await system.advance(run_id, worker_report(run_id, "b", "completed"))
        system.fakes.clock.advance(8)
        await system.advance(run_id, worker_report(run_id, "a", "completed"))
    run_id = (await system.trigger()).run_id
    await system.claim(run_id)
    await system.advance(run_id, worker_report(run_id, "a", "running"), worker_report(run_id, "b", "running"))
    system.fakes.clock.advance(4)

    late = "b is later than usual: 19 of 20 times it is done within 2 s"
    assert await said(system, run_id) == f"a and b are running, the first for 4 s; {late}."
