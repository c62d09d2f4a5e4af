"""Site-wide rules: the list and the forms; the rules on a pipeline's page."""

from typing import Any

import pytest

from domain.access.permissions import Role
from domain.alerts.rule import AlertEvent
from tests.support.in_process import InProcessHeadgate
from tests.unit.entrypoints.web.pages.alerts.test_incidents import get_text, to_text

RULE: dict[str, Any] = {
    "name": "oncall",
    "on": ["failed", "lost"],
    "channel": ["team", "pager", ""],
    "delay": ["", "30m", ""],
    "tags": "sql, nightly",
    "after": "2",
    "remind": "4h",
    "recovery": "true",
    "from": "22:00",
    "until": "07:00",
    "timezone": "Europe/Berlin",
    "except": "pager",
}


@pytest.fixture
async def headgate() -> InProcessHeadgate:
    headgate = InProcessHeadgate()
    for name in ("team", "pager"):
        await headgate.alert_stories.add_channel(name)
    return headgate


async def test_a_rule_is_created_by_form_and_shown_in_words(headgate: InProcessHeadgate) -> None:
    answer = await headgate.page_client.post("/ui/alert-rules", data=RULE)

    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/alert-rules"), to_text(answer.text)
    text = await get_text(headgate, "/ui/alert-rules")
    assert "oncall #sql #nightly On failed or lost: team , pager after 30 m if not acknowledged." in text
    assert "Opens after 2 consecutive failures. Reminds every 4 h." in text
    assert "Quiet from 22:00 to 07:00 (Europe/Berlin), except for pager." in text


async def test_the_form_of_a_rule_holds_its_values(headgate: InProcessHeadgate) -> None:
    await headgate.page_client.post("/ui/alert-rules", data=RULE)
    before = next(iter(headgate.fakes.store.committed.site_rules.values())).rule

    page = (await headgate.page_client.get("/ui/alert-rules/oncall")).text
    answer = await headgate.page_client.post("/ui/alert-rules/oncall", data={**RULE, "name": "other", "remind": ""})

    for value in ("sql, nightly", "30m", "4h", "22:00", "07:00", "Europe/Berlin"):
        assert f'value="{value}"' in page, value
    assert page.count(" checked") == 3 and '<option value="pager" selected>' in page
    assert answer.status_code == 303
    after = next(iter(headgate.fakes.store.committed.site_rules.values())).rule
    assert (after.rule.name, after.rule.remind, after.rule.to) == ("oncall", None, before.rule.to)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "Name"),
        ({"on": []}, "Events must be a list of at least one of"),
        ({"channel": ["", ""], "delay": ["", ""]}, "Channels must be a list of 1 to 20 channels"),
        ({"channel": ["team", "nothing"], "delay": ["", ""], "except": ""}, "Channel 2 (nothing):"),
        ({"delay": ["soon", ""]}, "Delay 1 (team):"),
        ({"after": "0"}, "Consecutive failures must"),
        ({"after": "many"}, "Consecutive failures must"),
        ({"remind": "1s"}, "Reminder must be at least 1m"),
        ({"from": "25:00"}, "Quiet from must"),
        ({"until": ""}, "Quiet to must"),
        ({"timezone": "Mars"}, "Time zone"),
        ({"from": "", "until": "", "except": ""}, "Quiet from"),
        ({"delay": ["", "30m", "2h"]}, "Channel 3:"),
        ({"except": "nothing"}, "Except for"),
    ],
)
async def test_an_invalid_form_is_shown_again_with_its_errors(headgate: InProcessHeadgate, changes: dict[str, Any], sentence: str) -> None:
    answer = await headgate.page_client.post("/ui/alert-rules", data={**RULE, **changes})

    assert answer.status_code == 422
    assert sentence in to_text(answer.text)
    assert not headgate.fakes.store.committed.site_rules


