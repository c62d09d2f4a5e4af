from typing import Any

import pytest

from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from application.ports.queries.reader import ArchivedFilter
from domain.errors import NameTaken
from domain.pipelines.activation import ACTIVE, Activation
from domain.pipelines.applied_file import AppliedFile, DefinitionFile
from domain.pipelines.revision_origin import UNKNOWN_ORIGIN, RevisionOrigin
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_definition, a_pipeline, a_stage, an_hour_later, seconds_later


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


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (
            "command",
            {
                "schedules": [
                    {"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin", "skip": ["2026-12-25"], "jitter": "2m"},
                    {"name": "often", "every": "15m", "offset": 60, "start": "2026-12-01", "end": "2026-12-31", "overlap": "queue_one"},
                    {"name": "once", "at": "2026-10-25T01:30+00:00", "timezone": "Europe/Berlin", "parameters": {"day": {"tick": "date"}}},
                ]
            },
        ),
        ("external", {"expect": [{"cron": "@daily", "grace": "5m"}, {"every": 3_600, "max_duration": "2h"}]}),
    ],
)
async def test_schedules_and_expectations_are_read_back_unchanged(store: StoreUnderTest, kind: str, keys: dict[str, Any]) -> None:
    definition = a_definition("timed", [a_stage("a", kind)], **keys)

    async with store.open_unit_of_work() as work:
        added = await work.pipelines.add(definition, NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        found = await work.pipelines.find(added.id)
    assert found is not None
    assert found.definition == definition


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
        assert await work.pipelines.count() == 1
    assert (revised.id, revised.revision) == (pipeline.id, 2)
    assert (revised.created_at, revised.updated_at) == (NOW, an_hour_later())


async def test_each_revision_keeps_its_own_origin(store: StoreUnderTest) -> None:
    first = RevisionOrigin("# nightly load ü\nname: nightly\n", "ann")
    second = RevisionOrigin(None, "bob", restored_from=1)
    async with store.open_unit_of_work() as work:
        pipeline = await work.pipelines.add(a_definition("nightly"), NOW, first)
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition("nightly", 1), an_hour_later(), second)
        await work.pipelines.revise(pipeline.id, a_definition("nightly", 2), an_hour_later())
        await work.commit()

    async with store.open_unit_of_work() as work:
        found = [await work.pipelines.find_revision(pipeline.id, number) for number in (1, 2, 3)]
        assert await work.pipelines.find_revision(pipeline.id, 4) is None
        assert await work.pipelines.find_revision(pipeline.id, 2**40) is None
        assert await work.pipelines.find_revision(404, 1) is None

    assert [each and each.origin for each in found] == [first, second, UNKNOWN_ORIGIN]
    assert [each and (each.revision, len(each.definition.stages), each.created_at) for each in found] == [
        (1, 3, NOW),
        (2, 1, an_hour_later()),
        (3, 2, an_hour_later()),
    ]


