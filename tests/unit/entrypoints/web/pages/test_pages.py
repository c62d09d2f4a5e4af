"""Pages without a browser: content, forms and refusals."""

import re
from datetime import timedelta

import pytest

from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.example_board import furnish
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory, end, start

MONTH = {"type": "object", "properties": {"month": {"type": "integer", "minimum": 1, "maximum": 12}}, "required": ["month"]}


async def test_an_empty_board_shows_how_to_create_the_first_pipeline(headgate: InProcessHeadgate) -> None:
    answer = await headgate.page_client.get("/")

    assert answer.status_code == 200
    assert "No pipelines yet" in answer.text
    assert "http://localhost:8000/pipelines/" in answer.text


async def test_the_board_links_to_the_next_action_of_each_run(headgate: InProcessHeadgate) -> None:
    now = headgate.fakes.clock.now()
    runs = {}
    for name, stage in (
        ("ask", a_stage("publish", "approval")),
        ("hear", a_stage("renew", "external")),
        ("go", a_stage("work", "external")),
    ):
        runs[name] = await headgate.stories.open_run(await headgate.stories.add_pipeline(name, [stage]))
    for name, ends in (("broke", Status.FAILED), ("well", Status.COMPLETED)):
        runs[name] = await headgate.stories.open_run(await headgate.stories.add_pipeline(name, ["a"]))
        await headgate.stories.change_run(runs[name], lambda run: start(run, now))
        await headgate.stories.change_run(runs[name], end("a", ends, now))
    await headgate.stories.change_run(runs["go"], lambda run: run.cancel(now, "mara"))

    text = (await headgate.page_client.get("/")).text
    found = re.findall(r'<a class="link" href="([^"]*)" data-requires="(\w+)">([^<]*)<span class="hidden"> (\w+)</span></a>', text)

    assert {name: (words, href, asks) for href, asks, words, name in found} == {
        "ask": ("Approve or reject", f"/ui/waiting?run={runs['ask']}&amp;stage=publish", "operate"),
        "hear": ("How to report", f"/ui/waiting?run={runs['hear']}&amp;stage=renew", "read"),
        "broke": ("Retry", f"/ui/runs/{runs['broke']}/retry", "operate"),
        "go": ("Run again", f"/ui/runs/{runs['go']}/again", "trigger"),
    }
    for href, *_ in found:
        assert (await headgate.page_client.get(href.replace("&amp;", "&"))).status_code == 200, href


@pytest.mark.parametrize(("runs", "ends"), [(1, False), (6, True)])
async def test_the_label_of_the_newest_record_count_fits(headgate: InProcessHeadgate, runs: int, ends: bool) -> None:
    pipeline = await headgate.stories.add_pipeline("counts", ["a"])
    for hours in range(runs, 0, -1):
        await headgate.stories.play_run(
            pipeline, headgate.fakes.clock.now() - timedelta(hours=hours), {"a": [AttemptStory(5, records=327_786)]}
        )

    text = (await headgate.page_client.get("/ui/pipelines/counts")).text
    (label,) = re.findall(r"<text ([^>]*)>328 k</text>", text)

    assert ('text-anchor="end"' in label) is ends, "to its left are the names of the stages, which cover it"


async def test_every_page_has_the_security_policy_and_no_inline_code(headgate: InProcessHeadgate) -> None:
    found = await furnish(headgate)
    run = found["nightly-warehouse"]
    views = [f"/ui/runs/{run}?view={view}" for view in ("graph", "waterfall", "list")]

    for path in ("/", "/?q=fli&status=running", *views, "/ui/runs", "/ui/pipelines/flights", "/ui/pipelines/flights/trigger", "/ui/new"):
        answer = await headgate.page_client.get(path)
        assert answer.status_code == 200, path
        assert "style-src 'self';" in answer.headers["content-security-policy"]
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|<script(?! src=)", answer.text), path
        assert "None" not in re.sub(r"<[^>]*>", "", answer.text), path


