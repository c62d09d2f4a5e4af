"""The API of site-wide alert rules."""

from typing import Any

import pytest

from domain.access.permissions import Role
from entrypoints.api.alert_rules.models import AlertRuleResponse
from tests.support.incidents import AlertingHeadgate
from tests.unit.entrypoints.api.test_response_models import assert_fits

RULE: dict[str, Any] = {
    "name": "on-call",
    "tags": ["critical"],
    "on": ["failed", "lost"],
    "to": ["team", {"channel": "pager", "after": "30m"}],
}


@pytest.fixture
async def headgate() -> AlertingHeadgate:
    headgate = AlertingHeadgate()
    for name in ("team", "pager"):
        await headgate.add_channel(name)
    return headgate


async def test_a_rule_is_created_shown_listed_changed_and_deleted(headgate: AlertingHeadgate) -> None:
    start = await headgate.fakes.change_feed.position()
    created = await headgate.client.post("/alert-rules/", json=RULE)
    shown = await headgate.client.get("/alert-rules/on-call")
    listed = await headgate.client.get("/alert-rules/")

    assert (created.status_code, created.headers["location"]) == (201, "/alert-rules/on-call")
    assert_fits(created, AlertRuleResponse)
    rule = created.json()
    assert (rule["id"], rule["tags"], rule["on"], rule["after"], rule["recovery"]) == (1, ["critical"], ["failed", "lost"], 1, True)
    assert rule["to"] == [{"channel": "team", "after": 0.0}, {"channel": "pager", "after": 1_800.0}]
    assert (shown.json(), listed.json()) == (rule, [rule])

    changed = await headgate.client.put("/alert-rules/on-call", json={"on": ["missed"], "to": ["team"]})
    unchanged = await headgate.client.put("/alert-rules/on-call", json={"name": "on-call", "on": ["missed"], "to": ["team"]})
    deleted = await headgate.client.delete("/alert-rules/on-call")

    assert (changed.json()["tags"], changed.json()["on"], unchanged.json()) == ([], ["missed"], changed.json())
    assert (deleted.status_code, (await headgate.client.get("/alert-rules/")).json()) == (204, [])
    actions = ["created", "changed", "deleted"]
    assert headgate.list_audit() == [(f"alert_rule_{action}", "alert rule on-call") for action in actions]
    assert [event.data for event in await headgate.read_events(start)] == [{"name": "on-call", "change": action} for action in actions]


async def test_a_name_is_taken_once(headgate: AlertingHeadgate) -> None:
    await headgate.client.post("/alert-rules/", json=RULE)

    again = await headgate.client.post("/alert-rules/", json=RULE)

    assert (again.status_code, again.json()["problem"]) == (409, "alert_rule_exists")


async def test_a_repeated_key_creates_one_rule(headgate: AlertingHeadgate) -> None:
    answers = [await headgate.client.post("/alert-rules/", json=RULE, headers={"Idempotency-Key": "once"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": None}, ["name"]),
        ({"name": "1st"}, ["name"]),
        ({"name": "a b"}, ["name"]),
        ({"name": 5}, ["name"]),
        ({"tags": ["No Tag"]}, ["tags"]),
        ({"tags": "critical"}, ["tags"]),
        ({"on": []}, ["on"]),
        ({"on": ["broken"]}, ["on"]),
        ({"to": []}, ["to"]),
        ({"to": ["nobody", "team", {"channel": "unknown"}]}, ["to[0]", "to[2]"]),
        ({"to": [{"channel": "team", "after": "soon"}]}, ["to[0].after"]),
        ({"to": [{"channel": "team", "before": 1}]}, ["to[0].before"]),
        ({"after": 0}, ["after"]),
        ({"remind": "5s"}, ["remind"]),
        ({"remind": "often"}, ["remind"]),
        ({"recovery": "yes"}, ["recovery"]),
        ({"quiet": {"from": "22", "to": "07:00"}}, ["quiet.from"]),
        ({"quiet": {"from": "22:00", "to": "07:00", "timezone": "Europe/Berln"}}, ["quiet.timezone"]),
        ({"tags": 1, "on": 1, "to": 1}, ["tags", "on", "to"]),
        ({"chanels": ["team"]}, ["chanels"]),
    ],
)
async def test_an_invalid_rule_names_each_field(headgate: AlertingHeadgate, change: Any, fields: list[str]) -> None:
    await headgate.client.post("/alert-rules/", json={**RULE, "name": "known"})

    created = await headgate.client.post("/alert-rules/", json={**RULE, **change})
    changed = await headgate.client.put("/alert-rules/known", json={**RULE, "name": "known", **change})

    assert created.status_code == 422, created.text
    assert sorted(error["field"] for error in created.json()["errors"]) == sorted(fields)
    if change != {"name": None}:
        assert changed.status_code == 422
        assert sorted(error["field"] for error in changed.json()["errors"]) == sorted(fields)


async def test_an_unknown_channel_is_refused_with_the_known_ones(headgate: AlertingHeadgate) -> None:
    answer = await headgate.client.post("/alert-rules/", json={**RULE, "to": ["pagr"]})

    (error,) = answer.json()["errors"]
    assert error == {"field": "to[0]", "message": "There is no channel named pagr. Channels: pager and team."}


async def test_the_name_of_a_rule_stays(headgate: AlertingHeadgate) -> None:
    await headgate.client.post("/alert-rules/", json=RULE)

    answer = await headgate.client.put("/alert-rules/on-call", json={**RULE, "name": "other"})

    (error,) = answer.json()["errors"]
    assert error == {"field": "name", "message": "cannot change from on-call: create a new rule and delete this one"}


@pytest.mark.parametrize("body", [[], 5, "x", [1]])
async def test_a_body_that_is_no_object_is_invalid(headgate: AlertingHeadgate, body: Any) -> None:
    answer = await headgate.client.post("/alert-rules/", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")


async def test_there_are_at_most_a_hundred_rules(headgate: AlertingHeadgate) -> None:
    for number in range(100):
        assert (await headgate.client.post("/alert-rules/", json={**RULE, "name": f"r{number}"})).status_code == 201

    refused = await headgate.client.post("/alert-rules/", json=RULE)

    assert (refused.status_code, refused.json()["problem"]) == (409, "too_many_rules")


@pytest.mark.parametrize("name", ["unknown", "a%20b", "x" * 101, "%00"])
async def test_an_unknown_rule_is_not_found(headgate: AlertingHeadgate, name: str) -> None:
    for method, body in (("GET", None), ("PUT", RULE | {"name": None}), ("DELETE", None)):
        answer = await headgate.client.request(method, f"/alert-rules/{name}", json=body)
        assert answer.status_code in (404, 422), answer.text


async def test_only_an_admin_changes_rules() -> None:
    headgate = AlertingHeadgate(auth="team")
    operator = await headgate.api.sign_in(Role.OPERATOR)

    assert (await headgate.client.get("/alert-rules/", headers=operator)).status_code == 200
    for method, path in (("POST", ""), ("PUT", "on-call"), ("DELETE", "on-call")):
        answer = await headgate.client.request(method, f"/alert-rules/{path}", json=RULE if method != "DELETE" else None, headers=operator)
        assert (answer.status_code, answer.json()["detail"]) == (403, "This requires the role admin.")
