"""The backfill service, stepped by hand over fakes. The clock starts on Monday 2026-03-02 at nine, UTC."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from application.commands.runs.retry_run import RetryRunCommand
from application.services.backfills import backfill_service
from domain.access.actor import Actor
from domain.access.audit import AuditAction
from domain.backfills.backfill import BackfillState, Progress
from domain.backfills.plan import BackfillOrder, ExistingPolicy
from domain.backfills.request import BackfillRequest
from domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from domain.runs.status import Status
from domain.schedules.tick import TickReason
from domain.site_events import SiteEventType
from tests.support.backfills import BackfilledHeadgate

NIGHTLY = "30 2 * * *"


@pytest.fixture
async def headgate() -> BackfilledHeadgate:
    headgate = BackfilledHeadgate()
    await headgate.add_schedules(cron=NIGHTLY)
    return headgate


async def run_to_the_end(headgate: BackfilledHeadgate, status: Status = Status.COMPLETED) -> None:
    """End all runs and step, until none is left."""
    await headgate.step()
    while runs := headgate.list_unfinished():
        for run in runs:
            await headgate.end_run(run, status)
        await headgate.step()


async def test_each_tick_gets_one_run_in_order(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill()

    await run_to_the_end(headgate)

    assert headgate.days == [f"02-{day:02}" for day in range(1, 11)]
    backfill = headgate.find_backfill()
    assert (backfill.state, backfill.progress, backfill.finished_at) == (
        BackfillState.COMPLETED,
        Progress(completed=10),
        headgate.fakes.clock.now(),
    )


async def test_newest_ticks_run_first_if_asked(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(order=BackfillOrder.NEWEST)

    await run_to_the_end(headgate)

    assert headgate.days == [f"02-{day:02}" for day in range(10, 0, -1)]


@pytest.mark.parametrize("parallel", [1, 3, 4, 100])
async def test_never_more_than_parallel_runs_are_unfinished(headgate: BackfilledHeadgate, parallel: int) -> None:
    await headgate.start_backfill(parallel=parallel)

    await headgate.step()
    while runs := headgate.list_unfinished():
        assert len(runs) == min(parallel, 10 - len(headgate.days) + len(runs))
        await headgate.end_run(runs[0])
        await headgate.step()

    assert len(headgate.days) == 10


async def test_a_run_says_which_backfill_opened_it(headgate: BackfilledHeadgate) -> None:
    ada = Actor("ada")
    await headgate.application.start_backfill()("nightly", _request(), ada)

    await headgate.step()

    (run,) = headgate.list_unfinished()
    assert (run.trigger.kind, run.trigger.actor, run.trigger.backfill_id, run.trigger.schedule_id) == ("backfill", "ada", 1, None)
    actions = [(entry.action, entry.actor, entry.subject) for _, entry in sorted(headgate.fakes.store.committed.audit.items())]
    assert actions[-2:] == [(AuditAction.BACKFILL_STARTED, "ada", "backfill 1"), (AuditAction.TRIGGERED, "ada", f"run {run.id}")]


async def test_a_pass_that_failed_is_repeated_soon(headgate: BackfilledHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_service, "MAX_UNFINISHED_SLEEP_SECONDS", 0.001)
    service = headgate.application.backfill_service()
    await service.run_once()
    headgate.fakes.store.is_down = True

    with pytest.raises(Unavailable):
        await service.run_once()

    async with asyncio.timeout(10):
        await service.wait()


async def test_the_schedules_overlap_is_not_obeyed(headgate: BackfilledHeadgate) -> None:
    await headgate.change_schedules("nightly", {"name": "main", "cron": NIGHTLY, "overlap": "skip"})
    await headgate.start_backfill(parallel=2)

    await headgate.step()
    await headgate.pass_time(24 * 3_600, step=600)

    assert [tick.state for tick in headgate.ticks] == ["fired"]
    assert len(headgate.list_unfinished()) == 3


async def test_parameters_are_those_of_the_tick_with_the_requests_on_top(headgate: BackfilledHeadgate) -> None:
    day = {"tick": "date", "offset": "-1d"}
    await headgate.add_schedules("typed", cron=NIGHTLY, parameters={"day": day, "region": "eu"}, schema={"type": "object"})
    await headgate.start_backfill("typed", parameters={"region": "us", "stamp": {"tick": "timestamp"}})

    await headgate.step()

    (run,) = headgate.list_unfinished()
    assert run.parameters == {"day": "2026-01-31", "region": "us", "stamp": 1_769_913_000}


async def test_a_cron_in_a_zone_needs_no_schedule(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(since="2026-03-01", until="2026-03-01T12:00", cron="0 */6 * * *", timezone="Asia/Tokyo", parallel=9)

    await headgate.step()

    assert [f"{run.trigger.scheduled_for:%d %H:%M}" for run in headgate.list_unfinished()] == ["28 15:00", "28 21:00", "01 03:00"]


async def test_ticks_later_than_now_are_left_out(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(since="2026-03-01", until="2026-04-01", parallel=9)

    await headgate.step()

    assert headgate.days == ["03-01", "03-02"]


async def test_dates_that_the_schedule_skips_are_left_out(headgate: BackfilledHeadgate) -> None:
    written = {"name": "main", "cron": NIGHTLY, "skip": [date(2026, 2, 2).isoformat()], "start": "2026-02-02", "end": "2026-02-04"}
    await headgate.change_schedules("nightly", written)
    await headgate.start_backfill(parallel=9)

    await headgate.step()

    assert headgate.days == ["02-03", "02-04"]


async def test_existing_runs_decide_which_ticks_run(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(until="2026-02-04", parallel=4)
    await headgate.step()
    for run, status in zip(headgate.list_unfinished(), (Status.COMPLETED, Status.FAILED, Status.CANCELLED), strict=False):
        await headgate.end_run(run, status)
    await headgate.step()

    chosen = {}
    for policy in ExistingPolicy:
        preview = await headgate.application.preview_backfill()("nightly", _request("2026-02-01", "2026-02-05", existing=policy))
        chosen[policy] = (preview.ticks, preview.existing)

    assert headgate.list_tick_states() == ["02-01 completed", "02-02 failed", "02-03 cancelled", "02-04 running"]
    assert chosen == {ExistingPolicy.SKIP: (1, 4), ExistingPolicy.FAILED: (3, 2), ExistingPolicy.ALL: (5, 0)}


async def test_ticks_of_the_schedule_itself_count_as_existing(headgate: BackfilledHeadgate) -> None:
    await headgate.pass_time(3 * 86_400, step=86_400)
    await headgate.end_runs()

    preview = await headgate.application.preview_backfill()("nightly", _request("2026-03-01", "2026-03-05"))

    assert (preview.ticks, preview.existing) == (4, 1)


async def test_runs_of_another_schedule_do_not_count_as_existing(headgate: BackfilledHeadgate) -> None:
    await headgate.change_schedules("nightly", {"name": "main", "cron": NIGHTLY}, {"name": "other", "cron": NIGHTLY})
    await headgate.start_backfill(schedule="other", parallel=9, until="2026-02-05")
    await headgate.step()

    main = await headgate.application.preview_backfill()("nightly", _request(schedule="main"))
    other = await headgate.application.preview_backfill()("nightly", _request(schedule="other"))
    cron = await headgate.application.preview_backfill()("nightly", _request(cron=NIGHTLY))

    assert [(each.ticks, each.existing) for each in (main, other, cron)] == [(10, 0), (5, 5), (5, 5)]


async def test_a_preview_counts_and_estimates_and_stores_nothing(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(until="2026-02-02", parallel=2)
    await headgate.step()
    headgate.fakes.clock.advance(60)
    await run_to_the_end(headgate)
    before = {name: dict(getattr(headgate.fakes.store.committed, name)) for name in headgate.fakes.store.committed.__slots__}

    preview = await headgate.application.preview_backfill()("nightly", _request(parallel=3))

    after = {name: dict(getattr(headgate.fakes.store.committed, name)) for name in headgate.fakes.store.committed.__slots__}
    assert after == before
    assert (preview.pipeline, preview.ticks, preview.existing, preview.seconds) == ("nightly", 8, 2, 3 * 60)
    assert (f"{preview.first:%m-%d %H:%M}", f"{preview.last:%m-%d %H:%M}") == ("02-03 02:30", "02-10 02:30")


async def test_pausing_stops_new_runs_and_resuming_goes_on(headgate: BackfilledHeadgate) -> None:
    backfill_id = await headgate.start_backfill()
    await headgate.step()

    await headgate.application.pause_backfill()(backfill_id, Actor("ada"))
    await run_to_the_end(headgate)
    paused = headgate.find_backfill()
    await headgate.application.resume_backfill()(backfill_id)
    await run_to_the_end(headgate)

    assert (paused.state, paused.paused_by, paused.progress) == (BackfillState.PAUSED, "ada", Progress(pending=9, completed=1))
    assert headgate.find_backfill().state is BackfillState.COMPLETED


async def test_cancelling_half_way_cancels_the_pending_ticks_only(headgate: BackfilledHeadgate) -> None:
    backfill_id = await headgate.start_backfill(parallel=2)
    await headgate.step()
    await headgate.end_run(headgate.list_unfinished()[0])
    await headgate.step()

    await headgate.application.cancel_backfill()(backfill_id)
    going = headgate.find_backfill()
    await run_to_the_end(headgate)

    assert (going.state, going.progress, going.finished_at) == (
        BackfillState.CANCELLED,
        Progress(running=2, completed=1, cancelled=7),
        None,
    )
    ended = headgate.find_backfill()
    assert (ended.state, ended.progress) == (BackfillState.CANCELLED, Progress(completed=3, cancelled=7))
    assert ended.finished_at is not None
    assert len(headgate.days) == 3


async def test_cancelling_cancels_the_runs_too_if_asked(headgate: BackfilledHeadgate) -> None:
    backfill_id = await headgate.start_backfill(parallel=2)
    await headgate.step()

    await headgate.application.cancel_backfill()(backfill_id, cancel_runs=True)
    await headgate.step()

    assert headgate.find_backfill().progress == Progress(cancelled=10)
    assert headgate.list_unfinished() == []


async def test_a_backfill_that_is_over_cannot_be_changed(headgate: BackfilledHeadgate) -> None:
    backfill_id = await headgate.start_backfill(until="2026-02-01")
    await run_to_the_end(headgate)
    application = headgate.application

    for change in (application.pause_backfill(), application.resume_backfill(), application.cancel_backfill()):
        with pytest.raises(Conflict, match="Backfill 1 is completed"):
            await change(backfill_id)
    with pytest.raises(NotFound):
        await application.pause_backfill()(99)


async def test_a_retried_run_takes_its_place_among_the_parallel_ones(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(until="2026-02-02")
    await run_to_the_end(headgate, Status.CANCELLED)
    ended = headgate.find_backfill()

    await headgate.application.retry_run()(RetryRunCommand(1))
    await headgate.step()
    reopened = headgate.find_backfill()
    await run_to_the_end(headgate)

    assert (ended.state, ended.progress) == (BackfillState.COMPLETED, Progress(cancelled=2))
    assert (reopened.state, reopened.progress, reopened.finished_at) == (BackfillState.RUNNING, Progress(running=1, cancelled=1), None)
    assert headgate.find_backfill().progress == Progress(completed=1, cancelled=1)
    assert len(headgate.days) == 2


async def test_a_paused_pipeline_runs_its_backfill(headgate: BackfilledHeadgate) -> None:
    await headgate.application.pause_pipeline()("nightly")
    await headgate.start_backfill()

    await headgate.step()

    assert headgate.days == ["02-01"]


async def test_an_archived_pipeline_refuses_and_one_archived_later_waits(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill()
    await headgate.application.archive_pipeline()("nightly")

    await headgate.step()
    with pytest.raises(Conflict, match="archived"):
        await headgate.start_backfill()
    waiting = headgate.find_backfill()
    await headgate.application.unarchive_pipeline()("nightly")
    headgate.fakes.clock.advance(10)
    await headgate.step()

    assert (waiting.state, waiting.message) == (BackfillState.RUNNING, "nightly is archived. Unarchive it to start runs.")
    assert headgate.find_backfill().message is None
    assert headgate.days == ["02-01"]


async def test_a_full_disk_holds_the_backfill_and_says_so(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill()
    headgate.fakes.disk_space.sentence = "The disk is almost full."

    await headgate.step()
    held = headgate.find_backfill()
    headgate.fakes.disk_space.sentence = None
    await headgate.step()
    too_early = list(headgate.days)
    headgate.fakes.clock.advance(10)
    await headgate.step()

    assert held.message == "The disk is almost full."
    assert (too_early, headgate.days) == ([], ["02-01"])


async def test_a_tick_whose_parameters_are_refused_is_skipped_with_the_reason(headgate: BackfilledHeadgate) -> None:
    schema = {"properties": {"day": {"not": {"const": "2026-02-02"}}}}
    await headgate.add_schedules("strict", cron=NIGHTLY, parameters={"day": {"tick": "date"}}, schema=schema)
    await headgate.start_backfill("strict", until="2026-02-03")

    await run_to_the_end(headgate)

    tick = headgate.fakes.store.committed.backfill_ticks[1, 2]
    assert (tick.state, tick.reason, tick.run_id) == ("skipped", TickReason.INVALID_PARAMETERS, None)
    assert "parameters" in (tick.message or "")
    assert headgate.find_backfill().progress == Progress(completed=2, skipped=1)


async def test_one_event_a_pass_announces_the_progress(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(parallel=5)
    cursor = await headgate.fakes.change_feed.position()

    await headgate.step()
    await headgate.step()

    events = [each for each in (await headgate.fakes.change_feed.read(cursor)).site_events if each.type is SiteEventType.BACKFILL_CHANGED]
    assert [(event.data["backfill_id"], event.data["running"], event.data["pending"]) for event in events] == [(1, 5, 5)]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"since": "tomorrow"}, "from: must be a date or a time, such as 2026-11-01 or 2026-11-01T06:00"),
        ({"until": "2026-13-01"}, "to: must be a date or a time, such as 2026-11-01 or 2026-11-01T06:00"),
        ({"until": "2026-01-31"}, "to: must not be earlier than from"),
        ({"since": "2026-03-03", "until": "2026-03-04"}, "from: must not be later than now"),
        ({"since": "2026-02-01T03:00", "until": "2026-02-01T04:00"}, "from: must be earlier: there is no tick from then to the end"),
        ({"cron": "* * * * *"}, "to: selects 14,400 ticks, but a backfill has at most 10,000: choose a shorter time"),
        ({"cron": "* * * * *", "since": "2020-01-01"}, "to: selects more than 100,000 ticks"),
        ({"cron": "61 * * * *"}, "cron: "),
        ({"cron": "@reboot"}, "cron: "),
        ({"cron": NIGHTLY, "timezone": "Mars/Base"}, "timezone: "),
        ({"cron": NIGHTLY, "schedule": "main"}, "cron: cannot be combined with schedule: write one of them"),
        ({"timezone": "UTC"}, "timezone: belongs to cron"),
        ({"parallel": 0}, "parallel: must be from 1 to 100"),
        ({"parallel": 101}, "parallel: must be from 1 to 100"),
        ({"parameters": {"day": {"tick": "year"}}}, "parameters.day.tick: must be one of date, datetime, timestamp"),
    ],
)
async def test_an_invalid_request_names_the_field(headgate: BackfilledHeadgate, keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput) as error:
        await headgate.start_backfill(**keys)

    assert str(error.value).startswith(problem)
    assert headgate.fakes.store.committed.backfills == {}


async def test_without_a_single_schedule_one_has_to_be_named(headgate: BackfilledHeadgate) -> None:
    await headgate.change_schedules("nightly", {"name": "a", "cron": NIGHTLY}, {"name": "b", "cron": NIGHTLY})

    with pytest.raises(InvalidInput, match="schedule: is missing: write one of the pipeline's schedules: a or b"):
        await headgate.start_backfill()
    with pytest.raises(NotFound, match="There is no schedule c in pipeline nightly"):
        await headgate.start_backfill(schedule="c")
    with pytest.raises(NotFound, match="There is no pipeline other"):
        await headgate.start_backfill("other")


async def test_nothing_to_run_is_a_conflict(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill()
    await run_to_the_end(headgate)

    with pytest.raises(Conflict, match="All 10 ticks have runs, so there is nothing to run"):
        await headgate.start_backfill()


async def test_another_process_does_not_wait_for_a_locked_backfill(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill()
    other = headgate.start_second_process()

    async with headgate.fakes.open_unit_of_work() as work:
        assert await work.backfills.lock_due(headgate.fakes.clock.now()) is not None
        await other.application.backfill_service().run_once()

    assert headgate.days == []
    assert headgate.fakes.clock.now() - timedelta(days=1) < headgate.find_backfill().created_at


def _request(since: str = "2026-02-01", until: str = "2026-02-10", **keys: Any) -> BackfillRequest:
    return BackfillRequest(since, until, **keys)


async def test_waiting_runs_of_a_limited_pipeline_count_as_unfinished(headgate: BackfilledHeadgate) -> None:
    await headgate.change_schedules("nightly", {"name": "main", "cron": NIGHTLY}, concurrency=[{"limit": 1}])
    await headgate.start_backfill(parallel=3)

    await headgate.step()

    assert sorted(str(run.slot_state) for run in headgate.list_unfinished()) == ["held", "waiting", "waiting"]


async def test_a_full_limit_skips_a_tick_with_the_reason(headgate: BackfilledHeadgate) -> None:
    limits = [{"limit": 1, "when_full": "skip"}]
    await headgate.change_schedules("nightly", {"name": "main", "cron": NIGHTLY}, concurrency=limits)
    await headgate.start_backfill(until="2026-02-03", parallel=3)

    await headgate.step()

    ticks = [headgate.fakes.store.committed.backfill_ticks[1, position] for position in (1, 2, 3)]
    assert [(tick.state, tick.reason) for tick in ticks] == [
        ("running", None),
        ("skipped", TickReason.LIMIT),
        ("skipped", TickReason.LIMIT),
    ]
    assert ticks[1].message is not None and "nightly" in ticks[1].message
    assert headgate.find_backfill().progress == Progress(running=1, skipped=2)
