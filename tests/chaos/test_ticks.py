"""Web processes that are killed lose no tick and open no run twice."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.chaos.stack import Stack, chaos_stack

PIPELINES = 20
PERIOD = timedelta(seconds=5)
SECONDS = 60.0
"""PIPELINES schedules have about 240 ticks in this time."""


def test_killing_two_of_three_webs_loses_and_doubles_no_tick() -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    stages = [{"name": "work", "kind": "command", "command": ["true"]}]
    with chaos_stack(webs=3, workers=0, with_prefect=False) as stack:
        for number in range(PIPELINES):
            schedule = {"name": "often", "every": PERIOD.total_seconds(), "overlap": "allow"}
            stack.create({"name": f"p{number}", "stages": stages, "schedules": [schedule]})

        deadline, kills = time.monotonic() + SECONDS, 0
        while time.monotonic() < deadline:
            time.sleep(chance.uniform(0.5, 4.0))
            web = chance.choice(stack.webs[1:])
            if web.is_alive:
                web.kill()
                kills += 1
            else:
                web.start()
        for index in (1, 2):
            stack.webs[index].start()
            stack.wait_for_web(index)
        for number in range(PIPELINES):
            answer = httpx.post(f"{stack.urls[0]}/pipelines/p{number}/pause", timeout=20, trust_env=False)
            assert answer.status_code == 200, answer.text

        assert kills > 3
        check_ticks(stack)


def check_ticks(stack: Stack) -> None:
    """Each schedule has a row for each of its ticks, each fired row has a run of its own, and there are no other runs."""
    ticks, runs = read_all(stack, "/ticks/"), read_all(stack, "/runs/")
    due: defaultdict[int, list[datetime]] = defaultdict(list)
    for tick in ticks:
        due[tick["pipeline_id"]].append(datetime.fromisoformat(tick["scheduled_for"]))
    opened = {(tick["pipeline_id"], tick["scheduled_for"], tick["run_id"]) for tick in ticks if tick["run_id"] is not None}

    assert len(due) == PIPELINES and len(ticks) > PIPELINES * 5
    assert {tick["state"] for tick in ticks} == {"fired"}, [tick for tick in ticks if tick["state"] != "fired"][:3]
    for times in due.values():
        assert sorted(times) == [min(times) + PERIOD * number for number in range(len(times))]
    assert {(run["pipeline_id"], run["scheduled_for"], run["id"]) for run in runs} == opened
    assert len(runs) == len(opened) == len(ticks)
    assert Counter(run["trigger"] for run in runs) == {"schedule": len(ticks)}


def read_all(stack: Stack, path: str) -> list[dict[str, Any]]:
    """Return the items of all pages of a list."""
    found: list[dict[str, Any]] = []
    next_page: str | None = f"{path}?limit=500"
    while next_page is not None:
        answer = httpx.get(f"{stack.urls[0]}{next_page}", timeout=20, trust_env=False)
        assert answer.status_code == 200, answer.text
        found += answer.json()
        next_page = answer.links.get("next", {}).get("url")
    return found
