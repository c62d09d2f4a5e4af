"""Alert rules of a pipeline in the API."""

from typing import Any

from domain.alerts.parsing import parse_rule
from domain.alerts.serialization import serialize_rule
from tests.support.incidents import AlertingHeadgate

QUIET = {"timezone": "Europe/Berlin", "from": "22:00", "to": "07:00", "except": ["pager"]}
RULE: dict[str, Any] = {"on": ["failed", "missed"], "to": ["team", {"channel": "pager", "after": "30m"}], "quiet": QUIET}


async def test_rules_are_returned_with_every_default() -> None:
    headgate = AlertingHeadgate()
    await headgate.add_channel("team")
    await headgate.add_channel("pager")
    stages = [{"name": "a", "kind": "external"}]

    created = await headgate.client.post("/pipelines/", json={"name": "p", "stages": stages, "alerts": [RULE]})

    assert created.status_code == 201
    expected = serialize_rule(parse_rule(RULE))
    assert expected["quiet"] == QUIET
    assert created.json()["alerts"] == [expected]
    assert (await headgate.client.get("/pipelines/p")).json()["alerts"] == [expected]
    assert (await headgate.client.get("/pipelines/")).json()[0]["alerts"] == [expected]


async def test_an_invalid_rule_and_an_unknown_channel_are_422_with_their_fields() -> None:
    headgate = AlertingHeadgate()
    await headgate.add_channel("mail")
    refused = await headgate.client.post(
        "/pipelines/", json={"name": "p", "stages": [{"name": "a", "kind": "external"}], "alerts": [RULE | {"to": ["Team"]}]}
    )

    assert refused.status_code == 422
    assert {error["field"] for error in refused.json()["errors"]} == {"alerts[0].to[0]", "alerts[0].quiet.except[0]"}

    unknown = await headgate.client.post("/pipelines/", json={"name": "p", "stages": [{"name": "a", "kind": "external"}], "alerts": [RULE]})
    assert unknown.status_code == 422
    assert [(error["field"], error["message"]) for error in unknown.json()["errors"]] == [
        ("alerts[0].to[0]", "There is no channel named team. Channels: mail."),
        ("alerts[0].to[1]", "There is no channel named pager. Channels: mail."),
    ]
