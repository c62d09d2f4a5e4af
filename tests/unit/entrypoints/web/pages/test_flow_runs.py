"""Pages of runs and stages show the flow runs of stages of kind `prefect`, and lead to them."""

import re

import pytest

from domain.flow_runs.flow_state import FlowState
from tests.support.builders import a_stage
from tests.support.flow_run_stories import FLOW_RUN, created, furnish_flow_runs, observed
from tests.support.in_process import InProcessHeadgate

EMBEDDED = {"prefect_api_url": "http://127.0.0.1:4321/api", "prefect_api_auth_string": "headgate:a-password"}
"""The settings of the web server that `headgate up` starts."""


async def get_page(headgate: InProcessHeadgate, path: str, status: int = 200) -> str:
    """Return the text of a page's content, with its links as `text <href>`."""
    answer = await headgate.page_client.get(path)
    assert answer.status_code == status, answer.text
    main = answer.text.partition('id="main"')[2] or answer.text
    linked = re.sub(r'<a[^>]*href="([^"]*)"[^>]*>(.*?)</a>', r"\2 [\1]", main, flags=re.DOTALL)
    return " ".join(re.sub("<[^>]+>", " ", linked).split())


async def open_run(headgate: InProcessHeadgate, *states: tuple[FlowState, str]) -> int:
    pipeline = await headgate.stories.add_pipeline("nightly", [a_stage("train", "prefect", parameters={"day": {"parameter": "day"}})])
    run_id = await headgate.stories.open_run(pipeline, day="2026-11-28")
    now = headgate.fakes.clock.now()
    await headgate.stories.change_run(run_id, created("train", now))
    for state, name in states:
        await headgate.stories.change_run(run_id, observed("train", state, now, name))
    return run_id


async def test_a_runs_page_shows_its_flow_runs_with_state_and_link() -> None:
    async with InProcessHeadgate(**EMBEDDED) as headgate:
        run_id = await open_run(headgate, (FlowState.SCHEDULED, "AwaitingConcurrencySlot"))

        page = await get_page(headgate, f"/ui/runs/{run_id}")

    assert f"Flow runs train [/ui/prefect/flow-runs/{FLOW_RUN}] awaiting concurrency slot" in page
    assert f"Queued in Prefect [/ui/prefect/flow-runs/{FLOW_RUN}] for 0 s: it waits for a slot of a concurrency limit in Prefect." in page
    assert "train in Prefect: waits for a slot of a concurrency limit" in page
    assert f"Prefect created the flow run [/ui/prefect/flow-runs/{FLOW_RUN}] of train" in page


@pytest.mark.parametrize(
    "view, text",
    [("graph", "prefect · late"), ("list", "it is late: no worker of pool k8s has taken it yet"), ("waterfall", "train prefect")],
)
async def test_every_view_of_the_stages_shows_the_state_of_the_flow_run(view: str, text: str) -> None:
    async with InProcessHeadgate(**EMBEDDED) as headgate:
        run_id = await open_run(headgate, (FlowState.SCHEDULED, "Late"))

        assert text in await get_page(headgate, f"/ui/runs/{run_id}?view={view}")


async def test_the_history_says_what_happened_in_prefect() -> None:
    async with InProcessHeadgate(**EMBEDDED) as headgate:
        found = await furnish_flow_runs(headgate)

        paused = await get_page(headgate, f"/ui/runs/{found['paused']}/events")
        crashed = await get_page(headgate, f"/ui/runs/{found['crashed']}/events")

    assert "train started in Prefect" in paused
    assert "train was paused in Prefect" in paused
    assert "train was lost: Flow run process exited with status code -9." in crashed


