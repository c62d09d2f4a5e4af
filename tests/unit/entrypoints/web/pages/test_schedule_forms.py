"""The forms that pause, resume and run a schedule."""

from datetime import timedelta

import pytest

from application.queries.views.schedules import ScheduleView
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

ADDRESS = "/ui/pipelines/exports/schedules/hourly"


async def a_headgate(**settings: str) -> InProcessHeadgate:
    """Return a Headgate at 09:00 with a pipeline that runs every hour."""
    headgate = InProcessHeadgate(**settings)
    schedule = {"name": "hourly", "every": "1h", "parameters": {"region": "eu"}}
    parameters = {"type": "object", "properties": {"region": {"type": "string"}}}
    raw = {"name": "exports", "stages": [a_stage("dump")], "schedules": [schedule], "parameters": parameters}
    await headgate.application.create_pipeline()(raw)
    return headgate


async def only_schedule(headgate: InProcessHeadgate) -> ScheduleView:
    (schedule,) = await headgate.fakes.reader.schedules(1)
    return schedule


async def test_a_schedule_is_paused_for_a_time_and_resumed() -> None:
    headgate = await a_headgate()

    paused = await headgate.page_client.post(f"{ADDRESS}/pause", data={"hours": "4"})
    while_paused = await only_schedule(headgate)
    resumed = await headgate.page_client.post(f"{ADDRESS}/resume", data={"catch_up": "none"})

    assert [(answer.status_code, answer.headers["location"]) for answer in (paused, resumed)] == [(303, "/ui/pipelines/1")] * 2
    assert while_paused.paused_until == headgate.fakes.clock.now() + timedelta(hours=4)
    assert (await only_schedule(headgate)).paused_at is None


async def test_resuming_may_run_the_latest_tick_of_the_pause() -> None:
    headgate = await a_headgate()
    await headgate.page_client.post(f"{ADDRESS}/pause", data={"hours": ""})
    headgate.fakes.clock.advance(3 * 3_600 + 600)

    await headgate.page_client.post(f"{ADDRESS}/resume", data={"catch_up": "latest"})
    await headgate.application.tick_service().run_once()

    ticks = sorted(headgate.fakes.store.committed.ticks.values(), key=lambda tick: tick.due_at)
    assert [tick.state.value for tick in ticks] == ["paused", "paused", "late"]


async def test_run_now_starts_a_run_of_the_schedule_and_shows_it() -> None:
    headgate = await a_headgate()

    answer = await headgate.page_client.post(f"{ADDRESS}/run-now")

    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/runs/1")
    run = await headgate.fakes.reader.run(1)
    assert run is not None and run.parameters == {"region": "eu"}


@pytest.mark.parametrize(
    ("action", "form"),
    [("pause", {"hours": "x"}), ("pause", {"hours": "-1"}), ("resume", {}), ("resume", {"catch_up": "x"})],
)
async def test_an_invalid_choice_shows_the_form_again(action: str, form: dict[str, str]) -> None:
    headgate = await a_headgate()
    before = await only_schedule(headgate)

    answer = await headgate.page_client.post(f"{ADDRESS}/{action}", data=form)

    assert answer.status_code == 422 and "Choose " in answer.text
    assert await only_schedule(headgate) == before


@pytest.mark.parametrize("action", ["pause", "resume", "run-now"])
@pytest.mark.parametrize("address", ["/ui/pipelines/exports/schedules/nightly", "/ui/pipelines/other/schedules/hourly"])
async def test_an_unknown_schedule_is_not_found(address: str, action: str) -> None:
    headgate = await a_headgate()

    assert (await headgate.page_client.post(f"{address}/{action}", data={"hours": "1", "catch_up": "none"})).status_code == 404


async def test_the_forms_of_an_archived_pipeline_start_no_run() -> None:
    headgate = await a_headgate()
    await headgate.application.archive_pipeline()("exports")

    assert (await headgate.page_client.post(f"{ADDRESS}/run-now")).status_code == 409