async def test_a_text_is_added_to_one_revision(store: StoreUnderTest) -> None:
    author = RevisionOrigin(None, "ann")
    async with store.open_unit_of_work() as work:
        pipeline = await work.pipelines.add(a_definition("nightly"), NOW, author)
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition("nightly", 1), NOW, author)
        await work.pipelines.add_source(pipeline.id, 2, "name: nightly  # ours\n")
        await work.commit()

    async with store.open_unit_of_work() as work:
        first, second = [await work.pipelines.find_revision(pipeline.id, number) for number in (1, 2)]

    assert first is not None and first.origin == author
    assert second is not None and second.origin == RevisionOrigin("name: nightly  # ours\n", "ann")


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
    ask = {"approvers": ["mara", "admin"], "message": "Publish?", "fields": {"type": "object"}, "timeout": 60, "hold": True}
    work = {
        "retries": 2,
        "retry_delay": 1.5,
        "retry_on_loss": True,
        "uses": ["mail"],
        "env": {"A": "b"},
        "workdir": "w",
        "allow_failure": True,
    }
    stages = [
        a_stage("a", **work),
        a_stage("b", "python", python=".venv", **work),
        a_stage("c", "external"),
        a_stage("d", "approval", **ask),
    ]
    stages.append(a_stage("e") | {"shell": True, "command": "true", "when": "always"})
    flow_run = {"parameters": {"day": {"parameter": "day"}, "rows": [1, None]}, "on_cancel": "leave", "retries": 1, "uses": ["gpu"]}
    stages.append(a_stage("f", "prefect", **flow_run))
    limits = [{"limit": 1, "when_full": "skip"}, {"limit": 2, "key": {"parameter": "ü"}}, {"group": "warehouse"}]
    keys = {"description": "d", "parallelism": 3, "pool": "gpu", "parameters": {"type": "object"}, "concurrency": limits, "priority": -5}
    keys["python"] = "/opt/team"
    keys["alerts"] = [{"name": "nightly", "on": ["failed", "lost"], "to": ["team", {"channel": "pager", "after": 60}], "remind": 3_600}]
    definition = a_definition("complete", stages, **keys)
    async with store.open_unit_of_work() as work_unit:
        stored = await work_unit.pipelines.add(definition, NOW)
        await work_unit.commit()

    async with store.other_unit_of_work() as work_unit:
        found = await work_unit.pipelines.find(stored.id)

    assert found is not None
    assert found.definition == definition


async def rename(store: StoreUnderTest, pipeline_id: int, *names: str) -> None:
    for name in names:
        async with store.open_unit_of_work() as work:
            await work.pipelines.find(pipeline_id, lock=True)
            await work.pipelines.revise(pipeline_id, a_definition(name), NOW)
            await work.commit()


