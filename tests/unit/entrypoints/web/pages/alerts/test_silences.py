"""Silences: the list, the form and their end."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.access.permissions import Role
from tests.support.in_process import InProcessHeadgate
from tests.unit.entrypoints.web.pages.alerts.test_incidents import get_text, to_text


@pytest.fixture
async def headgate() -> InProcessHeadgate:
    headgate = InProcessHeadgate()
    await headgate.stories.add_pipeline("exports", ["dump"], tags=["sql"])
    return headgate


def get_silences(headgate: InProcessHeadgate) -> list[object]:
    return [row.silence for row in headgate.fakes.store.committed.silences.values()]


@pytest.mark.parametrize(
    ("form", "subject"),
    [
        ({"scope": "pipeline", "pipeline": "exports"}, "exports"),
        ({"scope": "tag", "tag": "#sql"}, "#sql"),
        ({"scope": "all"}, "All pipelines"),
    ],
)
async def test_a_silence_is_created_by_form(headgate: InProcessHeadgate, form: dict[str, str], subject: str) -> None:
    answer = await headgate.page_client.post("/ui/silences", data={**form, "for": "4h", "reason": "Upgrade <b>"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/silences")
    text = await get_text(headgate, "/ui/silences")
    assert f"Active {subject} Upgrade <b>" in text
    (silence,) = headgate.fakes.store.committed.silences.values()
    assert silence.silence.ends_at - silence.silence.starts_at == timedelta(hours=4)


async def test_times_are_in_the_viewers_zone(headgate: InProcessHeadgate) -> None:
    headgate.fakes.clock.advance((datetime(2026, 7, 1, tzinfo=UTC) - headgate.fakes.clock.now()).total_seconds())
    form = {"scope": "all", "for": "until", "starts": "2026-07-02T18:00", "until": "2026-07-02T20:30", "zone": "Europe/Berlin"}

    answer = await headgate.page_client.post("/ui/silences", data={**form, "reason": "Upgrade"})

    assert answer.status_code == 303, to_text(answer.text)
    (row,) = headgate.fakes.store.committed.silences.values()
    assert row.silence.starts_at == datetime(2026, 7, 2, 16, tzinfo=UTC)
    assert row.silence.ends_at == datetime(2026, 7, 2, 18, 30, tzinfo=UTC)
    assert "Planned All pipelines" in await get_text(headgate, "/ui/silences")


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"scope": "pipeline", "pipeline": ""}, "Pipeline is required"),
        ({"scope": "pipeline", "pipeline": "nothing"}, "Pipeline must be a pipeline: none is named nothing"),
        ({"scope": "tag", "tag": "nothing"}, "Tag must be a tag of a pipeline: none has the tag nothing"),
        ({"scope": "all", "reason": " "}, "Reason must not be empty"),
        ({"scope": "all", "for": "until"}, "End must be a date and a time"),
        ({"scope": "all", "for": "until", "until": "2020-01-01T00:00"}, "End must be later than now"),
        ({"scope": "all", "starts": "soon"}, "Start must be a date and a time"),
        ({"scope": "nothing"}, "Scope is not one of the choices."),
        ({"scope": "tag", "tag": "sql", "pipeline": "exports"}, "Pipeline does not apply to this scope"),
        ({"scope": "all", "tag": "sql"}, "Tag does not apply to this scope"),
        ({"scope": "all", "until": "2030-01-01T00:00"}, "End does not apply to this length"),
    ],
)
async def test_an_invalid_form_is_shown_again_with_its_errors(headgate: InProcessHeadgate, form: dict[str, str], sentence: str) -> None:
    answer = await headgate.page_client.post("/ui/silences", data={"for": "2h", "reason": "Upgrade", **form})

    assert answer.status_code == 422 and sentence in to_text(answer.text)
    assert not get_silences(headgate)


async def test_a_silence_is_ended_after_a_confirmation(headgate: InProcessHeadgate) -> None:
    silence = await headgate.alert_stories.silence(tag="sql", reason="Upgrade")
    path = f"/ui/silences/{silence.id}/end"

    question = await get_text(headgate, path)
    headgate.fakes.clock.advance(60)
    answer = await headgate.page_client.post(path)

    assert "End the silence of #sql?" in question
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/silences")
    assert "No silences." in await get_text(headgate, "/ui/silences")
    assert "Over #sql Upgrade" in await get_text(headgate, "/ui/silences?ended=1")
    assert (await headgate.page_client.post(path)).status_code == 303
    assert "It has already ended." in await get_text(headgate, path)


@pytest.mark.parametrize("key", ["7", "none"])
async def test_an_unknown_silence_is_a_404(headgate: InProcessHeadgate, key: str) -> None:
    assert (await headgate.page_client.get(f"/ui/silences/{key}/end")).status_code == 404
    assert (await headgate.page_client.post(f"/ui/silences/{key}/end")).status_code == 404


async def test_a_pipelines_page_leads_to_its_silence(headgate: InProcessHeadgate) -> None:
    await headgate.alert_stories.add_rule("oncall", "team")

    page = (await headgate.page_client.get("/ui/pipelines/exports")).text
    assert 'href="/ui/silences?pipeline=exports"' in page
    form = (await headgate.page_client.get("/ui/silences?pipeline=exports")).text
    assert '<option value="exports" selected>' in form


async def test_viewers_see_no_form() -> None:
    headgate = InProcessHeadgate(auth="team")

    for role, is_shown in ((Role.VIEWER, False), (Role.OPERATOR, True)):
        page = (await headgate.page_client.get("/ui/silences", headers=await headgate.api.sign_in(role))).text
        assert ("Create silence" in page) is is_shown, role
