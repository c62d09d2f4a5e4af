"""What definitions store about concurrency limits and groups, and when they are refused."""

from typing import Any

import pytest

from domain.concurrency.bucket import Bucket
from domain.errors import Conflict, InvalidInput
from domain.site_events import SiteEventType
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


class Pipelines:
    """Creates and changes pipelines, and reads what is stored about their limits."""

    def __init__(self) -> None:
        self.headgate = InProcessHeadgate()
        self.application = self.headgate.application

    async def create(self, name: str, *limits: dict[str, Any], uses: tuple[str, ...] = ()) -> int:
        return int((await self.application.create_pipeline()(define(name, *limits, uses=uses))).id)

    async def change(self, ref: int | str, *limits: dict[str, Any], uses: tuple[str, ...] = (), name: str | None = None) -> None:
        await self.application.change_pipeline()(ref, define(name or str(ref), *limits, uses=uses))

    async def read_limits(self, *names: str) -> list[int | None]:
        async with self.headgate.fakes.open_unit_of_work() as work:
            states = await work.concurrency.lock([Bucket(name, name) for name in names])
        return [states[name].limit for name in names]

    async def read_groups(self) -> dict[str, tuple[int | None, list[str]]]:
        async with self.headgate.fakes.open_unit_of_work() as work:
            groups = await work.concurrency.list_groups()
        return {name: (group.limit, [user.pipeline for user in group.users]) for name, group in groups.items()}


