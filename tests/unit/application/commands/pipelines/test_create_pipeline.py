"""Create and change pipelines."""

import pytest

from domain.access.actor import Actor
from domain.errors import InvalidInput, NameTaken
from domain.site_events import SiteEventType
from tests.support.builders import a_stage, some_stages
from tests.support.in_process import InProcessHeadgate


async def test_a_pipeline_is_stored_once_and_a_change_adds_a_revision() -> None:
    headgate = InProcessHeadgate()
    pipeline = await headgate.use_cases.create_pipeline(2)
    changed = await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": some_stages(3)})
    same = await headgate.application.change_pipeline()(pipeline, {"name": "nightly", "stages": some_stages(3)})

    with pytest.raises(NameTaken):
        await headgate.use_cases.create_pipeline(1)
    assert (changed.revision, same.revision) == (2, 2)


async def test_an_invalid_definition_stores_nothing() -> None:
    headgate = InProcessHeadgate()

    with pytest.raises(InvalidInput) as error:
        await headgate.use_cases.create_pipeline([a_stage("a", needs=["b"]), a_stage("b")], name="two words")

    assert {problem.field for problem in error.value.problems} == {"name", "stages"}
    assert await headgate.fakes.reader.pipelines(0, 10) == []


async def test_viewers_learn_of_every_change_of_a_pipeline_and_of_nothing_else() -> None:
    headgate = InProcessHeadgate()
    feed = headgate.fakes.change_feed
    start = await feed.position()
    await headgate.application.create_pipeline()({"name": "nightly", "stages": some_stages(1)}, actor=Actor("ada"))
    renamed = {"name": "hourly", "stages": some_stages(1)}
    for _ in range(2):  # the second changes nothing
        await headgate.application.change_pipeline()(1, renamed, actor=Actor("mara"))
    with pytest.raises(InvalidInput):
        await headgate.application.change_pipeline()(1, {"name": "two words", "stages": []})

    events = (await feed.read(start)).site_events

    assert {event.type for event in events} == {SiteEventType.PIPELINE_CHANGED}
    assert [(event.pipeline_id, event.actor, event.data) for event in events] == [
        (1, "ada", {"name": "nightly", "revision": 1, "created": True}),
        (1, "mara", {"name": "hourly", "revision": 2, "created": False}),
    ]
