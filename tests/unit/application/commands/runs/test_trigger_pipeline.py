"""Start runs of a pipeline."""

import pytest

from domain.errors import InvalidInput, NotFound
from tests.support.builders import some_stages
from tests.support.in_process import InProcessHeadgate


async def test_runs_are_numbered_within_their_pipeline_and_keep_their_revision() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    first = await headgate.use_cases.trigger()
    await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": some_stages(1)})
    second = await headgate.use_cases.trigger()

    assert (first.number, second.number) == (1, 2)
    assert len((await headgate.use_cases.get_run(first.run_id)).stages) == 2
    assert len((await headgate.use_cases.get_run(second.run_id)).stages) == 1


async def test_invalid_parameters_start_no_run() -> None:
    headgate = InProcessHeadgate()
    schema = {"type": "object", "properties": {"month": {"type": "integer"}}, "required": ["month"]}
    await headgate.use_cases.create_pipeline(1, parameters=schema)

    with pytest.raises(InvalidInput):
        await headgate.use_cases.trigger(parameters={})

    assert await headgate.fakes.reader.runs(pipeline_id=None, status=None, skip=0, limit=10) == []


async def test_an_unknown_pipeline_cannot_be_triggered() -> None:
    with pytest.raises(NotFound):
        await InProcessHeadgate().use_cases.trigger("nothing")
