"""The contract of event sinks, for the fake and for the real ones over a server that checks the published schema."""

from collections.abc import AsyncIterator

import pytest

from application.ports.telemetry.lifecycle_events import LifecycleEvent, Phase
from domain.errors import Unavailable
from domain.runs.status import Reason, Status
from tests.support.event_sinks import EVENT_SINKS, SinkUnderTest
from tests.support.lifecycle_events import a_run_event, an_attempt_event

ENDS = [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.LOST]


@pytest.fixture(params=sorted(EVENT_SINKS))
async def target(request: pytest.FixtureRequest) -> AsyncIterator[SinkUnderTest]:
    async with EVENT_SINKS[request.param]() as target:
        yield target
        assert target.problems == []


def get_keys(*events: LifecycleEvent) -> set[tuple[str, Phase]]:
    return {(str(each.id), each.phase) for each in events}


async def test_starts_and_ends_of_runs_and_attempts_arrive(target: SinkUnderTest) -> None:
    run, attempt = a_run_event(), an_attempt_event()
    finished_attempt = an_attempt_event(status=Status.COMPLETED, records_processed=12, needs=("extract",), worker="worker-1")
    finished_run = a_run_event(status=Status.COMPLETED, records_processed=12)

    rejected = await target.sink.send([run, attempt, finished_attempt, finished_run])

    assert rejected == []
    assert target.known() == get_keys(run, attempt, finished_attempt, finished_run)


@pytest.mark.parametrize("status", ENDS)
async def test_every_final_status_arrives(target: SinkUnderTest, status: Status) -> None:
    run = a_run_event(status=status, error_message="load: no such file")
    attempt = an_attempt_event(status=status, reason=Reason.ERROR, error_message="no such file\n" * 1_000)

    assert await target.sink.send([attempt, run]) == []

    assert target.known() == get_keys(run, attempt)


async def test_sending_events_again_changes_nothing(target: SinkUnderTest) -> None:
    events = [a_run_event(), an_attempt_event()]
    await target.sink.send(events)

    assert await target.sink.send(events) == []

    assert target.known() == get_keys(*events)


async def test_a_sink_that_is_down_raises_unavailable(target: SinkUnderTest) -> None:
    target.go_down()
    with pytest.raises(Unavailable):
        await target.sink.send([a_run_event()])
    assert target.known() == set()

    target.come_back()
    await target.sink.send([a_run_event()])

    assert target.known() == get_keys(a_run_event())


async def test_a_rejected_event_is_returned_and_the_rest_arrives(target: SinkUnderTest) -> None:
    events = [a_run_event(run_id) for run_id in range(1, 8)]
    target.refuse(events[4])

    rejected = await target.sink.send(events)

    assert [each.event for each in rejected] == [events[4]]
    assert "not accepted" in rejected[0].why
    assert target.known() == get_keys(*events[:4], *events[5:])


async def test_an_empty_list_sends_nothing(target: SinkUnderTest) -> None:
    assert await target.sink.send([]) == []

    assert target.known() == set()
