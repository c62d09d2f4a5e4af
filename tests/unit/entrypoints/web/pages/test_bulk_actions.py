"""Retrying and cancelling the runs of a filtered list, without a browser."""

import re

import pytest

from domain.access.audit import AuditAction
from domain.access.permissions import Role
from domain.runs.status import Status
from entrypoints.web.bulk import selection
from entrypoints.web.bulk.progress import RUNS_PER_REQUEST
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end

STAGES = [a_stage("a", "external")]


async def add_runs(headgate: InProcessHeadgate, pipeline_name: str, *statuses: Status | None) -> list[int]:
    """Add a pipeline with a run in each status; None leaves it waiting. Return the runs' ids."""
    pipeline = await headgate.stories.add_pipeline(pipeline_name, STAGES, tags=[pipeline_name])
    ids = []
    for status in statuses:
        ids.append(await headgate.stories.open_run(pipeline))
        now = headgate.fakes.clock.now()
        if status is Status.CANCELLED:
            await headgate.stories.change_run(ids[-1], lambda run, now=now: run.cancel(now, "mara"))
        elif status:
            await headgate.stories.change_run(ids[-1], end("a", status, now))
    return ids


def get_status(headgate: InProcessHeadgate, run_id: int) -> Status:
    return headgate.fakes.store.committed.runs[run_id].status


def get_chosen(page: str) -> list[int]:
    return [int(id) for id in re.findall(r'name="run" value="(\d+)" checked', page)]


def get_fields(page: str) -> dict[str, list[str]]:
    """Return the fields of the form that the page's button sends."""
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="(?:hidden|checkbox)" name="([a-z]+)" value="([^"]*)"', page):
        fields.setdefault(name, []).append(value)
    return fields


MIXED = (Status.FAILED, Status.COMPLETED, Status.LOST, Status.CANCELLED, None, Status.FAILED)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/ui/retry-runs", [10, 6, 3, 1]),
        ("/ui/retry-runs?status=failed&pipeline=etl", [6, 1]),
        ("/ui/retry-runs?status=cancelled", [8, 4]),
        ("/ui/retry-runs?status=completed", []),
        ("/ui/retry-runs?pipeline=none", []),
        ("/ui/retry-runs?until=2000-01-01", []),
        ("/ui/cancel-runs", [11, 5]),
        ("/ui/cancel-runs?status=failed", []),
        ("/ui/retry-runs?from=board", [6]),
        ("/ui/cancel-runs?from=board&status=waiting&q=ot", [11]),
        ("/ui/cancel-runs?from=board&status=waiting&tag=etl", []),
    ],
)
async def test_the_form_lists_the_runs_of_the_filtered_list(headgate: InProcessHeadgate, url: str, expected: list[int]) -> None:
    await add_runs(headgate, "etl", *MIXED)
    await add_runs(headgate, "other", Status.COMPLETED, Status.CANCELLED, Status.COMPLETED, Status.FAILED, None)

    page = await headgate.page_client.get(url)

    assert page.status_code == 200 and get_chosen(page.text) == expected
    assert ("No run of this list can be" in page.text) == (not expected)


async def test_the_form_names_the_first_ten_runs_and_folds_the_others(headgate: InProcessHeadgate) -> None:
    await add_runs(headgate, "etl", *[Status.FAILED] * 23)

    page = (await headgate.page_client.get("/ui/retry-runs?status=failed")).text

    shown, folded = page.split("<details>")
    assert "<h1>Retry 23 runs?</h1>" in page and "<summary>and 13 more</summary>" in page
    assert (len(get_chosen(shown)), len(get_chosen(folded))) == (10, 13)
    assert "etl#23" in shown and "etl#13" in folded


async def test_the_chosen_runs_are_retried_and_each_is_in_the_audit_log(headgate: InProcessHeadgate) -> None:
    first, second, third = await add_runs(headgate, "etl", *[Status.FAILED] * 3)

    answer = await headgate.page_client.post("/ui/retry-runs?status=failed", data={"key": "k", "run": [str(first), str(third)]})

    assert answer.status_code == 200 and "2 runs retried" in answer.text and 'href="/ui/runs?status=failed"' in answer.text
    assert [get_status(headgate, each) for each in (first, second, third)] == [Status.WAITING, Status.FAILED, Status.WAITING]
    entries = [each for each in headgate.fakes.store.committed.audit.values() if each.action is AuditAction.RETRIED]
    assert [each.subject for each in entries] == [f"run {first}", f"run {third}"]


