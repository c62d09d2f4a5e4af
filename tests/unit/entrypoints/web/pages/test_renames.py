"""A stage that was renamed is the same stage on every page."""

from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory

LOAD = a_stage("load", command=["load.py"])


async def test_a_renamed_stage_keeps_its_row_and_its_records() -> None:
    headgate = InProcessHeadgate()
    before = await headgate.stories.add_pipeline(stages=[a_stage("extract"), LOAD])
    now = headgate.fakes.clock.now()
    good = await headgate.stories.play_run(before, now, {"extract": [AttemptStory(1)], "load": [AttemptStory(2, records=7)]})
    stages = [a_stage("extract"), {**LOAD, "name": "import"}]
    changed = await headgate.client.put("/pipelines/nightly", json={"name": "nightly", "stages": stages})
    assert changed.status_code == 200
    async with headgate.fakes.open_unit_of_work() as work:
        after = await work.pipelines.find("nightly")
    assert after is not None
    failed = [AttemptStory(2, Status.FAILED, records=9, error="no room")]
    bad = await headgate.stories.play_run(after, now, {"extract": [AttemptStory(1)], "import": failed})

    page = (await headgate.page_client.get("/ui/pipelines/nightly")).text
    run = (await headgate.page_client.get(f"/ui/runs/{bad}")).text
    comparison = (await headgate.page_client.get(f"/ui/runs/{good}/compare/{bad}")).text
    revision = (await headgate.page_client.get("/ui/pipelines/nightly/revisions/2")).text
    (api,) = [each for each in (await headgate.client.get(f"/runs/{good}/compare/{bad}")).json()["stages"] if each["stage"] == "import"]

    grid = page.split('class="stage-grid"')[1].split("</table>")[0]
    assert "#1 completed, named load then" in grid and "#2 failed" in grid
    assert f"/ui/runs/{good}?stage=load#log" in grid
    assert "Stage <em>renamed</em></dt><dd>load → <strong>import</strong>" in run
    assert "Records in <em>import</em></dt><dd>7 → <strong>9</strong>" in run
    assert "import (was load)" in comparison and "stages.import.name" in comparison
    assert "enamed stage load to import" in revision and "dded stage" not in revision
    assert api["records"] == [7, 9] and api["status"] == ["completed", "failed"]
