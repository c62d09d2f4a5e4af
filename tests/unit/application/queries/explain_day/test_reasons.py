"""Why the runs of a day happened or not, told by the sentences that people read. The day begins at nine in the morning, UTC."""

from datetime import date, timedelta

import pytest

from domain.access.actor import Actor
from domain.schedules.definition import CatchUpPolicy
from tests.support.day_explanations import TODAY, list_entries, list_sentences
from tests.support.schedules import ScheduledHeadgate

ADA = Actor("ada")
MINUTE, HOUR = 60, 3_600
NOT_YET = "00:00–09:00 not due: main was added at 09:00, by revision 1, 10 runs"


@pytest.fixture
def headgate() -> ScheduledHeadgate:
    return ScheduledHeadgate()


async def list_later(headgate: ScheduledHeadgate, day: date = TODAY) -> list[str]:
    """Return the sentences without the one about the time before the schedule was added."""
    return [sentence for sentence in await list_sentences(headgate, day=day) if sentence != NOT_YET]


async def test_a_run_that_was_in_the_way_is_named_with_its_end(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules()
    await headgate.pass_time(2 * HOUR, HOUR)
    during = await list_later(headgate)
    await headgate.pass_time(12 * MINUTE)
    await headgate.end_runs()

    after = await list_later(headgate)

    assert during == ["10:00 fired: #1 is queued", "11:00 skipped: #1 is not over yet", "12:00–23:00 still to come, 12 runs"]
    assert after[:2] == ["10:00 ran: #1 completed", "11:00 skipped: #1 ran until 11:12"]


async def test_the_end_of_a_run_on_another_day_has_its_date(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="0 10,23 * * *")
    await headgate.pass_time(HOUR)
    await headgate.pass_time(13 * HOUR)
    await headgate.pass_time(6 * HOUR)
    await headgate.end_runs()

    assert (await list_sentences(headgate))[-1] == "23:00 skipped: #1 ran until 2026-03-03 05:00"


async def test_an_outage_joins_its_ticks(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(catch_up="none")
    await headgate.pass_time(HOUR)
    await headgate.end_runs()

    await headgate.pass_time(4 * HOUR + 5 * MINUTE)

    assert (await list_later(headgate))[1] == "11:00–14:00 Headgate was down, 4 runs"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {},
            [
                "11:00–13:00 Headgate was down, 3 runs; a later tick ran instead",
                "14:00 ran late, at 14:05: Headgate was down when it was due",
            ],
        ),
        ({"catch_up_window": "30m", "catch_up": "none"}, ["11:00–14:00 Headgate was down, 4 runs"]),
        (
            {"catch_up_window": "150m", "catch_up": "all", "overlap": "allow"},
            [
                "11:00 Headgate was down; the catch-up window had passed when it was back",
                "12:00–14:00 fired late: 3 runs are queued",
            ],
        ),
    ],
)
async def test_catch_up_says_what_ran_late(headgate: ScheduledHeadgate, keys: dict[str, str], expected: list[str]) -> None:
    await headgate.add_schedules(every="1h", **keys)
    await headgate.pass_time(HOUR)
    await headgate.end_runs()
    await headgate.pass_time(4 * HOUR + 5 * MINUTE)
    if "allow" not in keys.values():
        await headgate.end_runs()

    found = await list_later(headgate)

    assert [each.split("; #")[0] for each in found[1:-1]] == expected


