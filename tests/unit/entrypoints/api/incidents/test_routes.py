"""The API of incidents."""

from datetime import timedelta
from typing import Any

import pytest

from domain.access.permissions import Role
from entrypoints.api.incidents.models import IncidentDetailResponse, IncidentResponse
from tests.support.incidents import SUMMARY, AlertingHeadgate
from tests.unit.entrypoints.api.test_response_models import assert_fits


@pytest.fixture
def headgate() -> AlertingHeadgate:
    return AlertingHeadgate()


async def post(headgate: AlertingHeadgate, path: str, body: Any = None, status: int = 200, **keys: Any) -> Any:
    answer = await headgate.client.post(path, json=body if body is not None else {}, **keys)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_incidents_of_every_state_are_listed_newest_first(headgate: AlertingHeadgate) -> None:
    pipeline_id = await headgate.add_pipeline()
    for rule in ("a", "b", "c"):
        await headgate.add_incident(pipeline_id, rule)
    await post(headgate, "/incidents/1/acknowledge")
    await post(headgate, "/incidents/2/resolve")

    answer = await headgate.client.get("/incidents/")

    assert_fits(answer, list[IncidentResponse])
    assert [(each["id"], each["state"], each["pipeline"], each["rule"]) for each in answer.json()] == [
        (3, "open", "nightly", "c"),
        (2, "resolved", "nightly", "b"),
        (1, "acknowledged", "nightly", "a"),
    ]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("state=open", [4]),
        ("state=acknowledged", [1]),
        ("state=resolved", [2]),
        ("state=snoozed", []),
        ("state=open&state=acknowledged", [4, 1]),
        ("pipeline=hourly", [4]),
        ("pipeline=1&state=resolved", [2]),
    ],
)
async def test_the_list_is_filtered_by_state_and_pipeline(headgate: AlertingHeadgate, query: str, ids: list[int]) -> None:
    nightly, hourly = await headgate.add_pipeline(), await headgate.add_pipeline("hourly")
    await headgate.add_incident(nightly, "a")
    await headgate.add_incident(nightly, "b")
    await headgate.add_incident(nightly, "c", concurrency_key="customer=acme")
    await headgate.add_incident(hourly, "a")
    await post(headgate, "/incidents/1/acknowledge")
    await post(headgate, "/incidents/2/resolve")
    await post(headgate, "/incidents/3/resolve")

    found = (await headgate.client.get(f"/incidents/?{query}")).json()

    assert [each["id"] for each in found if each["concurrency_key"] == ""] == ids


async def test_the_list_comes_in_pages(headgate: AlertingHeadgate) -> None:
    pipeline_id = await headgate.add_pipeline()
    for number in range(5):
        await headgate.add_incident(pipeline_id, f"r{number}")

    first = await headgate.client.get("/incidents/?limit=2&state=open")
    second = await headgate.client.get(first.links["next"]["url"])
    last = await headgate.client.get(second.links["next"]["url"])

    assert [[each["id"] for each in page.json()] for page in (first, second, last)] == [[5, 4], [3, 2], [1]]
    assert last.links == {}


async def test_an_unchanged_list_is_304(headgate: AlertingHeadgate) -> None:
    await headgate.add_incident()
    etag = (await headgate.client.get("/incidents/")).headers["etag"]

    unchanged = await headgate.client.get("/incidents/", headers={"If-None-Match": etag})
    await post(headgate, "/incidents/1/acknowledge")
    changed = await headgate.client.get("/incidents/", headers={"If-None-Match": etag})

    assert (unchanged.status_code, changed.status_code) == (304, 200)


async def test_an_incident_shows_its_timeline(headgate: AlertingHeadgate) -> None:
    await headgate.add_incident(await headgate.add_pipeline())
    await post(headgate, "/incidents/1/snooze", {"for": "2h"})

    answer = await headgate.client.get("/incidents/1")

    assert_fits(answer, IncidentDetailResponse)
    incident = answer.json()
    assert (incident["summary"], incident["event"], incident["state"]) == (SUMMARY, "failed", "snoozed")
    assert incident["snoozed_until"] == incident["timeline"][1]["data"]["until"].replace("+00:00", "Z")
    assert [(entry["kind"], entry["actor"]) for entry in incident["timeline"]] == [("opened", None), ("snoozed", None)]
    assert incident["links"]["acknowledge"] == "/incidents/1/acknowledge"


async def test_a_terminal_gets_a_table(headgate: AlertingHeadgate) -> None:
    none = await headgate.client.get("/incidents/", headers={"Accept": "text/plain"})
    await headgate.add_incident(await headgate.add_pipeline(), concurrency_key="customer=acme", repeats=2)

    answer = await headgate.client.get("/incidents/", headers={"Accept": "text/plain"})

    assert none.text == "No incident.\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    header, line = answer.text.splitlines()
    assert header.split() == ["ID", "STATE", "SUBJECT", "WHAT", "HAPPENED", "OPENED", "RUNS"]
    assert " ".join(line.split()).startswith(f"1 open nightly (customer=acme) {SUMMARY} ") and line.endswith(" 3")