async def test_triggering_without_parameters_redirects_to_the_run(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline()

    answer = await headgate.page_client.post(f"/ui/pipelines/{pipeline.id}/trigger")

    assert answer.status_code == 303
    assert "Queued" in (await headgate.page_client.get(answer.headers["location"])).text


async def test_triggering_with_parameters_shows_the_form_first(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline(parameters=MONTH)

    answer = await headgate.page_client.post(f"/ui/pipelines/{pipeline.id}/trigger")

    assert answer.headers["location"] == f"/ui/pipelines/{pipeline.id}/trigger"
    assert 'name="p.month"' in (await headgate.page_client.get(answer.headers["location"])).text


@pytest.mark.parametrize("typed", ["13", "many", ""])
async def test_a_refused_form_keeps_the_entered_text_and_starts_no_run(headgate: InProcessHeadgate, typed: str) -> None:
    pipeline = await headgate.stories.add_pipeline(parameters=MONTH)

    answer = await headgate.page_client.post(f"/ui/pipelines/{pipeline.id}/trigger", data={"form": "1", "p.month": typed})

    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text and 'aria-invalid="true"' in answer.text
    assert not headgate.fakes.store.committed.runs


async def test_an_accepted_form_starts_the_run_with_typed_values(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline(parameters=MONTH)

    answer = await headgate.page_client.post(f"/ui/pipelines/{pipeline.id}/trigger", data={"form": "1", "p.month": "3"})

    assert answer.status_code == 303
    assert next(iter(headgate.fakes.store.committed.runs.values())).parameters == {"month": 3}


async def test_a_form_of_another_site_cannot_trigger(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline()

    answer = await headgate.page_client.post(f"/ui/pipelines/{pipeline.id}/trigger", headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert not headgate.fakes.store.committed.runs


async def test_a_run_is_cancelled_after_confirmation(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())

    form = await headgate.page_client.get(f"/ui/runs/{run_id}/cancel")
    answer = await headgate.page_client.post(f"/ui/runs/{run_id}/cancel")

    assert "Cancel the run" in form.text
    assert answer.status_code == 303
    assert headgate.fakes.store.committed.runs[run_id].status is Status.CANCELLED


async def test_cancelling_a_finished_run_redirects_to_its_page(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())

    for _ in range(2):
        answer = await headgate.page_client.post(f"/ui/runs/{run_id}/cancel")

    assert answer.headers["location"] == f"/ui/runs/{run_id}"


@pytest.mark.parametrize(
    "path", ["/ui/runs/99", "/ui/runs/x", "/ui/runs/99999999999999999999", "/ui/pipelines/none", "/ui/pipelines/%00", "/nothing"]
)
async def test_an_unknown_path_is_a_404_page_with_navigation(headgate: InProcessHeadgate, path: str) -> None:
    answer = await headgate.page_client.get(path)

    assert answer.status_code == 404
    assert "<nav" in answer.text and answer.headers["x-request-id"] in answer.text


async def test_a_lost_database_is_a_503_page_with_retry_after(headgate: InProcessHeadgate) -> None:
    headgate.fakes.store.is_down = True

    answer = await headgate.page_client.get("/")

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "Try again" in answer.text


async def test_a_defect_is_a_500_page_without_details(headgate: InProcessHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(headgate.fakes.reader, "board", broken)

    answer = await headgate.page_client.get("/")

    assert answer.status_code == 500
    assert "secret detail" not in answer.text and "Internal error" in answer.text


async def test_the_api_returns_problem_json_not_pages(headgate: InProcessHeadgate) -> None:
    answer = await headgate.page_client.get("/pipelines/none")

    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_runs_output_is_inert_on_its_page(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())
    await headgate.stories.append_log(run_id, "a", ["<script>alert(1)</script>", "\x1b[31m</code><img src=x onerror=alert(1)>"])

    text = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text

    assert "<script>alert" not in text and "<img" not in text
    assert "&lt;script&gt;alert(1)" in text


async def test_names_and_messages_are_text_everywhere(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline(description="<b>bold</b>"))
    await headgate.stories.change_run(run_id, lambda run: start(run, headgate.fakes.clock.now()))
    await headgate.stories.change_run(run_id, end("a", Status.FAILED, headgate.fakes.clock.now(), error="<i>broken</i>\nmore"))

    for path in ("/", f"/ui/runs/{run_id}", f"/ui/runs/{run_id}?view=list", f"/ui/runs/{run_id}?view=graph", "/ui/pipelines/nightly"):
        text = (await headgate.page_client.get(path)).text
        assert "<i>broken" not in text and "<b>bold" not in text


async def test_the_log_is_filtered_opened_at_a_line_and_downloaded(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline(stages=["a", "b"]))
    await headgate.stories.append_log(run_id, "a", [f"first {n}" for n in range(700)])
    await headgate.stories.append_log(run_id, "b", ["\x1b[31msecond\x1b[0m"])

    tail = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text
    of_b = (await headgate.page_client.get(f"/ui/runs/{run_id}?stage=b")).text
    at_line = (await headgate.page_client.get(f"/ui/runs/{run_id}?line=150")).text
    whole = await headgate.page_client.get(f"/ui/runs/{run_id}/log.txt")

    assert 'id="L701"' in tail and 'id="L150"' not in tail
    assert 'id="L701"' in of_b and 'id="L700"' not in of_b
    assert 'id="L150"' in at_line and 'data-tail="no"' in at_line
    assert whole.text.count("\n") == 701 and whole.text.endswith("Z  b[1] stdout  second\n")
    assert "attachment" in whole.headers["content-disposition"]


async def test_the_graph_shows_all_stages_of_a_branching_run(headgate: InProcessHeadgate) -> None:
    stages = [a_stage("a"), a_stage("b", needs=["a"]), a_stage("c", needs=["a"]), a_stage("d", needs=["b", "c", "a"])]
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline(stages=stages))

    text = (await headgate.page_client.get(f"/ui/runs/{run_id}?view=graph")).text

    assert text.count('class="node ') == 4
    assert text.count('class="edge') == 5


async def test_static_files_are_cached_for_a_year_under_their_digest(headgate: InProcessHeadgate) -> None:
    text = (await headgate.page_client.get("/ui/new")).text
    urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)

    assert len(urls) > 8
    for url in urls:
        answer = await headgate.page_client.get(url)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
    assert (await headgate.page_client.get("/static/old/headgate.css")).headers["cache-control"] == "no-cache"
    assert (await headgate.page_client.get("/static/x/nothing.css")).status_code == 404


async def test_the_board_with_all_files_is_under_100_kb_compressed(headgate: InProcessHeadgate) -> None:
    import gzip

    from entrypoints.web.static_files import assets

    await furnish(headgate)
    page = (await headgate.page_client.get("/")).content

    assert len(gzip.compress(page)) + sum(len(asset.gzipped) for asset in assets().values()) < 100_000
