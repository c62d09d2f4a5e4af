"""Pause, archive and delete a pipeline on its pages, without scripts."""

import re

import pytest

from domain.access.permissions import Role
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

PAGE = "/ui/pipelines/flights"


@pytest.fixture
def headgate() -> InProcessHeadgate:
    """A Headgate whose clock the test moves."""
    return InProcessHeadgate()


async def read_text(headgate: InProcessHeadgate, path: str = PAGE) -> str:
    """Return the page's text without its markup."""
    answer = await headgate.page_client.get(path)
    assert answer.status_code == 200, path
    main = answer.text.split("<main", 1)[1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", main))


async def post(headgate: InProcessHeadgate, action: str, **form: str) -> int:
    answer = await headgate.page_client.post(f"{PAGE}/{action}", data=form)
    return answer.status_code


async def test_a_pipeline_is_paused_for_a_time_and_resumed(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    form = await read_text(headgate, f"{PAGE}/pause")

    paused = await post(headgate, "pause", hours="24")
    shown = await read_text(headgate)
    stored = (await headgate.client.get("/pipelines/flights")).json()
    resumed = await post(headgate, "resume")

    assert "Pause flights?" in form and "Until resumed" in form
    assert (paused, resumed) == (303, 303)
    assert "Paused since 2 Mar 09:00, until 3 Mar 09:00. Schedules do not start it. Users and the API can still trigger it." in shown
    assert stored["paused_until"] == "2026-03-03T09:00:00Z"
    assert "Schedules do not start it" not in await read_text(headgate)


@pytest.mark.parametrize("hours", ["5", "-1", "x", "24 "])
async def test_another_length_of_a_pause_is_refused_unless_it_is_offered(headgate: InProcessHeadgate, hours: str) -> None:
    await headgate.api.create_pipeline()

    status = await post(headgate, "pause", hours=hours)

    assert status == (303 if hours.strip() == "24" else 422)


async def test_a_pause_that_is_over_is_not_shown(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    await post(headgate, "pause", hours="1")

    headgate.fakes.clock.advance(3_600)

    assert "Schedules do not start it" not in await read_text(headgate)


async def test_an_archived_pipeline_leaves_the_board_and_has_a_list_of_its_own(headgate: InProcessHeadgate) -> None:
    for name in ("flights", "weather"):
        await headgate.api.create_pipeline(name)
    before = (await headgate.page_client.get("/")).text
    assert "Archive flights?" in await read_text(headgate, f"{PAGE}/archive")

    assert await post(headgate, "archive") == 303
    board, archived = (await headgate.page_client.get("/")).text, (await headgate.page_client.get("/?archived=only")).text
    assert await post(headgate, "unarchive") == 303
    after = (await headgate.page_client.get("/")).text

    assert [name for name in ("flights", "weather") if f">{name}</a>" in board] == ["weather"]
    assert [name for name in ("flights", "weather") if f">{name}</a>" in archived] == ["flights"]
    assert "Archived pipelines" in archived and "Trigger<" not in archived
    assert ('href="/?archived=only"' in board, 'href="/?archived=only"' in before + after) == (True, False)
    assert ">flights</a>" in after


async def test_the_page_of_an_archived_pipeline_stays_readable_and_refuses_a_run(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()
    await headgate.api.report(run_id=run_id, stage_name="certify", status="failed")
    await post(headgate, "archive")

    text = await read_text(headgate)
    refused = [await headgate.page_client.post(f"{PAGE}/trigger"), await headgate.page_client.post(f"/ui/runs/{run_id}/again")]
    retried = await headgate.page_client.post(f"/ui/runs/{run_id}/retry")

    assert "Archived since 2 Mar 09:00. It starts no runs and is hidden from lists." in text and "#1" in text
    for answer in [*refused, retried]:
        assert answer.status_code == 409
        assert "flights is archived. Unarchive it to start runs." in answer.text


async def test_a_pipeline_is_deleted_by_typing_its_name(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    too_early = await headgate.page_client.post(f"{PAGE}/delete", data={"confirm": "flights"})
    await post(headgate, "archive")
    form = await read_text(headgate, f"{PAGE}/delete")
    wrong = await headgate.page_client.post(f"{PAGE}/delete", data={"confirm": '"><b>'})

    deleted = await headgate.page_client.post(f"{PAGE}/delete", data={"confirm": " flights "})

    assert too_early.status_code == 409 and "flights is not archived. Archive it first." in too_early.text
    assert "Delete flights?" in form and "This cannot be undone" in form
    assert wrong.status_code == 422 and "Type flights to confirm. Nothing was deleted." in wrong.text and '"><b>' not in wrong.text
    assert (deleted.status_code, deleted.headers["location"]) == (303, "/")
    assert (await headgate.page_client.get(PAGE)).status_code == 404


@pytest.mark.parametrize(
    ("role", "actions"),
    [(Role.VIEWER, set()), (Role.OPERATOR, {"pause", "resume"}), (Role.ADMIN, {"pause", "resume", "archive", "unarchive", "delete"})],
)
async def test_the_page_offers_the_actions_of_the_role(role: Role, actions: set[str]) -> None:
    headgate = InProcessHeadgate(auth="team")
    await headgate.use_cases.create_pipeline(1, name="flights")
    headers = await headgate.api.sign_in(role)

    text = (await headgate.page_client.get(PAGE, headers=headers)).text

    offered = {name for name in ("pause", "resume", "archive", "unarchive", "delete") if f'/ui/pipelines/1/{name}"' in text}
    assert offered == actions


async def test_a_renamed_pipeline_is_found_at_its_old_address_and_shows_the_rename(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("nightly")
    stages = [a_stage("certify", "external"), a_stage("then", "external")]
    renamed = await headgate.client.put("/pipelines/nightly", json={"name": "hourly", "stages": stages})
    assert renamed.status_code == 200

    page = await read_text(headgate, "/ui/pipelines/nightly")
    revision = await read_text(headgate, "/ui/pipelines/nightly/revisions/2")
    run_id = await headgate.api.trigger("nightly")
    reported = await headgate.api.report(pipeline_id="nightly", stage_name="certify", status="completed")

    assert "hourly" in page and "Renamed nightly to hourly; added stage then" in page
    assert "Renamed nightly to hourly; added stage then" in revision
    assert (await headgate.client.get(f"/runs/{run_id}")).json()["pipeline"] == "hourly"
    assert reported.json()["run_id"] == run_id