async def test_a_pause_says_who_paused_and_until_when(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules()
    until = headgate.fakes.clock.now() + timedelta(hours=5)
    await headgate.application.pause_schedule()("nightly", "main", until, ADA)
    await headgate.pass_time(2 * HOUR)

    assert await list_later(headgate) == [
        "10:00–11:00 paused by ada until 14:00, 2 runs",
        "12:00–13:00 will not run while it is paused by ada until 14:00, 2 runs",
        "14:00–23:00 still to come, 10 runs",
    ]


async def test_the_ticks_of_a_pause_that_ended_stay_explained(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules()
    await headgate.application.pause_pipeline()("nightly", None, ADA)
    await headgate.pass_time(2 * HOUR)
    during = await list_later(headgate)
    await headgate.application.resume_pipeline()("nightly", ADA)

    after = await list_later(headgate)

    assert during == ["10:00–11:00 paused by ada, 2 runs", "12:00–23:00 will not run while it is paused by ada, 12 runs"]
    assert after == ["10:00–11:00 paused, 2 runs", "12:00–23:00 still to come, 12 runs"]


async def test_a_tick_that_is_caught_up_after_a_pause_waits_for_its_turn(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules()
    await headgate.application.pause_schedule()("nightly", "main", None, ADA)
    await headgate.pass_time(2 * HOUR)
    await headgate.application.resume_schedule()("nightly", "main", CatchUpPolicy.ALL, ADA)
    await headgate.tick()
    await headgate.end_runs()

    found = await list_later(headgate)

    assert found[0] == "10:00 ran late, at 11:00: it was paused when it was due, and caught up; #1 completed"
    assert found[1] == "11:00 waits: it was paused when it was due and is being caught up"


async def test_an_archived_pipeline_runs_nothing(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules()
    await headgate.application.archive_pipeline()("nightly", ADA)
    await headgate.pass_time(HOUR)

    assert await list_later(headgate) == [
        "10:00 the pipeline was archived by ada",
        "11:00–23:00 will not run while the pipeline is archived, 13 runs",
    ]


async def test_a_full_disk_is_named_with_what_is_free(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules()
    headgate.fakes.disk_space.sentence = "2 MB are free."
    await headgate.pass_time(HOUR)
    during = await list_later(headgate)
    headgate.fakes.disk_space.sentence = None
    await headgate.pass_time(5 * MINUTE)
    await headgate.end_runs()

    after = await list_later(headgate)

    assert during[0] == "10:00 did not run: the disk was too full: 2 MB are free"
    assert after[0] == "10:00 ran late, at 10:05: the disk was too full when it was due; #1 completed"


async def test_waiting_ticks_name_the_run_before_them(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(overlap="queue_one")
    await headgate.pass_time(3 * HOUR, HOUR)

    assert (await list_later(headgate))[1:3] == ["11:00 waits: #1 is not over", "12:00 skipped: #1 is not over yet"]


async def test_a_tick_that_a_later_one_replaces_says_so(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", overlap="cancel_running", catch_up="all")
    await headgate.pass_time(3 * HOUR)

    assert "10:00–11:00 skipped, 2 runs: a later tick ran instead" in await list_later(headgate)


async def test_invalid_parameters_are_quoted(headgate: ScheduledHeadgate) -> None:
    schema = {"type": "object", "properties": {"day": {"type": "string", "pattern": "^(?!2026-03-03)"}}}
    main = {"name": "main", "cron": "0 10 * * *", "parameters": {"day": {"tick": "date"}}}
    await headgate.add_schedules("nightly", main, schema=schema)
    await headgate.pass_time(25 * HOUR)

    (found,) = await list_sentences(headgate, day=TODAY + timedelta(days=1))

    assert found.startswith("10:00 did not run: its parameters were invalid: parameters.day: ")


async def test_dates_in_skip_are_named(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="30 2 * * *", skip=["2026-12-25"])

    assert await list_sentences(headgate, day=date(2026, 12, 25)) == ["02:30 not due: 25 December is in `skip` of main"]


async def test_times_before_the_start_and_after_the_end_are_not_due(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="0 * * * *", start="2026-03-10T03:30", end="2026-03-10T20:15")

    assert await list_sentences(headgate, day=date(2026, 3, 10)) == [
        "00:00–03:00 not due: main has `start` 03:30, 4 runs",
        "04:00–20:00 still to come, 17 runs",
        "21:00–23:00 not due: main has `end` 20:15, 3 runs",
    ]
    assert await list_sentences(headgate, day=date(2026, 3, 9)) == ["00:00–23:00 not due: main has `start` 2026-03-10 03:30, 24 runs"]


async def test_a_day_on_which_a_schedule_does_not_fire_names_the_next_time(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="30 2 * * mon")

    (entry,) = await list_entries(headgate, day=date(2026, 3, 10))

    assert entry.sentence == "main is not due on this day; the next time is 2026-03-16 02:30"
    assert not entry.is_explained_absence


async def test_a_schedule_is_explained_by_the_definitions_of_that_day(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="0 * * * *")
    await headgate.pass_time(HOUR)
    await headgate.end_runs()
    await headgate.pass_time(HOUR / 2)
    await headgate.change_schedules("nightly", {"name": "main", "cron": "15 * * * *"})
    await headgate.pass_time(HOUR)
    await headgate.change_schedules("nightly", {"name": "other", "cron": "0 20 * * *"})
    await headgate.end_runs()

    assert await list_later(headgate) == [
        "10:00 ran: #1 completed",
        "11:15 ran late, at 11:30: Headgate was down when it was due; #2 completed",
        "12:15–23:15 not due: main was removed at 11:30, by revision 3, 12 runs",
        "20:00 still to come",
    ]


async def test_a_delayed_tick_says_until_when(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="0 * * * *", jitter="30m")
    await headgate.pass_time(HOUR)

    (found,) = [each for each in await list_later(headgate) if each.startswith("10:00")]

    assert found.startswith("10:00 is due; its jitter delays it until 10:")


async def test_days_before_the_ledger_are_not_known() -> None:
    headgate = ScheduledHeadgate(keep_events_days=30)
    await headgate.add_schedules()
    headgate.fakes.clock.advance(100 * 24 * HOUR)
    headgate.fakes.store.committed.schedules[1] = headgate.fakes.store.committed.schedules[1].__class__(
        1, 1, "main", headgate.fakes.clock.now(), headgate.fakes.clock.now()
    )

    found = await list_sentences(headgate, day=date(2026, 3, 20))

    assert found == ["00:00–23:00 not known, 24 runs: the ledger begins on 2026-05-11; older ticks are deleted"]


async def test_a_pipeline_without_a_schedule_names_who_starts_it(headgate: ScheduledHeadgate) -> None:
    raw = {"name": "sales", "stages": [{"name": "work", "kind": "command", "command": ["true"]}]}
    await headgate.application.create_pipeline()(raw)
    await headgate.client.post("/trigger/sales")

    today = await list_sentences(headgate, "sales")
    yesterday = await list_sentences(headgate, "sales", TODAY - timedelta(days=1))
    tomorrow = await list_sentences(headgate, "sales", TODAY + timedelta(days=1))

    start = "sales has no schedule: users, the API, the command line or reports start it."
    assert today == [f"{start} 1 run was started on this day (UTC): 1 by the API"]
    assert yesterday == ["sales did not exist yet: it was created on 2026-03-02 at 09:00 UTC"]
    assert tomorrow == [f"{start} No run was started on this day (UTC)"]


async def test_ticks_without_rows_of_their_own_are_counted_where_they_were_due(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1m", catch_up="none")
    await headgate.pass_time(2 * 24 * HOUR + 30)

    assert (await list_later(headgate))[-1] == "09:01–23:59 Headgate was down, 899 runs"
    assert await list_later(headgate, TODAY + timedelta(days=1)) == ["00:00–23:59 Headgate was down, 1,440 runs"]
    assert await list_later(headgate, TODAY + timedelta(days=2)) == [
        "00:00–08:59 Headgate was down, 540 runs",
        "09:00 fired: #1 is queued",
        "09:01–23:59 still to come, 899 runs",
    ]


async def test_a_day_with_very_many_outcomes_is_joined_by_the_hour(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1m")
    for _ in range(90):
        await headgate.pass_time(2 * MINUTE, MINUTE)
        await headgate.end_runs()

    found = await list_later(headgate)

    assert len(found) < 15
    assert "10:00–10:59 ran, 30 runs among others" in found or "10:01–10:59 ran, 30 runs among others" in found


async def test_a_run_that_waits_for_a_limit_names_who_holds_it(headgate: ScheduledHeadgate) -> None:
    main = {"name": "main", "every": "1h", "overlap": "allow"}
    await headgate.add_schedules("nightly", main, limits=[{"limit": 1}])
    await headgate.pass_time(2 * HOUR, HOUR)

    found = await list_entries(headgate)

    (limited,) = [entry for entry in found if entry.ticks.reason == "limit"]
    assert limited.sentence == "11:00 fired: #2 is queued. Waits for a slot of nightly: 1 of 1 is held by #1; 1st in line."
    assert limited.is_explained_absence


async def test_a_run_that_a_limit_refused_says_so(headgate: ScheduledHeadgate) -> None:
    main = {"name": "main", "every": "1h", "overlap": "allow"}
    await headgate.add_schedules("nightly", main, limits=[{"limit": 1, "when_full": "skip"}])
    await headgate.pass_time(2 * HOUR, HOUR)

    (skipped,) = [entry for entry in await list_entries(headgate) if entry.ticks.reason == "limit"]

    assert skipped.sentence.startswith("11:00 skipped: ")
    assert "nightly#1" in skipped.sentence or "run 1" in skipped.sentence.lower() or "#1" in skipped.sentence


async def test_the_ticks_before_very_many_revisions_of_a_day_are_still_explained(headgate: ScheduledHeadgate) -> None:
    main = {"name": "main", "cron": "0 * * * *"}
    await headgate.add_schedules("nightly", main)
    await headgate.pass_time(HOUR)
    await headgate.end_runs()
    for number in range(30):
        headgate.fakes.clock.advance(30)
        await headgate.change_schedules("nightly", main, description=f"Change {number}")

    found = await list_sentences(headgate)

    assert "10:00 ran: #1 completed" in found
    assert "11:00–23:00 still to come, 13 runs" in found