async def test_actions_answer_with_the_incident_and_are_repeatable(headgate: AlertingHeadgate) -> None:
    await headgate.add_incident()

    states = [(await post(headgate, f"/incidents/1/{action}"))["state"] for action in ("acknowledge", "acknowledge", "resolve", "resolve")]
    refused = await post(headgate, "/incidents/1/acknowledge", status=409)

    assert states == ["acknowledged", "acknowledged", "resolved", "resolved"]
    assert (refused["problem"], refused["title"], refused["detail"]) == (
        "incident_resolved",
        "Incident already resolved",
        "Incident 1 is resolved.",
    )
    assert refused["incident_id"] == 1


async def test_a_repeated_key_acts_once(headgate: AlertingHeadgate) -> None:
    await headgate.add_incident()
    key = {"Idempotency-Key": "once"}

    await post(headgate, "/incidents/1/snooze", {"for": "1h"}, headers=key)
    headgate.fakes.clock.advance(60)
    again = await headgate.client.post("/incidents/1/snooze", json={"for": "1h"}, headers=key)

    assert again.headers["idempotency-replayed"] == "true"
    assert len(again.json()["timeline"]) == 2


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "for", "is required, or until"),
        ({"for": "2h", "until": "2126-01-01T00:00:00Z"}, "until", "cannot be combined with for"),
        ({"for": "two hours"}, "for", "must be seconds or a duration"),
        ({"for": ""}, "for", "must be seconds or a duration"),
        ({"for": 0}, "for", "more than 0"),
        ({"for": -1}, "for", "more than 0"),
        ({"for": "400d"}, "for", "at most 366 days"),
        ({"for": True}, "for", "must be seconds or a duration"),
        ({"for": [1]}, "for", "must be seconds or a duration"),
        ({"until": "2126-01-01T00:00:00"}, "until", "must be an RFC 3339 time"),
        ({"until": "tomorrow"}, "until", "must be an RFC 3339 time"),
        ({"until": 5}, "until", "must be an RFC 3339 time"),
        ({"until": "2126-01-01T00:00:00Z"}, "until", "must be at most 366 days"),
        ({"until": "2020-01-01T00:00:00Z"}, "until", "must be later than now"),
        ({"for": "2h", "unitl": "x"}, "unitl", ""),
    ],
)
async def test_an_invalid_snooze_names_its_field(headgate: AlertingHeadgate, body: Any, field: str, message: str) -> None:
    await headgate.add_incident()

    refused = await post(headgate, "/incidents/1/snooze", body, status=422)

    (problem,) = refused["errors"]
    assert problem["field"] == field and message in problem["message"]


@pytest.mark.parametrize("body", [{"for": "2h"}, {"for": 7200}, {"for": 7200.0}, {"for": "7200s"}])
async def test_a_snooze_takes_seconds_and_texts(headgate: AlertingHeadgate, body: Any) -> None:
    await headgate.add_incident()

    await post(headgate, "/incidents/1/snooze", body)

    assert headgate.find_incident(1).snoozed_until == headgate.fakes.clock.now() + timedelta(hours=2)


@pytest.mark.parametrize("incident_id", ["9", "0", "-1", "x", "1.0", str(2**63), str(2**64), "%00"])
async def test_an_unknown_incident_is_not_found(headgate: AlertingHeadgate, incident_id: str) -> None:
    for method, path in (("GET", ""), ("POST", "/acknowledge"), ("POST", "/resolve")):
        answer = await headgate.client.request(method, f"/incidents/{incident_id}{path}")
        assert (answer.status_code, answer.json()["problem"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("state=broken", 422, "state"),
        ("state=", 422, "state"),
        ("cursor=Pjc", 422, "cursor"),
        ("cursor=x", 422, "cursor"),
        ("stat=open", 422, "stat"),
        ("limit=0", 422, "limit"),
        ("pipeline=unknown", 404, None),
    ],
)
async def test_an_invalid_query_names_its_parameter(headgate: AlertingHeadgate, query: str, status: int, field: str | None) -> None:
    answer = await headgate.client.get(f"/incidents/?{query}")

    assert answer.status_code == status
    assert field is None or answer.json()["errors"][0]["field"].startswith(field)


async def test_a_viewer_reads_and_an_operator_acts() -> None:
    headgate = AlertingHeadgate(auth="team")
    await headgate.add_incident()
    viewer, operator = [await headgate.api.sign_in(role) for role in (Role.VIEWER, Role.OPERATOR)]

    assert (await headgate.client.get("/incidents/1", headers=viewer)).status_code == 200
    assert (await headgate.client.post("/incidents/1/acknowledge", headers=viewer)).status_code == 403
    acknowledged = (await headgate.client.post("/incidents/1/acknowledge", headers=operator)).json()
    assert acknowledged["acknowledged_by"] == acknowledged["timeline"][-1]["actor"] != "someone"
