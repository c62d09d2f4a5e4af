"""Create and change pipelines."""

import pytest

from domain.errors import InvalidInput, NameTaken
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
