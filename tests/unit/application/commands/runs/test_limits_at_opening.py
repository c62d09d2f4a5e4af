"""Triggers of pipelines with concurrency limits: who starts, who waits, who is cancelled and who is refused."""

import asyncio

import pytest

from application.commands.runs import slot_admission
from domain.access.audit import AuditAction
from domain.concurrency.slots import SlotState
from domain.errors import Conflict, TooManyWaiting
from domain.runs.events import EventType
from domain.runs.status import Status
from tests.support.actions import status_update
from tests.support.builders import a_stage
from tests.support.limits import LimitedHeadgate


@pytest.fixture
def headgate() -> LimitedHeadgate:
    return LimitedHeadgate()


async def test_runs_beyond_the_limit_wait(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=2)

    runs = [await headgate.start() for _ in range(4)]

    assert (headgate.started, headgate.waiting) == (runs[:2], runs[2:])


async def test_runs_that_are_triggered_together_share_the_limit(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=3)

    await asyncio.gather(*(headgate.start() for _ in range(12)))

    assert (len(headgate.started), len(headgate.waiting)) == (3, 9)


async def test_each_value_of_a_key_has_slots_of_its_own_and_so_has_a_missing_one(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1, entry={"key": {"parameter": "customer"}}, parameters={"type": "object"})

    runs = {value: [await headgate.start(parameters={"customer": value} if value else {}) for _ in range(2)] for value in ("a", "b", None)}

    assert headgate.started == [first for first, _ in runs.values()]


