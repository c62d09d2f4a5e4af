"""An administrator sets the limit of a group."""

import pytest

from domain.access.actor import Actor
from domain.access.audit import AuditAction
from domain.concurrency.group import Group
from domain.errors import InvalidInput, NotFound
from domain.site_events import SiteEventType
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

ADA = Actor("ada")


@pytest.fixture
def headgate() -> InProcessHeadgate:
    return InProcessHeadgate()


async def create(headgate: InProcessHeadgate, name: str, limit: int | None) -> None:
    limits = [{"group": "warehouse", "limit": limit}]
    await headgate.application.create_pipeline()({"name": name, "stages": [a_stage()], "concurrency": limits})


async def read_group(headgate: InProcessHeadgate) -> Group | None:
    async with headgate.fakes.open_unit_of_work() as work:
        return (await work.concurrency.list_groups()).get("warehouse")


async def test_a_limit_replaces_that_of_the_definitions_which_may_not_give_one_any_more(headgate: InProcessHeadgate) -> None:
    await create(headgate, "sales", 4)
    await headgate.application.set_group_limit()("warehouse", 6, ADA)

    group = await read_group(headgate)

    assert group is not None and (group.limit, group.set_by) == (6, "ada")
    with pytest.raises(InvalidInput, match="must be removed: ada set the limit of the group warehouse to 6"):
        await create(headgate, "stock", 6)
    await create(headgate, "stock", None)


async def test_null_gives_the_limit_back_to_the_definitions(headgate: InProcessHeadgate) -> None:
    await create(headgate, "sales", 4)
    await headgate.application.set_group_limit()("warehouse", 6, ADA)
    await headgate.application.set_group_limit()("warehouse", None, ADA)

    group = await read_group(headgate)

    assert group is not None and (group.limit, group.set_by) == (4, None)


async def test_null_is_refused_if_no_definition_gives_a_limit(headgate: InProcessHeadgate) -> None:
    await headgate.application.set_group_limit()("warehouse", 6, ADA)
    await create(headgate, "sales", None)

    with pytest.raises(InvalidInput, match="limit: must be a number: no definition sets a limit for the group warehouse"):
        await headgate.application.set_group_limit()("warehouse", None, ADA)

    group = await read_group(headgate)
    assert group is not None and (group.limit, group.set_by) == (6, "ada")


async def test_a_group_that_no_pipeline_uses_can_have_a_limit_and_lose_it(headgate: InProcessHeadgate) -> None:
    await headgate.application.set_group_limit()("warehouse", 6)
    assert await read_group(headgate) == Group("warehouse", 6, "an admin", ())

    await headgate.application.set_group_limit()("warehouse", None)
    assert await read_group(headgate) is None
    with pytest.raises(NotFound):
        await headgate.application.set_group_limit()("warehouse", None)


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_limits_out_of_range_are_refused(headgate: InProcessHeadgate, limit: int) -> None:
    with pytest.raises(InvalidInput, match="limit: must be a whole number from 1 to 10000, or null"):
        await headgate.application.set_group_limit()("warehouse", limit)


@pytest.mark.parametrize("name", ["", "two words", "ü", "a" * 101, "a\0", "1st"])
async def test_no_group_has_such_a_name(headgate: InProcessHeadgate, name: str) -> None:
    with pytest.raises(NotFound):
        await headgate.application.set_group_limit()(name, 4)


async def test_the_change_is_audited_shown_and_wakes_waiting_runs(headgate: InProcessHeadgate) -> None:
    await create(headgate, "sales", 4)
    feed, slots = headgate.fakes.change_feed, headgate.application.wakeups().slots
    start = await feed.position()
    slots.clear()

    await headgate.application.set_group_limit()("warehouse", 6, ADA)

    (event,) = (await feed.read(start)).site_events
    entry = max(headgate.fakes.store.committed.audit.values(), key=lambda entry: entry.id)
    assert (event.type, event.actor, event.data) == (SiteEventType.GROUP_CHANGED, "ada", {"name": "warehouse", "limit": 6})
    assert (entry.action, entry.actor, entry.subject) == (AuditAction.GROUP_LIMIT_SET, "ada", "group warehouse")
    assert entry.details == {"limit": 6, "before": 4}
    assert slots.is_set()
