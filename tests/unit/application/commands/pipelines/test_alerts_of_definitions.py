"""What definitions store about the channels of their rules, and when they are refused."""

from typing import Any

import pytest

from application.queries.schedules.definition_preview import PreviewDefinition
from domain.alerts.incident import Resolution
from domain.errors import InvalidInput
from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.incidents import AlertingHeadgate
from tests.support.judged_alerts import end_run


def define(*rules: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"name": "sales", "stages": [a_stage("load")], "alerts": list(rules), **keys}


TEAM = {"on": ["failed"], "to": ["team"]}
PAGER = {"name": "pager", "on": ["lost"], "to": ["team", {"channel": "pager", "after": "30m"}]}


@pytest.fixture
async def headgate() -> AlertingHeadgate:
    headgate = AlertingHeadgate()
    await headgate.add_channel("team")
    await headgate.add_channel("pager")
    return headgate


async def list_users(headgate: AlertingHeadgate, name: str) -> list[str]:
    async with headgate.fakes.open_unit_of_work() as work:
        return list((await work.channels.find_uses(name)).pipelines)


def preview(headgate: AlertingHeadgate) -> PreviewDefinition:
    """Return what the editor's page asks before a definition is stored."""
    ports = headgate.application.adapters
    return PreviewDefinition(
        headgate.fakes.open_unit_of_work, ports.schemas(), ports.cron_expressions(), headgate.application.preview_ticks()
    )


async def test_the_newest_revision_uses_the_channels_of_its_rules(headgate: AlertingHeadgate) -> None:
    await headgate.application.create_pipeline()(define(TEAM, PAGER))
    assert await list_users(headgate, "team") == await list_users(headgate, "pager") == ["sales"]

    await headgate.application.change_pipeline()("sales", define(TEAM))
    assert (await list_users(headgate, "team"), await list_users(headgate, "pager")) == (["sales"], [])

    await headgate.application.change_pipeline()("sales", define())
    assert await list_users(headgate, "team") == []


async def test_an_unknown_channel_is_refused_with_the_known_ones(headgate: AlertingHeadgate) -> None:
    unknown = PAGER | {"to": ["team", "pagr", {"channel": "mail"}]}

    with pytest.raises(InvalidInput) as refused:
        await headgate.application.create_pipeline()(define(TEAM, unknown))

    assert [(problem.field, problem.message) for problem in refused.value.problems] == [
        ("alerts[1].to[1]", "There is no channel named pagr. Channels: pager and team."),
        ("alerts[1].to[2]", "There is no channel named mail. Channels: pager and team."),
    ]
    with pytest.raises(InvalidInput, match="no channel named pagr"):
        await preview(headgate)(define(TEAM, unknown), 3, 1)
    assert (await preview(headgate)(define(TEAM), 3, 1)).schedules == []
    assert await list_users(headgate, "team") == []


async def test_rules_that_do_not_change_are_not_checked_again(headgate: AlertingHeadgate) -> None:
    await headgate.application.create_pipeline()(define(TEAM))
    async with headgate.fakes.open_unit_of_work() as work:
        channel = await work.channels.lock("team")
        assert channel is not None
        await work.channels.delete(channel.id)
        await work.commit()

    changed = await headgate.application.change_pipeline()("sales", define(TEAM, description="Sales"))
    assert changed.revision == 2
    with pytest.raises(InvalidInput, match="no channel named team"):
        await headgate.application.change_pipeline()("sales", define(TEAM, PAGER))


async def test_a_changed_rule_wakes_the_judge_which_closes_the_incidents_of_the_old_one(headgate: AlertingHeadgate) -> None:
    judge = headgate.application.alert_judge()
    await judge.run_once()
    pipeline = await headgate.application.create_pipeline()(define(TEAM))
    run_id = await headgate.stories.open_run(pipeline)
    await headgate.stories.change_run(run_id, lambda run: end_run(run, Status.FAILED, headgate.fakes.clock.now()))
    await judge.run_once()
    (incident,) = headgate.fakes.store.committed.incidents.values()
    assert not incident.is_resolved

    await headgate.application.change_pipeline()("sales", define(PAGER))
    assert headgate.application.wakeups().alerts.is_set()
    await judge.run_once()

    (incident,) = headgate.fakes.store.committed.incidents.values()
    assert incident.resolution is Resolution.RULE_REMOVED
