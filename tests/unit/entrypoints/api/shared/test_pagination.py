"""The links of a list lead through all of its pages, even while items are added."""

import re
from typing import Any

import pytest

from tests.support.in_process import InProcessHeadgate


def parse_links(answer: Any) -> dict[str, str]:
    return {rel: target for target, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers.get("link", ""))}


async def follow_links(headgate: InProcessHeadgate, path: str, rel: str = "next", key: str = "id") -> list[list[int]]:
    pages = []
    target: str | None = path
    while target is not None:
        answer = await headgate.client.get(target)
        assert answer.status_code == 200
        pages.append([item[key] for item in answer.json()])
        target = parse_links(answer).get(rel)
        assert len(pages) < 20
    return pages


async def test_pages_of_pipelines_link_forward_and_back(headgate: InProcessHeadgate) -> None:
    for n in range(5):
        await headgate.api.create_pipeline(f"p{n}")

    assert await follow_links(headgate, "/pipelines/?limit=2") == [[1, 2], [3, 4], [5]]
    last = await headgate.client.get("/pipelines/?limit=2&skip=4")
    assert await follow_links(headgate, parse_links(last)["prev"], "prev") == [[3, 4], [1, 2]]
    assert parse_links(last)["first"] == "/pipelines/?limit=2"
    assert "next" not in parse_links(last)


@pytest.mark.parametrize("path", ["/runs/?status=waiting&limit=2", "/pipelines/flights/runs?limit=2"])
async def test_pages_of_runs_are_stable_while_new_runs_start(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.api.create_pipeline()
    for _ in range(5):
        await headgate.api.trigger()

    first = await headgate.client.get(path)
    await headgate.api.trigger()
    rest = await follow_links(headgate, parse_links(first)["next"])

    assert [run["id"] for run in first.json()] == [5, 4]
    assert rest == [[3, 2], [1]]
    assert all(part in parse_links(first)["next"] for part in path.partition("?")[2].split("&"))


async def test_previous_pages_end_at_the_newest_run(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    for _ in range(5):
        await headgate.api.trigger()
    second = await headgate.client.get(parse_links(await headgate.client.get("/runs/?limit=2"))["next"])

    assert await follow_links(headgate, parse_links(second)["prev"], "prev") == [[5, 4]]
    back = await headgate.client.get(parse_links(second)["prev"])
    assert (await headgate.client.get(parse_links(back)["next"])).json() == second.json()


async def test_a_short_list_has_no_link(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()

    assert "link" not in (await headgate.client.get("/pipelines/")).headers
    assert "link" not in (await headgate.client.get("/runs/")).headers


async def test_pages_of_events_link_to_the_last_one(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("flights", {"name": "a", "kind": "external"}, {"name": "b", "kind": "external"})
    await headgate.api.trigger()
    whole = [event["seq"] for event in (await headgate.client.get("/runs/1/events")).json()]

    pages = await follow_links(headgate, "/runs/1/events?limit=2", key="seq")

    assert len(pages) > 1
    assert [seq for page in pages for seq in page] == whole


async def test_pages_of_log_lines_link_to_the_last_one(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("flights", {"name": "a", "kind": "command", "command": ["true"]})
    await headgate.api.trigger()
    lines = [[n, "2026-03-02T09:00:00Z", "stdout", str(n)] for n in range(5)]
    body = {"run_id": 1, "stage": "a", "attempt": 1, "lines": lines}
    await headgate.client.post("/worker/logs", json=body, headers=headgate.api.worker_headers)

    assert await follow_links(headgate, "/runs/1/logs?limit=2&stage=a", key="n") == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize("cursor", ["", "x", "PDE", "!!!!", "PDk5OTk5OTk5OTk5OTk5OTk5OTk", "é"])
@pytest.mark.parametrize("path", ["/pipelines/", "/runs/", "/pipelines/1/runs", "/runs/1/events", "/runs/1/logs"])
async def test_an_invalid_cursor_is_422(headgate: InProcessHeadgate, path: str, cursor: str) -> None:
    await headgate.api.create_pipeline()
    await headgate.api.trigger()

    answer = await headgate.client.get(path, params={"cursor": cursor})

    assert answer.status_code == (200 if cursor == "PDE" else 422), answer.text