async def test_pipelines_share_the_slots_of_a_group(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline("sales", concurrency=[{"group": "warehouse", "limit": 2}])
    await headgate.add_pipeline("stock", concurrency=[{"group": "warehouse", "limit": 2}])

    runs = [await headgate.start(name) for name in ("sales", "stock", "sales", "stock")]

    assert (headgate.started, headgate.waiting) == (runs[:2], runs[2:])


async def test_a_run_takes_the_slots_of_all_its_limits_or_none(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline("sales", concurrency=[{"group": "warehouse", "limit": 1}])
    await headgate.add_pipeline("stock", concurrency=[{"limit": 1}, {"group": "warehouse", "limit": 1}])
    first, blocked = await headgate.start("sales"), await headgate.start("stock")

    await headgate.finish(first)
    await headgate.grant()

    assert headgate.started == [blocked]
    assert headgate.get_run(blocked).slot_state is SlotState.HELD


async def test_a_stage_with_uses_takes_its_slot_as_the_run_opens(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline("owner", concurrency=[{"group": "warehouse", "limit": 1}])
    await headgate.add_pipeline("sales", [a_stage("load", uses=["warehouse"])])

    runs = [await headgate.start("sales") for _ in range(2)]

    assert (headgate.started, headgate.waiting) == (runs[:1], runs[1:])


async def test_a_new_run_does_not_overtake_one_that_waits(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1)
    first, second = await headgate.start(), await headgate.start()
    await headgate.finish(first)

    third = await headgate.start(priority=9)

    assert (headgate.started, headgate.waiting) == ([], [second, third])
    await headgate.grant()
    assert headgate.started == [third], "priority comes before age"


async def test_a_limit_that_skips_refuses_the_trigger_and_names_the_holder(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1, entry={"when_full": "skip"})
    first = await headgate.start()

    with pytest.raises(Conflict) as refused:
        await headgate.start()

    assert refused.value.kind == "limit_full"
    assert str(refused.value) == f"sales was not started: the only slot is held by run {first}."
    assert refused.value.facts["holders"] == [first]
    await headgate.finish(first)
    assert headgate.get_run(await headgate.start()).number == 2, "a refused trigger takes no number"


async def test_of_triggers_at_once_a_limit_that_skips_starts_as_many_as_fit(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=2, entry={"when_full": "skip"})

    results = await asyncio.gather(*(headgate.start() for _ in range(5)), return_exceptions=True)

    refused = [result for result in results if isinstance(result, Conflict)]
    assert (len(headgate.started), len(refused)) == (2, 3)
    assert {str(error) for error in refused} == {"sales was not started: 2 of 2 slots are held by run 1 and run 2."}


async def test_a_limit_that_cancels_replaces_the_run_that_holds_the_slot(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1, entry={"when_full": "cancel_running"})
    queued = await headgate.start()

    running = await headgate.start()

    assert headgate.cancelled == [queued]
    assert headgate.started == [running], "the first one was not running yet, so its slot is free at once"
    await headgate.begin(running)
    last = await headgate.start()
    assert headgate.get_run(running).stop_requested_at is not None
    assert headgate.waiting == [last], "it waits for the end of the run that it replaces"
    cancellation = next(event for event in await headgate.fakes.reader.events(running, 0, 99) if event.type is EventType.CANCEL_REQUESTED)
    assert (cancellation.data["message"], cancellation.actor) == ("Run 3 replaces this run.", "mara")
    await headgate.use_cases.advance(running, (headgate.get_run(running).running[0].name, "cancelled"))
    await headgate.grant()
    assert headgate.started == [last]


async def test_a_limit_that_cancels_ends_only_as_many_holders_as_needed_and_all_that_wait(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=2, entry={"when_full": "cancel_running"})
    runs = [await headgate.start() for _ in range(2)]
    for run_id in runs:
        await headgate.begin(run_id)

    third, fourth = await headgate.start(), await headgate.start()

    stopping = [run_id for run_id in runs if headgate.get_run(run_id).stop_requested_at is not None]
    assert stopping == runs[:1], "the slot of the run that is being stopped is enough"
    assert (headgate.cancelled, headgate.waiting) == ([third], [fourth])


async def test_of_triggers_at_once_only_the_last_survives_a_limit_that_cancels(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1, entry={"when_full": "cancel_running"})

    runs = await asyncio.gather(*(headgate.start() for _ in range(4)))

    assert (headgate.cancelled, headgate.started) == (runs[:-1], runs[-1:])


async def test_a_limit_that_keeps_the_newest_cancels_only_runs_that_wait(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1, entry={"when_full": "keep_newest"})

    first, second, third = [await headgate.start() for _ in range(3)]

    assert (headgate.started, headgate.cancelled, headgate.waiting) == ([first], [second], [third])


async def test_keeping_the_newest_of_a_group_spares_runs_of_which_only_a_stage_waits(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline("sales", concurrency=[{"group": "warehouse", "limit": 1, "when_full": "keep_newest"}])
    await headgate.add_pipeline("stock", [a_stage("load", uses=["warehouse"])])
    first, by_stage, second, third = [await headgate.start(name) for name in ("sales", "stock", "sales", "sales")]

    assert (headgate.started, headgate.cancelled, headgate.waiting) == ([first], [second], [by_stage, third])


async def test_a_full_queue_refuses_the_trigger(headgate: LimitedHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_admission, "MAX_WAITING", 2)
    pipeline_id = await headgate.add_pipeline(limit=1)
    for _ in range(3):
        await headgate.start()

    with pytest.raises(TooManyWaiting, match="2 requests wait") as refused:
        await headgate.start()

    assert refused.value.bucket == f"pipeline:{pipeline_id}"
    assert len(headgate.waiting) == 2


async def test_a_run_over_the_limit_starts_at_once_and_is_audited(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1, entry={"when_full": "skip"})
    first = await headgate.start(over_limit=True)
    assert not headgate.get_run(first).over_limit, "there was room"

    second = await headgate.start(over_limit=True)

    assert headgate.started == [first, second]
    assert headgate.get_run(second).over_limit
    assert [entry.subject for entry in headgate.audit if entry.action is AuditAction.STARTED_OVER_LIMIT] == [f"run {second}"]


async def test_reports_open_runs_beyond_any_limit(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline("remote", [a_stage("a", "external")], limit=1)
    triggered = await headgate.start("remote")
    assert headgate.get_run(triggered).slot_state is SlotState.HELD
    await headgate.application.cancel_run()(triggered)

    for status in ("running", "completed", "running"):
        (result,) = await headgate.use_cases.report(status_update(status, "a"))
        assert result.applied

    reported = [run for run in headgate.fakes.store.committed.runs.values() if run.trigger.is_report]
    assert [(run.status, run.slot_state) for run in reported][-1] == (Status.RUNNING, SlotState.NONE)


async def test_a_worker_gets_the_runs_that_have_their_slots_at_once(headgate: LimitedHeadgate) -> None:
    headgate.fakes.worker_streams.link("worker-1")
    await headgate.add_pipeline(limit=1)

    first, second = await headgate.start(), await headgate.start()

    assert headgate.get_run(first).status is Status.RUNNING
    assert (headgate.get_run(second).status, headgate.get_run(second).dispatch.holder) == (Status.QUEUED, None)
