"""Every state of an active run has an explanation of its own, with correct numbers."""

from application.ports.persistence.workers import WorkerStatus
from application.queries.explain.explanation import explain_run
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context_loader import RunContextLoader
from tests.support.actions import WORKER, worker_report
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


async def explain(headgate: InProcessHeadgate, run_id: int, *warm_pools: str) -> str:
    fakes = headgate.fakes
    load_context = RunContextLoader(
        fakes.reader, fakes.clock, OrchestratorHealth(fakes.orchestrator), frozenset(warm_pools or ("headgate",))
    )
    run = await headgate.use_cases.get_run(run_id)
    return str(explain_run(run, await load_context(run)))


async def send_heartbeat(headgate: InProcessHeadgate, slots: int, free: int, id: str = WORKER, name: str = "red") -> None:
    async with headgate.fakes.open_unit_of_work() as work:
        await work.workers.record_seen(WorkerStatus(id, name, "headgate", slots, free), headgate.fakes.clock.now())
        await work.commit()


async def trigger_pipeline(headgate: InProcessHeadgate, *stages: object, **keys: object) -> int:
    await headgate.use_cases.create_pipeline(list(stages) or ["load"], **keys)
    return (await headgate.use_cases.trigger()).run_id


async def test_without_workers_it_says_how_to_start_one() -> None:
    headgate = InProcessHeadgate()
    run_id = await trigger_pipeline(headgate)
    headgate.fakes.clock.advance(12)

    expected = "Queued for 12 s: no worker is online in pool headgate. Start one with `headgate worker`."
    assert await explain(headgate, run_id) == expected


async def test_a_silent_worker_is_not_online() -> None:
    headgate = InProcessHeadgate()
    run_id = await trigger_pipeline(headgate)
    await send_heartbeat(headgate, 4, 4)
    headgate.fakes.clock.advance(60)

    assert "no worker is online in pool headgate" in await explain(headgate, run_id)


async def test_with_all_slots_in_use_it_says_how_many_runs_are_ahead_and_what_helps() -> None:
    headgate = InProcessHeadgate()
    first = await trigger_pipeline(headgate)
    for _ in range(2):
        headgate.fakes.clock.advance(1)
        last = (await headgate.use_cases.trigger()).run_id
    await send_heartbeat(headgate, 4, 0)
    await send_heartbeat(headgate, 4, 0, id="w2", name="blue")

    explanations = [await explain(headgate, run_id) for run_id in (first, last)]

    advice = "Add a worker or raise HEADGATE_WORKER_SLOTS to run more at once."
    assert explanations == [
        f"Queued for 2 s: all 8 worker slots of pool headgate are in use. {advice}",
        f"Queued for 0 s: all 8 worker slots of pool headgate are in use and 2 runs are ahead of it. {advice}",
    ]


async def test_behind_other_runs_with_free_slots_it_says_how_many_are_ahead() -> None:
    headgate = InProcessHeadgate()
    await trigger_pipeline(headgate)
    headgate.fakes.clock.advance(1)
    second = (await headgate.use_cases.trigger()).run_id
    await send_heartbeat(headgate, 4, 1)

    assert await explain(headgate, second) == "Queued for 0 s: 1 run is ahead of it in pool headgate; 1 of 4 worker slots is free."


async def test_the_first_run_in_the_queue_with_a_free_slot_is_about_to_start() -> None:
    headgate = InProcessHeadgate()
    run_id = await trigger_pipeline(headgate)
    await send_heartbeat(headgate, 4, 3)

    expected = "Queued for 0 s: a worker of pool headgate is about to take it; 3 of 4 worker slots are free."
    assert await explain(headgate, run_id) == expected


async def test_a_claimed_run_that_has_not_started_names_its_worker() -> None:
    headgate = InProcessHeadgate()
    run_id = await trigger_pipeline(headgate)
    await send_heartbeat(headgate, 4, 3)
    await headgate.use_cases.claim(run_id, capacity=0)

    assert await explain(headgate, run_id) == "Queued for 0 s: worker red took the run and is starting load."


async def test_a_run_claimed_by_a_silent_worker_says_what_happens_next() -> None:
    headgate = InProcessHeadgate()
    run_id = await trigger_pipeline(headgate)
    await send_heartbeat(headgate, 4, 3)
    await headgate.use_cases.claim(run_id, capacity=0)
    headgate.fakes.clock.advance(10)

    expected = "worker red took the run but has not responded for 10 s. If it does not return, another worker takes over."
    assert await explain(headgate, run_id) == f"Queued for 10 s: {expected}"


