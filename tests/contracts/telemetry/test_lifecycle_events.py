"""What every audience promises, held against the fake and against each real one over a server that checks the published schema."""

from collections.abc import AsyncIterator

import pytest

from application.ports.telemetry.lifecycle_events import LifecycleEvent, Phase
from domain.errors import Unavailable
from domain.runs.status import Reason, Status
from tests.support.event_sinks import AUDIENCES, AudienceUnderTest
from tests.support.lifecycle_events import an_announced_attempt, an_announced_run

ENDS = [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.LOST]


@pytest.fixture(params=sorted(AUDIENCES))
async def heard(request: pytest.FixtureRequest) -> AsyncIterator[AudienceUnderTest]:
    async with AUDIENCES[request.param]() as audience:
        yield audience
        assert audience.problems == []


def keys(*announcements: LifecycleEvent) -> set[tuple[str, Phase]]:
    return {(str(each.id), each.phase) for each in announcements}


async def test_starts_and_ends_of_runs_and_attempts_arrive(heard: AudienceUnderTest) -> None:
    run, attempt = an_announced_run(), an_announced_attempt()
    ended = an_announced_attempt(status=Status.COMPLETED, records_processed=12, needs=("extract",), worker="worker-1")
    over = an_announced_run(status=Status.COMPLETED, records_processed=12)

    refusals = await heard.audience.send([run, attempt, ended, over])

    assert refusals == []
    assert heard.known() == keys(run, attempt, ended, over)


@pytest.mark.parametrize("status", ENDS)
async def test_every_end_arrives(heard: AudienceUnderTest, status: Status) -> None:
    run = an_announced_run(status=status, error_message="load: no such file")
    attempt = an_announced_attempt(status=status, reason=Reason.ERROR, error_message="no such file\n" * 1_000)

    assert await heard.audience.send([attempt, run]) == []

    assert heard.known() == keys(run, attempt)


async def test_to_be_told_again_changes_nothing(heard: AudienceUnderTest) -> None:
    told = [an_announced_run(), an_announced_attempt()]
    await heard.audience.send(told)

    assert await heard.audience.send(told) == []

    assert heard.known() == keys(*told)


async def test_an_audience_that_is_away_is_to_be_tried_again(heard: AudienceUnderTest) -> None:
    heard.be_away()
    with pytest.raises(Unavailable):
        await heard.audience.send([an_announced_run()])
    assert heard.known() == set()

    heard.be_back()
    await heard.audience.send([an_announced_run()])

    assert heard.known() == keys(an_announced_run())


async def test_what_is_refused_is_named_and_the_rest_arrives(heard: AudienceUnderTest) -> None:
    told = [an_announced_run(run_id) for run_id in range(1, 8)]
    heard.refuse(told[4])

    refusals = await heard.audience.send(told)

    assert [refusal.event for refusal in refusals] == [told[4]]
    assert "I will not" in refusals[0].why
    assert heard.known() == keys(*told[:4], *told[5:])


async def test_nothing_to_tell_is_no_delivery(heard: AudienceUnderTest) -> None:
    assert await heard.audience.send([]) == []

    assert heard.known() == set()
