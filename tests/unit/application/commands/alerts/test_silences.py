"""People silence pipelines for planned work."""

from datetime import timedelta

import pytest

from application.commands.alerts.create_silence import NewSilence
from domain.access.actor import Actor
from domain.alerts.silence import Silence
from domain.errors import InvalidInput, NotFound
from domain.site_events import SiteEventType
from tests.support.incidents import AlertingHeadgate

ADA = Actor("ada")
HOUR = timedelta(hours=1)


@pytest.fixture
def headgate() -> AlertingHeadgate:
    return AlertingHeadgate()


def find_silence(headgate: AlertingHeadgate, silence_id: int = 1) -> Silence:
    return headgate.fakes.store.committed.silences[silence_id].silence


async def test_a_silence_is_stored_audited_and_in_the_feed(headgate: AlertingHeadgate) -> None:
    pipeline_id = await headgate.add_pipeline()
    start, now = await headgate.fakes.change_feed.position(), headgate.fakes.clock.now()
    deliveries = headgate.application.wakeups().deliveries
    deliveries.clear()

    result = await headgate.application.create_silence()(NewSilence("nightly", None, None, 2 * HOUR, " The disk moves "), ADA)

    silence = find_silence(headgate, result.silence_id)
    assert silence == Silence(1, pipeline_id, None, now, now + 2 * HOUR, "The disk moves", "ada", now)
    assert headgate.list_audit() == [("silence_created", "silence 1")]
    (event,) = await headgate.read_events(start)
    assert (event.type, event.pipeline_id, event.data) == (
        SiteEventType.SILENCE_CHANGED,
        pipeline_id,
        {"id": 1, "change": "created", "tag": None},
    )
    assert deliveries.is_set()


async def test_a_tag_and_everything_can_be_silenced(headgate: AlertingHeadgate) -> None:
    await headgate.add_pipeline(tags=["nightly"])
    now = headgate.fakes.clock.now()

    await headgate.application.create_silence()(NewSilence(None, "nightly", now + HOUR, now + 2 * HOUR, "Planned"), ADA)
    await headgate.application.create_silence()(NewSilence(None, None, None, HOUR, "Planned"), ADA)

    assert [(each.pipeline_id, each.tag, each.starts_at - now) for each in (find_silence(headgate, 1), find_silence(headgate, 2))] == [
        (None, "nightly", HOUR),
        (None, None, timedelta(0)),
    ]


async def test_a_start_in_the_past_is_now(headgate: AlertingHeadgate) -> None:
    now = headgate.fakes.clock.now()

    await headgate.application.create_silence()(NewSilence(None, None, now - HOUR, now + HOUR, "Planned"))

    assert (find_silence(headgate).starts_at, find_silence(headgate).ends_at) == (now, now + HOUR)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ends": timedelta(0)}, "for: must be later than now"),
        ({"ends": timedelta(days=367)}, "for: must be at most 366 days"),
        ({"starts": 2, "end": 1}, "to: must be later than from"),
        ({"starts": 2, "end": 2}, "to: must be later than from"),
        ({"starts": -2, "end": -1}, "to: must be later than now"),
        ({"starts": -2, "end": 0}, "to: must be later than now"),
        ({"starts": 24 * 367, "end": 24 * 368}, "from: must be at most 366 days ahead"),
        ({"reason": "  "}, "reason: must not be empty"),
        ({"reason": "\0"}, "reason: must not have a NUL character"),
        ({"reason": "x" * 2_001}, "reason: must be at most 2,000 characters long"),
        ({"pipeline": "unknown"}, "pipeline: must be a pipeline: none is named unknown"),
        ({"pipeline": 2**63 - 1}, "pipeline: must be a pipeline: none is named 9223372036854775807"),
        ({"tag": "unknown"}, "tag: must be a tag of a pipeline: none has the tag unknown"),
        ({"tag": "a", "pipeline": "nightly"}, "tag: cannot be combined with pipeline"),
    ],
)
async def test_an_invalid_silence_names_its_field(headgate: AlertingHeadgate, changes: dict[str, object], problem: str) -> None:
    await headgate.add_pipeline()
    now = headgate.fakes.clock.now()
    given: dict[str, object] = {"pipeline": None, "tag": None, "starts_at": None, "ends": HOUR, "reason": "Planned"}
    given |= {"starts_at": now + int(str(changes.pop("starts"))) * HOUR} if "starts" in changes else {}
    given |= {"ends": now + int(str(changes.pop("end"))) * HOUR} if "end" in changes else {}

    with pytest.raises(InvalidInput) as raised:
        await headgate.application.create_silence()(NewSilence(**{**given, **changes}))  # type: ignore[arg-type]

    assert str(raised.value) == problem
    assert headgate.list_audit() == []


async def test_a_silence_is_ended_once(headgate: AlertingHeadgate) -> None:
    await headgate.application.create_silence()(NewSilence(None, None, None, HOUR, "Planned"), ADA)
    headgate.fakes.clock.advance(60)

    for _ in range(2):
        await headgate.application.end_silence()(1, ADA)
        headgate.fakes.clock.advance(60)

    assert (find_silence(headgate).ends_at - find_silence(headgate).starts_at).total_seconds() == 60
    assert headgate.list_audit() == [("silence_created", "silence 1"), ("silence_ended", "silence 1")]


async def test_a_silence_that_has_not_begun_is_cancelled_once(headgate: AlertingHeadgate) -> None:
    now = headgate.fakes.clock.now()
    await headgate.application.create_silence()(NewSilence(None, None, now + HOUR, HOUR, "Planned"), ADA)

    for _ in range(2):
        await headgate.application.end_silence()(1, ADA)

    assert find_silence(headgate).ends_at == find_silence(headgate).starts_at
    assert len(headgate.list_audit()) == 2


async def test_an_unknown_silence_is_not_found(headgate: AlertingHeadgate) -> None:
    with pytest.raises(NotFound, match="There is no silence 9"):
        await headgate.application.end_silence()(9)