async def test_a_stages_page_shows_deployment_parameters_state_and_what_a_cancellation_does() -> None:
    async with InProcessHeadgate(**EMBEDDED) as headgate:
        run_id = await open_run(headgate, (FlowState.PAUSED, "Paused"))

        page = await get_page(headgate, f"/ui/runs/{run_id}/stages/train")

    link = f"[/ui/prefect/flow-runs/{FLOW_RUN}]"
    facts = "Deployment ml/train Pool k8s State in Prefect paused: paused in Prefect: resume it there day 2026-11-28"
    assert f"Flow run Open in Prefect {link} {facts}" in page
    assert "Cancels only this stage. Prefect cancels it." in page


async def test_the_output_of_a_flow_run_is_readable_and_its_links_are_guarded() -> None:
    async with InProcessHeadgate(**EMBEDDED) as headgate:
        found = await furnish_flow_runs(headgate)
        answer = (await headgate.page_client.get(f"/ui/runs/{found['completed']}/stages/train")).text
        page = await get_page(headgate, f"/ui/runs/{found['completed']}/stages/train")

    assert "rows 327346 model delays-2026-11-28 scores [0.91, 0.87]" in page
    assert "report What the model learned Delays 327,346 flights" in page
    assert "by-carrier carrier flights UA 1000 DL 2000 AA 3000" in page
    assert "dashboard Dashboard [https://example.com/delays]" in page
    assert "trained 100 %" in page
    assert "curve javascript:alert(1) not a safe link" in page
    assert "Not shown: The artifact raw-rows does not fit into 1,048,576 bytes." in page
    assert 'href="javascript' not in answer


async def test_the_way_to_prefect_explains_its_password_and_its_address() -> None:
    async with InProcessHeadgate(**EMBEDDED) as headgate:
        page = await get_page(headgate, f"/ui/prefect/flow-runs/{FLOW_RUN}")

    assert f"Open in Prefect [http://127.0.0.1:4321/v2/runs/flow-run/{FLOW_RUN}]" in page
    assert "headgate prefect" in page
    assert "ssh -N -L 4321:127.0.0.1:4321 HOST" in page
    assert "a-password" not in page


async def test_prefects_public_pages_without_a_password_are_linked_directly() -> None:
    async with InProcessHeadgate(prefect_ui_url="https://prefect.example/") as headgate:
        run_id = await open_run(headgate)
        page = await get_page(headgate, f"/ui/runs/{run_id}")
        answer = await headgate.page_client.get(f"/ui/prefect/flow-runs/{FLOW_RUN}")

    assert f"Flow runs train [https://prefect.example/runs/flow-run/{FLOW_RUN}] created" in page
    assert (answer.status_code, answer.headers["location"]) == (303, f"https://prefect.example/runs/flow-run/{FLOW_RUN}")


async def test_an_id_that_is_not_one_is_not_put_into_an_address() -> None:
    async with InProcessHeadgate(prefect_ui_url="https://prefect.example/") as headgate:
        assert "flow run" in await get_page(headgate, "/ui/prefect/flow-runs/..%5Cevil", status=404)


async def test_a_terminal_sees_why_a_stage_is_queued_in_prefect() -> None:
    async with InProcessHeadgate(**EMBEDDED) as headgate:
        run_id = await open_run(headgate, (FlowState.SCHEDULED, "Late"))

        text = (await headgate.client.get(f"/ui/runs/{run_id}", headers={"Accept": "text/plain"})).text

    assert "Queued in Prefect for 0 s: it is late: no worker of pool k8s has taken it yet." in text
    assert re.search(r"train +prefect +queued +1 .* it is late: no worker of pool k8s has taken it yet", text)


async def test_the_board_leads_from_a_paused_run_to_its_flow_run() -> None:
    async with InProcessHeadgate(**EMBEDDED) as headgate:
        await open_run(headgate, (FlowState.PAUSED, "Suspended"))

        board = await get_page(headgate, "/")

    assert f"train is suspended in Prefect: resume it there [/ui/prefect/flow-runs/{FLOW_RUN}]" in board
    assert f"Resume in Prefect nightly [/ui/prefect/flow-runs/{FLOW_RUN}]" in board
