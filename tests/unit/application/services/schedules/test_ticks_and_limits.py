"""Ticks of pipelines with concurrency limits: which wait for a slot, and which open no run and why. The clock starts at nine, UTC."""

import pytest

from application.commands.runs import slot_admission
from domain.concurrency.slots import SlotState
from domain.runs.status import Status
from tests.support.schedules import ScheduledHeadgate, at


async def add_limited(headgate: ScheduledHeadgate, name: str = "nightly", when_full: str = "queue", overlap: str = "allow") -> None:
    stages = [{"name": "work", "kind": "command", "command": ["true"]}]
    schedules = [{"name": "main", "every": "1h", "overlap": overlap}]
    limits = [{"limit": 1, "when_full": when_full}]
    await headgate.application.create_pipeline()({"name": name, "stages": stages, "schedules": schedules, "concurrency": limits})


@pytest.fixture
def headgate() -> ScheduledHeadgate:
    return ScheduledHeadgate()


async def test_the_run_of_a_tick_waits_for_a_slot_though_the_tick_has_fired(headgate: ScheduledHeadgate) -> None:
    await add_limited(headgate)

    await headgate.pass_time(2 * 3_600, step=3_600)

    assert headgate.states == ["10:00 fired", "11:00 fired"]
    first, second = (run for _, run in sorted(headgate.fakes.store.committed.runs.items()))
    assert [(run.status, run.slot_state) for run in (first, second)] == [
        (Status.QUEUED, SlotState.HELD),
        (Status.QUEUED, SlotState.WAITING),
    ]


async def test_a_tick_is_skipped_by_a_limit_that_skips_and_names_the_run_in_the_way(headgate: ScheduledHeadgate) -> None:
    await add_limited(headgate, when_full="skip")

    await headgate.pass_time(2 * 3_600, step=3_600)
    await headgate.end_runs()
    await headgate.pass_time(3_600)

    assert headgate.states == ["10:00 fired", "11:00 skipped limit", "12:00 fired"]
    assert headgate.ticks[1].message == "nightly was not started: the only slot is held by run 1."
    assert headgate.ticks[1].run_id is None


async def test_a_tick_is_skipped_when_too_many_runs_wait(headgate: ScheduledHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_admission, "MAX_WAITING", 1)
    await add_limited(headgate)

    await headgate.pass_time(3 * 3_600, step=3_600)

    assert headgate.states == ["10:00 fired", "11:00 fired", "12:00 skipped queue_full"]
    assert headgate.ticks[2].message == "1 request waits for a slot of nightly, the maximum. nightly was not started."


async def test_a_tick_replaces_the_run_that_holds_the_slot(headgate: ScheduledHeadgate) -> None:
    await add_limited(headgate, when_full="cancel_running")

    await headgate.pass_time(2 * 3_600, step=3_600)

    assert headgate.states == ["10:00 fired", "11:00 fired"]
    assert headgate.runs == [(at("10:00"), Status.CANCELLED), (at("11:00"), Status.QUEUED)]


async def test_schedules_of_one_batch_share_a_limit(headgate: ScheduledHeadgate) -> None:
    stages = [{"name": "work", "kind": "command", "command": ["true"]}]
    for name in ("a", "b", "c"):
        await headgate.application.create_pipeline()(
            {
                "name": name,
                "stages": stages,
                "schedules": [{"name": "main", "every": "1h"}],
                "concurrency": [{"group": "disk", "limit": 2, "when_full": "skip"}],
            }
        )

    await headgate.pass_time(3_600)

    assert sorted(headgate.states) == ["10:00 fired", "10:00 fired", "10:00 skipped limit"]
