"""Figures of runs count active time: they do not change because somebody slept before a retry, or before an approval."""

import re
from datetime import datetime, timedelta

from domain.access.actor import Actor
from domain.runs.approvals import Decision, decide_approval
from domain.runs.retry import retry_failed
from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end, start

MARA = Actor("mara")
HOUR = 3_600.0
STAGES = [a_stage("load"), a_stage("publish", needs=["load"])]
APPROVED = [a_stage("load"), a_stage("ask", "approval", needs=["load"]), a_stage("publish", needs=["ask"])]


async def play_retried_run(headgate: InProcessHeadgate, sleep: float) -> int:
    """Fail a run after 60 s, and retry it after so many seconds; the retry takes 90 s."""
    pipeline = await headgate.stories.add_pipeline(stages=STAGES)
    begin = headgate.fakes.clock.now()
    run_id = await headgate.stories.open_run(pipeline)

    def at(seconds: float) -> datetime:
        return begin + timedelta(seconds=seconds)

    woken = 60 + sleep
    await headgate.stories.change_run(
        run_id,
        lambda run: start(run, at(0)),
        end("load", Status.FAILED, at(60), error="no room"),
        lambda run: retry_failed(run, at(woken), MARA),
        lambda run: start(run, at(woken)),
        end("load", Status.COMPLETED, at(woken + 60)),
        lambda run: start(run, at(woken + 60)),
        end("publish", Status.COMPLETED, at(woken + 90)),
    )
    headgate.fakes.clock.advance(woken + 90)
    return run_id


async def play_approved_run(headgate: InProcessHeadgate, wait: float) -> int:
    """Wait for so many seconds for an approval, after 60 s of work and before 30 s of work."""
    pipeline = await headgate.stories.add_pipeline("deploy", APPROVED)
    begin = headgate.fakes.clock.now()
    run_id = await headgate.stories.open_run(pipeline)

    def at(seconds: float) -> datetime:
        return begin + timedelta(seconds=seconds)

    await headgate.stories.change_run(
        run_id,
        lambda run: start(run, at(0)),
        end("load", Status.COMPLETED, at(60)),
        lambda run: decide_approval(run, "ask", Decision(True), at(60 + wait), MARA),
        lambda run: start(run, at(60 + wait)),
        end("publish", Status.COMPLETED, at(90 + wait)),
    )
    headgate.fakes.clock.advance(90 + wait)
    return run_id


async def read_figures(headgate: InProcessHeadgate, pipeline: str, run_id: int) -> dict[str, object]:
    """Return what pages, texts and the API say about how long the runs took."""
    pages, text = headgate.page_client, {"Accept": "text/plain"}
    board = (await pages.get("/")).text
    page = (await pages.get(f"/ui/pipelines/{pipeline}")).text
    listed = (await pages.get("/ui/runs")).text
    run = (await pages.get(f"/ui/runs/{run_id}?view=list")).text
    api = (await headgate.client.get(f"/runs/{run_id}")).json()
    backfill = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-03T00:00:00Z", "cron": "@daily"}
    estimate = (await headgate.client.post(f"/pipelines/{pipeline}/backfills/preview", json=backfill)).json()
    return {
        "board": (await headgate.client.get("/", headers=text)).text.splitlines()[1].split()[-4:],
        "bar": re.findall(r"<title>(#1 completed[^<·]*[^<· ])", board),
        "trend": re.findall(r"<title>(#1 completed[^<·]*[^<· ])", page),
        "median": re.findall(r"[Mm]edian</dt><dd>([^<]*)", page),
        "list": re.findall(r'<td class="num">([^<]*)</td>', listed),
        "usual": re.findall(r"Usually takes</dt><dd>([^<]*)", run),
        "stages": re.findall(r'<td class="num">([^<]*)</td>', run),
        "active_seconds": api["active_seconds"],
        "backfill": {key: value for key, value in estimate.items() if "second" in key},
        "stage times": (await headgate.client.get(f"/pipelines/{pipeline}/history")).json(),
    }


async def test_figures_do_not_change_because_somebody_slept_before_pressing_retry() -> None:
    awake, asleep = InProcessHeadgate(), InProcessHeadgate()
    first, second = await play_retried_run(awake, 0), await play_retried_run(asleep, 8 * HOUR)

    at_once, after_a_night = await read_figures(awake, "nightly", first), await read_figures(asleep, "nightly", second)

    assert after_a_night == at_once
    assert at_once["active_seconds"] == 150.0
    assert "2 m 30 s" in str(at_once["board"]).replace("', '", " ") and "2 m 30 s" in str(at_once["usual"])


async def test_figures_do_not_change_because_an_approval_waited() -> None:
    fast, slow = InProcessHeadgate(), InProcessHeadgate()
    first, second = await play_approved_run(fast, 0), await play_approved_run(slow, 8 * HOUR)

    assert await read_figures(slow, "deploy", second) == await read_figures(fast, "deploy", first)