@pytest.mark.parametrize(("key", "attempts"), [({"key": "same"}, 2), ({}, 3)])
async def test_a_form_that_is_sent_twice_acts_once_if_it_has_a_key(headgate: InProcessHeadgate, key: dict[str, str], attempts: int) -> None:
    (run_id,) = await add_runs(headgate, "etl", Status.FAILED)
    form = {**key, "run": [str(run_id)]}
    first = await headgate.page_client.post("/ui/retry-runs", data=form)
    await headgate.stories.change_run(run_id, end("a", Status.FAILED, headgate.fakes.clock.now()))

    second = await headgate.page_client.post("/ui/retry-runs", data=form)

    assert "1 run retried" in first.text and "1 run retried" in second.text
    assert len(headgate.fakes.store.committed.runs[run_id].stages["a"].attempts) == attempts


async def test_runs_that_cannot_be_retried_are_named_with_the_reason(headgate: InProcessHeadgate) -> None:
    failed, waiting = await add_runs(headgate, "etl", Status.FAILED, None)

    page = (await headgate.page_client.post("/ui/retry-runs", data={"run": [str(failed), str(waiting), "999"]})).text

    assert "1 run retried" in page and "1 retried, 2 could not be retried." in page
    assert "<li>etl#2: " in page and "<li>Run 999: There is no run 999.</li>" in page
    assert get_status(headgate, failed) is Status.WAITING


async def test_many_runs_are_handled_in_several_requests(headgate: InProcessHeadgate) -> None:
    ids = await add_runs(headgate, "etl", *[None] * (RUNS_PER_REQUEST + 3), Status.FAILED)
    form = (await headgate.page_client.get("/ui/cancel-runs")).text

    first = (
        await headgate.page_client.post("/ui/cancel-runs", data={**get_fields(form), "run": [str(each) for each in reversed(ids)]})
    ).text
    assert f"Cancelling {len(ids)} runs" in first and f"50 of {len(ids)}: 49 cancelled, 1 could not be cancelled." in first
    assert f'<progress class="bulk-progress" max="{len(ids)}" value="50"' in first
    second = (await headgate.page_client.post("/ui/cancel-runs", data=get_fields(first))).text

    assert f"{len(ids) - 1} runs cancelled" in second and "data-continues" not in second and "etl#54: " in second
    assert {get_status(headgate, each) for each in ids[:-1]} == {Status.CANCELLED}


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({}, "Choose at least one run."),
        ({"run": ["x"]}, "Must be the id of a run."),
        ({"left": "1,2,-3"}, "Must be the id of a run."),
        ({"left": ",".join(map(str, range(501)))}, "At most 500 runs at once."),
    ],
)
async def test_an_invalid_form_is_shown_again(headgate: InProcessHeadgate, form: dict[str, object], problem: str) -> None:
    (run_id,) = await add_runs(headgate, "etl", Status.FAILED)

    answer = await headgate.page_client.post("/ui/retry-runs", data=form)

    assert answer.status_code == 422 and problem in answer.text and get_status(headgate, run_id) is Status.FAILED


async def test_more_runs_than_one_action_takes_are_announced(headgate: InProcessHeadgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MAX_RUNS", 2)
    await add_runs(headgate, "etl", *[Status.FAILED] * 3)

    page = (await headgate.page_client.get("/ui/retry-runs")).text

    assert get_chosen(page) == [3, 2] and "More than 500 runs match." in page


async def test_lists_link_to_the_actions_that_fit_their_filter(headgate: InProcessHeadgate) -> None:
    await add_runs(headgate, "etl", *MIXED)

    pages = {url: (await headgate.page_client.get(url)).text for url in ("/ui/runs", "/ui/runs?status=failed", "/?status=waiting&q=e", "/")}
    links = {url: re.findall(r'href="/ui/(?:retry|cancel)-runs[^>]*>[^<]*', page) for url, page in pages.items()}

    assert links["/ui/runs"] == ['href="/ui/retry-runs">Retry failed', 'href="/ui/cancel-runs">Cancel active']
    assert links["/ui/runs?status=failed"] == ['href="/ui/retry-runs?status=failed">Retry all']
    assert links["/?status=waiting&q=e"] == ['href="/ui/cancel-runs?q=e&amp;status=waiting&amp;from=board">Cancel all']
    assert links["/"] == []


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 200)])
async def test_only_operators_retry_the_runs_of_a_list(role: Role, status: int) -> None:
    headgate = InProcessHeadgate(auth="team")
    (run_id,) = await add_runs(headgate, "etl", Status.FAILED)
    headers = await headgate.api.sign_in(role)

    runs = (await headgate.page_client.get("/ui/runs", headers=headers)).text
    form = await headgate.page_client.get("/ui/retry-runs", headers=headers)
    cookie = {"Cookie": headers["Cookie"]}
    forged = await headgate.page_client.post("/ui/retry-runs", data={"run": [str(run_id)]}, headers=cookie)

    assert ("/ui/retry-runs" in runs) == (role is Role.OPERATOR) and form.status_code == status
    assert forged.status_code == 403 and get_status(headgate, run_id) is Status.FAILED
