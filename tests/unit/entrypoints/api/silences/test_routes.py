"""The API of silences. The clock starts on Monday 2026-03-02 at nine, UTC."""

from typing import Any

import pytest

from domain.access.permissions import Role
from entrypoints.api.silences.models import SilenceResponse
from tests.support.incidents import AlertingHeadgate
from tests.unit.entrypoints.api.test_response_models import assert_fits

NOW = "2026-03-02T09:00:00Z"
LATER = "2026-03-02T11:00:00Z"
BODY = {"pipeline": "nightly", "for": "2h", "reason": "The disk moves"}


@pytest.fixture
async def headgate() -> AlertingHeadgate:
    headgate = AlertingHeadgate()
    await headgate.add_pipeline(tags=["critical"])
    return headgate


async def test_a_silence_is_created_shown_listed_and_ended(headgate: AlertingHeadgate) -> None:
    created = await headgate.client.post("/silences/", json=BODY)
    shown = await headgate.client.get("/silences/1")
    listed = await headgate.client.get("/silences/")

    assert (created.status_code, created.headers["location"]) == (201, "/silences/1")
    assert_fits(created, SilenceResponse)
    silence = created.json()
    assert (silence["pipeline"], silence["tag"], silence["state"], silence["from"], silence["to"], silence["reason"]) == (
        "nightly",
        None,
        "active",
        NOW,
        LATER,
        "The disk moves",
    )
    assert (shown.json(), listed.json()) == (silence, [silence])

    headgate.fakes.clock.advance(60)
    ended = (await headgate.client.delete("/silences/1")).json()
    headgate.fakes.clock.advance(60)
    again = (await headgate.client.delete("/silences/1")).json()

    assert (ended["state"], ended["to"], ended["ended_at"]) == ("over", "2026-03-02T09:01:00Z", "2026-03-02T09:01:00Z")
    assert again == ended
    assert (await headgate.client.get("/silences/")).json() == []
    assert (await headgate.client.get("/silences/?ended=true")).json() == [ended]


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"pipeline": 1}, ("nightly", None)),
        ({"pipeline": "1"}, ("nightly", None)),
        ({"pipeline": None, "tag": "critical"}, (None, "critical")),
        ({"pipeline": None, "all": True}, (None, None)),
    ],
)
async def test_a_silence_is_of_a_pipeline_a_tag_or_everything(headgate: AlertingHeadgate, change: Any, target: Any) -> None:
    silence = (await headgate.client.post("/silences/", json={**BODY, **change})).json()

    assert (silence["pipeline"], silence["tag"]) == target


async def test_a_silence_to_come_is_scheduled(headgate: AlertingHeadgate) -> None:
    body = {**BODY, "from": "2026-03-03T01:00:00+01:00", "for": 3600}

    silence = (await headgate.client.post("/silences/", json=body)).json()

    assert (silence["state"], silence["from"], silence["to"]) == ("scheduled", "2026-03-03T00:00:00Z", "2026-03-03T01:00:00Z")


async def test_a_repeated_key_creates_one_silence(headgate: AlertingHeadgate) -> None:
    answers = [await headgate.client.post("/silences/", json=BODY, headers={"Idempotency-Key": "once"}) for _ in range(2)]

    assert [answer.json()["id"] for answer in answers] == [1, 1]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert len((await headgate.client.get("/silences/")).json()) == 1


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"pipeline": None}, "pipeline", "is required, or tag, or all: true"),
        ({"pipeline": None, "all": False}, "pipeline", "is required, or tag, or all: true"),
        ({"tag": "critical"}, "tag", "cannot be combined with pipeline"),
        ({"all": True}, "all", "cannot be combined with pipeline"),
        ({"all": "yes"}, "all", ""),
        ({"pipeline": "unknown"}, "pipeline", "none is named unknown"),
        ({"pipeline": 2**63}, "pipeline", "is a whole number of at most 64 bits"),
        ({"pipeline": 1.5}, "pipeline", "must be a pipeline's id or name"),
        ({"pipeline": None, "tag": "unknown"}, "tag", "none has the tag unknown"),
        ({"pipeline": None, "tag": "No Tag"}, "tag", ""),
        ({"for": None}, "for", "is required, or to"),
        ({"to": LATER}, "to", "cannot be combined with for"),
        ({"for": "a while"}, "for", "must be seconds or a duration"),
        ({"for": "367d"}, "for", "at most 366 days"),
        ({"for": None, "to": "2026-03-02T11:00:00"}, "to", "must be an RFC 3339 time"),
        ({"for": None, "to": NOW}, "to", "must be later than now"),
        ({"for": None, "to": "2026-03-01T09:00:00Z"}, "to", "must be later than now"),
        ({"for": None, "from": "2026-03-03T09:00:00Z", "to": "2026-03-03T08:00:00Z"}, "to", "must be later than from"),
        ({"from": "2026-03-02"}, "from", "must be an RFC 3339 time"),
        ({"from": "9999-12-31T23:59:59Z"}, "from", "must be at most 366 days ahead"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from", "must be an RFC 3339 time"),
        ({"for": None, "from": "0001-01-01T00:00:00Z", "to": LATER}, "to", "must be at most 366 days"),
        ({"reason": ""}, "reason", ""),
        ({"reason": "   "}, "reason", "must not be empty"),
        ({"reason": None}, "reason", ""),
        ({"reason": "x" * 2_001}, "reason", ""),
        ({"raeson": "x"}, "raeson", ""),
    ],
)
async def test_an_invalid_silence_names_its_field(headgate: AlertingHeadgate, change: Any, field: str, message: str) -> None:
    answer = await headgate.client.post("/silences/", json={**BODY, **change})

    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    assert problem["field"] == field and message in problem["message"], problem


@pytest.mark.parametrize("silence_id", ["9", "0", "-1", "x", str(2**63), str(2**64)])
async def test_an_unknown_silence_is_not_found(headgate: AlertingHeadgate, silence_id: str) -> None:
    for method in ("GET", "DELETE"):
        answer = await headgate.client.request(method, f"/silences/{silence_id}")
        assert (answer.status_code, answer.json()["problem"]) == (404, "not_found")


async def test_a_viewer_reads_and_an_operator_silences() -> None:
    headgate = AlertingHeadgate(auth="team")
    viewer, operator = [await headgate.api.sign_in(role) for role in (Role.VIEWER, Role.OPERATOR)]
    body = {"all": True, "for": "1h", "reason": "Planned"}

    assert (await headgate.client.get("/silences/", headers=viewer)).status_code == 200
    assert (await headgate.client.post("/silences/", json=body, headers=viewer)).status_code == 403
    assert (await headgate.client.post("/silences/", json=body, headers=operator)).status_code == 201
    assert (await headgate.client.delete("/silences/1", headers=viewer)).status_code == 403
