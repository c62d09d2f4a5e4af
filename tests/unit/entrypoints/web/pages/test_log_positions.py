"""The log without a script: links from errors, the form for a line, folding, positions of hits, and the stage of each line."""

import re
from dataclasses import replace
from html import unescape

import pytest

from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory

LONG = "a-stage-with-a-very-long-name-" + "x" * 70
ERROR = "ValueError: 3 rows too few"


async def a_failed_run(headgate: InProcessHeadgate) -> int:
    """Create a run whose stage check failed twice, with 100 lines of load, and 50 of each attempt of check."""
    stages = ["load", a_stage("check", needs=["load"], retries=1), a_stage(LONG, needs=["check"])]
    pipeline = await headgate.stories.add_pipeline("nightly", stages)
    story = {
        "load": [AttemptStory(5)],
        "check": [AttemptStory(2, Status.FAILED, error="KeyError: day"), AttemptStory(2, Status.FAILED, error=ERROR)],
    }
    run_id = await headgate.stories.play_run(pipeline, headgate.fakes.clock.now(), story)
    await headgate.stories.append_log(run_id, "load", [f"row {n}" for n in range(1, 101)])
    await headgate.stories.append_log(run_id, "check", [*(f"row {n}" for n in range(1, 50)), "!KeyError: day"])
    await headgate.stories.append_log(run_id, "check", [*(f"row {n}" for n in range(1, 49)), f"!{ERROR}", "bye"], attempt=2)
    return run_id


async def read(headgate: InProcessHeadgate, path: str) -> str:
    response = await headgate.page_client.get(path.split("#")[0])
    assert response.status_code == 200
    return unescape(response.text)


def find_target(html: str) -> int | None:
    found = re.search(r'<li id="L(\d+)" class="[^"]*target', html)
    return int(found[1]) if found else None


def find_notice(html: str) -> str:
    found = re.search(r'<p class="log-notice" role="status">(.*?)</p>', html)
    return re.sub("<[^>]*>", "", found[1]) if found else ""


@pytest.mark.parametrize(
    ("query", "target", "notice"),
    [
        ("line=120", 120, ""),
        ("line=L120", 120, ""),
        ("line=+l120+", 120, ""),
        ("line=1,50", 150, ""),
        ("line=0", 1, "Line 0 does not exist: the log has 200 lines. The nearest line is 1."),
        ("line=1,999", 200, "Line 1,999 does not exist: the log has 200 lines. The nearest line is 200."),
        ("line=999999999999999", 200, "Line 999,999,999,999,999 does not exist: the log has 200 lines. The nearest line is 200."),
        (
            "line=120&stage=load",
            100,
            "Line 120 is not in this filter: check, attempt 1, stdout. The nearest line is 100. Show it without the filter",
        ),
        (
            "line=20&stage=check&attempt=2",
            151,
            "Line 20 is not in this filter: load, attempt 1, stdout. The nearest line is 151. Show it without the filter",
        ),
        (f"line=7&stage={LONG}", None, "Line 7 is not in this filter: load, attempt 1, stdout. Show it without the filter"),
        ("line=abc", 199, "“abc” is not a line number. Enter a number such as 120 or L120."),
        ("line=<b>-1", 199, ""),
    ],
)
async def test_a_line_is_opened_or_the_nearest_with_the_reason(
    headgate: InProcessHeadgate, query: str, target: int | None, notice: str
) -> None:
    page = await read(headgate, f"/ui/runs/{await a_failed_run(headgate)}?{query}")

    assert find_target(page) == target
    assert find_notice(page) == notice or "<b>" in query


async def test_an_empty_log_says_that_a_line_does_not_exist_yet(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline("nightly", ["a"]))

    assert find_notice(await read(headgate, f"/ui/runs/{run_id}?line=5")) == "Line 5 does not exist: the log has no lines yet."


async def test_links_from_errors_open_the_failed_attempt_at_the_error(headgate: InProcessHeadgate) -> None:
    run_id = await a_failed_run(headgate)
    pages = [await read(headgate, path) for path in (f"/ui/runs/{run_id}", f"/ui/runs/{run_id}/stages/check", "/ui/pipelines/nightly")]
    links = [
        re.findall(pattern, page)
        for pattern, page in zip(
            (
                r'href="([^"]*)" data-error-line',
                r'Attempt \d: <a class="link" href="([^"]*)"',
                r'<p class="meta"><a class="link" href="([^"]*)"',
            ),
            pages,
            strict=True,
        )
    ]

    assert links == [
        [f"/ui/runs/{run_id}?stage=check&attempt=2&line=199#L199"],
        [f"/ui/runs/{run_id}?stage=check&attempt=1#log", f"/ui/runs/{run_id}?stage=check&attempt=2#log"],
        [f"/ui/runs/{run_id}?stage=check&error=1#log"] * 2,
    ]
    opened = {link: await read(headgate, link) for found in links for link in found}
    assert [find_target(page) for page in opened.values()] == [199, 150, 199, 199]
    assert all(f'id="L{(find_target(page) or 0) - 10}"' in page for page in opened.values())