async def test_the_wait_for_a_retry_is_shown_apart() -> None:
    headgate = InProcessHeadgate()
    run_id = await play_retried_run(headgate, 8 * HOUR)

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}?view=waterfall")).text
    text = (await headgate.client.get(f"/ui/runs/{run_id}", headers={"Accept": "text/plain"})).text
    api = (await headgate.client.get(f"/runs/{run_id}")).json()

    assert "took 2 m 30 s · waited 8 h for a retry" in page
    assert "Completed in 2 m 30 s. It waited 8 h for a retry." in page
    assert "took 2 m 30 s · waited 8 h for a retry" in text.splitlines()[0]
    assert (api["active_seconds"], api["idle_seconds"], api["idle_since"]) == (150.0, 8 * HOUR, None)
    assert ">8 h idle</text>" in page and "Not to scale: 8 h idle, until it was retried." in page
    assert "attempt 1 failed in 1 m; attempt 2 completed in 1 m" in page


async def test_the_wait_for_an_approval_is_shown_while_it_lasts_and_afterwards() -> None:
    headgate = InProcessHeadgate()
    pipeline = await headgate.stories.add_pipeline("deploy", APPROVED)
    begin = headgate.fakes.clock.now()
    run_id = await headgate.stories.open_run(pipeline)
    after = begin + timedelta(seconds=60)
    await headgate.stories.change_run(run_id, lambda run: start(run, begin), end("load", Status.COMPLETED, after))
    headgate.fakes.clock.advance(60 + 2 * HOUR)

    waiting = (await headgate.page_client.get(f"/ui/runs/{run_id}?view=waterfall")).text
    api = (await headgate.client.get(f"/runs/{run_id}")).json()

    assert re.search(r"1 m · waiting <time [^>]*>2 h</time>", waiting)
    assert "Not to scale: 2 h idle, waiting for approval." in waiting
    assert (api["active_seconds"], api["idle_seconds"]) == (None, 0.0)
    assert datetime.fromisoformat(api["idle_since"]) == after


async def test_an_approval_before_the_start_is_a_wait_too() -> None:
    headgate = InProcessHeadgate()
    pipeline = await headgate.stories.add_pipeline("deploy", [a_stage("ask", "approval"), a_stage("deploy", needs=["ask"])])
    begin = headgate.fakes.clock.now()
    run_id = await headgate.stories.open_run(pipeline)
    at = begin + timedelta(hours=3)
    await headgate.stories.change_run(
        run_id,
        lambda run: decide_approval(run, "ask", Decision(True), at, MARA),
        lambda run: start(run, at),
        end("deploy", Status.COMPLETED, at + timedelta(seconds=20)),
    )

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text

    assert "took 20 s · waited 3 h for approval" in page


async def test_attempts_that_a_person_requested_are_not_counted_as_automatic_retries() -> None:
    headgate = InProcessHeadgate()
    pipeline = await headgate.stories.add_pipeline(stages=[a_stage("load", retries=1, retry_delay=30)])
    now = headgate.fakes.clock.now()
    later = now + timedelta(seconds=30)
    run_id = await headgate.stories.open_run(pipeline)
    fail = end("load", Status.FAILED, now, error="no room")
    failures = [lambda run: start(run, now), fail, lambda run: run.process_due(later), lambda run: start(run, later), fail]
    await headgate.stories.change_run(run_id, *failures)
    first = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text
    await headgate.stories.change_run(run_id, lambda run: retry_failed(run, now, MARA), *failures[:2])
    second = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text
    await headgate.stories.change_run(run_id, *failures[2:])
    third = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text

    assert "failed on attempt 2 of 2: no room" in re.sub(r"<[^>]*>", "", first)
    assert "(attempt 3 (manual retry) failed: no room)" in re.sub(r"<[^>]*>", "", second)
    assert "failed on attempt 4: no room" in re.sub(r"<[^>]*>", "", third)
    assert not re.search(r"attempt [34] of", first + second + third)
    stage = (await headgate.page_client.get(f"/ui/runs/{run_id}/stages/load")).text
    assert stage.count("manual retry") == 1


async def test_similar_failures_are_counted_once_for_each_run_and_agree_everywhere() -> None:
    headgate = InProcessHeadgate()
    pipeline = await headgate.stories.add_pipeline(stages=[a_stage("load", retries=1)])
    now = headgate.fakes.clock.now()
    for _ in range(3):
        run_id = await headgate.stories.open_run(pipeline)
        for _ in range(2):
            await headgate.stories.change_run(run_id, lambda run: start(run, now), end("load", Status.FAILED, now, error="no room"))

    run = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text
    page = (await headgate.page_client.get("/ui/pipelines/nightly")).text
    (api,) = (await headgate.client.get("/pipelines/nightly/failures")).json()

    assert "Seen 3 times in the last 100 runs" in run
    assert re.search(r"Similar failures.*?3 times, last", page, re.DOTALL)
    assert api["count"] == 3