def define(name: str, *limits: dict[str, Any], uses: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": name, "stages": [a_stage("load", uses=list(uses))], "concurrency": list(limits)}


@pytest.fixture
def pipelines() -> Pipelines:
    return Pipelines()


WAREHOUSE = {"group": "warehouse", "limit": 4}
CUSTOMER = {"limit": 2, "key": {"parameter": "customer"}}


async def test_the_newest_revision_gives_the_limits(pipelines: Pipelines) -> None:
    await pipelines.create("sales", {"limit": 1}, CUSTOMER)
    assert await pipelines.read_limits("pipeline:1", "pipeline:1:customer") == [1, 2]

    await pipelines.change("sales", {"limit": 5})
    assert await pipelines.read_limits("pipeline:1", "pipeline:1:customer") == [5, None]

    await pipelines.change("sales")
    assert await pipelines.read_limits("pipeline:1", "pipeline:1:customer") == [None, None]


async def test_the_second_pipeline_with_another_limit_is_refused_and_stores_nothing(pipelines: Pipelines) -> None:
    await pipelines.create("sales", WAREHOUSE)

    with pytest.raises(InvalidInput, match=r"concurrency\[0\].limit: must be 4, the limit of the group warehouse in pipeline sales"):
        await pipelines.create("stock", {"group": "warehouse", "limit": 6}, {"limit": 1})

    assert await pipelines.read_groups() == {"warehouse": (4, ["sales"])}
    await pipelines.create("stock", {"group": "warehouse"})
    with pytest.raises(InvalidInput, match="must be 4, the limit of the group warehouse in pipeline sales"):
        await pipelines.change("stock", {"group": "warehouse", "limit": 6})
    assert await pipelines.read_groups() == {"warehouse": (4, ["sales", "stock"])}


async def test_a_pipeline_changes_a_limit_that_it_alone_gives(pipelines: Pipelines) -> None:
    await pipelines.create("sales", WAREHOUSE)
    await pipelines.create("stock", uses=("warehouse",))
    await pipelines.change("sales", {"group": "warehouse", "limit": 6})

    assert await pipelines.read_limits("group:warehouse") == [6]

    await pipelines.change("sales")
    assert await pipelines.read_groups() == {"warehouse": (6, ["stock"])}, "the limit stays while a pipeline uses the group"


async def test_a_renamed_pipeline_keeps_its_limits_and_is_named_by_its_new_name(pipelines: Pipelines) -> None:
    await pipelines.create("sales", WAREHOUSE, {"limit": 1})
    await pipelines.change("sales", WAREHOUSE, {"limit": 1}, name="orders")

    assert await pipelines.read_limits("pipeline:1") == [1]
    with pytest.raises(InvalidInput, match="must be 4, the limit of the group warehouse in pipeline orders"):
        await pipelines.create("stock", {"group": "warehouse", "limit": 6})


async def test_an_archived_pipeline_uses_no_group_and_keeps_its_own_limits(pipelines: Pipelines) -> None:
    await pipelines.create("sales", WAREHOUSE, {"limit": 1})
    await pipelines.application.archive_pipeline()("sales")

    assert await pipelines.read_groups() == {"warehouse": (4, [])}
    assert await pipelines.read_limits("pipeline:1") == [1]

    await pipelines.change("sales", WAREHOUSE, {"limit": 3})
    assert await pipelines.read_groups() == {"warehouse": (4, [])}
    await pipelines.application.unarchive_pipeline()("sales")
    assert await pipelines.read_groups() == {"warehouse": (4, ["sales"])}


async def test_unarchiving_is_refused_if_the_groups_do_not_fit_any_more(pipelines: Pipelines) -> None:
    await pipelines.create("sales", WAREHOUSE)
    await pipelines.application.archive_pipeline()("sales")
    await pipelines.create("stock", {"group": "warehouse", "limit": 6})

    with pytest.raises(
        Conflict, match=r"sales cannot be unarchived: .* must be 6, the limit of the group warehouse in pipeline stock"
    ) as error:
        await pipelines.application.unarchive_pipeline()("sales")

    answer = await pipelines.headgate.client.post("/pipelines/sales/unarchive")
    assert (error.value.kind, answer.status_code) == ("group_conflict", 409)
    assert "must be 6, the limit of the group warehouse in pipeline stock" in answer.text
    assert await pipelines.read_groups() == {"warehouse": (6, ["stock"])}


async def test_a_deleted_pipeline_leaves_no_limit(pipelines: Pipelines) -> None:
    await pipelines.create("sales", WAREHOUSE, {"limit": 1}, CUSTOMER)
    await pipelines.application.archive_pipeline()("sales")
    await pipelines.application.delete_pipeline()("sales", "sales")
    await pipelines.headgate.fakes.pipeline_removal.remove_batch(1, pipelines.headgate.fakes.clock.now())
    await pipelines.headgate.fakes.retention.delete_unused_groups()

    assert await pipelines.read_limits("pipeline:1", "pipeline:1:customer", "group:warehouse") == [None] * 3


async def test_a_limit_that_changes_wakes_the_service_that_starts_waiting_runs(pipelines: Pipelines) -> None:
    slots = pipelines.application.wakeups().slots
    changes = [
        pipelines.create("sales", {"limit": 1}),
        pipelines.change("sales", {"limit": 2}),
        pipelines.change("sales", {"limit": 2}, WAREHOUSE),
        pipelines.change("sales", {"limit": 2}, {"group": "warehouse", "limit": 5}),
        pipelines.change("sales"),
    ]

    for change in changes:
        slots.clear()
        await change
        assert slots.is_set()

    slots.clear()
    await pipelines.create("plain")
    assert not slots.is_set()


async def test_viewers_learn_of_the_new_limit_of_a_group(pipelines: Pipelines) -> None:
    feed = pipelines.headgate.fakes.change_feed
    start = await feed.position()
    await pipelines.create("sales", WAREHOUSE)
    await pipelines.change("sales", WAREHOUSE, {"limit": 1})
    await pipelines.change("sales", {"group": "warehouse", "limit": 6})

    events = [event for event in (await feed.read(start)).site_events if event.type is SiteEventType.GROUP_CHANGED]

    assert [event.data for event in events] == [{"name": "warehouse", "limit": 4}, {"name": "warehouse", "limit": 6}]


async def test_the_api_names_the_first_pipeline_and_the_field(pipelines: Pipelines) -> None:
    await pipelines.create("sales", WAREHOUSE)
    client = pipelines.headgate.client

    created = await client.post("/pipelines/", json=define("stock", {"group": "warehouse", "limit": 6}))
    await pipelines.create("stock")
    changed = await client.put("/pipelines/stock", json=define("stock", {"limit": 1}, uses=("nothing",)))

    assert (created.status_code, changed.status_code) == (422, 422)
    (error,) = created.json()["errors"]
    assert (
        error["field"].endswith("concurrency[0].limit")
        and error["message"] == "must be 4, the limit of the group warehouse in pipeline sales"
    )
    (error,) = changed.json()["errors"]
    assert error["field"].endswith("stages[0].uses") and "nothing, which has no limit" in error["message"]


async def test_the_preview_of_the_editor_shows_the_same_problem(pipelines: Pipelines) -> None:
    await pipelines.create("sales", WAREHOUSE)
    await pipelines.create("stock")
    text = "name: stock\nconcurrency: [{group: warehouse, limit: 6}]\nstages: [{name: a, command: ['true']}]\n"

    page = await pipelines.headgate.page_client.post("/ui/pipelines/stock/edit/preview", data={"definition": text, "revision": "1"})

    assert page.status_code == 422
    assert "must be 4, the limit of the group warehouse in pipeline sales" in page.text
    assert await pipelines.read_groups() == {"warehouse": (4, ["sales"])}
