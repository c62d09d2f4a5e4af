"""The sweeper of due runs, stepped by hand over fakes."""

from application.ports.dispatch.worker_messages import WakeRun
from domain.runs.status import Status
from tests.support.actions import WORKER
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


async def run_dispatcher(headgate: InProcessHeadgate) -> None:
    dispatcher = headgate.application.dispatcher()
    await dispatcher.wait()
    await dispatcher.run_once()


async def test_a_stage_past_its_timeout_fails_and_its_worker_kills_it() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline([a_stage("a", timeout=60, allow_failure=True), a_stage("b", needs=[])])
    run_id = (await headgate.use_cases.trigger()).run_id
    await run_dispatcher(headgate)

    headgate.fakes.clock.advance(91)
    await headgate.application.due_run_sweeper().run_once()
    step = await headgate.use_cases.advance(run_id, holding=frozenset({("a", 1), ("b", 1)}))

    assert (await headgate.use_cases.get_stage_statuses(run_id))["a"] is Status.FAILED
    assert (WORKER, WakeRun(run_id)) in headgate.fakes.worker_streams.pushed
    assert (list(step.kill), step.ended) == ([("a", 1)], False)
