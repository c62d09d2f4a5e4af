import pytest

from domain.errors import NameTaken
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_definition, a_pipeline, a_stage, an_hour_later


async def test_a_stored_pipeline_is_found_by_id_and_by_name(store: StoreUnderTest) -> None:
    added = await a_pipeline(store.open_unit_of_work, "nightly")

    async with store.open_unit_of_work() as work:
        by_id = await work.pipelines.find(added.id)
        by_name = await work.pipelines.find("nightly")

    assert by_id == by_name == added
    assert added.revision == 1
    assert added.created_at == added.updated_at == NOW


async def test_a_definition_is_read_back_unchanged(store: StoreUnderTest) -> None:
    definition = a_definition(
        "full",
        [
            a_stage("load", env={"TARGET": "ü 😀"}, timeout=1.5, retries=2, retry_delay=0.25, retry_on_loss=True, workdir="jobs"),
            {"name": "line", "command": "echo $HOME | wc", "shell": True, "allow_failure": True},
            a_stage("score", "python", needs=["load"], when="always"),
            a_stage("certify", "external", needs=["line", "score"]),
        ],
        description="a\nb",
        parallelism=3,
        pool="gpu",
        parameters={"type": "object", "properties": {"z": {"type": "integer"}, "a": {"default": [1, None, 2.5]}}},
    )

    async with store.open_unit_of_work() as work:
        added = await work.pipelines.add(definition, NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        found = await work.pipelines.find(added.id)
    assert found is not None
    assert found.definition == definition
    assert list((found.definition.parameters or {})["properties"]) == ["z", "a"]


async def test_an_unknown_pipeline_is_none(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        assert await work.pipelines.find(404) is None
        assert await work.pipelines.find("nobody") is None
        assert await work.pipelines.find("nobody", lock=True) is None


async def test_a_pipeline_name_is_unique(store: StoreUnderTest) -> None:
    await a_pipeline(store.open_unit_of_work, "nightly")

    async with store.open_unit_of_work() as work:
        with pytest.raises(NameTaken):
            await work.pipelines.add(a_definition("nightly"), NOW)

    async with store.open_unit_of_work() as work:
        assert await work.pipelines.count() == 1


async def test_concurrent_adds_of_one_name_leave_one_pipeline(store: StoreUnderTest) -> None:
    async def second() -> None:
        async with store.open_unit_of_work() as work:
            await work.pipelines.add(a_definition("nightly"), NOW)
            await work.commit()

    async with store.open_unit_of_work() as work:
        await work.pipelines.add(a_definition("nightly"), NOW)
        waiting = await is_blocked(second())
        assert waiting is not None
        await work.commit()

    with pytest.raises(NameTaken):
        await waiting


async def test_a_name_is_free_again_after_a_rollback(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.pipelines.add(a_definition("nightly"), NOW)

    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")

    assert pipeline.name == "nightly"


async def test_a_revision_is_added_and_the_newest_is_found(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        revised = await work.pipelines.revise(pipeline.id, a_definition("hourly", 1), an_hour_later())
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.pipelines.find("hourly") == revised
        assert await work.pipelines.find("nightly") is None
        assert await work.pipelines.count() == 1
    assert (revised.id, revised.revision) == (pipeline.id, 2)
    assert (revised.created_at, revised.updated_at) == (NOW, an_hour_later())


async def test_a_pipeline_cannot_be_renamed_to_a_name_that_exists(store: StoreUnderTest) -> None:
    await a_pipeline(store.open_unit_of_work, "hourly")
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        with pytest.raises(NameTaken):
            await work.pipelines.revise(pipeline.id, a_definition("hourly"), NOW)

    async with store.open_unit_of_work() as work:
        assert await work.pipelines.find("nightly") == pipeline


async def test_every_key_of_every_kind_is_read_back_unchanged(store: StoreUnderTest) -> None:
    """Another process, which has not cached the definition, also reads it."""
    ask = {"approvers": ["mara", "admin"], "message": "Publish?", "fields": {"type": "object"}, "timeout": 60}
    work = {"retries": 2, "retry_delay": 1.5, "retry_on_loss": True, "env": {"A": "b"}, "workdir": "w", "allow_failure": True}
    stages = [a_stage("a", **work), a_stage("b", "python", **work), a_stage("c", "external"), a_stage("d", "approval", **ask)]
    stages.append(a_stage("e") | {"shell": True, "command": "true", "when": "always"})
    definition = a_definition("complete", stages, description="d", parallelism=3, pool="gpu", parameters={"type": "object"})
    async with store.open_unit_of_work() as work_unit:
        stored = await work_unit.pipelines.add(definition, NOW)
        await work_unit.commit()

    async with store.other_unit_of_work() as work_unit:
        found = await work_unit.pipelines.find(stored.id)

    assert found is not None
    assert found.definition == definition
