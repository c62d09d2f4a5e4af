"""Active runs of a deleted pipeline are cancelled first, then everything is removed, whichever process does it."""

from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


async def a_deleted_pipeline(headgate: InProcessHeadgate, runs: int = 1) -> list[int]:
    """Delete a pipeline with active runs, and return their ids."""
    await headgate.api.create_pipeline("flights", a_stage("extract"), a_stage("certify", "external", needs=[]))
    found = [await headgate.api.trigger() for _ in range(runs)]
    assert (await headgate.client.post("/pipelines/flights/archive")).status_code == 200
    assert (await headgate.client.delete("/pipelines/flights?confirm=flights")).status_code == 204
    return found


async def test_active_runs_are_cancelled_and_then_removed() -> None:
    headgate = InProcessHeadgate()
    runs = await a_deleted_pipeline(headgate, 150)
    deleter = headgate.application.pipeline_deleter()

    await deleter.run_once()
    cancelled = [await headgate.fakes.reader.run(run_id) for run_id in runs]
    headgate.fakes.clock.advance(31)
    for _ in range(5):
        await deleter.run_once()

    assert {run.status for run in cancelled if run is not None} == {Status.CANCELLED}
    assert [await headgate.fakes.reader.run(run_id) for run_id in runs] == [None] * 150
    assert headgate.fakes.store.committed.pipelines == {}


async def test_a_running_stage_is_stopped_by_its_worker_before_the_removal() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, name="flights")
    run = await headgate.use_cases.trigger("flights")
    await headgate.use_cases.claim(run.run_id)
    await headgate.client.post("/pipelines/flights/archive")
    await headgate.client.delete("/pipelines/flights?confirm=flights")
    deleter = headgate.application.pipeline_deleter()

    await deleter.run_once()
    headgate.fakes.clock.advance(31)
    await deleter.run_once()
    stopping = await headgate.use_cases.get_run(run.run_id)
    await headgate.use_cases.advance(run.run_id, ("a", "cancelled"))
    headgate.fakes.clock.advance(31)
    for _ in range(3):
        await deleter.run_once()

    assert stopping.status is Status.RUNNING
    assert await headgate.fakes.reader.run(run.run_id) is None
    assert headgate.fakes.store.committed.pipelines == {}


async def test_another_process_continues() -> None:
    headgate = InProcessHeadgate()
    (run_id,) = await a_deleted_pipeline(headgate)
    other = InProcessHeadgate(fakes=headgate.fakes.as_other_process())

    await headgate.application.pipeline_deleter().run_once()
    headgate.fakes.clock.advance(31)
    for _ in range(3):
        await other.application.pipeline_deleter().run_once()

    assert await headgate.fakes.reader.run(run_id) is None
    assert await headgate.fakes.pipeline_removal.find_deleted() == []


async def test_a_new_pipeline_of_the_name_keeps_its_runs() -> None:
    headgate = InProcessHeadgate()
    await a_deleted_pipeline(headgate)
    await headgate.api.create_pipeline("flights")
    kept = await headgate.api.trigger()

    for _ in range(4):
        await headgate.application.pipeline_deleter().run_once()
        headgate.fakes.clock.advance(31)

    assert await headgate.api.get_run_status(kept) == "waiting"
    assert [row.name for row in headgate.fakes.store.committed.pipelines.values()] == ["flights"]
