"""Pipelines of many stages: folded graphs, lists in pages, and pages of bounded size."""

import re
from typing import Any

import pytest

from application.ports.persistence.pipelines import StoredPipeline
from domain.pipelines.parsing import MAX_STAGES
from domain.runs.status import Status
from entrypoints.web.live.pipeline_page import LivePipelinePage
from entrypoints.web.live.run_page import LiveRunPage
from entrypoints.web.view_models.log.query import LogQuery
from entrypoints.web.view_models.runs.stages import ROWS_SHOWN
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end, start

MAX_BYTES = 1_000_000


def shards(count: int) -> list[dict[str, Any]]:
    names = [f"shard-{index:03}" for index in range(count)]
    middle = [a_stage(name, needs=["plan"]) for name in names]
    return [a_stage("plan", needs=[]), *middle, a_stage("merge", needs=names)][:MAX_STAGES]


def dense(count: int) -> list[dict[str, Any]]:
    names = [f"{'x' * 92}{index}" for index in range(count)]
    return [a_stage(name, needs=names[:index]) for index, name in enumerate(names)]


def sequence(count: int) -> list[dict[str, Any]]:
    return [a_stage(f"{'step-' * 15}{index}") for index in range(count)]


def layers(count: int) -> list[dict[str, Any]]:
    names = [f"{chr(97 + index % 25)}{'-with-a-long-name' * 5}-{index // 25}" for index in range(count)]
    return [a_stage(name, needs=names[max(0, index // 25 * 25 - 25) : index // 25 * 25]) for index, name in enumerate(names)]


SHAPES = {"shards": shards, "dense": dense, "sequence": sequence, "layers": layers}


async def a_running_pipeline(headgate: InProcessHeadgate, stages: list[dict[str, Any]]) -> tuple[StoredPipeline, int]:
    """Return a pipeline and its run, whose first stage has completed, while the stages after it run."""
    pipeline = await headgate.stories.add_pipeline("large", stages, parallelism=1_000)
    run_id = await headgate.stories.open_run(pipeline)
    now = headgate.fakes.clock.now()
    await headgate.stories.change_run(run_id, lambda run: start(run, now), end(stages[0]["name"], Status.COMPLETED, now))
    for _ in range(-(-len(stages) // 100)):
        await headgate.stories.change_run(run_id, lambda run: start(run, now))
    return pipeline, run_id


async def test_shards_are_one_box_with_counts_and_a_link_to_their_list(headgate: InProcessHeadgate) -> None:
    _, run_id = await a_running_pipeline(headgate, shards(200))
    now = headgate.fakes.clock.now()
    completed = [end(f"shard-{index:03}", Status.COMPLETED, now) for index in range(198)]
    await headgate.stories.change_run(run_id, *completed, end("shard-199", Status.FAILED, now))

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}?view=graph")).text

    graph = page[page.index('<svg class="graph"') : page.index("graph-note")]
    assert len(re.findall('class="node', graph)) == 3 and len(re.findall('class="edge', graph)) == 2
    assert "<title>shard-000…199, 200 stages: 1 failed, 1 running, 198 completed</title>" in graph
    assert 'class="node is-failed" ' in graph and f'href="/ui/runs/{run_id}?view=list&amp;group=shard-000#stages"' in graph
    assert "202 stages in 3 boxes" in page


async def test_a_groups_list_shows_its_stages_only_and_leads_back_to_all(headgate: InProcessHeadgate) -> None:
    _, run_id = await a_running_pipeline(headgate, shards(200))

    first = (await headgate.page_client.get(f"/ui/runs/{run_id}?view=list&group=shard-000")).text
    second = (await headgate.page_client.get(f"/ui/runs/{run_id}?view=list&group=shard-000&from=100")).text

    rows = [re.findall(r'<tr data-row data-stage="([^"]+)"', page) for page in (first, second)]
    assert rows[0] + rows[1] == [f"shard-{index:03}" for index in range(200)]
    assert "Stages 1 to 100 of 200" in first and "group=shard-000&amp;from=100#stages" in first
    assert f'href="/ui/runs/{run_id}?view=list#stages">All stages' in first


@pytest.mark.parametrize(
    "query", ["group=unknown", "group=shard-007", "group=", "from=100000", "from=-1", "from=x", "group=shard-000&from=7"]
)
async def test_unknown_groups_and_rows_still_show_a_list(headgate: InProcessHeadgate, query: str) -> None:
    _, run_id = await a_running_pipeline(headgate, shards(200))

    answer = await headgate.page_client.get(f"/ui/runs/{run_id}?view=list&{query}")

    assert answer.status_code == 200
    assert len(re.findall("<tr data-row", answer.text)) == ROWS_SHOWN


async def test_sixty_stages_are_drawn_one_by_one(headgate: InProcessHeadgate) -> None:
    _, run_id = await a_running_pipeline(headgate, shards(58))

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}?view=graph")).text

    assert len(re.findall('<a class="node', page)) == 60 and "graph-note" not in page


async def test_a_changed_stage_changes_its_group_on_open_pages(headgate: InProcessHeadgate) -> None:
    pipeline, run_id = await a_running_pipeline(headgate, shards(200))
    context, now = headgate.page_context, headgate.fakes.clock.now()
    views = [LiveRunPage(context, run_id, LogQuery("graph")), LivePipelinePage(context, pipeline.id)]
    before = [await view.render() for view in views]

    await headgate.stories.change_run(run_id, end("shard-007", Status.FAILED, now))

    for view, old, name in zip(views, before, ("stages", "graph"), strict=True):
        new = await view.render()
        assert "shard-000…199, 200 stages: 200 running" in old.fragments[name]
        assert "shard-000…199, 200 stages: 1 failed, 199 running" in new.fragments[name]
        boxes = [re.findall(r"<rect [^>]+>", each.fragments[name]) for each in (old, new)]
        assert boxes[0] == boxes[1], "the graph keeps its layout"


async def test_a_live_list_of_a_group_stays_with_its_group(headgate: InProcessHeadgate) -> None:
    _, run_id = await a_running_pipeline(headgate, shards(200))
    view = LiveRunPage(headgate.page_context, run_id, LogQuery("list", group="shard-000", first_row=100))

    await headgate.stories.change_run(run_id, end("shard-150", Status.FAILED, headgate.fakes.clock.now()))
    html = (await view.render()).fragments["stages"]

    assert 'data-stage="shard-150" data-state="failed"' in html
    assert "Stages 101 to 200 of 200" in html and 'data-stage="shard-099"' not in html


async def test_the_grid_has_a_row_for_each_group_with_its_worst_status(headgate: InProcessHeadgate) -> None:
    _, run_id = await a_running_pipeline(headgate, shards(200))
    await headgate.stories.change_run(run_id, end("shard-007", Status.LOST, headgate.fakes.clock.now()))

    page = (await headgate.page_client.get("/ui/pipelines/large")).text

    rows = re.findall(r'<tr data-key="g[^"]+"><th scope="row" title="([^"]+)">', page)
    assert rows == ["plan", "shard-000…199", "merge"]
    assert 'aria-label="#1 200 stages: 1 lost, 199 running"' in page


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [61, 200, MAX_STAGES])
async def test_no_page_of_a_large_pipeline_is_above_one_megabyte(headgate: InProcessHeadgate, shape: str, count: int) -> None:
    if shape == "dense":
        count = min(count, 150)  # of what fits into a definition of 1 MiB
    pipeline, run_id = await a_running_pipeline(headgate, SHAPES[shape](count))
    for _ in range(3):
        await headgate.stories.open_run(pipeline)
    paths = ["/", "/ui/pipelines/large", "/ui/runs", "/ui/waiting"]
    paths += [f"/ui/runs/{run_id}?view={view}" for view in ("graph", "waterfall", "list")]

    sizes = {path: len((await headgate.page_client.get(path)).content) for path in paths}

    assert max(sizes.values()) < MAX_BYTES, sizes


async def test_a_log_of_many_stages_has_links_to_those_that_need_attention(headgate: InProcessHeadgate) -> None:
    _, run_id = await a_running_pipeline(headgate, shards(200))
    await headgate.stories.change_run(run_id, end("shard-150", Status.FAILED, headgate.fakes.clock.now()))

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}?stage=shard-123")).text

    row = re.search(r'<nav class="filters" aria-label="Stage">(.*?)</nav>', page)
    picker = re.search(r'<select class="input" id="log-stage" name="stage">(.*?)</select>', page)
    assert row and picker
    links = re.findall(">([^<]+)</a>", row[1])
    assert {"All", "shard-123", "shard-150"} <= set(links) and len(links) <= 7
    assert re.match('<option value="">All stages</option><optgroup label="Failed [(]1[)]"><option>shard-150</option></optgroup>', picker[1])
    assert set(re.findall("<option(?: selected)?>([^<]+)<", picker[1])) >= {f"shard-{n:03}" for n in range(200)}
    assert "<option selected>shard-123</option>" in picker[1]