async def test_a_renamed_pipeline_is_found_by_its_old_names(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")
    other = await a_pipeline(store.open_unit_of_work, "other")

    await rename(store, pipeline.id, "hourly", "daily")

    async with store.other_unit_of_work() as work:
        found = [await work.pipelines.find(name) for name in ("daily", "hourly", "nightly")]
        locked = await work.pipelines.find("nightly", lock=True)
        many = await work.pipelines.find_many(["nightly", "other", "hourly", pipeline.id, "nobody"])
        loaded = await work.load_for_update([], refs=["nightly", "nobody"])
    assert [each and (each.id, each.name) for each in [*found, locked]] == [(pipeline.id, "daily")] * 4
    assert {ref: each.id for ref, each in many.items()} == {
        "nightly": pipeline.id,
        "other": other.id,
        "hourly": pipeline.id,
        pipeline.id: pipeline.id,
    }
    assert {ref: each.name for ref, each in loaded.pipelines.items()} == {"nightly": "daily"}
    assert (view := await store.reader.pipeline("nightly")) is not None and view.name == "daily"


async def test_an_old_name_finds_the_pipeline_that_took_it(store: StoreUnderTest) -> None:
    renamed = await a_pipeline(store.open_unit_of_work, "nightly")
    await rename(store, renamed.id, "hourly", "daily")

    new = await a_pipeline(store.open_unit_of_work, "nightly")
    await rename(store, new.id, "hourly", "weekly")

    async with store.open_unit_of_work() as work:
        found = {name: await work.pipelines.find(name) for name in ("daily", "hourly", "nightly", "weekly")}
    assert {name: each and each.id for name, each in found.items()} == {
        "daily": renamed.id,
        "hourly": new.id,
        "nightly": new.id,
        "weekly": new.id,
    }


async def test_a_pipeline_takes_back_its_old_name(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")

    await rename(store, pipeline.id, "hourly", "nightly")

    async with store.open_unit_of_work() as work:
        found = await work.pipelines.find_many(["nightly", "hourly"])
    assert {ref: each.name for ref, each in found.items()} == {"nightly": "nightly", "hourly": "nightly"}


async def test_whether_a_pipeline_is_paused_or_archived_is_read_back(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")
    activation = ACTIVE.pause(NOW, "mara", an_hour_later()).archive(NOW, "eve")

    await set_activation(store, pipeline.id, activation)

    async with store.open_unit_of_work() as work:
        found = await work.pipelines.find("nightly", lock=True)
        revised = await work.pipelines.revise(pipeline.id, a_definition("nightly", 2), NOW)
    view = await store.reader.pipeline("nightly")
    assert found is not None and view is not None
    assert found.activation == revised.activation == view.activation == activation
    assert (found.paused_at, view.archived_at) == (NOW, NOW)


async def set_activation(store: StoreUnderTest, pipeline_id: int, activation: Activation) -> None:
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline_id, lock=True)
        await work.pipelines.set_activation(pipeline_id, activation)
        await work.commit()


async def test_pauses_that_have_ended_are_found(store: StoreUnderTest) -> None:
    ended, later, endless, _ = [await a_pipeline(store.open_unit_of_work, name) for name in ("a", "b", "c", "d")]
    await set_activation(store, ended.id, ACTIVE.pause(NOW, None, seconds_later(10)))
    await set_activation(store, later.id, ACTIVE.pause(NOW, None, seconds_later(11)))
    await set_activation(store, endless.id, ACTIVE.pause(NOW, None))

    async with store.open_unit_of_work() as work:
        assert list(await work.pipelines.find_ended_pauses(seconds_later(10), 5)) == [ended.id]
        assert list(await work.pipelines.find_ended_pauses(an_hour_later(), 5)) == [ended.id, later.id]
        assert list(await work.pipelines.find_ended_pauses(an_hour_later(), 1)) == [ended.id]


async def test_a_deleted_pipeline_is_not_found_and_its_names_are_free(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")
    await rename(store, pipeline.id, "hourly")
    keys = [IdempotencyKey("POST /trigger/hourly x", key, b"d") for key in ("run", "creation", "other")]
    answers = [{"pipeline_id": pipeline.id}, {"id": pipeline.id, "definition": {}}, {"pipeline_id": pipeline.id + 1}]
    async with store.open_unit_of_work() as work:
        for key, answer in zip(keys, answers, strict=True):
            assert await work.idempotency.find(key, NOW) is None
            await work.idempotency.add(key, answer)
        await work.commit()

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.mark_deleted(pipeline.id, NOW)
        await work.commit()

    refs: list[PipelineRef] = ["nightly", "hourly", pipeline.id]
    async with store.open_unit_of_work() as work:
        assert [await work.pipelines.find(ref, lock=True) for ref in refs] == [None] * 3
        assert await work.pipelines.find_many(refs) == {}
        assert await work.pipelines.count() == 0
        assert [await work.idempotency.find(key, NOW) for key in keys] == [None, None, answers[2]]
    assert [await store.reader.pipeline(ref) for ref in refs] == [None] * 3
    assert await store.reader.pipelines(0, 9) == await store.reader.board() == await store.reader.pipeline_names("", 9) == []
    assert await store.reader.get_pipelines_by_id([pipeline.id]) == []
    new = [await a_pipeline(store.open_unit_of_work, name) for name in ("nightly", "hourly")]
    assert [each.name for each in new] == ["nightly", "hourly"]


@pytest.mark.parametrize(
    ("archived", "names"),
    [(ArchivedFilter.EXCLUDE, ["a", "c"]), (ArchivedFilter.ONLY, ["b"]), (ArchivedFilter.INCLUDE, ["a", "b", "c"])],
)
async def test_lists_leave_out_archived_pipelines_unless_asked(store: StoreUnderTest, archived: ArchivedFilter, names: list[str]) -> None:
    stored = [await a_pipeline(store.open_unit_of_work, name) for name in ("a", "b", "c")]
    await set_activation(store, stored[1].id, ACTIVE.archive(NOW, "eve"))

    views = await store.reader.pipelines(0, 9, archived=archived)
    back = await store.reader.pipelines(0, 9, below=9_999, archived=archived)
    marks = await store.reader.pipeline_state_versions(0, 9, archived=archived)
    board = await store.reader.board(archived)

    assert [view.name for view in views] == [view.name for view in back] == [row.pipeline.name for row in board] == names
    assert [mark.id for mark in marks] == [view.id for view in views]
    assert [mark.activation_changes for mark in marks] == [view.activation.changes for view in views]


async def test_who_waits_for_a_deletion_finds_no_pipeline(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")

    async def find() -> list[object]:
        async with store.other_unit_of_work() as work:
            return [await work.pipelines.find(ref, lock=True) for ref in (pipeline.id, "nightly")]

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.mark_deleted(pipeline.id, NOW)
        waiting = await is_blocked(find())
        assert waiting is not None
        await work.commit()

    assert await waiting == [None, None]


async def test_a_name_that_a_rename_sets_free_goes_to_the_pipeline_that_waits_for_it(store: StoreUnderTest) -> None:
    renamed = await a_pipeline(store.open_unit_of_work, "nightly")

    async def take() -> int:
        async with store.other_unit_of_work() as work:
            taken = await work.pipelines.add(a_definition("nightly"), NOW)
            await work.commit()
            return taken.id

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(renamed.id, lock=True)
        await work.pipelines.revise(renamed.id, a_definition("hourly"), NOW)
        waiting = await is_blocked(take())
        assert waiting is not None
        await work.commit()
    new_id = await waiting

    async with store.open_unit_of_work() as work:
        found = await work.pipelines.find_many(["nightly", "hourly"])
    assert {ref: each.id for ref, each in found.items()} == {"nightly": new_id, "hourly": renamed.id}


async def test_pipelines_with_expectations_are_found_without_archived_ones(store: StoreUnderTest) -> None:
    external, expect = [a_stage("a", "external")], [{"cron": "@daily"}]
    one = await a_pipeline(store.open_unit_of_work, "one", external, expect=expect)
    two = await a_pipeline(store.open_unit_of_work, "two", external, expect=expect)
    three = await a_pipeline(store.open_unit_of_work, "three", external, expect=expect)
    await a_pipeline(store.open_unit_of_work, "four", external)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(two.id, lock=True)
        await work.pipelines.set_activation(two.id, Activation(archived_at=NOW))
        await work.pipelines.find(three.id, lock=True)
        await work.pipelines.revise(three.id, a_definition("three", external), NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.pipelines.find_expecting() == [one.id]


async def test_the_file_that_a_pipeline_was_applied_from_is_stored(store: StoreUnderTest) -> None:
    added = await a_pipeline(store.open_unit_of_work, "nightly")
    applied = AppliedFile(DefinitionFile("pipelines", "sales/nightly.yaml"), 1)
    async with store.open_unit_of_work() as work:
        assert (await work.pipelines.find(added.id, lock=True)) == added
        await work.pipelines.set_applied(added.id, applied)
        await work.commit()

    async with store.open_unit_of_work() as work:
        found = await work.pipelines.find("nightly")
    assert found is not None
    assert found.applied == applied
    assert added.applied is None


async def test_applied_files_are_listed_with_the_change_since(store: StoreUnderTest) -> None:
    names = ["by-hand", "etl", "daily", "other"]
    ids = {name: (await a_pipeline(store.open_unit_of_work, name)).id for name in names}
    files = {"etl": DefinitionFile("pipelines", "etl.yaml"), "daily": DefinitionFile("pipelines", "daily.yaml")}
    files["other"] = DefinitionFile("more", "other.yaml")
    async with store.open_unit_of_work() as work:
        for name, file in files.items():
            await work.pipelines.find(ids[name], lock=True)
            await work.pipelines.set_applied(ids[name], AppliedFile(file, 1))
        await work.pipelines.revise(ids["daily"], a_definition("daily"), an_hour_later(), RevisionOrigin(created_by="ada"))
        await work.commit()

    everything = await store.reader.applied_files(limit=100)
    of_folder = await store.reader.applied_files(source="pipelines", limit=100)

    assert [view.pipeline for view in everything] == ["etl", "daily", "other"]
    assert [(view.pipeline, view.has_drifted, view.revision, view.changed_by) for view in of_folder] == [
        ("etl", False, 1, None),
        ("daily", True, 2, "ada"),
    ]
    assert [view.pipeline for view in await store.reader.applied_files(skip=1, limit=1)] == ["daily"]
    assert [view.pipeline for view in await store.reader.applied_files(pipeline_id=ids["other"], limit=1)] == ["other"]
