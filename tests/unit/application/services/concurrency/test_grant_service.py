"""The grant service, stepped by hand over fakes."""

import asyncio

import pytest

from application.services.concurrency import grant_service
from application.services.concurrency.grant_service import POLL_SECONDS
from domain.access.actor import Actor
from domain.access.audit import AuditAction
from domain.concurrency.slots import SlotState
from domain.errors import Conflict, Unavailable
from domain.runs.approvals import Decision
from domain.runs.events import EventType
from domain.runs.status import Reason
from tests.fakes.persistence.values import RowRejected
from tests.support.builders import a_stage
from tests.support.limits import LimitedHeadgate


@pytest.fixture
def headgate() -> LimitedHeadgate:
    return LimitedHeadgate()


async def test_the_end_of_a_run_wakes_the_service_and_lets_the_oldest_start(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1)
    first, second, third = [await headgate.start() for _ in range(3)]
    service = headgate.application.grant_service()
    await service.run_once()

    await headgate.finish(first)
    async with asyncio.timeout(POLL_SECONDS / 2):
        await service.wait()
    await service.run_once()

    assert (headgate.started, headgate.waiting) == ([second], [third])
    assert headgate.application.wakeups().dispatch_requests.qsize() > 0, "its dispatch is offered"


async def test_the_service_polls_only_while_requests_wait(headgate: LimitedHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grant_service, "POLL_SECONDS", 0.001)
    service = headgate.application.grant_service()
    await headgate.add_pipeline(limit=1)
    first, _ = [await headgate.start() for _ in range(2)]

    await service.run_once()
    async with asyncio.timeout(10):
        await service.wait()

    await headgate.finish(first)
    for _ in range(2):  # its own grant wakes it once more
        await service.run_once()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await service.wait()


async def test_the_service_polls_after_a_pass_that_failed(headgate: LimitedHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grant_service, "POLL_SECONDS", 0.001)
    service = headgate.application.grant_service()
    await service.run_once()
    headgate.fakes.store.is_down = True

    with pytest.raises(Unavailable):
        await service.run_once()

    async with asyncio.timeout(10):
        await service.wait()


async def test_a_change_that_gives_no_slot_back_does_not_wake_the_service(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1)
    await headgate.add_pipeline("free")
    first = await headgate.start()
    await headgate.grant()

    await headgate.start("free")
    await headgate.begin(first)

    assert not headgate.application.wakeups().slots.is_set()


