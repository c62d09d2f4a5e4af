"""The page that creates tokens, and the page of a token."""

import pytest

from tests.support.in_process import InProcessHeadgate
from tests.unit.entrypoints.web.pages.alerts.test_incidents import get_text, to_text


@pytest.fixture
async def headgate() -> InProcessHeadgate:
    return InProcessHeadgate()


async def test_a_token_is_shown_on_its_own_page_for_ten_minutes(headgate: InProcessHeadgate) -> None:
    created = await headgate.page_client.post("/ui/tokens", data={"name": "ci", "kind": "api", "scope": "read", "days": "30"})
    other = await headgate.page_client.post("/ui/tokens", data={"name": "other", "kind": "api", "scope": "read", "days": "30"})

    assert (created.status_code, created.headers["location"]) == (303, "/ui/tokens/1")
    assert "Max-Age=600; Path=/ui/tokens/1; SameSite=strict" in created.headers["set-cookie"]
    shown = "this page shows it for 10 minutes only"
    for _ in range(2):
        assert shown in await get_text(headgate, "/ui/tokens/1")
    headgate.page_client.cookies.clear()
    assert shown not in await get_text(headgate, "/ui/tokens/1")
    cookie = other.headers["set-cookie"].split(";")[0]
    assert shown not in (await headgate.page_client.get("/ui/tokens/1", headers={"Cookie": "headgate_shown=%%%"})).text
    assert shown in (await headgate.page_client.get("/ui/tokens/2", headers={"Cookie": cookie})).text


async def test_scopes_of_a_reporter_are_refused_and_not_ignored(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("backup")

    answer = await headgate.page_client.post(
        "/ui/tokens", data={"name": "box", "kind": "reporter", "pipeline": "backup", "scope": "read", "days": "30"}
    )

    assert answer.status_code == 422
    assert "Scopes apply to API tokens only: choose API, or clear them" in to_text(answer.text)
    assert 'value="read" checked' in answer.text


@pytest.mark.parametrize("days", ["0", "²", "000001999999999999", "9" * 5_000])
async def test_a_number_of_days_out_of_range_is_refused(headgate: InProcessHeadgate, days: str) -> None:
    answer = await headgate.page_client.post("/ui/tokens", data={"name": "ci", "kind": "api", "scope": "read", "days": days})

    assert answer.status_code == 422 and "must be a number from 1 to" in to_text(answer.text)


async def test_the_page_of_a_worker_token_shows_how_to_start_a_worker(headgate: InProcessHeadgate) -> None:
    created = await headgate.page_client.post("/ui/tokens", data={"name": "lab-2", "kind": "worker", "days": ""})

    text = await get_text(headgate, created.headers["location"])

    assert "export HEADGATE_WORKER_TOKEN=hg_worker_1_sum" in text
    assert "headgate worker" in text
