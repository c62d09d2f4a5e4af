"""The title and the icon of tabs."""

import pytest

from application.queries.views.pipelines import BoardRow
from domain.runs.status import Status
from entrypoints.web.view_models.tab import build_board_tab, build_pipeline_tab, build_run_tab
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end


@pytest.mark.parametrize(
    ("status", "title", "icon"),
    [
        (Status.QUEUED, "… etl queued", "favicon"),
        (Status.RUNNING, "▶ etl running", "favicon-running"),
        (Status.WAITING, "‖ etl waiting", "favicon"),
        (Status.COMPLETED, "etl", "favicon"),
        (Status.FAILED, "✘ etl failed", "favicon-failed"),
        (Status.LOST, "✘ etl lost", "favicon-failed"),
        (Status.CANCELLED, "⊘ etl cancelled", "favicon"),
        (Status.PENDING, "etl", "favicon"),
    ],
)
def test_the_title_of_a_pipeline_begins_with_the_state_of_its_latest_run(status: Status, title: str, icon: str) -> None:
    tab = build_pipeline_tab("etl", status)

    assert tab["tab-title"] == title and tab["tab-icon"].endswith(f"/{icon}.svg")


async def test_a_board_counts_the_pipelines_whose_latest_run_failed(headgate: InProcessHeadgate) -> None:
    for name, status in (("a", Status.FAILED), ("b", Status.FAILED), ("c", Status.COMPLETED)):
        run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline(name, [a_stage("s", "external")]))
        await headgate.stories.change_run(run_id, end("s", status, headgate.fakes.clock.now()))
    rows: list[BoardRow] = await headgate.fakes.reader.board()

    assert build_board_tab(rows, False)["tab-title"] == "✘ 2 failed · Pipelines"
    assert build_board_tab(rows[2:], False)["tab-title"] == "Pipelines"
    assert build_board_tab(rows, True)["tab-title"] == "Archived pipelines"


async def test_the_title_of_a_completed_run_says_so(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline("etl", [a_stage("s", "external")]))
    await headgate.stories.change_run(run_id, end("s", Status.COMPLETED, headgate.fakes.clock.now()))
    run = await headgate.fakes.reader.run(run_id)
    assert run is not None

    assert build_run_tab(run)["tab-title"] == "✔ etl#1 completed"
