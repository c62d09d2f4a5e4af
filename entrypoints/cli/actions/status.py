"""`headgate status`: the board, a pipeline or a run, for a terminal."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from entrypoints.cli.client.headgate_client import ApiError, HeadgateClient
from entrypoints.cli.commands.pipelines import print_json
from entrypoints.cli.screens.formatting import (
    build_stage_row,
    format_age,
    format_record_count,
    format_run_duration,
    make_console,
    print_table,
    sanitize,
    utc_now,
)

_PAGE = 100
_LAST_RUNS = 10
_AT_ONCE = 8

Thing = Mapping[str, Any]


async def show_status(url: str, of: str | None, as_json: bool) -> int:
    """0 when it was shown; 2 when there is no such pipeline or run."""
    async with HeadgateClient(url) as client:
        if of is None:
            await _board(client, as_json)
            return 0
        # A pipeline's name begins with a letter, so a number is a run.
        found = await _run(client, int(of), as_json) if of.isascii() and of.isdigit() else await _pipeline(client, of, as_json)
    if not found:
        print(f"headgate: there is no {'run' if of.isdigit() else 'pipeline'} {of} at {url}", file=sys.stderr)
    return 0 if found else 2


async def _board(client: HeadgateClient, as_json: bool) -> None:
    pipelines = await _every_pipeline(client)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def latest(pipeline: Thing) -> Thing | None:
        async with gate:
            runs = await client.get(f"/pipelines/{pipeline['id']}/runs", limit=1)
            # A list says why only of runs that are over: for the others it takes a look around, which the run itself gives.
            under_way = runs and not runs[0].get("why")
            return await client.get(f"/runs/{runs[0]['id']}") if under_way else runs[0] if runs else None

    runs = await asyncio.gather(*(latest(pipeline) for pipeline in pipelines))
    if as_json:
        print_json([{**pipeline, "latest_run": run} for pipeline, run in zip(pipelines, runs, strict=True)])
    elif pipelines:
        console = make_console()
        print_table(console, [_board_row(pipeline, run) for pipeline, run in zip(pipelines, runs, strict=True)], status_column=1)
    else:
        print("No pipelines yet. `headgate apply FILE` makes one from a YAML or JSON definition.")


async def _every_pipeline(client: HeadgateClient) -> list[Thing]:
    found: list[Thing] = []
    while page := await client.get("/pipelines/", skip=len(found), limit=_PAGE):
        found += page
        if len(page) < _PAGE:
            break
    return sorted(found, key=lambda pipeline: str(pipeline["name"]))


def _board_row(pipeline: Thing, run: Thing | None) -> list[str]:
    if run is None:
        return [sanitize(pipeline["name"]), pipeline["status"], "never run", "", "", ""]
    now = utc_now()
    last = f"#{run['number']}"
    return [
        sanitize(pipeline["name"]),
        run["status"],
        last,
        format_age(run["created_at"], now),
        format_run_duration(run, now),
        sanitize(run.get("why") or ""),
    ]


async def _pipeline(client: HeadgateClient, name: str, as_json: bool) -> bool:
    pipeline = await client.pipeline(name)
    if pipeline is None:
        return False
    runs = await client.get(f"/pipelines/{quote(str(pipeline['id']), safe='')}/runs", limit=_LAST_RUNS)
    if as_json:
        print_json({**pipeline, "runs": runs})
        return True
    stages = ", ".join(sanitize(stage["name"]) for stage in pipeline["stages"])
    print(f"{sanitize(pipeline['name'])}  revision {pipeline['revision']}  {sanitize(pipeline.get('description') or '')}".rstrip())
    print(f"stages: {stages}")
    print_table(make_console(), [_run_row(run) for run in runs], status_column=2) if runs else print("never run")
    return True


def _run_row(run: Thing) -> list[str]:
    now = utc_now()
    return [
        f"#{run['number']}",
        f"run {run['id']}",
        run["status"],
        format_age(run["created_at"], now),
        format_run_duration(run, now),
        sanitize(run.get("why") or ""),
    ]


async def _run(client: HeadgateClient, run_id: int, as_json: bool) -> bool:
    try:
        run, stages = await client.run(run_id)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    if as_json:
        print_json({**run, "stages": stages})
        return True
    now = utc_now()
    print(
        f"{sanitize(run['pipeline'])} #{run['number']}  {run['status']}  {format_run_duration(run, now)}  {format_record_count(run)}".rstrip()
    )
    print_table(make_console(), [build_stage_row(stage, now) for stage in stages], status_column=1)
    print(sanitize(run.get("why") or ""))
    return True
