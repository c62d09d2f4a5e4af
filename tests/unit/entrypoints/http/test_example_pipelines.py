from entrypoints.http.example_pipelines import register_example_pipelines
from tests.support.schedules import ScheduledHeadgate


async def test_the_examples_are_registered_once_with_their_schedules_paused() -> None:
    headgate = ScheduledHeadgate()
    create_pipeline, open_unit_of_work = headgate.application.create_pipeline(), headgate.application.adapters.open_unit_of_work()

    names = await register_example_pipelines(create_pipeline, open_unit_of_work)
    again = await register_example_pipelines(create_pipeline, open_unit_of_work)
    await headgate.pass_time(24 * 3_600, step=3_600)

    (schedule,) = (await headgate.client.get("/pipelines/flights/schedules")).json()
    assert (names, again) == (["flights", "backup-reported", "retries"], [])
    assert (schedule["paused"], schedule["next_at"]) == (True, None)
    assert (await headgate.client.get("/runs/")).json() == []


async def test_a_resumed_schedule_of_an_example_fires() -> None:
    headgate = ScheduledHeadgate()
    await register_example_pipelines(headgate.application.create_pipeline(), headgate.application.adapters.open_unit_of_work())

    await headgate.client.post("/pipelines/flights/schedules/nightly/resume")
    await headgate.pass_time(24 * 3_600, step=1_800)

    (run,) = (await headgate.client.get("/pipelines/flights/runs")).json()
    assert run["trigger"] == "schedule"
