"""A stage of kind `prefect` in a real browser: trigger, log while it runs, cancel, and the pages in each of its states."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from adapters.system.clock import SystemClock
from application.services.loop import run_service
from domain.flow_runs.flow_state import FlowState
from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.builders import a_stage
from tests.support.flow_run_stories import furnish_flow_runs
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import until

OpenPage = Callable[..., Page]
PHONE = {"width": 360, "height": 740}
EMBEDDED = {"prefect_api_url": "http://127.0.0.1:4321/api", "prefect_api_auth_string": "headgate:a-password"}
SCHEMA: Final = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
FLOW_RUN = "00000000-0000-0000-0000-000000000001"
PATHS = {
    "completed": "/ui/runs/{completed}?view=graph",
    "crashed": "/ui/runs/{crashed}?view=waterfall",
    "queued": "/ui/runs/{queued}?view=list",
    "paused": "/ui/runs/{paused}?view=graph",
    "cancelling": "/ui/runs/{cancelling}?view=graph",
    "running": "/ui/runs/{running}?view=waterfall",
    "output": "/ui/runs/{completed}/stages/train",
    "stage": "/ui/runs/{queued}/stages/train",
    "prefect": f"/ui/prefect/flow-runs/{FLOW_RUN}",
    "new": "/ui/new",
    "edit": "/ui/pipelines/delay-model/edit",
    "deployments": "/ui/pipelines/delay-model/deployments",
}


@pytest.fixture(scope="module")
def shown() -> Iterator[tuple[ThreadServer, dict[str, int]]]:
    """A Headgate with a run in each state of its flow run, for read-only tests, and their ids."""
    with InProcessHeadgate(clock=SystemClock(), **EMBEDDED).serve_in_thread() as served:
        served.headgate.fakes.deployments.add(
            "ml/train", {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
        )
        yield served, served.do(furnish_flow_runs(served.headgate))


@contextmanager
def flow_run_services(served: ThreadServer) -> Iterator[None]:
    """Create and follow flow runs within the block, copy their logs, and tell pages about it."""
    application = served.headgate.application
    flow_runs = (application.flow_run_submitter(), application.flow_run_follower(), application.flow_log_importer())
    services = (*flow_runs, application.change_notifier())
    failures: list[str] = []

    async def begin() -> list[asyncio.Task[None]]:
        return [
            asyncio.ensure_future(run_service(service, service.wait, lambda name, error: failures.append(f"{name}: {error!r}")))
            for service in services
        ]

    async def end(tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    tasks = served.do(begin())
    try:
        yield
    finally:
        served.do(end(tasks))
        assert not failures


@pytest.mark.parametrize("name", PATHS)
def test_axe_finds_no_issues_and_a_phone_needs_no_sideways_scrolling(
    shown: tuple[ThreadServer, dict[str, int]], open_page: OpenPage, name: str
) -> None:
    served, found = shown
    page = open_page(served.url + PATHS[name].format(**found), viewport=PHONE, reduced_motion="reduce")
    if name == "new":
        page.get_by_label("Kind").select_option("prefect")
        expect(page.get_by_label("Parameters")).to_be_visible()
    if name == "edit":
        page.get_by_text("Prefect’s deployments").click()
        expect(page.get_by_role("rowheader", name="ml/train")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect_no_axe_issues_in_both_themes(page)


def test_a_person_triggers_a_deployment_reads_its_log_and_cancels_it(served: ThreadServer, open_page: OpenPage) -> None:
    deployments = served.headgate.fakes.deployments
    deployments.add("ml/train", SCHEMA)
    stage = a_stage("train", "prefect", parameters={"day": {"parameter": "day"}})
    served.do(served.headgate.stories.add_pipeline("nightly", [stage], parameters=SCHEMA))
    page = open_page(f"{served.url}/ui/pipelines/nightly/trigger", viewport=PHONE, has_touch=True, is_mobile=True)

    with flow_run_services(served):
        page.get_by_role("textbox", name="day").fill("2026-11-28")
        page.get_by_role("button", name="Trigger").tap()
        expect(page.locator(".status-text")).to_contain_text("in Prefect")
        until(page, lambda: bool(deployments.flow_runs))
        flow_run_id, flow_run = next(iter(deployments.flow_runs.items()))
        assert flow_run.parameters == {"day": "2026-11-28"}
        expect(page.locator(".status-text")).to_contain_text("it waits for a worker of pool k8s")
        expect(page.locator("#live-state")).to_have_text("Live")
        page.evaluate("window.unreloaded = true")

        deployments.set_state(flow_run_id, FlowState.RUNNING)
        _log(served, flow_run_id, "Epoch 1 of 5")
        expect(page.locator(".status-text")).to_contain_text("train has been running")
        expect(page.locator("#log-lines")).to_contain_text("Epoch 1 of 5")
        _log(served, flow_run_id, "Epoch 2 of 5")
        expect(page.locator("#log-lines")).to_contain_text("Epoch 2 of 5")
        expect(page.locator("#log-lines li")).to_have_count(2)

        assert page.evaluate("window.unreloaded") is True
        page.get_by_role("link", name="Cancel run").tap()
        with page.expect_navigation():
            page.get_by_role("button", name="Cancel the run").tap()
        expect(page.locator(".status-text")).to_contain_text("Prefect is cancelling the flow run of train")
        until(page, lambda: deployments.flow_runs[flow_run_id].seen.state is FlowState.CANCELLING)
        page.evaluate("window.unreloaded = true")
        deployments.set_state(flow_run_id, FlowState.CANCELLED)

        expect(page.locator('.run-title[data-state="cancelled"]')).to_be_visible()
        expect(page.locator(".status-text")).to_contain_text("Cancelled before train completed.")
        assert page.evaluate("window.unreloaded") is True


def _log(served: ThreadServer, flow_run_id: str, text: str) -> None:
    """Add a message that is old enough to be copied at once."""
    served.headgate.fakes.deployments.log(flow_run_id, text, served.headgate.fakes.clock.now() - timedelta(seconds=10))


def test_a_pipeline_that_runs_a_deployment_is_created_from_the_form(served: ThreadServer, open_page: OpenPage) -> None:
    served.headgate.fakes.deployments.add("ml/train", {"type": "object", "properties": {"epochs": {"type": "integer"}}})
    page = open_page(f"{served.url}/ui/new", viewport=PHONE, expected=("422",))

    page.locator("#name").fill("nightly")
    page.get_by_label("Name of the stage").fill("train")
    expect(page.get_by_label("Parameters")).to_be_hidden()
    page.get_by_label("Kind").select_option("prefect")
    page.get_by_label("Deployment").fill("ml/none")
    page.get_by_label("Parameters").fill("{epochs: 5}")
    page.get_by_role("button", name="Create pipeline").click()
    expect(page.locator(".line-problems")).to_contain_text("Prefect has no deployment ml/none")
    text = page.get_by_label("Definition").input_value()
    page.get_by_label("Definition").fill(text.replace("ml/none", "ml/train"))
    page.get_by_role("button", name="Create pipeline").click()

    expect(page.locator("h1")).to_contain_text("nightly")
    stored = served.do(served.headgate.fakes.reader.pipeline("nightly"))
    assert stored is not None
    stage = stored.definition.stages[0]
    assert (stage.deployment, stage.parameters) == ("ml/train", {"epochs": 5})


def test_a_paused_flow_run_leads_to_prefect_and_its_password(shown: tuple[ThreadServer, dict[str, int]], open_page: OpenPage) -> None:
    served, found = shown
    page = open_page(f"{served.url}/ui/runs/{found['paused']}")

    page.locator(".status-text").get_by_role("link", name="there").click()

    expect(page.locator("h1")).to_have_text("Open in Prefect")
    expect(page.get_by_text("headgate prefect", exact=True)).to_be_visible()
    link = page.get_by_role("link", name="Open in Prefect")
    expect(link).to_have_attribute("href", "http://127.0.0.1:4321/v2/runs/flow-run/00000000-0000-0000-0000-000000000004")