async def test_a_name_that_is_taken_is_said_above_the_form(headgate: InProcessHeadgate) -> None:
    await headgate.page_client.post("/ui/alert-rules", data=RULE)

    answer = await headgate.page_client.post("/ui/alert-rules", data=RULE)

    assert answer.status_code == 409 and "oncall" in to_text(answer.text)


async def test_a_rule_is_deleted_after_a_confirmation(headgate: InProcessHeadgate) -> None:
    await headgate.alert_stories.add_rule("oncall", "team")

    assert "Its open incidents are closed without a message." in await get_text(headgate, "/ui/alert-rules/oncall/delete")
    answer = await headgate.page_client.post("/ui/alert-rules/oncall/delete")

    assert answer.status_code == 303
    assert "No site-wide rules yet." in await get_text(headgate, "/ui/alert-rules")


@pytest.mark.parametrize("name", ["nothing", "no%00thing"])
async def test_an_unknown_rule_is_a_404(headgate: InProcessHeadgate, name: str) -> None:
    for path in (f"/ui/alert-rules/{name}", f"/ui/alert-rules/{name}/delete"):
        assert (await headgate.page_client.get(path)).status_code == 404, path
        assert (await headgate.page_client.post(path)).status_code == 404, path


async def test_without_a_channel_the_page_leads_to_its_form() -> None:
    page = (await InProcessHeadgate().page_client.get("/ui/alert-rules")).text

    assert 'href="/ui/new-channel"' in page and "Create rule" not in page


async def test_a_pipelines_page_has_its_own_rules_and_those_of_its_tags(headgate: InProcessHeadgate) -> None:
    await headgate.alert_stories.add_rule("everyone", "team", on=(AlertEvent.LOST,))
    await headgate.alert_stories.add_rule("finance", "pager", tags=("finance",))
    await headgate.alert_stories.add_rule("sql", "pager", tags=("sql",))
    alerts = [{"name": "mine", "on": ["failed", "missed"], "to": ["team", {"channel": "pager", "after": "30m"}]}]
    await headgate.api.create_pipeline("exports", {"name": "dump", "command": ["true"]}, tags=["sql"], alerts=alerts)

    page = (await headgate.page_client.get("/ui/pipelines/exports")).text
    text = to_text(page)

    assert "On failed or missed: team , pager after 30 m if not acknowledged." in text and "Rule mine" in text
    assert "On lost: team ." in text and 'href="/ui/alert-rules/sql"' in page and "finance" not in page


async def test_only_an_admin_changes_rules() -> None:
    headgate = InProcessHeadgate(auth="team")
    await headgate.alert_stories.add_channel("team")
    await headgate.alert_stories.add_rule("oncall", "team")

    for role, is_shown in ((Role.OPERATOR, False), (Role.ADMIN, True)):
        headers = await headgate.api.sign_in(role)
        assert ("Create rule" in (await headgate.page_client.get("/ui/alert-rules", headers=headers)).text) is is_shown
        assert ("Save rule" in (await headgate.page_client.get("/ui/alert-rules/oncall", headers=headers)).text) is is_shown


@pytest.mark.parametrize("key", ["name", "tags", "remind", "timezone", "from", "until", "except"])
async def test_a_long_text_is_an_error_of_its_field_and_stays_in_it(headgate: InProcessHeadgate, key: str) -> None:
    answer = await headgate.page_client.post("/ui/alert-rules", data={**RULE, key: "x" * 5_000})

    assert answer.status_code == 422 and f'value="{"x" * 5_000}"' in answer.text
    assert f'id="x-{key}-error"' in answer.text


@pytest.mark.parametrize("after", ["²", "9" * 5_000])
async def test_digits_that_are_no_number_are_an_error_of_their_field(headgate: InProcessHeadgate, after: str) -> None:
    answer = await headgate.page_client.post("/ui/alert-rules", data={**RULE, "after": after})

    assert answer.status_code == 422 and 'id="x-after-error"' in answer.text