async def test_a_failures_link_opens_the_failed_attempt_after_a_later_one_completed(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline("nightly", [a_stage("load", retries=1)])
    story = {"load": [AttemptStory(2, Status.FAILED, error=ERROR), AttemptStory(2)]}
    run_id = await headgate.stories.play_run(pipeline, headgate.fakes.clock.now(), story)
    await headgate.stories.append_log(run_id, "load", ["row 1", f"!{ERROR}"])
    await headgate.stories.append_log(run_id, "load", ["row 1", "done"], attempt=2)

    newest, failed = [await read(headgate, f"/ui/runs/{run_id}?stage=load{query}") for query in ("", "&error=1")]

    assert (find_target(newest), find_target(failed)) == (None, 2)


async def test_a_stage_that_did_not_fail_opens_at_its_newest_lines(headgate: InProcessHeadgate) -> None:
    page = await read(headgate, f"/ui/runs/{await a_failed_run(headgate)}?stage=load")

    assert find_target(page) is None and "opened at the error" not in page
    assert "Lines 1 to 100 of the run’s 200" in page


async def test_each_line_and_each_block_name_their_stage(headgate: InProcessHeadgate) -> None:
    run_id = await a_failed_run(headgate)
    await headgate.stories.append_log(run_id, LONG, ["one", "two", "three", "four"])

    page = await read(headgate, f"/ui/runs/{run_id}?line=150")

    columns = re.findall(r'<li id="L(\d+)"[^>]*>.*?<span class="line-stage (stage-\d)"[^>]*>([^<]*)</span>', page)
    assert {(css, name) for _, css, name in columns} == {("stage-0", "load"), ("stage-1", "check"), ("stage-2", "a-stage-with…xxx")}
    assert f'data-short="a-st…xxx" title="{LONG}"' in page
    headings = [re.sub("<[^>]*>", " ", heading).split() for heading in re.findall("<summary>(.*?)</summary>", page)]
    assert headings == [
        ["load", "attempt", "1", "completed", "51", "lines"],
        ["check", "attempt", "1", "failed", "50", "lines"],
        ["check", "attempt", "2", "failed", "50", "lines"],
        [LONG, "attempt", "1", "skipped", "4", "lines"],
    ]


async def test_blocks_fold_by_a_link(headgate: InProcessHeadgate) -> None:
    run_id = await a_failed_run(headgate)
    page = await read(headgate, f"/ui/runs/{run_id}?line=120")
    link = re.search(r'id="fold-all" href="([^"]*)" data-folded="no">Fold all<', page)
    assert link

    folded = await read(headgate, link[1])

    assert re.findall('<details class="log-block"( open)?>', page) == [" open"] * 3
    assert re.findall('<details class="log-block"( open)?>', folded) == ["", " open", ""] and find_target(folded) == 120
    assert ">Unfold all<" in folded
    assert 'id="fold-all"' not in await read(headgate, f"/ui/runs/{run_id}?stage=check&attempt=1")


async def test_a_search_counts_its_hits_and_names_their_stages(headgate: InProcessHeadgate) -> None:
    run_id = await a_failed_run(headgate)

    pages = [
        await read(headgate, f"/ui/runs/{run_id}?q={query}") for query in ("row+48", "row+48&line=148", "row", "row&line=199", "nothing")
    ]

    positions = [re.search('<p class="hits-head" role="status">(.*”)', page) for page in pages]
    assert [re.sub("<[^>]*>", "", found[1]) for found in positions if found] == [
        "1 of 3 lines with “row 48”",
        "2 of 3 lines with “row 48”",
        "1 of 50+ lines with “row”",
        "50+ lines with “row”",
        "No line with “nothing”",
    ]
    assert re.findall(r'<span class="seq">(\d+)</span><span class="line-stage stage-\d">(\w+)</span>', pages[0]) == [
        ("48", "load"),
        ("148", "check"),
        ("198", "check"),
    ]


async def test_a_line_whose_order_is_approximate_says_so(headgate: InProcessHeadgate) -> None:
    run_id = await a_failed_run(headgate)
    lines = headgate.fakes.store.committed.log_lines
    lines[run_id, 150] = replace(lines[run_id, 150], is_order_approximate=True)

    page = await read(headgate, f"/ui/runs/{run_id}?line=150")

    marked = re.findall(
        r'<li id="L(\d+)"[^\n]*?<span class="approximate" role="img" aria-label="The order is approximate" title="([^"]*)">≈', page
    )
    assert marked == [
        ("150", "stdout and stderr were written at almost the same time: the order of this line and its neighbours is approximate.")
    ]