async def test_a_request_that_is_blocked_elsewhere_does_not_hold_up_those_behind_it(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline("narrow", concurrency=[{"limit": 1}, {"group": "warehouse", "limit": 2}])
    await headgate.add_pipeline("wide", concurrency=[{"group": "warehouse", "limit": 2}])
    first, blocked = await headgate.start("narrow", priority=5), await headgate.start("narrow", priority=5)
    behind = await headgate.start("wide")
    assert headgate.waiting == [blocked, behind]

    await headgate.grant()

    assert headgate.started == [first, behind]


async def test_priority_comes_before_age(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1, priority=1)
    first, usual, urgent, unimportant = [await headgate.start(priority=each) for each in (None, None, 50, -50)]

    order = []
    for _ in range(4):
        order += headgate.started
        await headgate.finish(*headgate.started)
        await headgate.grant()

    assert order == [first, urgent, usual, unimportant]


async def test_many_requests_are_granted_in_one_pass(headgate: LimitedHeadgate) -> None:
    pipeline_id = await headgate.add_pipeline(limit=1)
    for _ in range(70):
        await headgate.start()
    definition = (await headgate.fakes.reader.pipeline(pipeline_id)).definition  # type: ignore[union-attr]
    assert definition is not None

    await headgate.application.change_pipeline()(
        "sales", {"name": "sales", "stages": [{"name": "s1", "kind": "command", "command": ["true"]}], "concurrency": [{"limit": 69}]}
    )
    await headgate.grant()

    assert (len(headgate.started), len(headgate.waiting)) == (69, 1)


async def test_a_raised_limit_wakes_the_service_and_a_lowered_one_ends_nothing(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=2)
    runs = [await headgate.start() for _ in range(4)]
    await headgate.grant()
    stages = [{"name": "s1", "kind": "command", "command": ["true"]}]

    await headgate.application.change_pipeline()("sales", {"name": "sales", "stages": stages, "concurrency": [{"limit": 1}]})
    await headgate.grant()
    assert headgate.started == runs[:2]
    await headgate.finish(runs[0])
    await headgate.grant()
    assert headgate.started == runs[1:2], "still as many as the lower limit allows"

    await headgate.application.change_pipeline()("sales", {"name": "sales", "stages": stages, "concurrency": [{"limit": 3}]})
    assert headgate.application.wakeups().slots.is_set()
    await headgate.grant()
    assert headgate.started == runs[1:]


async def test_an_approval_that_waits_gives_its_slot_to_the_next_run(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(stages=[a_stage("ask", "approval", needs=[]), a_stage("work")], limit=1)
    asking, other = await headgate.start(), await headgate.start()
    assert headgate.started == []
    await headgate.application.decide_approval()(asking, "ask", Decision(True), Actor("mara"))
    await headgate.application.decide_approval()(other, "ask", Decision(True), Actor("mara"))

    await headgate.grant()

    assert headgate.started == [asking]
    await headgate.finish(asking)
    await headgate.grant()
    assert headgate.started == [other]


async def test_a_stage_that_waits_for_its_slot_starts_when_it_gets_one(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline("owner", concurrency=[{"group": "warehouse", "limit": 1}])
    await headgate.add_pipeline("sales", [a_stage("prepare", needs=[]), a_stage("load", uses=["warehouse"])])
    owner, sales = await headgate.start("owner"), await headgate.start("sales")
    await headgate.begin(sales)
    await headgate.use_cases.advance(sales, ("prepare", "completed"))
    assert headgate.get_run(sales).stages["load"].current.reason is Reason.LIMIT

    await headgate.finish(owner)
    await headgate.grant()

    run = headgate.get_run(sales)
    assert [stage.name for stage in run.startable_stages] == ["load"]
    assert EventType.STAGE_GRANTED in [event.type for event in await headgate.fakes.reader.events(sales, 0, 99)]


async def test_two_processes_never_grant_the_same_slot(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=2)
    runs = [await headgate.start() for _ in range(8)]
    other = headgate.start_second_process()
    await headgate.finish(*runs[:2])

    await asyncio.gather(*(each.application.grant_service().run_once() for each in (headgate, other, headgate)))

    assert headgate.started == runs[2:4]


async def test_a_cancelled_run_is_not_granted(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1)
    first, second, third = [await headgate.start() for _ in range(3)]
    await headgate.application.cancel_run()(second)
    await headgate.finish(first)

    await headgate.grant()

    assert headgate.started == [third]


async def test_an_operator_starts_a_waiting_run_over_the_limit(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=1)
    first, second, third = [await headgate.start() for _ in range(3)]

    result = await headgate.application.start_over_limit()(second, None, Actor("mara"))

    assert result.applied and result.stages
    assert headgate.started == [first, second]
    assert headgate.get_run(second).over_limit
    (entry,) = [entry for entry in headgate.audit if entry.action is AuditAction.STARTED_OVER_LIMIT]
    assert (entry.actor, entry.subject) == ("mara", f"run {second}")
    await headgate.finish(first)
    await headgate.grant()
    assert headgate.waiting == [third], "the slot over the limit counts"
    with pytest.raises(Conflict) as refused:
        await headgate.application.start_over_limit()(second, None, Actor("mara"))
    assert refused.value.kind == "not_limited"


async def test_a_run_over_the_limit_gets_the_slots_of_its_stages_too(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline("owner", concurrency=[{"group": "warehouse", "limit": 1}])
    await headgate.add_pipeline("sales", [a_stage("load", uses=["warehouse"], needs=[]), a_stage("b", needs=[])], limit=1)
    await headgate.start("owner")
    await headgate.start("sales")
    second = await headgate.start("sales")

    await headgate.application.start_over_limit()(second, None, Actor("mara"))

    assert len(headgate.get_run(second).startable_stages) == 2


async def test_only_the_named_stage_starts_over_the_limit(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline("owner", concurrency=[{"group": "warehouse", "limit": 1}])
    await headgate.add_pipeline("sales", [a_stage(name, uses=["warehouse"], needs=[]) for name in ("a", "b")])
    await headgate.start("owner")
    sales = await headgate.start("sales")

    await headgate.application.start_over_limit()(sales, "b", Actor("mara"))

    run = headgate.get_run(sales)
    assert [stage.name for stage in run.startable_stages] == ["b"]
    assert run.slot_state is SlotState.NONE


async def test_a_run_that_cannot_be_stored_does_not_keep_others_from_their_slots(headgate: LimitedHeadgate) -> None:
    await headgate.add_pipeline(limit=2)
    first, second, broken, third, fourth = [await headgate.start() for _ in range(5)]
    headgate.get_run(broken).parameters = {"share": float("nan")}
    await headgate.finish(first, second)

    with pytest.raises(RowRejected):
        await headgate.grant()

    assert headgate.started == [third, fourth]
    await headgate.grant()
    assert headgate.waiting == [broken]
