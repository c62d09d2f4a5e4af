"""Lists are walked by their links, whatever is added meanwhile."""

import re
from typing import Any

import pytest

from tests.support.api_harness import ApiHarness


def links(answer: Any) -> dict[str, str]:
    return {rel: target for target, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers.get("link", ""))}


async def walked(house: ApiHarness, path: str, rel: str = "next", key: str = "id") -> list[list[int]]:
    pages = []
    target: str | None = path
    while target is not None:
        answer = await house.client.get(target)
        assert answer.status_code == 200
        pages.append([item[key] for item in answer.json()])
        target = links(answer).get(rel)
        assert len(pages) < 20
    return pages


async def test_pipelines_are_walked_forth_and_back(house: ApiHarness) -> None:
    for n in range(5):
        await house.create(f"p{n}")

    assert await walked(house, "/pipelines/?limit=2") == [[1, 2], [3, 4], [5]]
    last = await house.client.get("/pipelines/?limit=2&skip=4")
    assert await walked(house, links(last)["prev"], "prev") == [[3, 4], [1, 2]]
    assert links(last)["first"] == "/pipelines/?limit=2"
    assert "next" not in links(last)


@pytest.mark.parametrize("path", ["/runs/?status=waiting&limit=2", "/pipelines/flights/runs?limit=2"])
async def test_runs_keep_their_place_while_new_ones_begin(house: ApiHarness, path: str) -> None:
    await house.create()
    for _ in range(5):
        await house.trigger()

    first = await house.client.get(path)
    await house.trigger()
    rest = await walked(house, links(first)["next"])

    assert [run["id"] for run in first.json()] == [5, 4]
    assert rest == [[3, 2], [1]]
    assert all(part in links(first)["next"] for part in path.partition("?")[2].split("&"))


async def test_going_back_ends_at_the_newest(house: ApiHarness) -> None:
    await house.create()
    for _ in range(5):
        await house.trigger()
    second = await house.client.get(links(await house.client.get("/runs/?limit=2"))["next"])

    assert await walked(house, links(second)["prev"], "prev") == [[5, 4]]
    back = await house.client.get(links(second)["prev"])
    assert (await house.client.get(links(back)["next"])).json() == second.json()


async def test_a_short_list_has_no_link(house: ApiHarness) -> None:
    await house.create()

    assert "link" not in (await house.client.get("/pipelines/")).headers
    assert "link" not in (await house.client.get("/runs/")).headers


async def test_events_are_walked_to_their_end(house: ApiHarness) -> None:
    await house.create("flights", {"name": "a", "kind": "external"}, {"name": "b", "kind": "external"})
    await house.trigger()
    whole = [event["seq"] for event in (await house.client.get("/runs/1/events")).json()]

    pages = await walked(house, "/runs/1/events?limit=2", key="seq")

    assert len(pages) > 1
    assert [seq for page in pages for seq in page] == whole


async def test_log_lines_are_walked_to_their_end(house: ApiHarness) -> None:
    await house.create("flights", {"name": "a", "kind": "command", "command": ["true"]})
    await house.trigger()
    lines = [[n, "2026-03-02T09:00:00Z", "stdout", str(n)] for n in range(5)]
    body = {"run_id": 1, "stage": "a", "attempt": 1, "lines": lines}
    await house.client.post("/worker/logs", json=body, headers=house.worker_token)

    assert await walked(house, "/runs/1/logs?limit=2&stage=a", key="n") == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize("cursor", ["", "x", "PDE", "!!!!", "PDk5OTk5OTk5OTk5OTk5OTk5OTk", "é"])
@pytest.mark.parametrize("path", ["/pipelines/", "/runs/", "/pipelines/1/runs", "/runs/1/events", "/runs/1/logs"])
async def test_what_is_no_cursor_is_422_and_never_500(house: ApiHarness, path: str, cursor: str) -> None:
    await house.create()
    await house.trigger()

    answer = await house.client.get(path, params={"cursor": cursor})

    assert answer.status_code == (200 if cursor == "PDE" else 422), answer.text