async def test_a_stage_held_by_the_parallelism_limit_says_so() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", needs=[]), a_stage("b", needs=[])], parallelism=1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await send_heartbeat(headgate, 4, 3)
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "running"))

    explanation = await explain(headgate, run_id)

    held = "b is queued: 1 stage of the run is already running, its parallelism limit."
    assert explanation == f"a has been running for 0 s. {held}"


async def test_a_stage_whose_worker_has_no_free_slot_says_how_many_slots_it_has() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", needs=[]), a_stage("b", needs=[])])
    run_id = (await headgate.use_cases.trigger()).run_id
    await send_heartbeat(headgate, 1, 0)
    await headgate.use_cases.claim(run_id, capacity=1)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "running"), capacity=0)

    held = "b is queued: worker red has the run, but its only slot is in use."
    assert await explain(headgate, run_id) == f"a has been running for 0 s. {held}"


async def test_a_run_of_a_prefect_pool_says_whether_prefect_responds() -> None:
    headgate = InProcessHeadgate(warm_pools=())
    run_id = await trigger_pipeline(headgate)

    up = await explain(headgate, run_id, "other")
    headgate.fakes.orchestrator.is_down = True
    down = await explain(headgate, run_id, "other")

    assert up == "Queued for 0 s: the run has not been sent to Prefect yet. It starts when a worker of pool headgate takes it."
    assert down == "Queued for 0 s: Prefect does not respond yet. The run starts when a worker of pool headgate takes it."


async def test_a_run_that_prefect_rejects_quotes_the_error_and_how_to_retry() -> None:
    headgate = InProcessHeadgate(warm_pools=())
    run_id = await trigger_pipeline(headgate)
    async with headgate.fakes.open_unit_of_work() as work:
        (row,) = await work.outbox.lease("relay", 1, 5)
        await work.outbox.quarantine(row.id, "The pool is paused.", 3_600)
        await work.commit()

    expected = "Prefect rejected it (The pool is paused). Headgate retries within the hour; `headgate retry-prefect` retries now."
    assert await explain(headgate, run_id, "other") == f"Queued for 0 s: {expected}"


async def test_a_run_that_prefect_has_waits_for_a_worker_of_its_pool() -> None:
    headgate = InProcessHeadgate(warm_pools=())
    run_id = await trigger_pipeline(headgate)
    async with headgate.fakes.open_unit_of_work() as work:
        await work.outbox.mark_delivered(run_id, 1)
        await work.commit()

    assert await explain(headgate, run_id, "other") == "Queued for 0 s: Prefect has the run and waits for a worker of pool headgate."


async def test_a_stage_before_its_retry_says_when_it_runs_and_why_it_failed() -> None:
    headgate = InProcessHeadgate()
    run_id = await trigger_pipeline(headgate, a_stage("load", retries=2, retry_delay=30))
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "load", "running"))
    await headgate.use_cases.advance(run_id, worker_report(run_id, "load", "failed", error_message="disk full\nmore"))

    assert await explain(headgate, run_id) == "load runs again in 30 s (attempt 1 of 3 failed: disk full)."


async def test_a_stopping_run_says_for_how_long_and_which_stages_end() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", needs=[]), a_stage("b", needs=[])])
    run_id = (await headgate.use_cases.trigger()).run_id
    await send_heartbeat(headgate, 4, 3)
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "running"), worker_report(run_id, "b", "running"))
    await headgate.application.cancel_run()(run_id)
    headgate.fakes.clock.advance(3)
    online = await explain(headgate, run_id)
    headgate.fakes.clock.advance(7)

    silent = await explain(headgate, run_id)

    assert online == "Stopping for 3 s: the worker is ending a and b."
    consequence = "worker red has not responded for 10 s. If it does not return, its stages are marked as lost."
    assert silent == f"Stopping for 10 s: the worker is ending a and b; {consequence}"


async def test_a_waiting_approval_is_named_beside_the_running_stages() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("load", needs=[]), a_stage("agree", "approval", needs=[])])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "load", "running"))

    assert await explain(headgate, run_id) == "load has been running for 0 s. agree waits for approval."


async def test_of_several_running_stages_the_slow_one_is_named() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", needs=[]), a_stage("b", needs=[])])
    for _ in range(5):
        run_id = (await headgate.use_cases.trigger()).run_id
        await headgate.use_cases.claim(run_id)
        await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "running"), worker_report(run_id, "b", "running"))
        headgate.fakes.clock.advance(2)
        await headgate.use_cases.advance(run_id, worker_report(run_id, "b", "completed"))
        headgate.fakes.clock.advance(8)
        await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "completed"))
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "running"), worker_report(run_id, "b", "running"))
    headgate.fakes.clock.advance(4)

    slow = "b is slower than usual: 95 % of its runs finish within 2 s"
    assert await explain(headgate, run_id) == f"a and b are running, a for 4 s; {slow}."
