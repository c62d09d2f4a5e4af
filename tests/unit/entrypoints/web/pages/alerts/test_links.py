"""The confirmation page of a link in a message: GET changes nothing, POST acts once."""

import pytest

from domain.access.permissions import Role
from domain.alerts.incident import IncidentState
from tests.support.in_process import InProcessHeadgate
from tests.unit.application.commands.alerts.test_links import LinkedHeadgate
from tests.unit.entrypoints.web.pages.alerts.test_incidents import get_text, to_text


@pytest.fixture
async def headgate() -> LinkedHeadgate:
    headgate = LinkedHeadgate(auth="team")
    headgate.client.headers.update(await headgate.api.sign_in(Role.ADMIN))
    return await headgate.start()


async def test_a_link_asks_and_acts_once_without_sign_in(headgate: LinkedHeadgate) -> None:
    path = f"/ui/links/{headgate.get_token('Acknowledge')}"

    for _ in range(3):
        question = await get_text(headgate, path)
        assert "Acknowledge the incident?" in question and "nightly#1 failed at a: ValueError" in question
    assert headgate.find_incident(1).state is IncidentState.OPEN

    answer = await headgate.page_client.post(path)
    assert answer.status_code == 200 and "Done nightly#1" in to_text(answer.text)
    assert headgate.find_incident(1).state is IncidentState.ACKNOWLEDGED

    assert "This link was used" in await get_text(headgate, path, 410)
    again = await headgate.page_client.post(path)
    assert again.status_code == 410 and "This link was used" in to_text(again.text)


async def test_head_changes_nothing(headgate: LinkedHeadgate) -> None:
    path = f"/ui/links/{headgate.get_token('Acknowledge')}"

    assert (await headgate.page_client.head(path)).status_code == 200
    assert headgate.find_incident(1).state is IncidentState.OPEN


async def test_an_expired_link_says_so(headgate: LinkedHeadgate) -> None:
    path = f"/ui/links/{headgate.get_token('Acknowledge')}"
    headgate.fakes.clock.advance(8 * 86_400)

    assert "This link has expired" in await get_text(headgate, path, 410)
    assert (await headgate.page_client.post(path)).status_code == 410
    assert headgate.find_incident(1).state is IncidentState.OPEN


@pytest.mark.parametrize("token", ["x", "hga1.eyJ9.x", "no%00thing", "a" * 3_000])
async def test_an_unknown_link_says_so(token: str) -> None:
    headgate = InProcessHeadgate(auth="team")

    assert "This link is not valid" in await get_text(headgate, f"/ui/links/{token}", 404)
    answer = await headgate.page_client.post(f"/ui/links/{token}")
    assert answer.status_code == 404 and "This link is not valid" in to_text(answer.text)


async def test_a_link_that_can_no_longer_act_says_why(headgate: LinkedHeadgate) -> None:
    path = f"/ui/links/{headgate.get_token('Acknowledge')}"
    await headgate.application.resolve_incident()(1)

    answer = await headgate.page_client.post(path)

    assert answer.status_code == 409 and "Not possible now" in to_text(answer.text) and "resolved" in to_text(answer.text)


async def test_a_run_is_retried_by_link(headgate: LinkedHeadgate) -> None:
    path = f"/ui/links/{headgate.get_token('Retry')}"
    assert "Retry the run?" in await get_text(headgate, path)

    answer = await headgate.page_client.post(path)

    assert answer.status_code == 200, to_text(answer.text)
    assert not headgate.fakes.store.committed.runs[headgate.run_id].is_over


async def test_a_reader_without_an_account_sees_no_link_to_pages(headgate: LinkedHeadgate) -> None:
    page = (await headgate.page_client.get(f"/ui/links/{headgate.get_token('Acknowledge')}")).text

    assert 'href="/ui/incidents/1"' not in page
