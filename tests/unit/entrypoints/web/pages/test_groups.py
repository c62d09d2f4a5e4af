"""Concurrency limits on the pages of groups, runs and pipelines."""

import re
from html import unescape

import pytest

from domain.access.permissions import Role
from tests.support.in_process import InProcessHeadgate
from tests.support.limited_pipelines import LOAD, add_limited_pipelines, trigger

TEXT = {"Accept": "text/plain"}


async def a_headgate(runs: int = 2, **settings: str) -> tuple[InProcessHeadgate, list[int]]:
    headgate = InProcessHeadgate(**settings)
    await add_limited_pipelines(headgate)
    return headgate, [await trigger(headgate) for _ in range(runs)]


async def get_text(headgate: InProcessHeadgate, path: str, status: int = 200) -> str:
    """Return the page without markup, with single spaces."""
    answer = await headgate.page_client.get(path)
    assert answer.status_code == status, answer.text
    return to_text(answer.text)


def to_text(html: str) -> str:
    main = html[html.index("<main") :]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", main)))


async def test_a_groups_page_shows_slots_holders_queue_and_pipelines() -> None:
    headgate, (first, second) = await a_headgate()

    page = (await headgate.page_client.get("/ui/groups/warehouse")).text
    text = to_text(page)

    assert "1 of 1 slot is in use. The limit is from the definition of sales." in text
    assert f'href="/ui/runs/{first}"' in page and f'href="/ui/runs/{second}"' in page
    assert "1 sales#2 whole run 0" in text
    assert "reports 1 stage –" in text and "sales Each run 1" in text


async def test_the_list_links_to_each_group() -> None:
    headgate, _ = await a_headgate()

    page = (await headgate.page_client.get("/ui/groups/")).text

    assert 'href="/ui/groups/warehouse"' in page and "reports and sales" in page
    assert "No pipeline uses a group." in await get_text(InProcessHeadgate(), "/ui/groups/")


async def test_terminals_get_the_same_as_text() -> None:
    headgate, _ = await a_headgate()

    groups = (await headgate.page_client.get("/ui/groups", headers=TEXT)).text
    group = (await headgate.page_client.get("/ui/groups/warehouse", headers=TEXT)).text

    assert [line.split() for line in groups.splitlines()][1] == ["warehouse", "1", "1", "1", "reports", "and", "sales"]
    assert group.startswith("warehouse   1 of 1 slot is in use") and "sales#2" in group


async def test_the_system_page_leads_to_the_groups() -> None:
    assert 'href="/ui/groups/"' in (await InProcessHeadgate().page_client.get("/ui/system")).text


async def test_an_unknown_group_is_a_page_that_says_so() -> None:
    assert "There is no group nothing." in await get_text(InProcessHeadgate(), "/ui/groups/nothing", 404)


async def test_a_limit_is_set_and_given_back_by_form() -> None:
    headgate, _ = await a_headgate()

    answer = await headgate.page_client.post("/ui/groups/warehouse", data={"limit": "3"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/groups/warehouse")
    text = await get_text(headgate, "/ui/groups/warehouse")
    assert "1 of 3 slots is in use" in text or "of 3 slots" in text
    assert "The limit was set by an admin." in text

    await headgate.page_client.post("/ui/groups/warehouse", data={"limit": "3", "reset": "1"})
    assert "The limit is from the definition of sales." in await get_text(headgate, "/ui/groups/warehouse")


@pytest.mark.parametrize("limit", ["", "0", "-1", "many", "10001", "1.5", pytest.param("9" * 5_000, id="long"), "²"])
async def test_an_invalid_limit_is_shown_again_with_its_error(limit: str) -> None:
    headgate, _ = await a_headgate()

    answer = await headgate.page_client.post("/ui/groups/warehouse", data={"limit": limit})

    assert answer.status_code == 422
    assert "Limit must be a number from 1 to 10,000." in to_text(answer.text)


async def test_only_an_admin_sees_the_form() -> None:
    headgate = InProcessHeadgate(auth="team")
    admin = await headgate.api.sign_in(Role.ADMIN)
    created = await headgate.client.post(
        "/pipelines/", json={"name": "sales", "stages": [LOAD], "concurrency": [{"group": "warehouse", "limit": 1}]}, headers=admin
    )
    assert created.status_code == 201, created.text

    for role, is_shown in ((Role.VIEWER, False), (Role.OPERATOR, False), (Role.ADMIN, True)):
        page = (await headgate.page_client.get("/ui/groups/warehouse", headers=await headgate.api.sign_in(role))).text
        assert ("Set limit" in page) is is_shown, role


async def test_the_audit_log_names_who_set_a_limit_and_who_started_a_run_over_it() -> None:
    headgate = InProcessHeadgate(auth="team")
    admin = await headgate.api.sign_in(Role.ADMIN, "ada")
    pipeline = {"name": "sales", "stages": [LOAD], "concurrency": [{"group": "warehouse", "limit": 1}]}
    await headgate.client.post("/pipelines/", json=pipeline, headers=admin)
    for body in ({}, {}, {"over_limit": True}):
        run_id = (await headgate.client.post("/trigger/sales", json=body, headers=admin)).json()["run_id"]
    await headgate.client.post("/runs/2/start-over-limit", headers=admin)
    await headgate.client.put("/groups/warehouse", json={"limit": 6}, headers=admin)

    page = (await headgate.page_client.get("/ui/audit", headers=admin)).text

    text = to_text(page)
    assert "set a group’s limit" in text and 'href="/ui/groups/warehouse"' in page
    assert text.count("started over a limit") == 2 and f"run {run_id}" in text
    assert "The limit was set by ada." in to_text((await headgate.page_client.get("/ui/groups/warehouse", headers=admin)).text)


async def test_a_waiting_runs_page_names_the_group_and_the_holder_as_links() -> None:
    headgate, (first, second) = await a_headgate()

    page = (await headgate.page_client.get(f"/ui/runs/{second}")).text

    assert "Waits for warehouse : 1 of 1 is held by sales#1 ; 1st in line." in to_text(page)
    sentence = page[page.index('<p class="status-text">') :]
    assert f'href="/ui/runs/{first}"' in sentence[:600] and 'href="/ui/groups/warehouse"' in sentence[:600]
    assert "data-limited" in page and f'href="/ui/runs/{second}/start-over-limit"' in page


async def test_the_sentence_is_on_the_board_and_in_text_too() -> None:
    headgate, (_, second) = await a_headgate()

    assert "Waits for warehouse" in await get_text(headgate, "/")
    assert (
        "Waits for warehouse: 1 of 1 is held by sales#1; 1st in line."
        in (await headgate.page_client.get(f"/ui/runs/{second}", headers=TEXT)).text
    )


async def test_lists_and_the_waterfall_say_that_a_run_waits() -> None:
    headgate, (_, second) = await a_headgate()

    assert "Waiting for a slot of a concurrency limit." in await get_text(headgate, "/ui/runs")
    page = (await headgate.page_client.get(f"/ui/runs/{second}?view=waterfall")).text
    assert "waits for a slot of a concurrency limit" in page


async def test_the_value_of_a_key_is_text_on_the_page() -> None:
    headgate = InProcessHeadgate()
    schema = {"type": "object", "properties": {"customer": {}}}
    await headgate.api.create_pipeline("sales", LOAD, parameters=schema, concurrency=[{"limit": 1, "key": {"parameter": "customer"}}])
    for _ in range(2):
        last = await trigger(headgate, parameters={"customer": "<b>&\u202eacme"})

    page = (await headgate.page_client.get(f"/ui/runs/{last}")).text

    assert "with customer=&lt;b&gt;&amp;" in page
    assert "<b>" not in page and "\u202e" not in page


async def test_a_run_starts_over_the_limit_after_a_confirmation() -> None:
    headgate, (_, second) = await a_headgate()

    question = await get_text(headgate, f"/ui/runs/{second}/start-over-limit")
    answer = await headgate.page_client.post(f"/ui/runs/{second}/start-over-limit")

    assert "Start sales#2 over the limit?" in question and "1 of 1 is held by" in question
    assert (answer.status_code, answer.headers["location"]) == (303, f"/ui/runs/{second}")
    text = await get_text(headgate, f"/ui/runs/{second}")
    assert "over the limit" in text and "A user started the run over the limit" in text
    assert "sales#2 over the limit" in await get_text(headgate, "/ui/groups/warehouse")
    assert "is not waiting for a slot" in await get_text(headgate, f"/ui/runs/{second}/start-over-limit")
    again = await headgate.page_client.post(f"/ui/runs/{second}/start-over-limit")
    assert again.status_code == 409


async def test_a_viewer_does_not_see_the_button() -> None:
    headgate = InProcessHeadgate(auth="team")
    headers = await headgate.api.sign_in(Role.VIEWER)
    pipeline = await headgate.stories.add_pipeline("sales", ["load"])
    run_id = await headgate.stories.open_run(pipeline)

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}", headers=headers)).text

    assert "start-over-limit" not in page


async def test_a_runs_priority_is_shown_where_it_is_not_0() -> None:
    headgate, (first, _) = await a_headgate()
    urgent = await trigger(headgate, priority=7)

    assert "Priority +7" in await get_text(headgate, f"/ui/runs/{urgent}")
    assert "Priority" not in await get_text(headgate, f"/ui/runs/{first}")


async def test_a_pipelines_page_has_its_limits_in_words() -> None:
    headgate, _ = await a_headgate(runs=0)

    assert "Each run holds a slot of warehouse , of 1; without a free slot more runs wait." in await get_text(
        headgate, "/ui/pipelines/sales"
    )
    page = (await headgate.page_client.get("/ui/pipelines/reports")).text
    assert "load holds a slot of warehouse while it runs." in to_text(page) and 'href="/ui/groups/warehouse"' in page


async def test_a_trigger_form_takes_a_priority_and_starts_over_the_limit() -> None:
    headgate, _ = await a_headgate(runs=1)

    form = await get_text(headgate, "/ui/pipelines/sales/trigger")
    answer = await headgate.page_client.post("/ui/pipelines/sales/trigger", data={"form": "1", "_priority": "-3", "_over_limit": "1"})

    assert "-100 to 100, 0 if blank" in form and "Start over the limit" in form
    run = (await headgate.client.get(answer.headers["location"].replace("/ui", ""))).json()
    assert (run["priority"], run["over_limit"], run["reason"]) == (-3, True, None)


@pytest.mark.parametrize("priority", ["101", "-101", "high", "1.5", pytest.param("9" * 5_000, id="long"), "١"])
async def test_an_invalid_priority_is_shown_again_with_its_error(priority: str) -> None:
    headgate, _ = await a_headgate(runs=0)

    answer = await headgate.page_client.post("/ui/pipelines/sales/trigger", data={"form": "1", "_priority": priority})

    assert answer.status_code == 422
    assert "Priority must be a whole number from -100 to 100." in to_text(answer.text)


async def test_a_refused_trigger_shows_the_holders_on_the_form() -> None:
    headgate = InProcessHeadgate()
    await headgate.api.create_pipeline("sales", LOAD, concurrency=[{"limit": 1, "when_full": "skip"}])
    await trigger(headgate)

    answer = await headgate.page_client.post("/ui/pipelines/sales/trigger", data={"form": "1"})

    assert answer.status_code == 409
    assert "sales was not started: the only slot is held by run 1." in to_text(answer.text)


async def test_the_history_says_what_a_run_waited_for() -> None:
    headgate, (first, second) = await a_headgate()
    headgate.fakes.clock.advance(90)
    await headgate.client.post(f"/runs/{first}/cancel")
    await headgate.application.grant_service().run_once()

    text = await get_text(headgate, f"/ui/runs/{second}/events")

    assert "The run is waiting for a slot of warehouse" in text
    assert "The run got its slot after 1 m 30 s" in text
